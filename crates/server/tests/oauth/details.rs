//! Rich authorization requests at the push and at the token endpoint: narrowing, never widening.

use renkei_domain::id::{AccountId, LinkageId};
use renkei_oauth::authorization_details::TYPE;
use renkei_testing::aoi;
use renkei_testing::seed::KAKEIBO;
use serde_json::{Value, json};

use crate::support::{Answer, Bank, ORIGIN, Partner, new_key};

const REFUSED: (u16, &str) = (400, "invalid_authorization_details");

fn item(actions: &[&str], accounts: &[AccountId]) -> Value {
    let accounts: Vec<Value> = accounts.iter().map(|account| json!({ "identifier": account.to_string() })).collect();
    json!({ "type": TYPE, "actions": actions, "locations": [format!("{ORIGIN}/1001/api/v1")], "accounts": accounts })
}

fn details(item: &Value) -> String {
    json!([item]).to_string()
}

/// What is told in detail, its accounts in the order of their identifiers.
fn told(answer: &Answer) -> Value {
    let mut told = answer.body["authorization_details"].clone();
    if let Some(accounts) = told.pointer_mut("/0/accounts").and_then(Value::as_array_mut) {
        accounts.sort_unstable_by_key(ToString::to_string);
    }
    told
}

fn sorted(mut accounts: [AccountId; 2]) -> [AccountId; 2] {
    accounts.sort_unstable_by_key(ToString::to_string);
    accounts
}

async fn read(bank: &Bank, kakeibo: &Partner, path: &str, token: &str) -> Answer {
    let proof = kakeibo.proof_with(path, token).sign();
    let call = bank.http.get(format!("{}{path}", bank.address));
    Answer::to(call.header("authorization", format!("DPoP {token}")).header("dpop", proof)).await
}

async fn drop_account(bank: &Bank, linkage: LinkageId, kept: AccountId) {
    let mut tx = bank.app.store.begin(&aoi()).await.unwrap();
    tx.set_linkage_accounts(linkage, &[kept], bank.now()).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn r_104_r_173_the_answer_tells_what_was_granted_with_the_accounts_identifiers() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let (_, accounts, code) = bank.detailed().await;
    let answer = kakeibo.redeem(&code).send().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let whole = json!([item(&["balances", "transactions"], &sorted(accounts))]);
    assert_eq!(told(&answer), whole);
    let refreshed = kakeibo.refresh(&answer.text("refresh_token")).send().await;
    assert_eq!(told(&refreshed), whole);
    let plain = bank.linked(&kakeibo).await;
    assert_eq!(told(&kakeibo.refresh(&plain.refresh).send().await), Value::Null);
}

#[tokio::test]
async fn r_107_a_refresh_may_be_for_less_and_then_reads_no_more() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let (_, [one, other], code) = bank.detailed().await;
    let refresh = kakeibo.redeem(&code).send().await.text("refresh_token");
    let asked = item(&["balances"], &[one]);
    let answer = kakeibo.refresh(&refresh).with("authorization_details", &details(&asked)).send().await;
    assert_eq!((answer.text("scope").as_str(), told(&answer)), ("balances", json!([asked])));
    let token = answer.text("access_token");
    let list = read(&bank, &kakeibo, "/1001/api/v1/accounts", &token).await;
    let ids: Vec<&str> =
        list.body["accounts"].as_array().unwrap().iter().filter_map(|a| a["account_id"].as_str()).collect();
    assert_eq!(ids, [one.to_string()]);
    assert_eq!(read(&bank, &kakeibo, &format!("/1001/api/v1/accounts/{one}"), &token).await.status, 200);
    let denied = read(&bank, &kakeibo, &format!("/1001/api/v1/accounts/{other}"), &token).await;
    let unknown = read(&bank, &kakeibo, &format!("/1001/api/v1/accounts/{}", uuid::Uuid::new_v4()), &token).await;
    assert_eq!(denied.refusal(), (404, "not_found"));
    assert_eq!(denied.body["title"], unknown.body["title"]);
    let transactions = format!("/1001/api/v1/accounts/{one}/transactions");
    assert_eq!(read(&bank, &kakeibo, &transactions, &token).await.refusal(), (403, "insufficient_scope"));
    // The refresh token itself is as wide as before.
    assert_eq!(kakeibo.refresh(&refresh).send().await.text("scope"), "balances transactions");
}

