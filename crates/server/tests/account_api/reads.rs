//! What reads give: accounts, balances, the linkage, tags, tables, and the record each of them leaves.

use renkei_domain::time::Timestamp;
use renkei_store::{Store, params};
use renkei_testing::{aoi, midori, on_each_engine};

use crate::feed::linked;
use crate::support::{Bank, NOW};

on_each_engine! {
    async fn accounts_are_listed_with_their_state_and_history(store: Store) {
        let bank = Bank::open(store).await;
        let who = bank.customer(&aoi(), "user01").await;
        let account = bank.account(&aoi(), &who, "2000002").await;
        let bare = bank.account(&aoi(), &who, "2000003").await;
        let partner = bank.link(&aoi(), &who, &[account, bare]).await;
        bank.post(&aoi(), account, 0, &[("2026-10-01", 500), ("2026-10-09", 1)]).await;
        let list = bank.get(&partner, "/accounts").await;
        assert_eq!((list.status.as_u16(), list.header("content-type")), (200, "application/json"));
        let expected = serde_json::json!({
            "account_id": account.to_string(),
            "institution": {"code": "1001", "name": "あおい信用組合", "name_en": "Aoi Credit Cooperative"},
            "branch": {"code": "001", "name": "本店", "name_en": "Head office"},
            "type": {"code": "1", "name": "普通", "name_en": "Ordinary"}, "number": "2000002",
            "holder": "青井商会", "holder_kana": "ｱｵｲｼﾖｳｶｲ", "currency": "JPY", "state": "available",
            "history_from": "2026-10-01", "history_to": "2026-10-09",
        });
        assert_eq!(list.json()["accounts"][0], expected);
        assert_eq!(list.json()["accounts"][1]["state"], "no_statement_yet");
        assert_eq!(bank.get(&partner, &format!("/accounts/{account}")).await.json(), expected);

        for path in ["balances", "transactions"] {
            let reply = bank.get(&partner, &format!("/accounts/{bare}/{path}")).await;
            assert_eq!(reply.refusal(), (503, "no_statement_yet".into()));
            assert_eq!(reply.header("retry-after"), "3600");
        }
    }

    async fn balances_follow_from_the_statements(store: Store) {
        let (bank, partner, account) = linked(store).await;
        let lines = [("2026-09-30", 100_000), ("2026-10-01", 20), ("2026-10-31", -5)];
        bank.post(&aoi(), account, -99_999_999_999_999, &lines).await;
        bank.change(&aoi(), "UPDATE accounts SET uncleared = 7, overdraft_limit = 50 WHERE institution = ?1").await;
        let expected = serde_json::json!({
            "account_id": account.to_string(), "book_balance": -99_999_999_899_984_i64,
            "available_balance": -99_999_999_899_941_i64, "uncleared": 7, "overdraft_limit": 50,
            "previous_day_balance": -99_999_999_899_979_i64, "previous_month_end_balance": -99_999_999_899_999_i64,
            "as_of_on": "2026-10-31", "as_of": "2026-11-01T06:00:00+09:00", "day_closed": true,
        });
        assert_eq!(bank.get(&partner, &format!("/accounts/{account}/balances")).await.json(), expected);
        bank.change(&aoi(), "UPDATE accounts SET first_on = '2026-10-02' WHERE institution = ?1").await;
        let later = bank.get(&partner, &format!("/accounts/{account}/balances")).await.json();
        assert!(later.get("previous_month_end_balance").is_none(), "the history begins later");
    }

    async fn the_linkage_tells_its_operations_with_their_last_days(store: Store) {
        let (bank, partner, _) = linked(store).await;
        let expected = serde_json::json!({
            "linkage_id": partner.linkage.to_string(), "state": "active",
            "operations": [
                {"operation": "balances", "until": "2027-07-14"}, {"operation": "transactions", "until": "2027-07-14"},
            ],
            "started_at": "2027-01-15T17:00:00+09:00", "renewed_at": "2027-01-15T17:00:00+09:00",
            "ends_at": "2027-07-14T17:00:00+09:00",
        });
        assert_eq!(bank.get(&partner, "/linkage").await.json(), expected);
    }

    async fn nothing_new_answers_304_without_asking_core_banking_until_something_is(store: Store) {
        let (bank, partner, account) = linked(store).await;
        bank.post(&aoi(), account, 0, &[("2026-10-01", 500), ("2026-10-01", 1)]).await;
        let mark = &account.to_string()[..8];
        let paths = [
            "/accounts".to_owned(),
            format!("/accounts/{account}"),
            format!("/accounts/{account}/balances"),
            format!("/accounts/{account}/transactions?after={mark}-1"),
            format!("/accounts/{account}/transactions?from=2026-10-01&to=2026-10-31"),
            "/linkage".to_owned(),
        ];
        let mut tags = Vec::new();
        for path in &paths {
            let reply = bank.get(&partner, path).await;
            assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (200, "private, no-cache"), "{path}");
            tags.push(reply.header("etag").to_owned());
        }
        bank.file_pin(&aoi(), account, b"0000").await;
        for (path, tag) in paths.iter().zip(&tags) {
            let reply = bank.get_with(&partner, path, &[("if-none-match", tag)]).await;
            assert_eq!((reply.status.as_u16(), reply.header("etag"), reply.text.as_str()), (304, tag.as_str(), ""), "{path}");
        }
        bank.file_pin(&aoi(), account, b"7391").await;
        bank.post(&aoi(), account, 0, &[("2026-10-02", 7)]).await;
        for (path, tag) in paths.iter().zip(&tags).take(5) {
            let reply = bank.get_with(&partner, path, &[("if-none-match", tag)]).await;
            assert_eq!(reply.status, 200, "{path}");
            assert_ne!(reply.header("etag"), tag);
        }
        let full = format!("/accounts/{account}/transactions?limit=1");
        let tag = bank.get(&partner, &full).await.header("etag").to_owned();
        bank.post(&aoi(), account, 0, &[("2026-10-03", 8)]).await;
        assert_eq!(bank.get_with(&partner, &full, &[("if-none-match", &tag)]).await.status, 304, "a full page is done");
    }

    async fn the_same_lines_come_as_csv_page_by_page(store: Store) {
        let (bank, partner, account) = linked(store).await;
        bank.post(&aoi(), account, 0, &[("2026-10-01", 500), ("2026-10-02", -700)]).await;
        let path = format!("/accounts/{account}/transactions?limit=1");
        let first = bank.get_with(&partner, &path, &[("accept", "text/csv")]).await;
        assert_eq!(first.header("content-type"), "text/csv; charset=utf-8; header=present");
        assert_eq!(first.text.lines().count(), 2);
        assert!(first.text.contains(&format!("{account}-1,1,2026-10-01,2026-10-01,入金,11,振込,500,,0,500,ﾌﾘｺﾐ,フリコミ")));
        let link = first.header("link");
        let next = link.strip_prefix("<https://link.example.jp/1001/api/v1").unwrap().strip_suffix(">; rel=\"next\"").unwrap();
        let second = bank.get(&partner, next).await;
        assert!(second.text.contains(",2,2026-10-02,2026-10-02,出金,11,振込,,700,0,-200,"));
        assert_eq!(second.header("link"), "");
        let range = format!("/accounts/{account}/transactions?from=2026-10-01&to=2026-10-02&limit=1&format=csv");
        let link = bank.get(&partner, &range).await.header("link").to_owned();
        let next = link.strip_prefix("<https://link.example.jp/1001/api/v1").unwrap().strip_suffix(">; rel=\"next\"").unwrap();
        assert!(bank.get(&partner, next).await.text.contains(",2,2026-10-02,"));
        assert_ne!(bank.get(&partner, &path).await.header("etag"), first.header("etag"));
    }

    async fn a_122_a_hostile_memo_and_holder_leave_the_json_whole(store: Store) {
        let (bank, partner, account) = linked(store).await;
        let hostile = format!("</script>\u{2028}\"\\{}", "あ".repeat(100_000));
        let mut tx = bank.store.begin(&aoi()).await.unwrap();
        let update = "UPDATE user_accounts SET memo = ?2 WHERE institution = ?1";
        tx.execute(update, params![&hostile]).await.unwrap();
        tx.commit().await.unwrap();
        let reply = bank.get(&partner, &format!("/accounts/{account}")).await;
        assert_eq!(reply.json()["memo"], hostile.as_str());
        assert_eq!((reply.header("content-type"), reply.header("x-content-type-options")), ("application/json", "nosniff"));
    }

    async fn r_233_every_read_leaves_one_record_and_the_linkage_its_hour(store: Store) {
        let (bank, partner, account) = linked(store).await;
        bank.post(&aoi(), account, 0, &[("2026-10-01", 500)]).await;
        let own = ["", "/balances", "/transactions", "/transactions?after=x"];
        let own = own.map(|path| format!("/accounts/{account}{path}"));
        for path in ["/accounts", "/linkage"].into_iter().chain(own.iter().map(String::as_str)) {
            bank.get(&partner, path).await;
            bank.pass(1);
        }
        let audit = bank.audit(&aoi()).await;
        let actions: Vec<_> = audit.iter().map(|(action, outcome, _)| (action.as_str(), outcome.as_str())).collect();
        assert_eq!(actions, [
            ("accounts_read", "done"), ("linkage_read", "done"), ("accounts_read", "done"), ("balance_read", "done"),
            ("transactions_read", "done"), ("read_refused", "refused"),
        ]);
        assert_eq!((audit[4].2.as_deref(), audit[5].2.as_deref()), (Some("feed 0 1"), Some("invalid_mark")));
        assert_eq!(bank.audit(&midori()).await, []);
        let linkage = bank.store.read(&aoi()).find_linkage(partner.linkage).await.unwrap().unwrap();
        assert_eq!(linkage.last_read_at, Some(Timestamp(NOW.0 - NOW.0 % 3_600_000_000)));
    }
}
