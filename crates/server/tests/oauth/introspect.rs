//! Introspection: who may ask, what is told of a good token, and that nothing is told of any other.

use renkei_domain::id::LinkageId;
use renkei_domain::linkage::EndedBy;
use renkei_domain::partner::PartnerState;
use renkei_oauth::authorization_details::TYPE;
use renkei_oauth::introspection::MEDIA_TYPE;
use renkei_oauth::jose::{Jws, VerifyingKey};
use renkei_testing::seed::{self, KAKEIBO};
use renkei_testing::{aoi, midori};
use serde_json::{Value, json};

use crate::support::partner::base64url;
use crate::support::{Answer, Bank, LINKAGE_SECONDS, Linked, ORIGIN, Partner, START, new_key};

/// The claims of a JWT, whoever signed it.
fn claims(jwt: &str) -> Value {
    let part = jwt.split('.').nth(1).unwrap();
    let bytes = <base64ct::Base64UrlUnpadded as base64ct::Encoding>::decode_vec(part).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// The answer in both forms.
async fn both(asker: &Partner, token: &str) -> [Value; 2] {
    let plain = asker.introspect(token).send().await;
    assert_eq!((plain.status, plain.header("content-type")), (200, "application/json"), "{}", plain.text);
    let signed = signed(asker, token).await;
    [plain.body, claims(&signed.text)["token_introspection"].clone()]
}

async fn signed(asker: &Partner, token: &str) -> Answer {
    let answer = asker.introspect(token).header("accept", MEDIA_TYPE).send().await;
    assert_eq!((answer.status, answer.header("content-type")), (200, MEDIA_TYPE), "{}", answer.text);
    answer
}

/// Nothing but that it is not active, in both forms.
async fn expect_inactive(asker: &Partner, token: &str, why: &str) {
    for answer in both(asker, token).await {
        assert_eq!(answer, json!({ "active": false }), "{why}");
    }
}

async fn bank() -> (Bank, Partner, Partner, Linked) {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    bank.signing_key(&aoi()).await;
    let gateway = bank.join_server(&aoi(), |_| ()).await;
    let linked = bank.linked(&kakeibo).await;
    (bank, kakeibo, gateway, linked)
}

#[tokio::test]
async fn r_156_r_130_an_active_token_is_told_of_with_everything_that_decides() {
    let (bank, kakeibo, gateway, _) = bank().await;
    let hanako = seed::customer(&bank.app.store, &aoi(), "hanako").await;
    let account = seed::account(&bank.app.store, &aoi(), &hanako, "2000001").await;
    let period = (START, START.plus_seconds(LINKAGE_SECONDS));
    let linkage = seed::linkage(&bank.app.store, &aoi(), &hanako, &[account], period).await;
    bank.clock.forward(30);
    let code = bank.code(linkage, |_| ()).await;
    let token = kakeibo.redeem(&code).send().await.text("access_token");
    bank.clock.forward(7);
    let [plain, in_jwt] = both(&gateway, &token).await;
    assert_eq!(plain, in_jwt);
    let sub = plain["sub"].as_str().unwrap().to_owned();
    assert!(sub.starts_with("u-") && !sub.contains(&hanako.user.to_string()), "{sub}");
    let api = format!("{ORIGIN}/1001/api/v1");
    assert_eq!(
        plain,
        json!({
            "active": true,
            "iss": format!("{ORIGIN}/1001"),
            "aud": api,
            "client_id": KAKEIBO,
            "sub": sub,
            "scope": "balances transactions",
            "authorization_details": [{
                "type": TYPE,
                "actions": ["balances", "transactions"],
                "locations": [api],
                "accounts": [{ "identifier": account.to_string() }],
            }],
            "token_type": "DPoP",
            "iat": START.seconds() + 30,
            "exp": START.seconds() + 330,
            "cnf": { "jkt": kakeibo.jkt() },
            "acr": "urn:renkei:acr:password",
            "auth_time": START.seconds(),
            "grant_id": linkage.to_string(),
        })
    );
    assert_eq!(bank.recorded("token_introspected", "done", "active").await, 2);
}

#[tokio::test]
async fn r_031_a_subject_is_the_same_each_time_and_another_at_each_resource_server() {
    let (bank, kakeibo, gateway, linked) = bank().await;
    let other = bank
        .join_server(&aoi(), |server| {
            server.server_id = "rs-other".to_owned();
            server.key = "other".to_owned();
        })
        .await;
    let again = kakeibo.refresh(&linked.refresh).send().await.text("access_token");
    let mut subjects = Vec::new();
    for (asker, token) in [(&gateway, &linked.access), (&gateway, &again), (&other, &linked.access)] {
        let key = if asker.client_id == other.client_id { &other } else { &gateway };
        subjects.push(key.introspect(token).send().await.text("sub"));
    }
    assert_eq!(subjects[0], subjects[1]);
    assert_ne!(subjects[0], subjects[2]);
}

#[tokio::test]
async fn r_154_r_080_the_signed_answer_is_for_the_one_who_asked_and_holds_the_data_in_one_place() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let key = bank.signing_key(&aoi()).await;
    let gateway = bank.join_server(&aoi(), |_| ()).await;
    let linked = bank.linked(&kakeibo).await;
    let answer = signed(&gateway, &linked.access).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let jws = Jws::parse(&answer.text).unwrap();
    VerifyingKey::new(&key).unwrap().verify(&jws).unwrap();
    assert_eq!(jws.header.typ.as_deref(), Some("token-introspection+jwt"));
    assert_eq!(jws.header.key_id, key.key_id);
    let claims = claims(&answer.text);
    let members: Vec<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["aud", "iat", "iss", "token_introspection"]);
    assert_eq!(claims["iss"], format!("{ORIGIN}/1001"));
    assert_eq!(claims["aud"], gateway.client_id);
    assert_eq!(claims["iat"], START.seconds());
    assert_eq!(claims["token_introspection"]["active"], true);
}

