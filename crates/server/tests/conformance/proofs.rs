//! About thirty proofs at the resource, each with one thing wrong, and a few with something odd that is allowed.

use serde_json::{Value, json};

use crate::rsa::RsaKey;
use crate::stage::{Client, RESOURCE, Run};
use crate::support::partner::base64url;
use crate::support::{Answer, new_key};
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

/// Header and claims of every proof that must be refused.
fn faults(run: &Run) -> Vec<(Value, Value)> {
    let (now, origin) = (run.bank().now().seconds(), &run.one.partner.origin);
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
        claims(json!({ "htu": format!("{origin}/1001/other") })),
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
            let proof = good().header(header.clone()).claims(claims.clone()).sign();
            let status = status(&run.one, &access, &[&proof]).await;
            assert!([400, 401].contains(&status), "{status}: {header} {claims}");
        }
        let (one, two) = (good().sign(), good().sign());
        let (head, _) = one.rsplit_once('.').unwrap();
        let broken = format!("{head}.{}", base64url(&[7; 64]));
        let unsigned = format!("{head}.");
        let by_another = good().by(&new_key()).sign();
        let own_key = new_key();
        let other_key = good().by(&own_key).header(json!({ "jwk": own_key.to_public_jwk().to_json() })).sign();
        let rsa = RsaKey::new();
        let rs256 = rsa.sign_with_rs256(good().header(json!({ "jwk": rsa.public_jwk() })));
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
    let origin = &run.one.partner.origin;
    for (header, claims) in [
        (json!({ "typo": 1, "kid": "x" }), json!({ "extra": { "a": [1] } })),
        (json!({}), json!({ "htu": format!("{origin}{RESOURCE}?x=1#y") })),
        (json!({}), json!({ "htu": format!("{}{RESOURCE}", origin.to_uppercase()) })),
        (json!({}), json!({ "htu": format!("{origin}:443{RESOURCE}") })),
    ] {
        let proof = run.one.partner.proof_with(RESOURCE, access);
        let proof = proof.header(header.clone()).claims(claims.clone()).sign();
        assert_eq!(status(&run.one, access, &[&proof]).await, 200, "{header} {claims}");
    }
    // Refusing a proof that was used is what the suite warns about where it is missing.
    let proof = run.one.partner.proof_with(RESOURCE, access).sign();
    assert_eq!(status(&run.one, access, &[&proof]).await, 200);
    assert_eq!(status(&run.one, access, &[&proof]).await, 401);
}
