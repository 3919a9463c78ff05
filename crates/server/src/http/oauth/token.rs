//! `POST /{institution}/token`: a code becomes tokens, a refresh token another access token (RFC 6749 §4.1.3, §6), and a
//! client gets one for itself (§4.4).
//!
//! | what happens | what comes of it |
//! | --- | --- |
//! | the very same request again | refused at its assertion's `jti`; nothing else changes |
//! | a code redeemed again, freshly signed | refused, and what the first redemption issued is revoked |
//! | a code redeemed by another client | refused; its owner can still redeem it |
//! | the owner's verifier, key or redirect URI is wrong | refused, and the code is spent |

use axum::http::StatusCode;
use renkei_domain::audit::Action;
use renkei_domain::ticket::Ticket;
use renkei_oauth::authorization_details::{self, Granted};
use renkei_oauth::dpop::DpopFault;
use renkei_oauth::error::OAuthError;
use renkei_oauth::pkce::{self, CodeChallenge};
use renkei_oauth::token::{TokenRequest, TokenResponse};
use renkei_store::codes::Code;
use renkei_store::linkages::Linkage;
use renkei_store::partners::Product;
use renkei_store::tokens::RefreshToken;
use renkei_store::{Moment, Step, StoreError};
use uuid::Uuid;

use super::answer::{Answered, Refusal, secret, to_json};
use super::call::{Act, Call, Client, Denial};
use super::client_token;
use super::mint::{self, Ground, Issued};
use super::narrow::{self, Granting, words};
use super::possession::{self, Possession};
use crate::error::Fault;
use crate::http::limits::{INSTITUTION_TOKENS, LINKAGE_TOKENS, PRODUCT_TOKENS, Party};

/// A code that is not there, or not this client's, or used: they are not told apart.
const NO_CODE: OAuthError = OAuthError::invalid_grant("code is unknown, expired or already used");
/// On the listener where it may be either, who calls without both is not told that a proof alone is missing.
const NOTHING_SHOWN: OAuthError = OAuthError::invalid_request("connect with a certificate or send a DPoP proof");
/// The same for a refresh token.
const NO_REFRESH_TOKEN: OAuthError = OAuthError::invalid_grant("refresh token is unknown or revoked");

/// Exchanges a code or a refresh token, or gives a client one for itself.
pub async fn exchange(call: Call) -> Answered {
    let asked = read(&call).map(async |request| (look_up(&call, &request, &call.moment).await, request));
    let (client, (found, request)) = call.authenticate(asked).await?;
    call.pace(&client, &PRODUCT_TOKENS, &INSTITUTION_TOKENS)?;
    let refused_as = match request {
        TokenRequest::Code { .. } => Action::CodeRefused,
        TokenRequest::Refresh { .. } => Action::RefreshRefused,
        TokenRequest::Client { .. } => Action::ClientTokenIssued,
    };
    let held = match possession::prove(&call, &client.product) {
        Ok(held) => held,
        Err(error) => return Err(call.deny(call.begin(&client, None), &client, refused_as, error.into()).await),
    };
    // The partner's keys may have been fetched meanwhile, which takes long enough for somebody to end the linkage.
    let found =
        if call.app.has_waited(call.now) { look_up(&call, &request, &Moment::default()).await? } else { found? };
    match request {
        TokenRequest::Code { redirect_uri, code_verifier, .. } => {
            redeem(&call, &client, &held, found.code, &Sent { redirect_uri, code_verifier }).await
        }
        TokenRequest::Refresh { scope, .. } => refresh(&call, &client, &held, found.refresh, scope.as_deref()).await,
        TokenRequest::Client { scope } => client_token::issue(&call, &client, &held, scope.as_deref()).await,
    }
}

