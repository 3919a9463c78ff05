//! The feed: nothing is missed and nothing comes twice, however late it is booked.

use proptest::collection::vec;
use proptest::prelude::*;
use renkei_domain::id::AccountId;
use renkei_domain::statement::{EntryKind, StatementLine};
use renkei_server::ledger::entry::{EntryBody, Place};
use renkei_store::linkages::Permission;
use renkei_store::{Step, Store};
use renkei_testing::seed::{self, Line, Who};
use renkei_testing::{aoi, midori, on_each_engine};
use serde_json::Value;

use crate::support::{Bank, NOW, Partner, day, statement_line};

pub async fn linked(store: Store) -> (Bank, Partner, AccountId) {
    let bank = Bank::open(store).await;
    let who = bank.customer(&aoi(), "user01").await;
    let account = bank.account(&aoi(), &who, "2000002").await;
    let partner = bank.link(&aoi(), &who, &[account]).await;
    (bank, partner, account)
}

/// One page, its proof checked.
async fn page(bank: &Bank, partner: &Partner, account: AccountId, query: &str) -> Value {
    let reply = bank.get(partner, &format!("/accounts/{account}/transactions?{query}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    proven(reply.json())
}

/// The page, if it adds up.
pub fn proven(page: Value) -> Value {
    let lines = page["transactions"].as_array().unwrap();
    let signed = |line: &Value| match line["direction"].as_str().unwrap() {
        "credit" => line["amount"].as_i64().unwrap(),
        _ => -line["amount"].as_i64().unwrap(),
    };
    let sum: i64 = lines.iter().map(signed).sum();
    assert_eq!(page["opening_balance"].as_i64().unwrap() + sum, page["closing_balance"].as_i64().unwrap());
    assert_eq!(page["count"].as_u64().unwrap() as usize, lines.len());
    assert_eq!(page["credit_sum"].as_i64().unwrap() - page["debit_sum"].as_i64().unwrap(), sum);
    page
}

pub fn sequences(page: &Value) -> Vec<i64> {
    page["transactions"].as_array().unwrap().iter().map(|line| line["sequence"].as_i64().unwrap()).collect()
}

/// Reads the feed from a mark to its end; gives the sequences, the last mark and the last closing balance. Each page
/// must open where the last one closed.
async fn walk(
    bank: &Bank,
    partner: &Partner,
    account: AccountId,
    mark: Option<&str>,
    limit: u32,
) -> (Vec<i64>, String, i64) {
    let mut query = mark.map_or(format!("limit={limit}"), |mark| format!("limit={limit}&after={mark}"));
    let (mut read, mut balance) = (Vec::new(), None);
    loop {
        let page = page(bank, partner, account, &query).await;
        assert!(balance.is_none_or(|balance| page["opening_balance"] == balance));
        balance = Some(page["closing_balance"].clone());
        read.extend(sequences(&page));
        let mark = page["next_mark"].as_str().unwrap();
        if page["more"] == false {
            return (read, mark.to_owned(), balance.unwrap().as_i64().unwrap());
        }
        query = format!("limit={limit}&after={mark}");
    }
}

/// A batch of postings: day of October, and what each does to the balance.
type Batch = Vec<(u8, i64)>;

/// Posts batch after batch, reads the feed behind each, and at last all days from first to last: the same lines, the
/// same sum, each order kept.
async fn feed_and_days_agree(batches: Vec<Batch>, limit: u32, opening: i64) {
    let fresh = renkei_testing::fresh_sqlite().await;
    let (bank, partner, account) = linked(fresh.store.clone()).await;
    let (mut fed, mut mark, mut days) = (Vec::new(), None, Vec::new());
    let mut balance = opening;
    for batch in batches {
        let lines: Vec<(String, i64)> =
            batch.iter().map(|(day, amount)| (format!("2026-10-{day:02}"), *amount)).collect();
        let lines: Vec<(&str, i64)> = lines.iter().map(|(day, amount)| (day.as_str(), *amount)).collect();
        bank.post(&aoi(), account, opening, &lines).await;
        balance += batch.iter().map(|(_, amount)| amount).sum::<i64>();
        days.extend(batch.iter().map(|(day, _)| *day));
        let (new, next, closing) = walk(&bank, &partner, account, mark.as_deref(), limit).await;
        fed.extend(new);
        assert_eq!(closing, balance);
        mark = Some(next);
    }
    assert_eq!(fed, (1..=days.len() as i64).collect::<Vec<_>>());
    let mut by_day: Vec<(u8, i64)> = days.into_iter().zip(1..).collect();
    by_day.sort_unstable();
    let (mut ranged, mut reached, mut cursor) = (Vec::new(), opening, String::new());
    loop {
        let query = format!("from=2026-10-01&to=2026-10-31&limit={limit}{cursor}");
        let page = page(&bank, &partner, account, &query).await;
        assert_eq!(page["opening_balance"], reached);
        reached = page["closing_balance"].as_i64().unwrap();
        ranged.extend(sequences(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(ranged, by_day.into_iter().map(|(_, seq)| seq).collect::<Vec<_>>());
    assert_eq!(reached, balance);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_posted_feed_and_days_give_the_same_lines_and_the_same_balance(
        batches in vec(vec((1_u8..=9, prop_oneof![1_i64..1_000_000, -999_999_999_999_i64..0]), 1..6), 1..5),
        limit in 1_u32..5,
        opening in -1_000_000_i64..1_000_000,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(feed_and_days_agree(batches, limit, opening));
    }
}

on_each_engine! {
    async fn the_feed_has_no_gap_and_no_repetition_whatever_the_page_size_and_the_booking_days(store: Store) {
        let (bank, partner, account) = linked(store).await;
        let mut marks: Vec<(u32, Option<String>, Vec<i64>)> =
            [1, 2, 3, 7, 500].into_iter().map(|limit| (limit, None, Vec::new())).collect();
        let batches: [&[(&str, i64)]; 4] = [
            &[("2026-10-01", 500), ("2026-10-01", 500), ("2026-10-05", -200)],
            &[("2026-10-02", 70), ("2026-10-06", -1)],
            &[("2026-09-30", 11)],
            &[("2026-10-06", 3), ("2026-10-01", 4), ("2026-10-07", 5), ("2026-10-07", 6), ("2026-10-08", -7)],
        ];
        let (mut posted, mut balance) = (0, 1_000);
        for batch in batches {
            bank.post(&aoi(), account, 1_000, batch).await;
            posted += batch.len() as i64;
            balance += batch.iter().map(|(_, amount)| amount).sum::<i64>();
            for (limit, mark, read) in &mut marks {
                let (new, next, closing) = walk(&bank, &partner, account, mark.as_deref(), *limit).await;
                read.extend(new);
                assert_eq!(*read, (1..=posted).collect::<Vec<_>>(), "pages of {limit}");
                assert_eq!(closing, balance);
                *mark = Some(next);
            }
        }
    }

    async fn an_empty_page_opens_and_closes_with_the_balance_and_keeps_its_mark(store: Store) {
        let (bank, partner, account) = linked(store).await;
        bank.post(&aoi(), account, -5_000, &[("2026-10-01", 500)]).await;
        let (_, mark, _) = walk(&bank, &partner, account, None, 10).await;
        let empty = page(&bank, &partner, account, &format!("after={mark}")).await;
        assert_eq!((empty["opening_balance"].as_i64(), empty["count"].as_i64()), (Some(-4_500), Some(0)));
        assert_eq!((empty["next_mark"].as_str(), empty["more"].as_bool()), (Some(mark.as_str()), Some(false)));
    }

    async fn a_correction_is_a_line_of_its_own_and_names_what_it_corrects(store: Store) {
        let (bank, partner, account) = linked(store).await;
        bank.post(&aoi(), account, 0, &[("2026-10-01", 500)]).await;
        let before = page(&bank, &partner, account, "").await;
        let correcting = Line { booked_on: day("2026-10-02"), signed_amount: -500 };
        let body = |seq: i64, line: &Line, balance_after: i64| {
            let line = StatementLine { kind: Some(EntryKind::Correction), ..statement_line(line) };
            EntryBody::new(&Place { account, seq, balance_after, corrects: Some(1) }, &line).to_json().unwrap()
        };
        seed::post(&bank.store, &aoi(), account, 0, &[correcting], &body).await;
        let after = page(&bank, &partner, account, "").await;
        assert_eq!(after["transactions"][0], before["transactions"][0], "what was delivered stays");
        assert_eq!(after["transactions"][1]["correction_of"], before["transactions"][0]["transaction_id"]);
        assert_eq!(after["transactions"][1]["kind"]["name"], "訂正");
        assert_eq!(after["closing_balance"], 0);
    }

    async fn after_a_late_renewal_ids_and_feed_go_on_as_if_nothing_had_been(store: Store) {
        let (bank, partner, account) = linked(store).await;
        bank.post(&aoi(), account, 0, &[("2026-10-01", 500)]).await;
        let before = page(&bank, &partner, account, "").await;
        let mark = before["next_mark"].as_str().unwrap();
        bank.pass(181 * 86_400);
        bank.post(&aoi(), account, 0, &[("2026-10-02", 70)]).await;
        let path = format!("/accounts/{account}/transactions");
        assert_eq!(bank.get(&partner, &path).await.refusal(), (401, "linkage_expired".into()));

        let linkage = bank.store.read(&aoi()).find_linkage(partner.linkage).await.unwrap().unwrap();
        let ends_at = NOW.plus_seconds(365 * 86_400);
        let operations: Vec<_> = linkage
            .operations
            .iter()
            .map(|own| renkei_domain::linkage::PermittedOperation { ends_at, ..*own })
            .collect();
        let person = Who { user: linkage.user, customer: linkage.customer }.logged_in(NOW);
        let mut tx = bank.store.begin(&aoi()).await.unwrap();
        let permission = Permission {
            id: linkage.id,
            client_id: &linkage.client_id,
            person: &person,
            operations: &operations,
            known: 1,
            accounts: &[account],
            now: NOW,
        };
        assert_eq!(tx.apply(Step::renew_linkage(&permission).unwrap()).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(page(&bank, &partner, account, "limit=1").await["transactions"], before["transactions"]);
        assert_eq!(sequences(&page(&bank, &partner, account, &format!("after={mark}")).await), [2]);
    }

    async fn a_071_a_mark_of_another_account_and_one_from_the_future_are_refused(store: Store) {
        let (bank, partner, account) = linked(store).await;
        let who = bank.customer(&midori(), "user02").await;
        let other = bank.account(&midori(), &who, "2000002").await;
        bank.post(&aoi(), account, 0, &[("2026-10-01", 500)]).await;
        let own = account.to_string();
        let marks = [
            format!("{}-1", &other.to_string()[..8]),
            format!("{}-2", &own[..8]),
            format!("{}--1", &own[..8]),
            "1".to_owned(),
            "%27%20OR%201=1--".to_owned(),
        ];
        for mark in marks {
            let reply = bank.get(&partner, &format!("/accounts/{account}/transactions?after={mark}")).await;
            assert_eq!(reply.refusal(), (400, "invalid_mark".into()), "{mark}");
        }
    }
}
