//! Tokens bound to certificates (RFC 8705 §3), and how methods and bindings go together.

use renkei_domain::partner::{AuthMethod, SenderConstraint};
use renkei_domain::ticket::Ticket;
use renkei_domain::token::Binding;
use renkei_oauth::client_auth::certificate::thumbprint;
use renkei_testing::aoi;
use serde_json::json;

use crate::bank::{MtlsBank, PARTNER_ORIGIN, bare, issue};
use crate::support::{Answer, Draft, Partner};

const INVALID_TOKEN: (u16, &str) = (401, "invalid_token");

fn redeem(partner: &Partner, code: &str) -> Draft {
    bare(partner.redeem(code), &partner.client_id)
}

fn refresh(partner: &Partner, token: &str) -> Draft {
    bare(partner.refresh(token), &partner.client_id)
}

/// Redeems a code by certificate alone.
async fn linked(bank: &MtlsBank, partner: &Partner) -> Answer {
    let (_, code) = bank.bank.linkage_with_code().await;
    let answer = redeem(partner, &code).send().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer
}

async fn binding_of(bank: &MtlsBank, access: &str) -> Binding {
    let ticket = Ticket::parse(access).unwrap();
    bank.bank.app.store.read(&aoi()).find_access_token(&ticket).await.unwrap().unwrap().0.binding
}

/// With the proof's target below the partners' address.
fn at_partners(draft: Draft, path: &str) -> Draft {
    draft.proof_claims(json!({ "htu": format!("{PARTNER_ORIGIN}{path}") }))
}

#[tokio::test]
async fn r_133_a_token_is_bound_to_the_certificate_it_was_issued_over_and_read_with_it() {
    let bank = MtlsBank::with_certificates().await;
    let identity = bank.identity();
    let at_door = bank.at_door(Some(&identity));
    let answer = linked(&bank, &at_door).await;
    assert_eq!(answer.body["token_type"], "Bearer");
    let access = answer.text("access_token");
    let expected = thumbprint(identity.certificate.der());
    assert_eq!(binding_of(&bank, &access).await, Binding::Certificate(expected.clone()));
    for scheme in ["Bearer", "bearer", "BEARER"] {
        assert_eq!(bank.read(&at_door, &format!("{scheme} {access}")).await.status, 200, "{scheme}");
    }
    let again = refresh(&at_door, &answer.text("refresh_token")).send().await;
    assert_eq!((again.status, &again.body["token_type"]), (200, &json!("Bearer")));
    assert_eq!(binding_of(&bank, &again.text("access_token")).await, Binding::Certificate(expected));
}

#[tokio::test]
async fn r_134_r_014_with_another_certificate_or_none_a_bound_token_opens_nothing() {
    let bank = MtlsBank::with_certificates().await;
    let at_door = bank.at_door(Some(&bank.identity()));
    let access = linked(&bank, &at_door).await.text("access_token");
    let sent = format!("Bearer {access}");
    let (same_name, stranger) = (bank.identity(), issue(None, |_| ()));
    for partner in [bank.at_door(Some(&same_name)), bank.at_door(Some(&stranger)), bank.at_door(None)] {
        let answer = bank.read(&partner, &sent).await;
        assert_eq!(answer.refusal(), INVALID_TOKEN);
        let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
        let named = "resource_metadata=\"https://partners.example/.well-known/oauth-protected-resource/1001/api/v1\"";
        for (scheme, challenge) in ["DPoP ", "Bearer "].iter().zip(&challenges) {
            let text = challenge.to_str().unwrap();
            assert!(text.starts_with(scheme) && text.contains("invalid_token") && text.ends_with(named), "{text}");
        }
        assert_eq!(challenges.len(), 2);
    }
    let elsewhere = bank.read(&bank.kakeibo, &sent).await;
    assert_eq!(elsewhere.refusal(), INVALID_TOKEN, "the main listener asks for no certificate");
    assert!(elsewhere.header("www-authenticate").starts_with("DPoP "));
    assert_eq!(elsewhere.headers.get_all("www-authenticate").iter().count(), 1);
    assert_eq!(bank.read(&at_door, &sent).await.status, 200);
}

