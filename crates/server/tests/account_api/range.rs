//! Reads by booking day: pages fit together while postings arrive, and cursors open nothing else.

use renkei_domain::id::AccountId;
use renkei_store::Store;
use renkei_testing::{aoi, midori, on_each_engine};
use serde_json::Value;

use crate::feed::{linked, proven, sequences};
use crate::support::{Bank, Partner};

async fn page(bank: &Bank, partner: &Partner, account: AccountId, query: &str) -> Value {
    let reply = bank.get(partner, &format!("/accounts/{account}/transactions?{query}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    proven(reply.json())
}

const OCTOBER: &str = "from=2026-10-01&to=2026-10-31";

on_each_engine! {
    async fn pages_by_days_fit_together_while_postings_arrive_between_them(store: Store) {
        let (bank, partner, account) = linked(store).await;
        let lines = [
            ("2026-09-30", 10), ("2026-10-05", 20), ("2026-10-05", 30), ("2026-10-02", -40), ("2026-11-01", 5),
            ("2026-10-31", 60),
        ];
        bank.post(&aoi(), account, 1_000, &lines).await;
        let mut query = format!("{OCTOBER}&limit=1");
        let (mut read, mut balance) = (Vec::new(), Value::from(1_010));
        loop {
            let page = page(&bank, &partner, account, &query).await;
            assert_eq!(page["opening_balance"], balance);
            balance = page["closing_balance"].clone();
            read.extend(sequences(&page));
            // Late for a day before, on and after the lines already given.
            bank.post(&aoi(), account, 0, &[("2026-09-29", 1), ("2026-10-03", 2), ("2026-10-30", 3)]).await;
            match page["next_cursor"].as_str() {
                Some(cursor) => query = format!("{OCTOBER}&limit=1&cursor={cursor}"),
                None => break,
            }
        }
        assert_eq!(read, [4, 2, 3, 6], "by booking day, then posting order");
        assert_eq!(balance, Value::from(1_000 + 10 + 20 + 30 - 40 + 60));

        let anew = page(&bank, &partner, account, OCTOBER).await;
        assert_eq!(anew["opening_balance"], 1_014);
        assert_eq!(anew["count"], 12);
    }

    async fn days_without_lines_give_an_empty_page_with_the_balance_of_that_day(store: Store) {
        let (bank, partner, account) = linked(store).await;
        bank.post(&aoi(), account, 1_000, &[("2026-10-01", 10), ("2026-10-09", 20)]).await;
        for (days, balance) in [
            ("from=2026-09-01&to=2026-09-30", 1_000),
            ("from=2026-10-02&to=2026-10-08", 1_010),
            ("from=2026-11-01&to=2026-11-30", 1_030),
        ] {
            let page = page(&bank, &partner, account, days).await;
            assert_eq!((page["count"].as_i64(), page["opening_balance"].as_i64()), (Some(0), Some(balance)), "{days}");
            assert!(page.get("next_cursor").is_none());
        }
    }

    async fn a_073_a_forged_or_foreign_cursor_is_refused(store: Store) {
        let (bank, partner, account) = linked(store).await;
        bank.post(&aoi(), account, 0, &[("2026-10-01", 10), ("2026-10-02", 20)]).await;
        let page = page(&bank, &partner, account, &format!("{OCTOBER}&limit=1")).await;
        let cursor = page["next_cursor"].as_str().unwrap().to_owned();
        let who = bank.customer(&aoi(), "user02").await;
        let other_account = bank.account(&aoi(), &who, "2000009").await;
        bank.post(&aoi(), other_account, 0, &[("2026-10-01", 10)]).await;
        let other_linkage = bank.link(&aoi(), &who, &[other_account]).await;
        let midori_who = bank.customer(&midori(), "user01").await;
        let midori_account = bank.account(&midori(), &midori_who, "2000002").await;
        bank.post(&midori(), midori_account, 0, &[("2026-10-01", 10)]).await;
        let midori_linkage = bank.link(&midori(), &midori_who, &[midori_account]).await;

        let flipped = format!("{}{}", &cursor[..cursor.len() - 1], if cursor.ends_with('A') { "B" } else { "A" });
        let long = "A".repeat(30_000);
        for forged in [flipped.as_str(), "", "x", "%27%3B%20DROP%20TABLE%20entries--", "MSAyMDI2", &long] {
            let path = format!("/accounts/{account}/transactions?{OCTOBER}&cursor={forged}");
            let reply = bank.get(&partner, &path).await;
            assert_eq!(reply.refusal(), (400, "invalid_cursor".into()), "{forged:.40}");
        }
        for (partner, account, days) in [
            (&partner, account, "from=2026-10-01&to=2026-10-30"),
            (&other_linkage, other_account, OCTOBER),
            (&midori_linkage, midori_account, OCTOBER),
        ] {
            let path = format!("/accounts/{account}/transactions?{days}&cursor={cursor}");
            assert_eq!(bank.get(partner, &path).await.refusal(), (400, "invalid_cursor".into()));
        }
        let path = format!("/accounts/{account}/transactions?{OCTOBER}&cursor={cursor}");
        assert_eq!(sequences(&bank.get(&partner, &path).await.json()), [2]);
    }

    async fn a_076_no_page_is_given_after_the_linkage_ended_between_pages(store: Store) {
        let (bank, partner, account) = linked(store).await;
        bank.post(&aoi(), account, 0, &[("2026-10-01", 10), ("2026-10-02", 20)]).await;
        let first = page(&bank, &partner, account, &format!("{OCTOBER}&limit=1")).await;
        let path = format!(
            "/accounts/{account}/transactions?{OCTOBER}&limit=1&cursor={}",
            first["next_cursor"].as_str().unwrap()
        );
        bank.pass(180 * 86_400 - 1);
        assert_eq!(bank.get(&partner, &path).await.status, 200);
        bank.pass(1);
        assert_eq!(bank.get(&partner, &path).await.refusal(), (401, "linkage_expired".into()));
    }

    async fn a_076_nothing_is_given_when_the_linkage_ended_while_a_read_waited(store: Store) {
        let (bank, partner, account) = linked(store).await;
        bank.post(&aoi(), account, 0, &[("2026-10-01", 10)]).await;
        let path = format!("/accounts/{account}/transactions?{OCTOBER}");
        // The proof is made at the first look and the read authenticates at the fourth; the end comes five seconds later.
        bank.pass(180 * 86_400 - 50);
        bank.drag(15);
        let reply = bank.get(&partner, &path).await;
        assert_eq!(reply.refusal(), (401, "linkage_expired".into()));
        let trail = bank.audit(&aoi()).await;
        let told: Vec<_> = trail.iter().map(|(action, outcome, _)| (action.as_str(), outcome.as_str())).collect();
        assert!(told.contains(&("transactions_read", "done")), "it was refused before it waited: {told:?}");
        assert!(told.contains(&("read_refused", "refused")), "{told:?}");
    }
}
