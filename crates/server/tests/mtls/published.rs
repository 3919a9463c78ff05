//! What an installation says about certificates, and that its endpoints do it.

use renkei_testing::aoi;
use serde_json::json;

use crate::bank::{MtlsBank, PARTNER_ORIGIN, bare};
use crate::support::{Answer, Bank};

const DOCUMENT: &str = "/.well-known/oauth-authorization-server/1001";
const RESOURCE: &str = "/.well-known/oauth-protected-resource/1001/api/v1";

#[tokio::test]
async fn r_007_r_010_certificates_are_advertised_exactly_where_there_is_a_listener_for_them() {
    let plain = Bank::open().await;
    plain.join(&aoi()).await;
    let document = plain.get(DOCUMENT).await.body;
    assert_eq!(document["token_endpoint_auth_methods_supported"], json!(["private_key_jwt"]));
    for name in ["mtls_endpoint_aliases", "tls_client_certificate_bound_access_tokens"] {
        assert!(document.get(name).is_none(), "{name}");
    }
    let bank = MtlsBank::open().await;
    let document = bank.bank.get(DOCUMENT).await.body;
    let methods = json!(["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"]);
    assert_eq!(document["token_endpoint_auth_methods_supported"], methods);
    assert_eq!(document["tls_client_certificate_bound_access_tokens"], true);
    let aliases = document["mtls_endpoint_aliases"].as_object().unwrap();
    assert!(aliases.len() >= 3 && !aliases.contains_key("authorization_endpoint"), "{aliases:?}");
    for (name, alias) in aliases {
        let (alias, own) = (alias.as_str().unwrap(), document[name].as_str().unwrap());
        let path = alias.strip_prefix(PARTNER_ORIGIN).unwrap();
        assert!(name.ends_with("_endpoint") && own.ends_with(path), "{name}: {alias}, {own}");
        let answer = Answer::to(bank.at_door(None).http.get(format!("{}{path}", bank.door))).await;
        assert_ne!(answer.status, 404, "{alias}");
    }
}

#[tokio::test]
async fn r_010_what_is_advertised_for_certificates_is_what_the_aliases_do() {
    let bank = MtlsBank::with_certificates().await;
    let at_door = bank.at_door(Some(&bank.identity()));
    assert_eq!(bare(at_door.push(), &at_door.client_id).send().await.status, 201);
    assert_eq!(bare(at_door.revoke("token"), &at_door.client_id).send().await.status, 200);
    let answer = Answer::to(at_door.http.get(format!("{}{DOCUMENT}", bank.door))).await;
    assert_eq!(answer.body, bank.bank.get(DOCUMENT).await.body, "the same document at both listeners");
    let keys = Answer::to(at_door.http.get(format!("{}/1001/jwks", bank.door))).await;
    assert_eq!((keys.status, keys.body), (200, bank.bank.get("/1001/jwks").await.body));
}

#[tokio::test]
async fn r_013_the_account_api_is_a_resource_of_its_own_where_certificates_are_asked_for() {
    let bank = MtlsBank::open().await;
    let main = bank.bank.get(RESOURCE).await.body;
    assert_eq!(
        (&main["resource"], &main["dpop_bound_access_tokens_required"]),
        (&json!("https://link.example/1001/api/v1"), &json!(true))
    );
    let here = Answer::to(bank.at_door(None).http.get(format!("{}{RESOURCE}", bank.door))).await.body;
    assert_eq!(here["resource"], "https://partners.example/1001/api/v1");
    assert_eq!(here["authorization_servers"], json!(["https://link.example/1001"]));
    assert_eq!(here["tls_client_certificate_bound_access_tokens"], true);
    assert_eq!(here["dpop_bound_access_tokens_required"], false);
}

#[tokio::test]
async fn r_136_nothing_for_browsers_is_on_the_partners_listener() {
    let bank = MtlsBank::open().await;
    let http = bank.at_door(None).http;
    for path in ["/", "/1001/", "/1001/authorize?client_id=x&request_uri=y", "/1001/my/login", "/1001/terms/2026-04"] {
        let answer = Answer::to(http.get(format!("{}{path}", bank.door))).await;
        assert_eq!((answer.status, answer.header("content-type")), (404, "application/problem+json"), "{path}");
    }
}
