//! Grant management: what has become of a grant, and giving it back.

use renkei_domain::linkage::EndedBy;
use renkei_store::Store;
use renkei_testing::seed::{self, KAKEIBO};
use renkei_testing::{aoi, midori, on_each_engine};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Bank, LINKAGE_SECONDS, Linked, ORIGIN, Partner, START, new_key};

const QUERY: &str = "grant_management_query";
const REVOKE: &str = "grant_management_revoke";
const NO_GRANT: (u16, &str) = (404, "invalid_grant_id");

async fn token(partner: &Partner, scope: &str) -> String {
    let answer = partner.client_token(scope).send().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.text("access_token")
}

fn path(grant: impl ToString) -> String {
    format!("/1001/grants/{}", grant.to_string())
}

async fn query(partner: &Partner, grant: impl ToString) -> Answer {
    partner.manage(Method::GET, grant).await
}

async fn end(partner: &Partner, grant: impl ToString) -> Answer {
    partner.manage(Method::DELETE, grant).await
}

async fn linked() -> (Bank, Partner, Linked) {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let linked = bank.linked(&kakeibo).await;
    (bank, kakeibo, linked)
}

#[tokio::test]
async fn r_162_a_grants_name_comes_with_the_tokens_and_alone_opens_nothing() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let (linkage, code) = bank.linkage_with_code().await;
    let answer = kakeibo.redeem(&code).send().await;
    assert_eq!(answer.text("grant_id"), linkage.to_string());
    assert_eq!(linkage.0.get_version_num(), 7, "74 random bits");
    for method in [Method::GET, Method::DELETE] {
        let bare = Answer::to(bank.http.request(method, format!("{}{}", bank.address, path(linkage)))).await;
        assert_eq!(bare.refusal(), (401, "invalid_client"));
    }
    assert!(bank.is_live(&answer.text("access_token")).await);
}

#[tokio::test]
async fn r_163_the_owner_is_told_what_has_become_of_a_grant() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let (linkage, accounts, code) = bank.detailed().await;
    bank.clock.forward(30);
    assert_eq!(kakeibo.redeem(&code).send().await.status, 200);
    let answer = query(&kakeibo, linkage).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{}", answer.body);
    let api = format!("{ORIGIN}/1001/api/v1");
    let mut told = answer.body["authorization_details"][0]["accounts"].as_array().unwrap().clone();
    told.sort_by_key(Value::to_string);
    let mut known = accounts.map(|account| json!({ "identifier": account.to_string() })).to_vec();
    known.sort_by_key(Value::to_string);
    assert_eq!(told, known);
    let mut rest = answer.body.clone();
    rest.as_object_mut().unwrap().remove("authorization_details");
    let (given, ends) = (START.seconds(), START.plus_seconds(LINKAGE_SECONDS).seconds());
    let scopes = json!([{ "scope": "balances transactions", "resource": [api] }]);
    let times = json!({ "scopes": scopes, "created_at": given, "last_updated_at": given, "expires_at": ends });
    assert_eq!(rest, times, "no token, no name, and nothing the draft does not know");
    assert_eq!(bank.recorded("grant_queried", "done", "").await, 1);
}

#[tokio::test]
async fn r_163_a_grant_that_is_not_in_force_is_told_with_the_reason() {
    let (bank, kakeibo, linked) = linked().await;
    bank.change("UPDATE users SET state = 'suspended' WHERE institution = ?1").await;
    let answer = query(&kakeibo, linked.linkage).await;
    assert_eq!((answer.status, answer.text("reason").as_str()), (200, "user_suspended"));
    assert_eq!((answer.body["scopes"].clone(), answer.body["authorization_details"].clone()), (json!([]), json!([])));
    bank.change("UPDATE users SET state = 'active' WHERE institution = ?1").await;
    bank.clock.forward(LINKAGE_SECONDS);
    assert_eq!(query(&kakeibo, linked.linkage).await.text("reason"), "linkage_expired");
}