#[tokio::test]
async fn r_134_a_certificate_bound_token_is_no_dpop_token_and_no_token_is_free_of_binding() {
    let bank = MtlsBank::with_certificates().await;
    let at_door = bank.at_door(Some(&bank.identity()));
    let access = linked(&bank, &at_door).await.text("access_token");
    let proof = at_door.proof_with("/1001/api/v1/accounts", &access);
    let request = |origin: &str, proof: &str| {
        let url = format!("{origin}/1001/api/v1/accounts");
        at_door.http.get(url).header("authorization", format!("DPoP {access}")).header("dpop", proof)
    };
    assert_eq!(Answer::to(request(&bank.kakeibo.address, &proof.sign())).await.refusal(), INVALID_TOKEN);
    let mut proof = at_door.proof_with("/1001/api/v1/accounts", &access);
    proof.claims["htu"] = format!("{PARTNER_ORIGIN}/1001/api/v1/accounts").into();
    assert_eq!(Answer::to(request(&bank.door, &proof.sign())).await.refusal(), INVALID_TOKEN);
}

#[tokio::test]
async fn r_135_after_a_renewal_of_the_certificate_old_tokens_fail_and_the_refresh_token_goes_on() {
    let bank = MtlsBank::with_certificates().await;
    let before = bank.at_door(Some(&bank.identity()));
    let answer = linked(&bank, &before).await;
    let renewed = bank.at_door(Some(&bank.identity()));
    let old = format!("Bearer {}", answer.text("access_token"));
    assert_eq!(bank.read(&renewed, &old).await.refusal(), INVALID_TOKEN);
    let fresh = refresh(&renewed, &answer.text("refresh_token")).send().await;
    assert_eq!(fresh.status, 200);
    let fresh = format!("Bearer {}", fresh.text("access_token"));
    assert_eq!(bank.read(&renewed, &fresh).await.status, 200);
    assert_eq!(bank.read(&before, &fresh).await.refusal(), INVALID_TOKEN);
}

#[tokio::test]
async fn r_131_without_what_its_tokens_are_bound_to_a_client_gets_none() {
    let bank = MtlsBank::open().await;
    bank.register(|product| product.sender_constraint = SenderConstraint::Mtls).await;
    let (_, code) = bank.bank.linkage_with_code().await;
    for partner in [&bank.kakeibo, &bank.at_door(None)] {
        for draft in [partner.redeem(&code), partner.refresh("token")] {
            assert_eq!(draft.send().await.refusal(), (400, "invalid_request"), "a proof is not a certificate");
        }
    }
    bank.register(|product| product.sender_constraint = SenderConstraint::Dpop).await;
    let at_door = bank.at_door(Some(&bank.identity()));
    let refused = at_door.redeem(&code).without_proof().send().await;
    assert_eq!(refused.refusal(), (400, "invalid_dpop_proof"), "a certificate is not a proof");
    assert_eq!(bank.bank.count(&aoi(), "SELECT COUNT(*) FROM access_tokens WHERE institution = ?1").await, 0);
}

#[tokio::test]
async fn an_assertion_goes_with_tokens_bound_to_certificates() {
    let bank = MtlsBank::open().await;
    bank.register(|product| product.sender_constraint = SenderConstraint::Mtls).await;
    // A certificate that only binds is nobody's identity, so it may be anybody's.
    for identity in [bank.identity(), issue(None, |_| ())] {
        let at_door = bank.at_door(Some(&identity));
        assert_eq!(at_door.push().send().await.status, 201);
        let (_, code) = bank.bank.linkage_with_code().await;
        let answer = at_door.redeem(&code).without_proof().send().await;
        assert_eq!((answer.status, &answer.body["token_type"]), (200, &json!("Bearer")), "{}", answer.body);
        let sent = format!("Bearer {}", answer.text("access_token"));
        assert_eq!(bank.read(&at_door, &sent).await.status, 200);
        // A proof besides is not looked at.
        let again = at_door.refresh(&answer.text("refresh_token")).send().await;
        assert_eq!((again.status, &again.body["token_type"]), (200, &json!("Bearer")));
    }
}

