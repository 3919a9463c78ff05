//! Grant management by certificate, and which resource a token is told to be for.

use renkei_domain::partner::SenderConstraint;
use renkei_testing::aoi;
use reqwest::Method;
use serde_json::json;

use crate::bank::{MtlsBank, PARTNER_ORIGIN, bare};
use crate::support::{Answer, ORIGIN, Partner};

const INVALID_TOKEN: (u16, &str) = (401, "invalid_token");

async fn call(partner: &Partner, method: Method, path: &str, token: &str) -> Answer {
    let request = partner.http.request(method, format!("{}{path}", partner.address));
    Answer::to(request.header("authorization", format!("Bearer {token}"))).await
}

#[tokio::test]
async fn r_163_r_133_grants_are_managed_with_the_certificate_the_token_is_bound_to() {
    let bank = MtlsBank::with_certificates().await;
    let at_door = bank.at_door(Some(&bank.identity()));
    let (linkage, code) = bank.bank.linkage_with_code().await;
    let redeemed = bare(at_door.redeem(&code), &at_door.client_id).send().await;
    let scope = "grant_management_query grant_management_revoke";
    let own = bare(at_door.client_token(scope), &at_door.client_id).send().await;
    assert_eq!((own.status, own.text("token_type").as_str()), (200, "Bearer"), "{}", own.text);
    let (own, path) = (own.text("access_token"), format!("/1001/grants/{linkage}"));
    let told = call(&at_door, Method::GET, &path, &own).await;
    assert_eq!(told.body["scopes"][0]["resource"], json!([format!("{PARTNER_ORIGIN}/1001/api/v1")]));
    // Another certificate, another listener, another kind of token.
    let other = bank.at_door(Some(&bank.identity()));
    for partner in [&other, &bank.at_door(None), &bank.kakeibo] {
        for method in [Method::GET, Method::DELETE] {
            assert_eq!(call(partner, method, &path, &own).await.refusal(), INVALID_TOKEN);
        }
    }
    let refused = call(&other, Method::GET, &path, &own).await;
    assert_eq!(refused.headers.get_all("www-authenticate").iter().count(), 2, "both schemes are offered");
    assert_eq!(at_door.call(Method::GET, &path, &own).await.status, 401, "a proof is no certificate");
    let access = redeemed.text("access_token");
    assert_eq!(call(&at_door, Method::DELETE, &path, &access).await.refusal(), INVALID_TOKEN);
    assert_eq!(bank.read(&at_door, &format!("Bearer {access}")).await.status, 200);
    assert_eq!(call(&at_door, Method::DELETE, &path, &own).await.status, 204);
    assert_eq!(bank.read(&at_door, &format!("Bearer {access}")).await.status, 401);
}

#[tokio::test]
async fn r_142_r_153_introspection_names_the_resource_where_a_token_can_be_shown() {
    let bank = MtlsBank::with_certificates().await;
    let (main, at_partners) = (format!("{ORIGIN}/1001/api/v1"), format!("{PARTNER_ORIGIN}/1001/api/v1"));
    let mut servers = Vec::new();
    for (name, resource) in [("any", None), ("main", Some(&main)), ("partners", Some(&at_partners))] {
        let change = |server: &mut renkei_store::resource_servers::ResourceServer| {
            (server.server_id, server.key) = (format!("rs-{name}"), name.to_owned());
            server.resource = resource.cloned();
        };
        servers.push(bank.bank.join_server(&aoi(), change).await);
    }
    let audiences = async |token: &str| {
        let mut told = Vec::new();
        for server in &servers {
            let answer = server.introspect(token).send().await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            told.push(answer.body["aud"].as_str().map(str::to_owned));
            let same = answer.body["authorization_details"][0]["locations"].clone();
            assert!(told.last().unwrap().is_none() == same.is_null());
        }
        told
    };
    let at_door = bank.at_door(Some(&bank.identity()));
    let (_, code) = bank.bank.linkage_with_code().await;
    let bound = bare(at_door.redeem(&code), &at_door.client_id).send().await.text("access_token");
    // Where no certificate is asked for, a token bound to one is good for nothing.
    assert_eq!(audiences(&bound).await, [Some(at_partners.clone()), None, Some(at_partners.clone())]);
    bank.register(|product| {
        product.auth_method = renkei_domain::partner::AuthMethod::PrivateKeyJwt;
        product.sender_constraint = SenderConstraint::Dpop;
        product.tls_subject = None;
    })
    .await;
    let (_, code) = bank.bank.linkage_with_code().await;
    let proven = bank.kakeibo.redeem(&code).send().await;
    assert_eq!(proven.status, 200, "{}", proven.text);
    let told = audiences(&proven.text("access_token")).await;
    assert_eq!(told, [Some(main.clone()), Some(main), Some(at_partners)], "a proof can be shown at both");
}