#[tokio::test]
async fn r_163_another_client_and_another_institution_find_nothing() {
    let (bank, kakeibo, at_midori) = Bank::with_two_institutions().await;
    let linked = bank.linked(&kakeibo).await;
    let stranger = bank.join_product("stranger").await;
    let unknown = uuid::Uuid::now_v7();
    let texts = [
        query(&stranger, linked.linkage).await,
        end(&stranger, linked.linkage).await,
        query(&kakeibo, unknown).await,
        query(&kakeibo, "x").await,
    ]
    .map(|answer| {
        assert_eq!(answer.refusal(), NO_GRANT);
        answer.text
    });
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    assert_eq!(bank.recorded("grant_queried", "refused", "no such grant of this client").await, 3);
    assert_eq!(bank.recorded("linkage_ended", "refused", "no such grant of this client").await, 1);
    let theirs = token(&at_midori, QUERY).await;
    let elsewhere = at_midori.call(Method::GET, &path(linked.linkage), &theirs).await;
    assert_eq!(elsewhere.refusal(), (401, "invalid_token"));
    let own = format!("/{}/grants/{}", midori(), linked.linkage);
    assert_eq!(at_midori.call(Method::GET, &own, &theirs).await.refusal(), NO_GRANT);
    assert!(bank.is_live(&linked.access).await);
}

#[tokio::test]
async fn r_163_each_action_needs_its_own_word() {
    let (bank, kakeibo, linked) = linked().await;
    let (may_ask, may_end) = (token(&kakeibo, QUERY).await, token(&kakeibo, REVOKE).await);
    let grant = path(linked.linkage);
    for (method, token) in [(Method::DELETE, &may_ask), (Method::GET, &may_end)] {
        let answer = kakeibo.call(method, &grant, token).await;
        assert_eq!(answer.refusal(), (403, "insufficient_scope"));
    }
    assert_eq!(bank.recorded("linkage_ended", "refused", "the token is for another action").await, 1);
    let both = token(&kakeibo, &format!("{QUERY} {REVOKE}")).await;
    assert_eq!(kakeibo.call(Method::GET, &grant, &both).await.status, 200);
    assert_eq!(kakeibo.call(Method::DELETE, &grant, &both).await.status, 204);
    assert_eq!(kakeibo.call(Method::PUT, &grant, &both).await.status, 405);
    assert_eq!(kakeibo.call(Method::GET, "/1001/grants", &both).await.refusal(), (400, "invalid_request"));
}

#[tokio::test]
async fn r_164_giving_a_grant_back_kills_all_its_tokens() {
    let (bank, kakeibo, linked) = linked().await;
    let gateway = bank.join_server(&aoi(), |_| ()).await;
    let other = bank.linked(&kakeibo).await;
    let answer = end(&kakeibo, linked.linkage).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    assert!(!bank.is_live(&linked.access).await);
    assert_eq!(gateway.introspect(&linked.access).send().await.body, json!({ "active": false }));
    assert_eq!(kakeibo.refresh(&linked.refresh).send().await.refusal(), (400, "invalid_grant"));
    for gone in [query(&kakeibo, linked.linkage).await, end(&kakeibo, linked.linkage).await] {
        assert_eq!((gone.refusal(), gone.text("reason").as_str()), (NO_GRANT, "ended_by_partner"));
    }
    assert_eq!(bank.recorded("linkage_ended", "done", EndedBy::Partner.word()).await, 1);
    assert_eq!(bank.recorded("linkage_ended", "refused", "ended_by_partner").await, 1);
    assert!(bank.is_live(&other.access).await);
    // Whose it was not is not told that it ever was.
    let stranger = bank.join_product("stranger").await;
    let asked = query(&stranger, linked.linkage).await;
    assert_eq!((asked.refusal(), asked.body["reason"].clone()), (NO_GRANT, Value::Null));
}

#[tokio::test]
async fn r_142_a_token_for_one_audience_is_refused_at_another() {
    let (bank, kakeibo, linked) = linked().await;
    let gateway = bank.join_server(&aoi(), |_| ()).await;
    let own = token(&kakeibo, &format!("{QUERY} {REVOKE}")).await;
    let api = kakeibo.call(Method::GET, "/1001/api/v1/accounts", &own).await;
    assert_eq!(api.refusal(), (401, "invalid_token"));
    assert_eq!(gateway.introspect(&own).send().await.body, json!({ "active": false }));
    for method in [Method::GET, Method::DELETE] {
        let answer = kakeibo.call(method, &path(linked.linkage), &linked.access).await;
        assert_eq!(answer.refusal(), (401, "invalid_token"));
    }
    assert_eq!(bank.recorded("client_refused", "refused", "access token unknown, expired or revoked").await, 2);
    assert_eq!(kakeibo.refresh(&own).send().await.refusal(), (400, "invalid_grant"));
    assert!(bank.is_live(&linked.access).await);
}