#[tokio::test]
async fn r_156_a_token_for_less_is_told_of_as_what_it_is() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let gateway = bank.join_server(&aoi(), |_| ()).await;
    let (_, [one, _], code) = bank.detailed().await;
    let asked = item(&["balances"], &[one]);
    let token = kakeibo.redeem(&code).with("authorization_details", &details(&asked)).send().await.text("access_token");
    assert_eq!(gateway.introspect(&token).send().await.body["authorization_details"], json!([asked]));
}

#[tokio::test]
async fn a_065_nothing_makes_a_refresh_wider_than_the_grant() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let (_, [one, _], _) = bank.detailed().await;
    let (linkage, [own, gone], _) = bank.detailed().await;
    let code = bank.code(linkage, |code| (code.scope, code.detailed) = ("balances".to_owned(), true)).await;
    let refresh = kakeibo.redeem(&code).send().await.text("refresh_token");
    let ask = |item: Value| kakeibo.refresh(&refresh).with("authorization_details", &details(&item));
    for (draft, expected) in [
        (kakeibo.refresh(&refresh).with("scope", "balances transactions"), (400, "invalid_scope")),
        (ask(item(&["balances", "transactions"], &[own])), REFUSED),
        (ask(item(&["transactions"], &[own])), REFUSED),
        (ask(item(&["balances"], &[one])), REFUSED),
        (ask(item(&["balances"], &[own, one])), REFUSED),
        (ask(json!({ "type": TYPE, "actions": ["balances"], "period_days": 1 })), REFUSED),
        (ask(json!({ "type": "x" })), REFUSED),
    ] {
        assert_eq!(draft.send().await.refusal(), expected);
    }
    drop_account(&bank, linkage, own).await;
    assert_eq!(ask(item(&["balances"], &[gone])).send().await.refusal(), REFUSED);
    let cut = kakeibo.refresh(&refresh).send().await;
    assert_eq!(told(&cut), json!([item(&["balances"], &[own])]));
}

#[tokio::test]
async fn r_107_an_access_token_is_cut_when_its_linkage_is() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let (linkage, [kept, gone], code) = bank.detailed().await;
    let asked = item(&["balances"], &[kept, gone]);
    let token = kakeibo.redeem(&code).with("authorization_details", &details(&asked)).send().await.text("access_token");
    drop_account(&bank, linkage, kept).await;
    assert_eq!(read(&bank, &kakeibo, &format!("/1001/api/v1/accounts/{gone}"), &token).await.status, 404);
    assert_eq!(read(&bank, &kakeibo, &format!("/1001/api/v1/accounts/{kept}"), &token).await.status, 200);
}

#[tokio::test]
async fn r_011_r_172_a_request_in_detail_is_pushed_beside_or_in_place_of_a_scope() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let asked = json!([{ "type": TYPE, "actions": ["transactions"] }]).to_string();
    let both = kakeibo.push().with("scope", "balances").and("authorization_details", &asked).send().await;
    assert_eq!(both.status, 201, "{}", both.body);
    let alone = kakeibo.push().without("scope").and("authorization_details", &asked).send().await;
    assert_eq!(alone.status, 201, "{}", alone.body);
    for (sql, why) in [
        (
            "SELECT COUNT(*) FROM requests WHERE institution = ?1 AND body LIKE '%[\"balances\",\"transactions\"]%'",
            "both",
        ),
        (
            "SELECT COUNT(*) FROM requests WHERE institution = ?1 AND body LIKE '%\"scope\":[\"transactions\"]%'",
            "alone",
        ),
    ] {
        assert_eq!(bank.count(&aoi(), sql).await, 1, "{why}");
    }
}

