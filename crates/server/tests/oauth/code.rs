//! Codes at the token endpoint.

use renkei_domain::linkage::EndedBy;
use renkei_store::guards::Subject;
use renkei_store::{Step, Store};
use renkei_testing::{aoi, fresh_sqlite, on_each_engine};

use crate::support::{Bank, LINKAGE_SECONDS, REDIRECT_URI, VERIFIER, new_key};

const INVALID_GRANT: (u16, &str) = (400, "invalid_grant");

#[tokio::test]
async fn r_103_r_110_r_130_a_code_becomes_tokens_and_the_answer_is_exact() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let (linkage, code) = bank.linkage_with_code().await;
    let answer = kakeibo.redeem(&code).with("redirect_uri", REDIRECT_URI).send().await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{}", answer.body);
    assert_eq!(answer.body["token_type"], "DPoP");
    assert_eq!(answer.body["expires_in"], 300);
    assert_eq!(answer.body["scope"], "balances transactions");
    assert_eq!(answer.body["grant_id"], linkage.to_string());
    assert_eq!(answer.body["authorization_expires_in"], LINKAGE_SECONDS);
    let access = answer.text("access_token");
    assert_eq!((access.len(), answer.text("refresh_token").len()), (64, 64));
    bank.clock.forward(299);
    assert!(bank.is_live(&access).await);
    bank.clock.forward(1);
    assert!(!bank.is_live(&access).await);
    assert_eq!(bank.recorded("code_redeemed", "done", "").await, 1);
}

#[tokio::test]
async fn r_095_no_other_grant_type_is_supported() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    for grant_type in ["password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "x"] {
        let answer = kakeibo.redeem("code").with("grant_type", grant_type).send().await;
        assert_eq!(answer.refusal(), (400, "unsupported_grant_type"), "{grant_type}");
    }
    assert_eq!(kakeibo.redeem("code").without("grant_type").send().await.refusal(), (400, "invalid_request"));
}

#[tokio::test]
async fn r_096_a_001_a_code_used_twice_takes_back_what_its_first_use_gave() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    assert!(bank.is_live(&held.access).await);
    bank.clock.forward(1);
    assert_eq!(kakeibo.redeem(&held.code).send().await.refusal(), INVALID_GRANT);
    assert_eq!(bank.recorded("code_refused", "refused", "code used twice: its tokens are revoked").await, 1);
    assert!(!bank.is_live(&held.access).await);
    assert_eq!(kakeibo.refresh(&held.refresh).send().await.refusal(), INVALID_GRANT);
}

#[tokio::test]
async fn r_096_a_code_used_again_after_its_minute_takes_back_its_tokens_all_the_same() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    bank.clock.forward(200);
    assert_eq!(kakeibo.redeem(&held.code).send().await.refusal(), INVALID_GRANT);
    assert!(!bank.is_live(&held.access).await);
}

#[tokio::test]
async fn a_001_a_duplicate_of_the_very_same_request_takes_nothing_back() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let (_, code) = bank.linkage_with_code().await;
    let draft = kakeibo.redeem(&code).seal();
    let first = draft.clone().send().await;
    assert_eq!(first.status, 200);
    assert_eq!(draft.send().await.refusal(), (401, "invalid_client"));
    assert!(bank.is_live(&first.text("access_token")).await);
    assert_eq!(kakeibo.refresh(&first.text("refresh_token")).send().await.status, 200);
}