#[tokio::test]
async fn r_149_r_044_a_call_without_a_token_is_challenged_without_an_error() {
    let (bank, _, linked) = linked().await;
    let answer = bank.get(&path(linked.linkage)).await;
    assert_eq!(answer.refusal(), (401, "invalid_client"));
    assert_eq!(answer.header("www-authenticate"), "DPoP algs=\"ES256 PS256 EdDSA Ed25519\"");
}

#[tokio::test]
async fn r_102_a_token_of_ones_own_is_bound_and_lives_shortly() {
    let (bank, kakeibo, linked) = linked().await;
    assert_eq!(kakeibo.client_token(QUERY).without_proof().send().await.refusal(), (400, "invalid_dpop_proof"));
    assert_eq!(kakeibo.client_token(QUERY).signed_by(&new_key()).send().await.refusal(), (401, "invalid_client"));
    for scope in ["balances", "grant_management_query balances", "x"] {
        assert_eq!(kakeibo.client_token(scope).send().await.refusal(), (400, "invalid_scope"), "{scope}");
    }
    let answer = kakeibo.client_token(QUERY).send().await;
    let members: Vec<&String> = answer.body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["access_token", "expires_in", "scope", "token_type"]);
    assert_eq!((answer.body["expires_in"].as_i64(), answer.text("token_type").as_str()), (Some(300), "DPoP"));
    let token = answer.text("access_token");
    let thief = Partner { dpop: new_key(), ..kakeibo.clone() };
    let stolen = thief.call(Method::GET, &path(linked.linkage), &token).await;
    assert_eq!(stolen.refusal(), (401, "invalid_token"));
    let mut proof = kakeibo.proof_with(&path(linked.linkage), &token);
    proof.claims["jti"] = "once".into();
    for expected in [200, 401] {
        let call = bank.http.get(format!("{}{}", bank.address, path(linked.linkage)));
        let call = call.header("authorization", format!("DPoP {token}")).header("dpop", proof.sign());
        assert_eq!(Answer::to(call).await.status, expected);
    }
    bank.clock.forward(300);
    assert_eq!(kakeibo.call(Method::GET, &path(linked.linkage), &token).await.refusal(), (401, "invalid_token"));
}

#[tokio::test]
async fn r_038_r_159_a_suspended_or_revoking_client_has_no_use_of_its_tokens() {
    let (bank, kakeibo, linked) = linked().await;
    let own = token(&kakeibo, QUERY).await;
    bank.change("UPDATE partners SET state = 'suspended' WHERE institution = ?1").await;
    let denied = kakeibo.call(Method::GET, &path(linked.linkage), &own).await;
    assert_eq!(denied.refusal(), (401, "invalid_token"));
    bank.change("UPDATE partners SET state = 'active' WHERE institution = ?1").await;
    assert_eq!(kakeibo.call(Method::GET, &path(linked.linkage), &own).await.status, 200);
    assert_eq!(kakeibo.revoke(&own).send().await.status, 200);
    let revoked = kakeibo.call(Method::GET, &path(linked.linkage), &own).await;
    assert_eq!(revoked.refusal(), (401, "invalid_token"));
}

#[tokio::test]
async fn r_165_ill_fitting_parameters_are_refused_at_the_push() {
    let (bank, kakeibo, linked) = linked().await;
    let grant = linked.linkage.to_string();
    let stranger = bank.join_product("stranger").await;
    let with = |partner: &Partner, action: Option<&str>, grant: Option<&str>| {
        let mut draft = partner.push();
        if let Some(action) = action {
            draft = draft.and("grant_management_action", action);
        }
        grant.map_or(draft.clone(), |grant| draft.and("grant_id", grant))
    };
    for (draft, expected) in [
        (with(&kakeibo, Some("create"), Some(&grant)), (400, "invalid_request")),
        (with(&kakeibo, None, Some(&grant)), (400, "invalid_request")),
        (with(&kakeibo, Some("replace"), None), (400, "invalid_request")),
        (with(&kakeibo, Some("merge"), None), (400, "invalid_request")),
        (with(&kakeibo, Some("query"), Some(&grant)), (400, "invalid_request")),
        (with(&kakeibo, Some("replace"), Some(&uuid::Uuid::now_v7().to_string())), (400, "invalid_grant_id")),
        (with(&stranger, Some("replace"), Some(&grant)), (400, "invalid_grant_id")),
    ] {
        assert_eq!(draft.send().await.refusal(), expected);
    }
    assert_eq!(with(&kakeibo, Some("replace"), Some(&grant)).send().await.status, 201);
    assert_eq!(with(&kakeibo, Some("merge"), Some(&grant)).send().await.status, 201);
}