/// What the form asks for, and whether the request holds what a token would be bound to.
fn read(call: &Call) -> Result<TokenRequest, OAuthError> {
    let request = TokenRequest::read(&call.form)?;
    authorization_details::check_shape(call.form.get("authorization_details"))?;
    let shows_something = call.has_proof() || call.connection.certificate().is_some();
    match (shows_something, call.connection.takes_certificates()) {
        (true, _) => Ok(request),
        (false, true) => Err(NOTHING_SHOWN),
        (false, false) => Err(OAuthError::from(DpopFault::Missing)),
    }
}

/// What a request's ticket is of, whoever sent it.
#[derive(Default)]
struct Found {
    code: Option<Code>,
    refresh: Option<(RefreshToken, Linkage)>,
}

async fn look_up(call: &Call, request: &TokenRequest, moment: &Moment) -> Result<Found, StoreError> {
    let mut read = call.app.store.read_within(&call.institution, moment);
    let mut found = Found::default();
    match request {
        TokenRequest::Code { code, .. } => {
            if let Ok(ticket) = Ticket::parse(code) {
                found.code = read.find_code(&ticket).await?;
            }
        }
        TokenRequest::Refresh { refresh_token, .. } => {
            if let Ok(ticket) = Ticket::parse(refresh_token) {
                found.refresh = read.find_refresh_token(&ticket).await?;
            }
        }
        TokenRequest::Client { .. } => {}
    }
    Ok(found)
}

/// What a client sends beside a code to redeem it.
struct Sent {
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
}

async fn redeem(call: &Call, client: &Client, held: &Possession, found: Option<Code>, sent: &Sent) -> Answered {
    let own = found.filter(|code| code.client_id == client.product.client_id);
    let mut act = call.begin(client, held.proof());
    match spend(call, &mut act, client, own.as_ref(), held, sent).await {
        Ok((given, linkage, refresh_token)) => {
            call.commit(act, client.did(Action::CodeRedeemed).on(linkage.id)).await?;
            answer(call, given, held, &linkage, Some(refresh_token.reveal()))
        }
        Err(denial) => Err(call.deny(act, client, Action::CodeRefused, denial).await),
    }
}

/// Claims the code whatever comes of it; only then looks whether it may be redeemed like this.
async fn spend(
    call: &Call,
    act: &mut Act,
    client: &Client,
    code: Option<&Code>,
    held: &Possession,
    sent: &Sent,
) -> Result<(Given, Linkage, Ticket), Denial> {
    let code = code.ok_or(NO_CODE)?;
    let twice = client.refused(Action::CodeRefused, "code used twice: its tokens are revoked");
    call.claim(act, Step::claim_code(code.id, call.now), twice, Some(NO_CODE));
    act.otherwise(Step::revoke_tokens_of_code(code.id, call.now));
    check_code(call, code, held, sent)?;
    let (mut read, mut beside) = (call.app.store.read(&call.institution), call.app.store.read(&call.institution));
    let linkage = beside.find_linkage(code.linkage);
    let (is_held_back, linkage) = tokio::try_join!(read.is_held_back(code.id, call.now), linkage)?;
    if is_held_back {
        return Err(Denial::recorded_as(NO_CODE, "the login behind the code is locked"));
    }
    let linkage = linkage.ok_or_else(|| Fault::Defect("a code without linkage".into()))?;
    let ground = Ground::new(&client.product, &linkage, held, Some(code))?;
    act.then(Step::take_linkage(linkage.id, call.now));
    // A renewal replaces what the partner held before (Grant Management, `replace`).
    act.then(Step::revoke_tokens_of_linkage(linkage.id, call.now));
    let ticket = call.app.new_ticket(call.now);
    let granting = Granting { scope: &code.scope, detailed: code.detailed, asked_scope: None };
    let given = give(call, act, &ground, &granting, ticket.id()).await?;
    let token = RefreshToken {
        id: ticket.id(),
        linkage: linkage.id,
        client_id: code.client_id.clone(),
        code: code.id,
        scope: code.scope.clone(),
        detailed: code.detailed,
        revoked_at: None,
    };
    act.then(Step::add_refresh_token(&ticket, &token, call.now));
    Ok((given, linkage, ticket))
}