#[tokio::test]
async fn a_certificate_goes_with_tokens_bound_to_a_key() {
    let bank = MtlsBank::with_certificates().await;
    bank.register(|product| product.sender_constraint = SenderConstraint::Dpop).await;
    let at_door = bank.at_door(Some(&bank.identity()));
    let client_id = at_door.client_id.clone();
    let pushed = at_partners(at_door.push().proven(), "/1001/par").without_assertion().and("client_id", &client_id);
    assert_eq!(pushed.send().await.status, 201);
    let (_, code) = bank.bank.linkage_with_code().await;
    let token = |draft: Draft| at_partners(draft, "/1001/token").without_assertion().and("client_id", &client_id);
    let answer = token(at_door.redeem(&code)).send().await;
    assert_eq!((answer.status, &answer.body["token_type"]), (200, &json!("DPoP")), "{}", answer.body);
    let access = answer.text("access_token");
    assert_eq!(binding_of(&bank, &access).await, Binding::Dpop(at_door.jkt()));
    assert_eq!(bank.read(&at_door, &format!("Bearer {access}")).await.refusal(), INVALID_TOKEN);
    let mut proof = at_door.proof_with("/1001/api/v1/accounts", &access);
    proof.claims["htu"] = format!("{PARTNER_ORIGIN}/1001/api/v1/accounts").into();
    let read = at_door.http.get(format!("{}/1001/api/v1/accounts", bank.door));
    let read = read.header("authorization", format!("DPoP {access}")).header("dpop", proof.sign());
    assert_eq!(Answer::to(read).await.status, 200);
}

#[tokio::test]
async fn a_047_a_proof_for_the_one_listener_is_none_at_the_other() {
    let bank = MtlsBank::with_certificates().await;
    bank.register(|product| {
        product.sender_constraint = SenderConstraint::Dpop;
        product.auth_method = AuthMethod::PrivateKeyJwt;
    })
    .await;
    let at_door = bank.at_door(None);
    let (_, code) = bank.bank.linkage_with_code().await;
    assert_eq!(at_door.redeem(&code).send().await.refusal(), (400, "invalid_dpop_proof"));
    let astray = at_partners(bank.kakeibo.redeem(&code), "/1001/token");
    assert_eq!(astray.send().await.refusal(), (400, "invalid_dpop_proof"));
    assert_eq!(at_partners(at_door.redeem(&code), "/1001/token").send().await.status, 200);
}

#[tokio::test]
async fn a_client_with_bound_certificates_can_not_bind_a_code_to_a_key() {
    let bank = MtlsBank::with_certificates().await;
    let at_door = bank.at_door(Some(&bank.identity()));
    let named = bare(at_door.push(), &at_door.client_id).and("dpop_jkt", &at_door.jkt());
    assert_eq!(named.send().await.refusal(), (400, "invalid_request"));
    let proven = at_partners(at_door.push().proven(), "/1001/par").without_assertion();
    assert_eq!(proven.and("client_id", &at_door.client_id).send().await.refusal(), (400, "invalid_request"));
    // A code that names a key anyway can't be redeemed with a certificate.
    let linkage = bank.bank.linkage().await;
    let code = bank.bank.code(linkage, |code| code.dpop_jkt = Some(at_door.jkt())).await;
    assert_eq!(redeem(&at_door, &code).send().await.refusal(), (400, "invalid_grant"));
}
