//! Metadata and keys: what a partner reads first.

use std::collections::BTreeSet;

use renkei_domain::time::Timestamp;
use renkei_oauth::authorization_details::TYPE;
use renkei_store::signing_keys::StoredSigningKey;
use renkei_testing::{aoi, midori};
use serde_json::{Value, json};

use crate::support::{Bank, START, new_key};

const METADATA: &str = "/.well-known/oauth-authorization-server/1001";
const RESOURCE: &str = "/.well-known/oauth-protected-resource/1001/api/v1";

async fn document(bank: &Bank, path: &str) -> Value {
    let answer = bank.get(path).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{path}");
    answer.body
}

#[tokio::test]
async fn r_001_the_issuer_stands_byte_for_byte_in_its_metadata() {
    let (bank, _) = Bank::with_kakeibo().await;
    assert_eq!(document(&bank, METADATA).await["issuer"], "https://link.example/1001");
}

#[tokio::test]
async fn r_002_r_003_every_endpoint_is_https_and_answers() {
    let (bank, _) = Bank::with_kakeibo().await;
    let metadata = document(&bank, METADATA).await;
    let endpoints = metadata.as_object().unwrap().iter();
    let endpoints: Vec<_> = endpoints.filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri").collect();
    assert_eq!(endpoints.len(), 7, "{endpoints:?}");
    for (name, url) in endpoints {
        let path = url.as_str().unwrap().strip_prefix("https://link.example").unwrap();
        let answer = bank.get(path).await;
        assert_ne!(answer.status, 404, "{name}");
    }
}

#[tokio::test]
async fn r_004_to_r_011_what_is_advertised_is_what_there_is() {
    let (bank, _) = Bank::with_kakeibo().await;
    let metadata = document(&bank, METADATA).await;
    let algorithms = json!(["ES256", "PS256", "EdDSA", "Ed25519"]);
    for (member, value) in [
        ("require_pushed_authorization_requests", json!(true)),
        ("response_types_supported", json!(["code"])),
        ("grant_types_supported", json!(["authorization_code", "refresh_token", "client_credentials"])),
        ("code_challenge_methods_supported", json!(["S256"])),
        ("token_endpoint_auth_methods_supported", json!(["private_key_jwt"])),
        ("token_endpoint_auth_signing_alg_values_supported", algorithms.clone()),
        ("dpop_signing_alg_values_supported", algorithms.clone()),
        ("request_object_signing_alg_values_supported", algorithms),
        ("require_signed_request_object", json!(false)),
        ("authorization_signing_alg_values_supported", json!(["ES256"])),
        ("response_modes_supported", json!(["query", "query.jwt", "jwt"])),
        ("authorization_response_iss_parameter_supported", json!(true)),
        ("scopes_supported", json!(["balances", "transactions"])),
    ] {
        assert_eq!(metadata[member], value, "{member}");
    }
    assert_eq!(metadata["authorization_details_types_supported"], json!([TYPE]));
    assert_eq!(metadata["acr_values_supported"], json!(["urn:renkei:acr:password"]));
    for absent in ["mtls_endpoint_aliases", "tls_client_certificate_bound_access_tokens"] {
        assert_eq!(metadata[absent], Value::Null, "{absent}");
    }
}

#[tokio::test]
async fn r_013_the_account_api_names_itself_and_its_issuer() {
    let (bank, _) = Bank::with_kakeibo().await;
    let metadata = document(&bank, RESOURCE).await;
    assert_eq!(metadata["resource"], "https://link.example/1001/api/v1");
    assert_eq!(metadata["authorization_servers"], json!(["https://link.example/1001"]));
    assert_eq!(metadata["bearer_methods_supported"], json!(["header"]));
    assert_eq!(metadata["dpop_bound_access_tokens_required"], true);
}

fn signing_key(announced_at: Timestamp, retires_at: Option<Timestamp>) -> StoredSigningKey {
    let jwk = new_key().to_public_jwk();
    StoredSigningKey {
        kid: jwk.key_id.clone().unwrap(),
        alg: "ES256".to_owned(),
        public_jwk: jwk.to_json().to_string(),
        sealed_key: vec![1],
        announced_at,
        signs_from: announced_at.plus_seconds(3_600),
        retires_at,
    }
}

fn kids(jwks: &Value) -> BTreeSet<String> {
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn r_015_r_017_keys_are_published_from_their_announcement_until_they_retire_without_private_members() {
    let (bank, _) = Bank::with_kakeibo().await;
    let old = signing_key(START.plus_seconds(-100), Some(START.plus_seconds(50)));
    let new = signing_key(START, None);
    let future = signing_key(START.plus_seconds(60), None);
    let mut tx = bank.app.store.begin(&aoi()).await.unwrap();
    for key in [&old, &new, &future] {
        tx.add_signing_key(key).await.unwrap();
    }
    tx.commit().await.unwrap();
    let jwks = document(&bank, "/1001/jwks").await;
    assert_eq!(kids(&jwks), [old.kid.clone(), new.kid.clone()].into());
    for key in jwks["keys"].as_array().unwrap() {
        let members: BTreeSet<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"].into());
    }
    bank.clock.forward(60);
    assert_eq!(kids(&document(&bank, "/1001/jwks").await), [new.kid, future.kid].into());
}

#[tokio::test]
async fn r_018_an_institution_publishes_nothing_of_another() {
    let (bank, _, _) = Bank::with_two_institutions().await;
    let mut tx = bank.app.store.begin(&midori()).await.unwrap();
    tx.add_signing_key(&signing_key(START, None)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(document(&bank, "/1001/jwks").await, json!({ "keys": [] }));
    for path in [METADATA, RESOURCE] {
        assert!(!bank.get(path).await.text.contains("1002"), "{path}");
    }
}

#[tokio::test]
async fn an_institution_that_does_not_exist_has_no_documents() {
    let (bank, _) = Bank::with_kakeibo().await;
    for segment in ["1002", "10011", "abcd", "%31001"] {
        for path in [
            format!("/.well-known/oauth-authorization-server/{segment}"),
            format!("/.well-known/oauth-protected-resource/{segment}/api/v1"),
            format!("/{segment}/jwks"),
        ] {
            assert_eq!(bank.get(&path).await.status, 404, "{path}");
        }
    }
}