on_each_engine! {
    async fn r_097_a_002_of_fifty_redemptions_of_one_code_at_once_exactly_one_succeeds(store: Store) {
        let bank = Bank::over(store).await;
        let kakeibo = bank.join(&aoi()).await;
        let (_, code) = bank.linkage_with_code().await;
        let requests = (0..50).map(|_| tokio::spawn(kakeibo.redeem(&code).send()));
        let mut tokens = Vec::new();
        for request in requests.collect::<Vec<_>>() {
            let answer = request.await.unwrap();
            if answer.status == 200 {
                tokens.push(answer.text("access_token"));
            } else {
                assert_eq!(answer.refusal(), INVALID_GRANT);
            }
        }
        assert_eq!(tokens.len(), 1);
        // Each later attempt was signed anew, so what the winner got was taken back: that is the policy.
        assert!(!bank.is_live(&tokens[0]).await);
        let count = "SELECT COUNT(*) FROM refresh_tokens WHERE institution = ?1";
        assert_eq!(bank.count(&aoi(), count).await, 1);
    }

    async fn a_001_a_duplicate_racing_with_itself_leaves_the_winners_tokens(store: Store) {
        let bank = Bank::over(store).await;
        let kakeibo = bank.join(&aoi()).await;
        let (_, code) = bank.linkage_with_code().await;
        let draft = kakeibo.redeem(&code).seal();
        let requests = (0..20).map(|_| tokio::spawn(draft.clone().send()));
        let mut tokens = Vec::new();
        for request in requests.collect::<Vec<_>>() {
            let answer = request.await.unwrap();
            if answer.status == 200 { tokens.push(answer.text("access_token")) }
        }
        assert_eq!(tokens.len(), 1);
        assert!(bank.is_live(&tokens[0]).await);
    }
}

#[tokio::test]
async fn r_098_a_code_of_one_client_is_nothing_to_another_and_stays_good_for_its_owner() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let chobo = bank.join_product("chobo").await;
    let (_, code) = bank.linkage_with_code().await;
    let strangers = chobo.redeem(&code).send().await;
    let unknown = chobo.redeem(&bank.app.new_ticket(bank.now()).reveal()).send().await;
    assert_eq!(strangers.refusal(), INVALID_GRANT);
    assert_eq!(strangers.text, unknown.text);
    let wrong = chobo.redeem(&code).with("code_verifier", &"x".repeat(43)).send().await;
    assert_eq!(wrong.refusal(), INVALID_GRANT);
    assert_eq!(kakeibo.redeem(&code).send().await.status, 200);
}

#[tokio::test]
async fn r_018_a_code_of_one_institution_is_nothing_at_another() {
    let (bank, _, at_midori) = Bank::with_two_institutions().await;
    let (_, code) = bank.linkage_with_code().await;
    assert_eq!(at_midori.redeem(&code).send().await.refusal(), INVALID_GRANT);
}

#[tokio::test]
async fn a_004_an_edited_code_is_unknown_and_harms_nobody() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let (linkage, code) = bank.linkage_with_code().await;
    let other = bank.code(linkage, |_| ()).await;
    for edited in [
        format!("{}{}", &code[..32], &other[32..]),
        format!("{}{}", &other[..32], &code[32..]),
        format!("{code}A"),
        code[..63].to_owned(),
        code.to_lowercase(),
        format!("{code}="),
        "' OR 1=1 --".to_owned(),
        "\u{0}".to_owned(),
    ] {
        assert_eq!(kakeibo.redeem(&edited).send().await.refusal(), INVALID_GRANT, "{edited}");
    }
    assert_eq!(kakeibo.redeem(&code).send().await.status, 200);
}

#[tokio::test]
async fn r_089_a_005_a_code_dies_after_a_minute() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let linkage = bank.linkage().await;
    let (early, late) = (bank.code(linkage, |_| ()).await, bank.code(linkage, |_| ()).await);
    bank.clock.forward(59);
    assert_eq!(kakeibo.redeem(&early).send().await.status, 200);
    bank.clock.forward(1);
    assert_eq!(kakeibo.redeem(&late).send().await.refusal(), INVALID_GRANT);
    assert_eq!(bank.recorded("code_refused", "refused", "code expired").await, 1);
}

#[tokio::test]
async fn r_099_a_010_a_verifier_that_fails_is_refused_and_spends_the_code() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    for verifier in ["", &VERIFIER[..42], &"a".repeat(129), &"口".repeat(43), &"a".repeat(43)] {
        let (_, code) = bank.linkage_with_code().await;
        let answer = kakeibo.redeem(&code).with("code_verifier", verifier).send().await;
        assert_eq!(answer.refusal(), INVALID_GRANT, "{verifier}");
        assert_eq!(kakeibo.redeem(&code).send().await.refusal(), INVALID_GRANT, "{verifier}");
    }
    let (_, code) = bank.linkage_with_code().await;
    assert_eq!(kakeibo.redeem(&code).without("code_verifier").send().await.refusal(), INVALID_GRANT);
}