#[tokio::test]
async fn r_080_who_is_to_be_answered_signed_is_whatever_it_asks_for() {
    let (bank, _, _, linked) = bank().await;
    let strict = bank.join_server(&aoi(), |server| server.signed_introspection = true).await;
    for token in [linked.access.as_str(), "unknown"] {
        let answer = strict.introspect(token).header("accept", "application/json").send().await;
        assert_eq!((answer.status, answer.header("content-type")), (200, MEDIA_TYPE));
    }
}

#[tokio::test]
async fn r_080_of_a_product_that_is_sent_signed_answers_nothing_is_told_unsigned() {
    let (bank, _, gateway, linked) = bank().await;
    bank.change("UPDATE products SET profile = 'fapi2_message_signing' WHERE institution = ?1").await;
    let answer = gateway.introspect(&linked.access).header("accept", "application/json").send().await;
    assert_eq!((answer.status, answer.header("content-type")), (200, MEDIA_TYPE));
    assert_eq!(claims(&answer.text)["token_introspection"]["active"], true);
}

#[tokio::test]
async fn r_152_a_074_a_partner_is_no_resource_server() {
    let (bank, kakeibo, _, linked) = bank().await;
    let stranger = bank.join_product("stranger").await;
    for partner in [&kakeibo, &stranger] {
        for accept in ["application/json", MEDIA_TYPE] {
            let answer = partner.introspect(&linked.access).header("accept", accept).send().await;
            assert_eq!(answer.refusal(), (401, "invalid_client"));
            assert!(!answer.text.contains("active"), "{}", answer.text);
        }
    }
    assert_eq!(bank.recorded("client_refused", "refused", "resource server: no such key").await, 4);
}