/// An access token and what its answer tells.
struct Given {
    issued: Issued,
    details: Option<Granted>,
}

/// Issues an access token for what the request asks for out of what was granted.
async fn give(
    call: &Call,
    act: &mut Act,
    ground: &Ground<'_>,
    granting: &Granting<'_>,
    refresh: Uuid,
) -> Result<Given, Denial> {
    let wanted = narrow::wanted(call, ground.linkage(), granting).await?;
    let issued = mint::access_token(call, act, ground, &wanted, refresh)?;
    let details = narrow::details(call, ground.linkage(), &wanted, &issued, ground.bound()).await?;
    Ok(Given { issued, details })
}

/// Everything a code is bound to, of an unspent code of this client.
fn check_code(call: &Call, code: &Code, held: &Possession, sent: &Sent) -> Result<(), Denial> {
    if call.now >= code.expires_at {
        return Err(Denial::recorded_as(NO_CODE, "code expired"));
    }
    if sent.redirect_uri.as_ref().is_some_and(|uri| *uri != code.redirect_uri) {
        return Err(OAuthError::invalid_grant("redirect_uri is not the one of the request").into());
    }
    CodeChallenge::read(Some(&code.code_challenge), Some(pkce::METHOD))
        .map_err(|_| Fault::Defect("a code without challenge".into()))?
        .verify(sent.code_verifier.as_deref())?;
    if code.dpop_jkt.as_ref().is_some_and(|jkt| !held.is_key(jkt)) {
        return Err(OAuthError::invalid_grant("the code is bound to another DPoP key").into());
    }
    Ok(())
}

async fn refresh(
    call: &Call,
    client: &Client,
    held: &Possession,
    found: Option<(RefreshToken, Linkage)>,
    asked: Option<&str>,
) -> Answered {
    let own = found.filter(|(token, _)| token.client_id == client.product.client_id);
    if let Some((_, linkage)) = &own {
        call.app.memory.limits.take(Party::Linkage(&call.institution, linkage.id), &LINKAGE_TOKENS, call.now)?;
    }
    let mut act = call.begin(client, held.proof());
    match renew(call, &mut act, &client.product, own, held, asked).await {
        Ok((given, linkage)) => {
            call.commit(act, client.did(Action::TokenRefreshed).on(linkage.id)).await?;
            answer(call, given, held, &linkage, None)
        }
        Err(denial) => Err(call.deny(act, client, Action::RefreshRefused, denial).await),
    }
}

/// The refresh token goes on as it is. If it or its linkage ends while this runs, so does what is issued here: an access
/// token is looked up together with both.
async fn renew(
    call: &Call,
    act: &mut Act,
    product: &Product,
    found: Option<(RefreshToken, Linkage)>,
    held: &Possession,
    asked: Option<&str>,
) -> Result<(Given, Linkage), Denial> {
    let (token, linkage) = found.filter(|(token, _)| token.revoked_at.is_none()).ok_or(NO_REFRESH_TOKEN)?;
    let ground = Ground::new(product, &linkage, held, None)?;
    let granting = Granting { scope: &token.scope, detailed: token.detailed, asked_scope: asked };
    let given = give(call, act, &ground, &granting, token.id).await?;
    Ok((given, linkage))
}

fn answer(call: &Call, given: Given, held: &Possession, linkage: &Linkage, refresh_token: Option<String>) -> Answered {
    let Given { issued, details } = given;
    let response = TokenResponse::new(
        issued.ticket.reveal(),
        issued.seconds,
        refresh_token,
        &words(&issued.scope),
        linkage.id.to_string(),
        call.now.seconds_until(linkage.facts.ends_at),
    )
    .of_type(held.token_type())
    .with_details(details);
    Ok::<_, Refusal>(secret(StatusCode::OK, to_json(&response)?))
}
