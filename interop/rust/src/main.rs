//! The crate huskarl. Everything is the library's; calls of the account API go out through reqwest with the headers it
//! makes.

use std::io::{BufRead, stdin};

use http::{Method, Uri};
use huskarl::authorizer::HttpAuthorizer;
use huskarl::cache::{GrantTokenSource, InMemoryRefreshTokenStore, InMemoryTokenCache, NoSource};
use huskarl::core::client_auth::{Audience, JwtBearer};
use huskarl::core::dpop::DPoP;
use huskarl::core::jwk::Jwk;
use huskarl::core::server_metadata::AuthorizationServerMetadata;
use huskarl::grant::authorization_code::{AuthorizationCodeGrant, CompleteInput, StartInput};
use huskarl::token::AccessToken;
use huskarl_crypto_native::asymmetric::signer::{GenerateAlgorithm, PrivateKey};
use huskarl_reqwest::ReqwestClient;
use serde_json::{Value, json};

type Problem = Box<dyn std::error::Error>;

/// The next line the runner sent.
fn hear() -> Result<String, Problem> {
    let mut line = String::new();
    stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

/// Tells the runner that a step is done.
fn tell(step: &str, mut what: Value) {
    what["step"] = step.into();
    println!("{what}");
}

/// The account numbers, asked for with the token of the moment.
async fn read(authorizer: &HttpAuthorizer, accounts: &str) -> Result<Vec<Value>, Problem> {
    let headers = authorizer.get_headers(&Method::GET, &accounts.parse::<Uri>()?).await?;
    let answer = reqwest::Client::new().get(accounts).headers(headers).send().await?.error_for_status()?;
    let body: Value = answer.json().await?;
    let listed = body["accounts"].as_array().ok_or("no accounts")?;
    Ok(listed.iter().map(|account| account["number"].clone()).collect())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Problem> {
    let given: Value = serde_json::from_str(&hear()?)?;
    let text = |name: &str| given[name].as_str().unwrap_or_default().to_owned();
    let http = ReqwestClient::builder().build().await?;
    let server = AuthorizationServerMetadata::fetch().http_client(&http).issuer(text("issuer")).call().await?;
    tell("discovered", json!({ "issuer": server.issuer }));

    let key = PrivateKey::from_jwk(
        serde_json::from_value::<Jwk>(given["private_jwk"].clone())?
            .private_jwk()
            .ok_or("no private key")?
            .try_into()?,
    )?;
    let grant = AuthorizationCodeGrant::builder_from_metadata(&server)?
        .client_id(text("client_id"))
        .http_client(http.clone())
        .client_auth(JwtBearer::builder().signer(key).audience(Audience::Issuer).build())
        .redirect_uri(text("redirect_uri"))
        .dpop(DPoP::builder().signer(PrivateKey::generate(GenerateAlgorithm::Es256, None)?).build())
        .build()
        .await?;
    let scope = text("scope").split(' ').map(str::to_owned).collect();
    let started = grant.start(StartInput::scope(scope)).await?;
    let url = started.authorization_url.to_string();
    let pushed = url.split(['?', '&']).find_map(|pair| pair.strip_prefix("request_uri=")).unwrap_or_default();
    tell("pushed", json!({ "request_uri": pushed.replace("%3A", ":") }));
    println!("authorize {url}");

    let back = hear()?;
    let input = CompleteInput::builder_from_callback(&back)?.build();
    let completed = grant.complete(&started.pending_state, input).await?;
    // The library has compared the issuer of the answer with that of the metadata.
    tell("authorized", json!({ "iss": server.issuer }));
    let tokens = completed.token_response;
    let is_bound = matches!(tokens.access_token(), AccessToken::DPoP(_));
    tell(
        "token",
        json!({ "token_type": if is_bound { "DPoP" } else { "Bearer" }, "scope": tokens.raw_token_response().scope }),
    );

    let store = InMemoryRefreshTokenStore::default();
    let source = GrantTokenSource::builder().grant(grant).grant_parameters(NoSource).refresh_store(store).build();
    source.prime(tokens).await?;
    let authorizer = HttpAuthorizer::builder().cache(InMemoryTokenCache::builder().source(source).build()).build();
    let accounts = format!("{}/api/v1/accounts", text("issuer"));
    let first = authorizer.get_headers(&Method::GET, &accounts.parse()?).await?;
    tell("accounts", json!({ "numbers": read(&authorizer, &accounts).await? }));
    authorizer.invalidate();
    let second = authorizer.get_headers(&Method::GET, &accounts.parse()?).await?;
    tell("refreshed", json!({ "is_new": first["authorization"] != second["authorization"] }));
    tell("accounts_again", json!({ "numbers": read(&authorizer, &accounts).await? }));
    Ok(())
}