#[tokio::test]
async fn r_165_a_renewals_code_ends_the_refresh_tokens_before_it() {
    let (bank, kakeibo, linked) = linked().await;
    let code = bank.code(linked.linkage, |_| ()).await;
    assert_eq!(kakeibo.refresh(&linked.refresh).send().await.status, 200, "until the code is redeemed");
    assert_eq!(kakeibo.redeem(&code).send().await.status, 200);
    assert_eq!(kakeibo.refresh(&linked.refresh).send().await.refusal(), (400, "invalid_grant"));
    assert!(!bank.is_live(&linked.access).await);
}

#[tokio::test]
async fn r_166_a_grant_whose_code_was_never_redeemed_is_gone_after_a_minute() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let who = seed::customer(&bank.app.store, &aoi(), "hanako").await;
    let period = (bank.now(), bank.now().plus_seconds(86_400));
    let linkage = seed::linkage(&bank.app.store, &aoi(), &who, &[], period).await;
    let other = bank.linkage().await;
    bank.change("UPDATE linkages SET taken_at = NULL WHERE institution = ?1").await;
    let code = bank.code(other, |_| ()).await;
    bank.clock.forward(59);
    assert_eq!(query(&kakeibo, linkage).await.status, 200);
    assert_eq!(kakeibo.redeem(&code).send().await.status, 200);
    bank.clock.forward(1);
    assert_eq!(query(&kakeibo, linkage).await.refusal(), NO_GRANT);
    assert_eq!(query(&kakeibo, other).await.status, 200);
    let renewing = kakeibo.push().and("grant_management_action", "replace").and("grant_id", &linkage.to_string());
    assert_eq!(renewing.send().await.refusal(), (400, "invalid_grant_id"));
    assert_eq!(kakeibo.client_id, KAKEIBO);
}

#[tokio::test]
async fn r_147_a_linkage_with_a_login_too_weak_is_not_read_and_refreshes_change_nothing_of_that() {
    let (bank, kakeibo, linked) = linked().await;
    let gateway = bank.join_server(&aoi(), |_| ()).await;
    let read = async |token: &str| kakeibo.call(Method::GET, "/1001/api/v1/accounts", token).await;
    assert_eq!(read(&linked.access).await.status, 200);
    bank.change("UPDATE institutions SET minimum_login = 'certificate' WHERE institution = ?1").await;
    bank.clock.forward(100);
    let refreshed = kakeibo.refresh(&linked.refresh).send().await.text("access_token");
    for token in [&linked.access, &refreshed] {
        let answer = read(token).await;
        assert_eq!(answer.refusal(), (401, "insufficient_user_authentication"));
        let challenge = answer.header("www-authenticate");
        assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
        assert!(challenge.contains("acr_values=\"urn:renkei:acr:certificate\""), "{challenge}");
        let told = gateway.introspect(token).send().await.body;
        assert_eq!(
            (told["acr"].as_str(), told["auth_time"].as_i64()),
            (Some("urn:renkei:acr:password"), Some(START.seconds()))
        );
    }
    assert_eq!(bank.recorded("read_refused", "refused", "insufficient_user_authentication").await, 2);
    bank.change("UPDATE linkages SET login_method = 'certificate' WHERE institution = ?1").await;
    assert_eq!(read(&refreshed).await.status, 200);
}

#[tokio::test]
async fn r_131_every_access_token_is_made_in_one_place() {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![source];
    let mut makers = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let made =
                text.matches("Step::add_access_token(").count() + text.matches("Step::add_client_token(").count();
            makers.extend((made > 0).then(|| (path.file_name().unwrap().to_owned(), made)));
        }
    }
    assert_eq!(makers, [("mint.rs".into(), 2)]);
}

#[tokio::test]
async fn r_131_a_client_whose_tokens_are_bound_to_certificates_gets_none_for_a_proof() {
    let (bank, kakeibo, linked) = linked().await;
    let own = token(&kakeibo, QUERY).await;
    bank.change("UPDATE products SET sender_constraint = 'mtls' WHERE institution = ?1").await;
    assert_eq!(kakeibo.client_token(QUERY).send().await.refusal(), (400, "invalid_request"));
    // One from before is still bound to its key and to nothing else.
    let as_bearer = bank.http.get(format!("{}{}", bank.address, path(linked.linkage)));
    let as_bearer = Answer::to(as_bearer.header("authorization", format!("Bearer {own}"))).await;
    assert_eq!(as_bearer.refusal(), (401, "invalid_token"));
}