#[tokio::test]
async fn r_101_a_redirect_uri_that_is_sent_must_be_the_one_of_the_request() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let (_, code) = bank.linkage_with_code().await;
    let answer = kakeibo.redeem(&code).with("redirect_uri", "https://kakeibo.example/other").send().await;
    assert_eq!(answer.refusal(), INVALID_GRANT);
}

#[tokio::test]
async fn r_102_without_a_proof_no_token_is_issued_and_the_code_stays_good() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let (_, code) = bank.linkage_with_code().await;
    assert_eq!(kakeibo.redeem(&code).without_proof().send().await.refusal(), (400, "invalid_dpop_proof"));
    assert_eq!(kakeibo.redeem(&code).send().await.status, 200);
}

#[tokio::test]
async fn r_128_the_key_named_with_the_request_must_sign_the_proof() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let linkage = bank.linkage().await;
    let jkt = kakeibo.jkt();
    let bound = bank.code(linkage, |code| code.dpop_jkt = Some(jkt.clone())).await;
    assert_eq!(kakeibo.redeem(&bound).proven_by(&new_key()).send().await.refusal(), INVALID_GRANT);
    let bound = bank.code(linkage, |code| code.dpop_jkt = Some(jkt)).await;
    assert_eq!(kakeibo.redeem(&bound).send().await.status, 200);
}

#[tokio::test]
async fn r_103_r_107_a_token_ends_with_the_first_of_its_operations_and_holds_none_that_ended() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let linkage = bank.linkage().await;
    let code = bank.code(linkage, |_| ()).await;
    // Ten and a half seconds of balances are left, and a day of transactions.
    let change = "UPDATE linkages SET operations = \
        '[{\"operation\":\"balances\",\"ends_at\":1800000010500000},\
        {\"operation\":\"transactions\",\"ends_at\":1800086400000000}]' WHERE institution = ?1";
    bank.change(change).await;
    let answer = kakeibo.redeem(&code).send().await;
    assert_eq!(
        (answer.body["expires_in"].as_i64(), answer.text("scope").as_str()),
        (Some(10), "balances transactions")
    );
    bank.clock.forward(10);
    assert!(!bank.is_live(&answer.text("access_token")).await);
    let later = kakeibo.refresh(&answer.text("refresh_token")).send().await;
    assert_eq!((later.body["expires_in"].as_i64(), later.text("scope").as_str()), (Some(300), "transactions"));
}

#[tokio::test]
async fn a_code_whose_linkage_has_ended_meanwhile_names_the_reason() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let (linkage, code) = bank.linkage_with_code().await;
    let mut tx = bank.app.store.begin(&aoi()).await.unwrap();
    assert!(tx.end_linkage(linkage, EndedBy::Customer, bank.now()).await.unwrap());
    tx.commit().await.unwrap();
    let answer = kakeibo.redeem(&code).send().await;
    assert_eq!(answer.refusal(), INVALID_GRANT);
    assert_eq!(answer.body["reason"], "ended_by_customer");
    assert_eq!(bank.recorded("code_refused", "refused", "ended_by_customer").await, 1);
}

#[tokio::test]
async fn r_165_a_renewal_replaces_the_tokens_before_it() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let before = bank.linked(&kakeibo).await;
    let code = bank.code(before.linkage, |_| ()).await;
    let after = kakeibo.redeem(&code).send().await;
    assert_eq!(after.text("grant_id"), before.linkage.to_string());
    assert!(!bank.is_live(&before.access).await);
    assert!(bank.is_live(&after.text("access_token")).await);
    assert_eq!(kakeibo.refresh(&before.refresh).send().await.refusal(), INVALID_GRANT);
    // Tidying up what was replaced must not end the linkage.
    assert_eq!(kakeibo.revoke(&before.refresh).send().await.status, 200);
    assert_eq!(kakeibo.refresh(&after.text("refresh_token")).send().await.status, 200);
}

