//! Signing with the institution's own key.

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::Ed25519KeyPair;
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;
use renkei_oauth::jose::{Algorithm, Jws, KeySet, SigningKey};
use renkei_server::app::App;
use renkei_server::error::Fault;
use renkei_server::keys::Purpose;
use renkei_server::signing;
use renkei_store::signing_keys::StoredSigningKey;
use renkei_testing::{SystemRandom, aoi, midori};
use serde_json::json;

use crate::support::{Bank, START};

/// A key of the institution that signs from this instant on.
async fn add(app: &App, institution: &InstitutionCode, signs_from: Timestamp) -> StoredSigningKey {
    let announced_at = Timestamp(signs_from.0.min(START.0));
    let key = signing::new_key(&app.keys, institution, announced_at, signs_from, &SystemRandom).unwrap();
    store(app, institution, &key).await;
    key
}

async fn store(app: &App, institution: &InstitutionCode, key: &StoredSigningKey) {
    let mut tx = app.store.begin(institution).await.unwrap();
    tx.add_signing_key(key).await.unwrap();
    tx.commit().await.unwrap();
}

async fn sign(bank: &Bank) -> Result<String, Fault> {
    signing::sign(&bank.app, &aoi(), "oauth-authz-resp+jwt", &json!({ "code": "x" }), bank.now()).await
}

/// The keys as a partner reads them.
async fn published(bank: &Bank, path: &str) -> KeySet {
    KeySet::parse(bank.get(path).await.text.as_bytes()).unwrap()
}

fn kid(jwt: &str) -> String {
    Jws::parse(jwt).unwrap().header.key_id.unwrap()
}

#[tokio::test]
async fn what_the_institution_signs_verifies_with_the_keys_it_publishes_and_with_no_others() {
    let (bank, _, _) = Bank::with_two_institutions().await;
    let key = add(&bank.app, &aoi(), START).await;
    add(&bank.app, &midori(), START).await;
    let jwt = sign(&bank).await.unwrap();
    let jws = Jws::parse(&jwt).unwrap();
    assert_eq!((kid(&jwt), jws.header.typ.as_deref()), (key.kid, Some("oauth-authz-resp+jwt")));
    assert_eq!(jws.claims.required_text("code").unwrap(), "x");
    published(&bank, "/1001/jwks").await.verify(&jws).unwrap();
    published(&bank, "/1002/jwks").await.verify(&jws).unwrap_err();
}

#[tokio::test]
async fn r_017_the_newest_key_signs_from_its_own_instant_on() {
    let (bank, _) = Bank::with_kakeibo().await;
    let old = add(&bank.app, &aoi(), START).await;
    let new = add(&bank.app, &aoi(), START.plus_seconds(600)).await;
    assert_eq!(kid(&sign(&bank).await.unwrap()), old.kid);
    bank.clock.forward(599);
    assert_eq!(kid(&sign(&bank).await.unwrap()), old.kid);
    bank.clock.forward(1);
    assert_eq!(kid(&sign(&bank).await.unwrap()), new.kid);
}

#[tokio::test]
async fn a_key_that_has_retired_signs_nothing_though_it_was_used_before() {
    let (bank, _) = Bank::with_kakeibo().await;
    let mut key = signing::new_key(&bank.app.keys, &aoi(), START, START, &SystemRandom).unwrap();
    key.retires_at = Some(START.plus_seconds(60));
    store(&bank.app, &aoi(), &key).await;
    sign(&bank).await.unwrap();
    bank.clock.forward(60);
    assert!(matches!(sign(&bank).await, Err(Fault::Unavailable(_))));
}

#[tokio::test]
async fn a_key_of_another_place_does_not_open() {
    let (bank, _, _) = Bank::with_two_institutions().await;
    let key = signing::new_key(&bank.app.keys, &midori(), START, START, &SystemRandom).unwrap();
    store(&bank.app, &aoi(), &key).await;
    assert!(matches!(sign(&bank).await, Err(Fault::Defect(_))));
}

#[tokio::test]
async fn a_key_signs_only_under_its_own_kid() {
    let (bank, _) = Bank::with_kakeibo().await;
    let mut key = signing::new_key(&bank.app.keys, &aoi(), START, START, &SystemRandom).unwrap();
    let other = signing::new_key(&bank.app.keys, &aoi(), START, START, &SystemRandom).unwrap();
    let pkcs8 = bank.app.keys.open(Purpose::SigningKey, &format!("1001/{}", other.kid), &other.sealed_key).unwrap();
    let place = format!("1001/{}", key.kid);
    key.sealed_key = bank.app.keys.seal(Purpose::SigningKey, &place, &pkcs8, &SystemRandom).unwrap();
    store(&bank.app, &aoi(), &key).await;
    assert!(matches!(sign(&bank).await, Err(Fault::Defect(_))));
}

#[tokio::test]
async fn r_015_keys_of_the_other_algorithms_sign_as_well_and_are_published_without_private_members() {
    let (bank, _) = Bank::with_kakeibo().await;
    let ed25519 = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let rsa = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
    let rsa = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&rsa).unwrap();
    for (after, algorithm, pkcs8) in [(1, Algorithm::EdDsa, ed25519.as_ref()), (2, Algorithm::Ps256, rsa.as_ref())] {
        let public = SigningKey::from_pkcs8(algorithm, pkcs8).unwrap().to_public_jwk();
        let kid = public.thumbprint();
        let key = StoredSigningKey {
            sealed_key: bank.app.keys.seal(Purpose::SigningKey, &format!("1001/{kid}"), pkcs8, &SystemRandom).unwrap(),
            kid,
            alg: algorithm.name().to_owned(),
            public_jwk: public.to_json().to_string(),
            announced_at: START,
            signs_from: START.plus_seconds(after),
            retires_at: None,
        };
        store(&bank.app, &aoi(), &key).await;
        bank.clock.forward(1);
        let jwt = sign(&bank).await.unwrap();
        let jws = Jws::parse(&jwt).unwrap();
        assert_eq!(jws.header.algorithm, algorithm);
        published(&bank, "/1001/jwks").await.verify(&jws).unwrap();
    }
    let document = bank.get("/1001/jwks").await.body;
    let shown = document["keys"].as_array().unwrap().iter();
    let mut members: Vec<Vec<&str>> =
        shown.map(|key| key.as_object().unwrap().keys().map(String::as_str).collect()).collect();
    members.sort_unstable();
    assert_eq!(members, [vec!["alg", "crv", "kid", "kty", "use", "x"], vec!["alg", "e", "kid", "kty", "n", "use"]]);
}