#[tokio::test]
async fn r_122_r_124_grant_management_demands_nonces_as_the_token_endpoint_does() {
    let (bank, kakeibo, linked) = linked().await;
    let own = token(&kakeibo, QUERY).await;
    bank.change("UPDATE institutions SET dpop_nonces = 1 WHERE institution = ?1").await;
    let ask = async |nonce: Option<&str>| {
        let proof = kakeibo.proof_with(&path(linked.linkage), &own).claims(json!({ "nonce": nonce }));
        let call = bank.http.get(format!("{}{}", bank.address, path(linked.linkage)));
        Answer::to(call.header("authorization", format!("DPoP {own}")).header("dpop", proof.sign())).await
    };
    let challenged = ask(None).await;
    assert_eq!(challenged.refusal(), (401, "use_dpop_nonce"));
    assert!(challenged.header("www-authenticate").starts_with("DPoP error=\"use_dpop_nonce\""));
    let nonce = challenged.header("dpop-nonce").to_owned();
    let taken = ask(Some(&nonce)).await;
    assert_eq!((taken.status, taken.header("dpop-nonce")), (200, nonce.as_str()));
    // It is the one of the token endpoint, and none of the account API.
    let refreshed = kakeibo.refresh(&linked.refresh).proof_claims(json!({ "nonce": nonce })).send().await;
    assert_eq!(refreshed.status, 200);
}

on_each_engine! {
    async fn r_160_r_164_after_a_grant_was_given_back_no_token_of_a_refresh_beside_it_is_of_use(store: Store) {
        let bank = Bank::over(store).await;
        let kakeibo = bank.join(&aoi()).await;
        for round in 0..15 {
            let held = bank.linked(&kakeibo).await;
            let own = token(&kakeibo, REVOKE).await;
            let grant = path(held.linkage);
            let (refreshed, ended, again, _) = tokio::join!(
                kakeibo.refresh(&held.refresh).send(),
                kakeibo.call(Method::DELETE, &grant, &own),
                kakeibo.call(Method::DELETE, &grant, &own),
                kakeibo.call(Method::GET, "/1001/api/v1/accounts", &held.access),
            );
            let mut ends = [ended.status, again.status];
            ends.sort_unstable();
            assert_eq!(ends, [204, 404], "round {round}: one of two ends it");
            if refreshed.status == 200 {
                assert!(!bank.is_live(&refreshed.text("access_token")).await, "round {round}");
            }
            assert!(!bank.is_live(&held.access).await, "round {round}");
            let read = kakeibo.call(Method::GET, "/1001/api/v1/accounts", &held.access).await;
            assert_eq!((read.status, read.text("error").as_str()), (401, "ended_by_partner"));
        }
        let ended = "SELECT COUNT(*) FROM audit WHERE institution = ?1 AND action = 'linkage_ended' AND outcome = 'done'";
        assert_eq!(bank.count(&aoi(), ended).await, 15);
    }

    async fn r_166_time_alone_ends_a_grant_that_was_not_taken_and_a_renewal_does_not_begin_it_anew(store: Store) {
        let bank = Bank::over(store).await;
        let kakeibo = bank.join(&aoi()).await;
        let (linkage, code) = bank.linkage_with_code().await;
        bank.change("UPDATE linkages SET taken_at = NULL WHERE institution = ?1").await;
        bank.clock.forward(60);
        assert_eq!(kakeibo.redeem(&code).send().await.refusal(), (400, "invalid_grant"));
        assert_eq!(query(&kakeibo, linkage).await.refusal(), NO_GRANT);
        // A node of an older version redeems a code without noting it on the linkage.
        let held = bank.linked(&kakeibo).await;
        bank.change("UPDATE linkages SET taken_at = NULL WHERE institution = ?1").await;
        bank.clock.forward(60);
        assert_eq!(query(&kakeibo, held.linkage).await.status, 200);
        // Renewed without a code that was redeemed: what was there before goes on.
        bank.change("UPDATE linkages SET renewed_at = renewed_at + 60000000 WHERE institution = ?1").await;
        bank.clock.forward(120);
        assert_eq!(query(&kakeibo, held.linkage).await.status, 200);
        assert_eq!(kakeibo.refresh(&held.refresh).send().await.status, 200);
    }
}