#[tokio::test]
async fn a_107_r_218_a_code_is_refused_while_the_login_behind_it_is_locked() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let mut codes = Vec::new();
    for guard in [Some("hanako"), Some("taro"), None] {
        let (_, code) = bank.linkage_with_code().await;
        let ticket = renkei_domain::ticket::Ticket::parse(&code).unwrap();
        let mut tx = bank.app.store.begin(&aoi()).await.unwrap();
        if let Some(name) = guard {
            tx.apply(Step::note_passed_guard(ticket.id(), Subject::Login, name)).await.unwrap();
        }
        tx.commit().await.unwrap();
        codes.push(code);
    }
    bank.change(
        "INSERT INTO guards (institution, kind, subject, failures, locked_until) \
         VALUES (?1, 'login', 'hanako', 5, 9223372036854775807)",
    )
    .await;
    let answers = [kakeibo.redeem(&codes[0]).send().await, kakeibo.redeem(&codes[0]).send().await];
    assert!(answers.iter().all(|answer| answer.refusal() == (400, "invalid_grant")));
    assert_eq!(bank.recorded("code_refused", "refused", "the login behind the code is locked").await, 1);
    assert_eq!(kakeibo.redeem(&codes[1]).send().await.status, 200, "another login");
    assert_eq!(kakeibo.redeem(&codes[2]).send().await.status, 200, "a login by certificate");
}

#[tokio::test]
async fn r_237_no_token_is_issued_that_could_not_be_recorded() {
    let fresh = fresh_sqlite().await;
    let bank = Bank::over(fresh.store.clone()).await;
    let kakeibo = bank.join(&aoi()).await;
    let (_, code) = bank.linkage_with_code().await;
    let other = Store::connect(&fresh.config).await.unwrap();
    let writing = other.begin(&aoi()).await.unwrap();
    let answer = kakeibo.redeem(&code).send().await;
    assert_eq!((answer.refusal(), answer.header("retry-after")), ((503, "temporarily_unavailable"), "5"));
    drop(writing);
    assert_eq!(kakeibo.redeem(&code).send().await.status, 200, "the code was not spent");
}

#[tokio::test]
async fn r_237_a_table_that_is_gone_is_a_store_that_is_away_and_nothing_is_issued_or_spent() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let (_, code) = bank.linkage_with_code().await;
    let linked = bank.linked(&kakeibo).await;
    // A table that is gone makes no new version: without one every look goes to the tables.
    let mut tx = bank.app.store.begin_all().await.unwrap();
    tx.execute("DELETE FROM state_versions", &[]).await.unwrap();
    tx.commit().await.unwrap();
    for table in ["audit", "replays", "codes", "refresh_tokens", "access_tokens", "linkages", "products"] {
        rename(&bank, table, &format!("{table}_away")).await;
        let answers = [
            kakeibo.redeem(&code).send().await,
            kakeibo.refresh(&linked.refresh).send().await,
            kakeibo.push().send().await,
        ];
        let away = answers.iter().filter(|answer| answer.status == 503);
        for answer in away.clone() {
            assert_eq!(answer.refusal(), (503, "temporarily_unavailable"), "{table}: {}", answer.text);
            assert_eq!(answer.header("retry-after"), "5");
            for leak in [table, "SELECT", "INSERT", "no such"] {
                assert!(!answer.text.contains(leak), "{leak}");
            }
        }
        // A push asks for none of what belongs to tokens, and a refresh for no code.
        let needs = match table {
            "codes" => 1,
            "refresh_tokens" | "access_tokens" | "linkages" => 2,
            _ => 3,
        };
        assert_eq!(away.count(), needs, "{table}: {answers:?}");
        assert!(answers.iter().all(|answer| [200, 201, 503].contains(&answer.status)), "{table}: {answers:?}");
        rename(&bank, &format!("{table}_away"), table).await;
    }
    assert_eq!(kakeibo.redeem(&code).send().await.status, 200, "the code was not spent");
}

async fn rename(bank: &Bank, table: &str, to: &str) {
    let sql: &'static str = format!("ALTER TABLE {table} RENAME TO {to}").leak();
    let mut tx = bank.app.store.begin_all().await.unwrap();
    tx.execute(sql, &[]).await.unwrap();
    tx.commit().await.unwrap();
}
