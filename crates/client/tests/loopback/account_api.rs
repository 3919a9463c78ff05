//! The account API, against an institution on loopback.

use crate::support::{Bank, answer, open, pushed, tokens};
use renkei_client::{AccountState, Client, Error, Fetched, Grant, ProofFault, Reason};
use serde_json::{Value, json};

async fn linked(bank: &Bank) -> (Client, Grant) {
    bank.prepare(pushed());
    bank.prepare(tokens("access-1", 300));
    let client = bank.client().await.unwrap();
    let pending = client.begin("balances transactions", None).await.unwrap();
    let query = bank.callback(pending.state(), "code=code-of-aoi");
    let grant = client.complete(&pending, &query).await.unwrap();
    (client, grant)
}

fn line(sequence: u64, direction: &str, amount: i64) -> Value {
    json!({
        "transaction_id": format!("aoi-1-{sequence}"), "sequence": sequence, "booked_on": "2026-10-01",
        "value_on": "2026-10-01", "direction": direction, "kind": {"code": "11", "name": "振込"},
        "amount": amount, "uncleared": 0, "balance_after": null, "description": "ﾌﾘｺﾐ ｱｵｲｼｮｳｶｲ",
        "description_normalised": "フリコミ アオイショウカイ",
        "remitter": {"code": null, "name": "ｱｵｲｼｮｳｶｲ", "name_normalised": "アオイショウカイ"},
        "bank": null, "branch": null, "edi": null,
    })
}

fn page(opening: i64, closing: i64, lines: &[Value], mark: &str, more: bool) -> crate::support::Prepared {
    answer(
        200,
        json!({
            "account_id": "aoi-1", "opening_balance": opening, "closing_balance": closing, "count": lines.len(),
            "transactions": lines, "next_mark": mark, "more": more,
        }),
    )
}

#[tokio::test]
async fn accounts_come_with_their_state() {
    let bank = Bank::open().await;
    let (client, mut grant) = linked(&bank).await;
    let account = |id: &str, state: &str| {
        json!({
            "account_id": id, "institution": {"code": "1001", "name": "あおい信用組合"},
            "branch": {"code": "001", "name": "本店"}, "type": {"code": "1", "name": "普通"}, "number": "2000002",
            "holder": "青井商会", "holder_kana": "アオイショウカイ", "currency": "JPY", "memo": null,
            "state": state, "history_from": "2026-04-01",
        })
    };
    let list = json!({"accounts": [account("aoi-1", "available"), account("aoi-2", "pin_stale")]});
    bank.prepare(answer(200, list).with("ETag", "\"v1\""));
    let Fetched::Fresh { value, etag } = client.accounts(&mut grant, None).await.unwrap() else { panic!("not fresh") };
    assert_eq!(etag.as_deref(), Some("\"v1\""));
    assert_eq!(value[0].state, AccountState::Available);
    assert_eq!(value[1].state, AccountState::Unavailable(Reason::PinStale));
    assert_eq!(value[0].account_type.name, "普通");
}

#[tokio::test]
async fn a_read_carries_a_proof_over_its_token_and_its_address_without_query() {
    let bank = Bank::open().await;
    let (client, mut grant) = linked(&bank).await;
    bank.prepare(page(0, 0, &[], "m1", false));
    client.transactions_after(&mut grant, "aoi/1", None, 50, None).await.unwrap();
    let asked = bank.asked().pop().unwrap();
    assert_eq!(
        (asked.path.as_str(), asked.query.as_str()),
        ("/1001/api/v1/accounts/aoi%2F1/transactions", "limit=50",)
    );
    let (_, claims) = open(asked.header("dpop"));
    assert_eq!(claims["htm"], "GET");
    assert_eq!(claims["htu"], json!(format!("{}/api/v1/accounts/aoi%2F1/transactions", bank.issuer)));
    // printf access-1 | openssl dgst -sha256 -binary | base64url
    assert_eq!(claims["ath"], "9MKET0Y7WpOlF96BtnoJyLnXlpe9Pn5RReIOHKIBPAY");
}

#[tokio::test]
async fn nothing_new_is_told_apart_from_data() {
    let bank = Bank::open().await;
    let (client, mut grant) = linked(&bank).await;
    bank.prepare(answer(304, json!(null)));
    let balance = client.balances(&mut grant, "aoi-1", Some("\"v1\"")).await.unwrap();
    assert_eq!(balance, Fetched::NotModified);
    assert_eq!(bank.asked().pop().unwrap().header("if-none-match"), "\"v1\"");
}

