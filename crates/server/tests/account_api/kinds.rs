//! What stands in which answer, and that nothing is answered that can't be recorded.

use std::collections::BTreeSet;

use renkei_store::Store;
use renkei_testing::{aoi, on_each_engine};
use serde_json::Value;

use crate::feed::linked;

/// Every name in a JSON text, however deep.
fn names(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                found.insert(name.clone());
                names(inner, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}

on_each_engine! {
    async fn r_144_an_answer_holds_no_kind_of_data_but_its_own(store: Store) {
        let (bank, partner, account) = linked(store).await;
        bank.post(&aoi(), account, 0, &[("2026-10-01", 500)]).await;
        let only_balances = bank.token(&aoi(), partner.linkage, "balances").await;
        let only_transactions = bank.token(&aoi(), partner.linkage, "transactions").await;
        let of_entries = ["transaction_id", "amount", "description", "remitter", "edi", "balance_after"];
        let of_balances = ["book_balance", "available_balance", "previous_day_balance", "overdraft_limit"];
        for (token, paths, absent) in [
            (&only_balances, vec!["/accounts".to_owned(), format!("/accounts/{account}/balances")], &of_entries[..]),
            (&only_transactions, vec!["/accounts".to_owned(), format!("/accounts/{account}/transactions")], &of_balances),
        ] {
            let mut found = BTreeSet::new();
            for path in paths {
                let reply = bank.get(token, &path).await;
                assert_eq!(reply.status, 200, "{path}: {}", reply.text);
                names(&reply.json(), &mut found);
            }
            for name in absent {
                assert!(!found.contains(*name), "{name}");
            }
        }
        let refused = bank.get(&only_transactions, &format!("/accounts/{account}/balances")).await;
        assert_eq!(refused.refusal(), (403, "insufficient_scope".into()));
    }

    async fn r_237_r_236_a_136_what_cant_be_recorded_is_not_answered(store: Store) {
        let (bank, partner, account) = linked(store).await;
        bank.post(&aoi(), account, 0, &[("2026-10-01", 500)]).await;
        let mut tx = bank.store.begin_all().await.unwrap();
        tx.execute("ALTER TABLE audit RENAME TO audit_away", &[]).await.unwrap();
        tx.commit().await.unwrap();
        for path in ["/accounts".to_owned(), format!("/accounts/{account}/balances"), "/linkage".to_owned()] {
            let reply = bank.get(&partner, &path).await;
            assert_eq!(reply.refusal(), (503, "temporarily_unavailable".into()), "{path}");
            assert_eq!(reply.header("retry-after"), "10");
            assert_eq!(reply.json()["reference"], reply.header("x-request-id"));
            for leak in [account.to_string().as_str(), "audit", "SQL", "sql", "2000002", "no such", "relation"] {
                assert!(!reply.text.contains(leak), "{leak}: {}", reply.text);
            }
        }
    }
}
