//! About thirty proofs at the resource, each with one thing wrong, and a few with something odd that is allowed.

use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use aws_lc_rs::{rand, rsa};
use serde_json::{Value, json};

use crate::stage::{Client, RESOURCE, Run};
use crate::support::partner::{Jwt, base64url};
use crate::support::{Answer, ORIGIN, new_key};
use crate::variant;

async fn status(client: &Client, access: &str, proofs: &[&str]) -> u16 {
    let request = client.read_as("DPoP", access);
    let request = proofs.iter().fold(request, |request, proof| request.header("DPoP", *proof));
    let answer = Answer::to(request).await;
    if answer.status != 200 {
        assert!(answer.header("www-authenticate").contains("DPoP"), "{answer:?}");
    }
    answer.status
}

/// A proof with members set anew, or taken away by `null`.
fn changed(mut proof: Jwt, header: Value, claims: Value) -> Jwt {
    for (object, changes) in [(&mut proof.header, header), (&mut proof.claims, claims)] {
        for (name, value) in changes.as_object().unwrap() {
            object[name] = value.clone();
        }
        object.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    }
    proof
}

/// Header and claims of every proof that must be refused.
fn faults(run: &Run) -> Vec<(Value, Value)> {
    let now = run.bank.now().seconds();
    let mut private = run.one.partner.dpop.to_public_jwk().to_json();
    private["d"] = "AAAA".into();
    let header = |changes: Value| (changes, json!({}));
    let claims = |changes: Value| (json!({}), changes);
    vec![
        header(json!({ "typ": null })),
        header(json!({ "alg": null })),
        header(json!({ "jwk": null })),
        header(json!({ "typ": "JWT" })),
        header(json!({ "alg": "none" })),
        header(json!({ "alg": "RS256" })),
        header(json!({ "jwk": private })),
        header(json!({ "jwk": new_key().to_public_jwk().to_json() })),
        claims(json!({ "jti": null })),
        claims(json!({ "htm": null })),
        claims(json!({ "htu": null })),
        claims(json!({ "iat": null })),
        claims(json!({ "ath": null })),
        claims(json!({ "htm": "POST" })),
        claims(json!({ "htu": format!("{ORIGIN}/1001/other") })),
        claims(json!({ "htu": "https://other.example/1001/api/v1/accounts" })),
        claims(json!({ "ath": base64url(&[7; 32]) })),
        claims(json!({ "iat": now - 3_600 })),
        claims(json!({ "iat": now + 3_600 })),
        claims(json!({ "iat": now.to_string() })),
    ]
}

#[tokio::test]
async fn dpop_negative_tests() {
    for variant in variant::with_proofs() {
        let run = Run::open(variant).await;
        let access = run.tokens(&run.one).await.access;
        let good = || run.one.partner.proof_with(RESOURCE, &access);
        for (header, claims) in faults(&run) {
            let proof = changed(good(), header.clone(), claims.clone()).sign();
            let status = status(&run.one, &access, &[&proof]).await;
            assert!([400, 401].contains(&status), "{status}: {header} {claims}");
        }
        let (one, two) = (good().sign(), good().sign());
        let (head, _) = one.rsplit_once('.').unwrap();
        let broken = format!("{head}.{}", base64url(&[7; 64]));
        let unsigned = format!("{head}.");
        let by_another = changed(Jwt { key: new_key(), ..good() }, json!({}), json!({})).sign();
        let own_key = new_key();
        let other_key = Jwt { key: own_key.clone(), ..good() };
        let other_key = changed(other_key, json!({ "jwk": own_key.to_public_jwk().to_json() }), json!({})).sign();
        let rs256 = signed_with_rs256(good());
        let wrong: [&[&str]; 9] = [
            &[&one, &two],
            &[],
            &["no jwt"],
            &["a.b.c"],
            &[&broken],
            &[&unsigned],
            &[&by_another],
            &[&other_key],
            &[&rs256],
        ];
        for proofs in wrong {
            let status = status(&run.one, &access, proofs).await;
            assert!([400, 401].contains(&status), "{status}: {proofs:?}");
        }
        let bearer = Answer::to(run.one.read_as("Bearer", &access)).await;
        assert!([400, 401].contains(&bearer.status));
        expect_oddities(&run, &access).await;
    }
}

/// What a proof may have besides, and other spellings of the address.
async fn expect_oddities(run: &Run, access: &str) {
    for (header, claims) in [
        (json!({ "typo": 1, "kid": "x" }), json!({ "extra": { "a": [1] } })),
        (json!({}), json!({ "htu": format!("{ORIGIN}{RESOURCE}?x=1#y") })),
        (json!({}), json!({ "htu": format!("{}{RESOURCE}", ORIGIN.to_uppercase()) })),
        (json!({}), json!({ "htu": format!("{ORIGIN}:443{RESOURCE}") })),
    ] {
        let proof = changed(run.one.partner.proof_with(RESOURCE, access), header.clone(), claims.clone()).sign();
        assert_eq!(status(&run.one, access, &[&proof]).await, 200, "{header} {claims}");
    }
    // Refusing a proof that was used is what the suite warns about where it is missing.
    let proof = run.one.partner.proof_with(RESOURCE, access).sign();
    assert_eq!(status(&run.one, access, &[&proof]).await, 200);
    assert_eq!(status(&run.one, access, &[&proof]).await, 401);
}

/// The same proof under a right RS256 signature by an RSA key in its header.
fn signed_with_rs256(proof: Jwt) -> String {
    let key = RsaKeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let public = key.public_key();
    let (n, e) = (public.modulus().big_endian_without_leading_zero(), public.exponent());
    let jwk = json!({ "kty": "RSA", "n": base64url(n), "e": base64url(e.big_endian_without_leading_zero()) });
    let proof = changed(proof, json!({ "alg": "RS256", "jwk": jwk }), json!({}));
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    let head = format!("{}.{}", part(&proof.header), part(&proof.claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &rand::SystemRandom::new(), head.as_bytes(), &mut signature).unwrap();
    format!("{head}.{}", base64url(&signature))
}