#[tokio::test]
async fn r_037_a_product_asks_for_what_it_is_registered_for() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    bank.change(
        "UPDATE products SET operations = '[{\"operation\":\"balances\",\"days\":180}]' WHERE institution = ?1",
    )
    .await;
    let ask = |actions: &[&str]| {
        let asked = json!([{ "type": TYPE, "actions": actions }]).to_string();
        kakeibo.push().without("scope").and("authorization_details", &asked)
    };
    assert_eq!(ask(&["balances"]).send().await.status, 201);
    assert_eq!(ask(&["transactions"]).send().await.refusal(), REFUSED);
    assert_eq!(ask(&["balances", "transactions"]).send().await.refusal(), REFUSED);
    assert_eq!(kakeibo.push().with("scope", "transactions").send().await.refusal(), (400, "invalid_scope"));
}

#[tokio::test]
async fn r_171_what_is_malformed_or_too_large_is_refused_before_anybody_is_looked_up() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let large = format!("[\"{}\"]", "x".repeat(16 * 1024));
    let many = json!(vec![json!({ "type": TYPE }); 51]).to_string();
    let twice = format!(r#"[{{"type":"{TYPE}","actions":["balances"],"type":"{TYPE}"}}]"#);
    for bad in ["{}", "[", "[[[[[[]]]]]]", &large, &many, &twice] {
        // A key that nobody registered shows that the keys were not looked at.
        let push = kakeibo.push().signed_by(&new_key()).and("authorization_details", bad);
        assert_eq!(push.send().await.refusal(), REFUSED, "{bad}");
        let refresh = kakeibo.refresh("x").signed_by(&new_key()).and("authorization_details", bad);
        assert_eq!(refresh.send().await.refusal(), REFUSED, "{bad}");
    }
    assert!(bank.app.store.read(&aoi()).list_audit(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn r_174_nothing_of_a_refused_request_comes_back_or_is_kept() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let hostile = "<script>alert(1)</script>\"';--";
    for bad in [
        json!([{ "type": hostile, "actions": ["balances"] }]),
        json!([{ "type": TYPE, "actions": [hostile] }]),
        json!([{ "type": TYPE, "actions": ["balances"], hostile: 1 }]),
        json!([{ "type": TYPE, "actions": ["balances"], "accounts": [{ "identifier": hostile }] }]),
        json!([{ "type": TYPE, "actions": ["balances"], "accounts": [{ "branch": "001", "type": "1", "number": hostile }] }]),
    ] {
        let answer = kakeibo.push().and("authorization_details", &bad.to_string()).send().await;
        assert_eq!(answer.refusal(), REFUSED);
        assert!(!answer.text.contains("alert(1)"), "{}", answer.text);
    }
    for record in bank.app.store.read(&aoi()).list_audit(10).await.unwrap() {
        assert!(!format!("{record:?}").contains("alert(1)"), "{record:?}");
        assert_eq!(record.actor.as_deref(), Some(KAKEIBO));
    }
}

#[tokio::test]
async fn r_110_the_ends_are_told_right_to_the_second() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let linked = bank.linked(&kakeibo).await;
    for (forward, token, grant) in [(100, 300, 86_300), (86_150, 150, 150), (149, 1, 1)] {
        bank.clock.forward(forward);
        let answer = kakeibo.refresh(&linked.refresh).send().await;
        assert_eq!(answer.body["expires_in"], token);
        assert_eq!(answer.body["authorization_expires_in"], grant);
    }
    bank.clock.forward(1);
    assert_eq!(kakeibo.refresh(&linked.refresh).send().await.refusal(), (400, "invalid_grant"));
}
