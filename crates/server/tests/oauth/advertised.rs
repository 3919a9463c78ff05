//! The whole metadata document: whatever it lists works, and what it could list and does not fails.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, RsaKeyPair};
use renkei_oauth::jose::{Algorithm, SigningKey};
use renkei_store::params;
use renkei_testing::aoi;
use serde_json::{Value, json};

use crate::support::{Bank, Draft, Partner, new_key};

fn key_for(algorithm: Algorithm) -> Arc<SigningKey> {
    let der: Vec<u8> = match algorithm {
        Algorithm::Es256 => return new_key(),
        Algorithm::Ps256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
            AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap().as_ref().to_vec()
        }
        Algorithm::EdDsa => {
            Ed25519KeyPair::generate_pkcs8v1(&aws_lc_rs::rand::SystemRandom::new()).unwrap().as_ref().to_vec()
        }
    };
    Arc::new(SigningKey::from_pkcs8(algorithm, &der).unwrap())
}

/// Kakeibo with a key of this algorithm, registered for it.
async fn with_key(bank: &Bank, kakeibo: &Partner, algorithm: Algorithm) -> Partner {
    let key = key_for(algorithm);
    let partner = Partner { dpop: Arc::clone(&key), key, ..kakeibo.clone() };
    let mut tx = bank.app.store.begin(&aoi()).await.unwrap();
    let update = "UPDATE products SET jwks = ?2, signing_alg = ?3 WHERE institution = ?1";
    tx.execute(update, params![partner.jwks().as_str(), algorithm.name()]).await.unwrap();
    tx.commit().await.unwrap();
    partner
}

fn list(metadata: &Value, member: &str) -> Vec<String> {
    let words = metadata[member].as_array().unwrap_or_else(|| panic!("no {member}"));
    words.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

async fn metadata(bank: &Bank) -> Value {
    bank.get("/.well-known/oauth-authorization-server/1001").await.body
}

/// The names of every algorithm a library may know besides.
const OTHERS: [&str; 10] = ["none", "HS256", "RS256", "RS512", "PS384", "PS512", "ES384", "ES512", "ES256K", "es256"];

/// A request whose JWT of the kind that this member is about says it is signed with this algorithm.
async fn signed_as(bank: &Bank, partner: &Partner, member: &str, algorithm: &str) -> Draft {
    let alg = json!({ "alg": algorithm });
    match member {
        "request_object_signing_alg_values_supported" => {
            partner.push_object(&partner.request_object().header(alg).sign())
        }
        "dpop_signing_alg_values_supported" => {
            let (_, code) = bank.linkage_with_code().await;
            partner.redeem(&code).proof_header(alg)
        }
        _ => partner.push().assertion_header(alg),
    }
}

#[tokio::test]
async fn r_012_every_listed_algorithm_signs_assertions_request_objects_and_proofs_and_no_other_does() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let metadata = metadata(&bank).await;
    for member in [
        "token_endpoint_auth_signing_alg_values_supported",
        "request_object_signing_alg_values_supported",
        "dpop_signing_alg_values_supported",
    ] {
        for name in list(&metadata, member) {
            let algorithm = Algorithm::parse(&name).unwrap();
            let partner = with_key(&bank, &kakeibo, algorithm).await;
            let draft = signed_as(&bank, &partner, member, &name).await;
            let answer = draft.send().await;
            assert!([200, 201].contains(&answer.status), "{member} {name}: {}", answer.text);
        }
        for name in OTHERS {
            assert!(!list(&metadata, member).iter().any(|listed| listed == name), "{member} {name}");
            let partner = with_key(&bank, &kakeibo, Algorithm::Es256).await;
            let draft = signed_as(&bank, &partner, member, name).await;
            let status = draft.send().await.status;
            assert!([400, 401].contains(&status), "{member} {name}: {status}");
        }
    }
}

#[tokio::test]
async fn r_012_every_listed_word_of_a_request_is_taken_and_no_other_is() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let metadata = metadata(&bank).await;
    for (member, parameter, others) in [
        ("response_types_supported", "response_type", &["token", "id_token", "code token", "none", ""][..]),
        (
            "response_modes_supported",
            "response_mode",
            &["fragment", "form_post", "fragment.jwt", "form_post.jwt", "web"],
        ),
        ("code_challenge_methods_supported", "code_challenge_method", &["plain", "s256", "S512", ""]),
        ("scopes_supported", "scope", &["openid", "payments", "Balances", "balances,transactions"]),
    ] {
        for word in list(&metadata, member) {
            let answer = kakeibo.push().with(parameter, &word).send().await;
            assert_eq!(answer.status, 201, "{member} {word}: {}", answer.text);
        }
        for word in others {
            let status = kakeibo.push().with(parameter, word).send().await.status;
            assert_eq!(status, 400, "{member} {word:?}");
        }
    }
    let granted = list(&metadata, "grant_types_supported");
    let others = ["password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "hybrid"];
    for (word, listed) in granted.iter().map(|word| (word.as_str(), true)).chain(others.map(|word| (word, false))) {
        let draft = kakeibo.redeem("unknown").with("refresh_token", "unknown").with("grant_type", word);
        let answer = draft.send().await;
        match word {
            "client_credentials" => assert_eq!(answer.status, 200, "{}", answer.text),
            _ if listed => assert_eq!(answer.refusal(), (400, "invalid_grant"), "{word}"),
            _ => assert_eq!(answer.refusal(), (400, "unsupported_grant_type"), "{word}"),
        }
    }
}

#[tokio::test]
async fn r_012_r_003_every_listed_endpoint_answers_and_no_usual_one_that_is_not_listed_does() {
    let (bank, _) = Bank::with_kakeibo().await;
    let metadata = metadata(&bank).await;
    let members = metadata.as_object().unwrap();
    let mut listed = Vec::new();
    for (name, url) in members.iter().filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri") {
        let path = url.as_str().unwrap().strip_prefix("https://link.example").unwrap();
        assert_ne!(bank.get(path).await.status, 404, "{name}");
        listed.push(path.to_owned());
    }
    for usual in ["register", "userinfo", "introspect", "device_authorization", "bc-authorize", "end_session", "grants"]
    {
        let path = format!("/1001/{usual}");
        let status = bank.get(&path).await.status;
        assert_eq!(status == 404, !listed.contains(&path), "{path}: {status}");
    }
}