#[tokio::test]
async fn r_044_r_152_who_does_not_authenticate_is_told_nothing() {
    let (bank, kakeibo, gateway, linked) = bank().await;
    let ask = || gateway.introspect(&linked.access);
    let suspended = bank
        .join_server(&aoi(), |server| {
            server.server_id = "rs-suspended".to_owned();
            server.key = "suspended".to_owned();
            server.state = PartnerState::Suspended;
        })
        .await;
    for (draft, why) in [
        (ask().without_assertion(), "no assertion"),
        (ask().without_assertion().with("client_id", &gateway.client_id), "a mere name"),
        (ask().signed_by(&new_key()), "another key"),
        (ask().signed_by(&kakeibo.key), "a partner's key"),
        (ask().claims(json!({ "aud": format!("{ORIGIN}/1001/introspect") })), "another audience"),
        (ask().claims(json!({ "aud": [format!("{ORIGIN}/1001")] })), "an array"),
        (ask().claims(json!({ "exp": START.seconds() })), "expired"),
        (ask().claims(json!({ "sub": null })), "no sub"),
        (ask().assertion_header(json!({ "typ": "token-introspection+jwt" })), "another kind of JWT"),
        (suspended.introspect(&linked.access), "suspended"),
    ] {
        assert_eq!(draft.send().await.refusal(), (401, "invalid_client"), "{why}");
    }
}

#[tokio::test]
async fn r_049_a_resource_servers_assertion_holds_once() {
    let (_bank, _, gateway, linked) = bank().await;
    let sealed = gateway.introspect(&linked.access).seal();
    assert_eq!(sealed.clone().send().await.body["active"], true);
    assert_eq!(sealed.send().await.refusal(), (401, "invalid_client"));
}

#[tokio::test]
async fn r_153_of_a_token_that_is_good_for_nothing_nothing_is_told() {
    let (bank, kakeibo, gateway, linked) = bank().await;
    let other = if linked.access.ends_with('A') { 'B' } else { 'A' };
    let flipped = format!("{}{other}", &linked.access[..linked.access.len() - 1]);
    let of_no_row = bank.app.new_ticket(START).reveal();
    for (token, why) in [
        ("x", "no token"),
        (of_no_row.as_str(), "unknown"),
        (&flipped, "another secret"),
        (&linked.refresh, "a refresh token"),
        (&linked.code, "a code"),
        (&kakeibo.assertion().sign(), "an assertion"),
    ] {
        expect_inactive(&gateway, token, why).await;
    }
    assert_eq!(gateway.introspect("").send().await.refusal(), (400, "invalid_request"));
    assert_eq!(kakeibo.revoke(&linked.access).send().await.status, 200);
    expect_inactive(&gateway, &linked.access, "revoked").await;
    let second = kakeibo.refresh(&linked.refresh).send().await.text("access_token");
    bank.clock.forward(299);
    assert_eq!(gateway.introspect(&second).send().await.body["active"], true);
    bank.clock.forward(1);
    expect_inactive(&gateway, &second, "expired").await;
}

#[tokio::test]
async fn r_142_r_153_a_resource_server_learns_nothing_of_tokens_for_another_resource() {
    let (bank, _, _, linked) = bank().await;
    let resource = |resource: &str| {
        let resource = resource.to_owned();
        |server: &mut renkei_store::resource_servers::ResourceServer| server.resource = Some(resource)
    };
    let elsewhere = bank.join_server(&aoi(), resource("https://invoices.example/api")).await;
    expect_inactive(&elsewhere, &linked.access, "another audience").await;
    let same = bank.join_server(&aoi(), resource("https://link.example/1001/api/v1")).await;
    assert_eq!(same.introspect(&linked.access).send().await.body["active"], true);
}