#[tokio::test]
async fn a_balance_is_read_exactly_to_the_last_yen_of_fourteen_digits() {
    let bank = Bank::open().await;
    let (client, mut grant) = linked(&bank).await;
    bank.prepare(answer(
        200,
        json!({
            "account_id": "aoi-1", "book_balance": -99_999_999_999_999_i64, "available_balance": 1,
            "uncleared": 0, "overdraft_limit": null, "previous_day_balance": 2,
            "previous_month_end_balance": 3, "as_of": "2026-10-31T09:00:00+09:00", "day_closed": false,
        }),
    ));
    let balance = client.balances(&mut grant, "aoi-1", None).await.unwrap().value().unwrap();
    assert_eq!(balance.book_balance, -99_999_999_999_999);
}

#[tokio::test]
async fn the_feed_walks_all_pages_and_checks_that_each_follows_on_the_last() {
    let bank = Bank::open().await;
    let (client, mut grant) = linked(&bank).await;
    bank.prepare(page(0, 300, &[line(1, "credit", 500), line(2, "debit", 200)], "m2", true));
    bank.prepare(page(300, 400, &[line(3, "credit", 100)], "m3", false));
    let mut feed = client.feed(&mut grant, "aoi-1", None, 2);
    assert_eq!(feed.next_page().await.unwrap().unwrap().transactions.len(), 2);
    let last = feed.next_page().await.unwrap().unwrap();
    assert_eq!((last.mark.next.as_str(), last.mark.last_sequence, last.mark.balance), ("m3", Some(3), 400));
    assert!(feed.next_page().await.unwrap().is_none());
    assert_eq!(bank.asked().pop().unwrap().query, "limit=2&after=m2");

    bank.prepare(page(400, 500, &[line(5, "credit", 100)], "m5", false));
    let gap = client.transactions_after(&mut grant, "aoi-1", Some(&last.mark), 2, None).await;
    assert!(matches!(gap, Err(Error::Proof(ProofFault::Sequence))));
}

#[tokio::test]
async fn a_page_that_does_not_add_up_is_refused_in_feed_and_range() {
    let bank = Bank::open().await;
    let (client, mut grant) = linked(&bank).await;
    bank.prepare(page(0, 501, &[line(1, "credit", 500)], "m1", false));
    let feed = client.transactions_after(&mut grant, "aoi-1", None, 2, None).await;
    assert!(matches!(feed, Err(Error::Proof(ProofFault::Sum))));
    bank.prepare(page(0, 501, &[line(1, "credit", 500)], "m1", false));
    let days = ("2026-10-01", "2026-10-31");
    let range = client.transactions_range(&mut grant, "aoi-1", days, 2, Some("c1")).await;
    assert!(matches!(range, Err(Error::Proof(ProofFault::Sum))));
    let query = bank.asked().pop().unwrap().query;
    assert_eq!(query, "from=2026-10-01&to=2026-10-31&limit=2&cursor=c1");
}

#[tokio::test]
async fn maintenance_says_when_to_come_back() {
    let bank = Bank::open().await;
    let (client, mut grant) = linked(&bank).await;
    let body = json!({"type": "about:blank", "status": 503, "error": "maintenance", "detail": "保守中です"});
    bank.prepare(answer(503, body).with("Retry-After", "3600"));
    let Err(Error::Problem(problem)) = client.accounts(&mut grant, None).await else { panic!("no problem") };
    assert_eq!((problem.reason, problem.retry_after), (Reason::Maintenance, Some(3600)));
    assert_eq!(problem.detail.as_deref(), Some("保守中です"));
}

#[tokio::test]
async fn the_linkage_tells_its_operations_and_their_ends() {
    let bank = Bank::open().await;
    let (client, mut grant) = linked(&bank).await;
    bank.prepare(answer(
        200,
        json!({
            "linkage_id": "linkage-1", "state": "active",
            "operations": [{"operation": "balances", "until": "2027-04-30"}],
            "started_at": "2026-10-31T09:00:00+09:00", "ends_at": "2027-04-30T23:59:59+09:00",
        }),
    ));
    let linkage = client.linkage(&mut grant).await.unwrap();
    assert_eq!((linkage.linkage_id.as_str(), linkage.operations.len()), ("linkage-1", 1));
}