#[tokio::test]
async fn a_068_r_153_a_token_of_one_institution_is_nothing_at_another() {
    let (bank, at_aoi, _) = Bank::with_two_institutions().await;
    bank.signing_key(&midori()).await;
    let linked = bank.linked(&at_aoi).await;
    let at_midori = bank.join_server(&midori(), |_| ()).await;
    expect_inactive(&at_midori, &linked.access, "another institution").await;
    let records = bank.app.store.read(&midori()).list_audit(100).await.unwrap();
    assert!(!records.is_empty());
    for record in records {
        let said = format!("{record:?}");
        assert!(!said.contains(KAKEIBO) && !said.contains(&linked.linkage.to_string()), "{said}");
    }
}

async fn end(bank: &Bank, linkage: LinkageId) {
    let mut tx = bank.app.store.begin(&aoi()).await.unwrap();
    assert!(tx.end_linkage(linkage, EndedBy::Customer, bank.now()).await.unwrap());
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn r_038_r_145_r_157_what_ends_or_suspends_a_linkage_holds_at_the_next_question() {
    let (bank, kakeibo, gateway, linked) = bank().await;
    for (stop, resume, why) in [
        (
            "UPDATE partners SET state = 'suspended' WHERE institution = ?1",
            "UPDATE partners SET state = 'active' WHERE institution = ?1",
            "the partner",
        ),
        (
            "UPDATE products SET state = 'suspended' WHERE institution = ?1",
            "UPDATE products SET state = 'active' WHERE institution = ?1",
            "the product",
        ),
        (
            "UPDATE users SET state = 'suspended' WHERE institution = ?1",
            "UPDATE users SET state = 'active' WHERE institution = ?1",
            "the user",
        ),
        (
            "UPDATE customers SET contract = 'suspended' WHERE institution = ?1",
            "UPDATE customers SET contract = 'active' WHERE institution = ?1",
            "the contract",
        ),
    ] {
        bank.change(stop).await;
        expect_inactive(&gateway, &linked.access, why).await;
        bank.change(resume).await;
        assert_eq!(gateway.introspect(&linked.access).send().await.body["active"], true, "{why}");
    }
    // Whatever comes last counts: a token from before the end stays dead, whatever comes back.
    let second = bank.linked(&kakeibo).await;
    end(&bank, linked.linkage).await;
    expect_inactive(&gateway, &linked.access, "the linkage").await;
    assert_eq!(kakeibo.revoke(&second.refresh).send().await.status, 200);
    expect_inactive(&gateway, &second.access, "its refresh token").await;
}

#[tokio::test]
async fn a_001_r_153_the_second_use_of_a_code_makes_the_first_tokens_inactive() {
    let (_bank, kakeibo, gateway, linked) = bank().await;
    assert_eq!(kakeibo.redeem(&linked.code).send().await.refusal(), (400, "invalid_grant"));
    expect_inactive(&gateway, &linked.access, "its code was used twice").await;
}

#[tokio::test]
async fn r_155_an_answer_is_no_token() {
    let (bank, kakeibo, gateway, linked) = bank().await;
    let answer = signed(&gateway, &linked.access).await;
    for jwt in [answer.text.as_str(), &base64url(answer.text.as_bytes())] {
        let path = "/1001/api/v1/linkage";
        let proof = kakeibo.proof_with(path, jwt).sign();
        let call = bank.http.get(format!("{}{path}", bank.address));
        let answer = Answer::to(call.header("authorization", format!("DPoP {jwt}")).header("dpop", proof)).await;
        assert_eq!(answer.refusal(), (401, "invalid_token"));
    }
    expect_inactive(&gateway, &answer.text, "an answer").await;
}

#[tokio::test]
async fn r_058_only_a_form_is_taken_and_only_by_post() {
    let (bank, _, _, _) = bank().await;
    assert_eq!(bank.get("/1001/introspect").await.status, 405);
    let json = bank.http.post(format!("{}/1001/introspect", bank.address)).json(&json!({ "token": "x" }));
    assert_eq!(Answer::to(json).await.status, 415);
}
