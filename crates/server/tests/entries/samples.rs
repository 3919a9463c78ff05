//! The files of みなと信用組合, written by another program, leave the ledger their writer expects.

use std::path::PathBuf;

use renkei_domain::id::AccountId;
use renkei_server::ledger::import::{Failure, Report};
use renkei_store::ledger::RangePlace;
use renkei_store::{Store, params};
use renkei_testing::on_each_engine;
use serde_json::Value;

use super::{Desk, reason};

const QUARTER: &str = "minato-03-2026-07-to-09.txt";
const AUGUST: &str = "minato-03-2026-08-no-ref.txt";
const AUTUMN: &str = "minato-03-2026-09-to-10-crlf.txt";
/// What `expected.json` calls the quarter followed by the autumn.
const BOTH: &str = "03 07-to-09 then 09-to-10";

fn sample(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/minato").join(name)
}

async fn minato(store: &Store) -> Desk {
    Desk::of(store, "2990".parse().unwrap(), &["002", "450"]).await
}

async fn import(desk: &Desk, names: &[&str]) -> Result<Report, Failure> {
    desk.import(&names.iter().map(|name| sample(name)).collect::<Vec<_>>()).await
}

fn all_new(report: &Report) -> Vec<i64> {
    report.files.iter().flat_map(|file| &file.accounts).map(|account| account.new).collect()
}

/// Compares each account with the rows for `file`, and each account's entries with one another.
async fn expect(desk: &Desk, file: &str) {
    let expected: Value = serde_json::from_slice(&std::fs::read(sample("expected.json")).unwrap()).unwrap();
    let rows: Vec<&Value> = expected.as_array().unwrap().iter().filter(|row| row["file"] == file).collect();
    assert_eq!(rows.len(), 4, "{file}");
    for row in rows {
        let branch = row["branch"].as_str().unwrap().parse().unwrap();
        let number = row["number"].as_str().unwrap().parse().unwrap();
        let mut session = desk.store.read(&desk.institution);
        let kind = u8::try_from(row["type"].as_u64().unwrap()).unwrap().try_into().unwrap();
        let account = session.find_account_by_number(&branch, kind, &number).await.unwrap().unwrap().id;
        let base = session.find_ledger_base(account).await.unwrap().unwrap();
        let found = (base.last_seq, base.opening_balance, base.balance);
        let value = |name: &str| row[name].as_i64().unwrap();
        assert_eq!(found, (value("entries"), value("opening"), value("closing")), "{row}");
        expect_sound(desk, account, base.opening_balance, base.balance).await;
    }
}

/// Entries are numbered without gaps, lead from the opening to the closing balance, and so do the sums of days.
async fn expect_sound(desk: &Desk, account: AccountId, opening: i64, closing: i64) {
    let mut session = desk.store.read(&desk.institution);
    let day = |text: &str| text.parse().unwrap();
    let all = RangePlace { up_to_seq: i64::MAX, after: (day("1900-01-01"), 0), until: day("9999-12-31") };
    let mut entries = session.list_entries_by_day(account, &all, 1_000).await.unwrap();
    entries.sort_by_key(|entry| entry.seq);
    let mut balance = opening;
    for (seq, entry) in (1..).zip(&entries) {
        balance += entry.signed_amount();
        assert_eq!((entry.seq, entry.balance_after), (seq, balance));
    }
    assert_eq!(balance, closing);
    let days = "SELECT CAST(SUM(credits + debits) AS BIGINT), CAST(SUM(credit - debit) AS BIGINT) FROM account_days \
         WHERE institution = ?1 AND account_id = ?2";
    let mut row = session.row(days, params![account]).await.unwrap().unwrap();
    assert_eq!((row.get::<i64>(0).unwrap(), row.get::<i64>(1).unwrap()), (entries.len() as i64, closing - opening));
}

on_each_engine! {
    async fn files_in_turn_and_again_leave_what_their_writer_expects(store: Store) {
        let desk = minato(&store).await;
        assert_eq!(all_new(&import(&desk, &[QUARTER]).await.unwrap()), [140, 142, 127, 159]);
        expect(&desk, QUARTER).await;
        let again = import(&desk, &[QUARTER]).await.unwrap();
        assert_eq!(all_new(&again), [0; 4]);
        assert!(again.files[0].accounts.iter().all(|account| account.reading == "imported_before"));
        let august = import(&desk, &[AUGUST]).await.unwrap();
        assert_eq!(all_new(&august), [0; 4], "the same lines without inquiry numbers");
        assert!(august.files[0].accounts.iter().all(|account| account.reading == "full_days" && account.known > 0));
        expect(&desk, QUARTER).await;

        assert_eq!(all_new(&import(&desk, &[AUTUMN]).await.unwrap()), [42, 43, 46, 69]);
        expect(&desk, BOTH).await;
        assert_eq!(all_new(&import(&desk, &[QUARTER, AUGUST, AUTUMN]).await.unwrap()), [0; 12]);
        expect(&desk, BOTH).await;
    }

    async fn files_of_one_run_bring_the_same_as_in_turn(store: Store) {
        let desk = minato(&store).await;
        let report = import(&desk, &[QUARTER, AUGUST, AUTUMN, QUARTER]).await.unwrap();
        assert_eq!(all_new(&report), [140, 142, 127, 159, 0, 0, 0, 0, 42, 43, 46, 69, 0, 0, 0, 0]);
        expect(&desk, BOTH).await;
        let done = "SELECT COUNT(*) FROM imports WHERE institution = ?1 AND outcome = 'done' AND ended_at IS NOT NULL";
        assert_eq!(desk.number(done).await, 4);
        assert_eq!(desk.number("SELECT COUNT(*) FROM leases WHERE institution = ?1").await, 0);
        let audit = store.read(&desk.institution).list_audit(10).await.unwrap();
        assert_eq!(audit.len(), 4, "one record for each file");
        assert!(audit.iter().all(|record| record.action == "file_imported" && record.actor.as_deref() == Some("hanako")));
    }

    async fn corrections_name_the_entries_they_correct(store: Store) {
        let desk = minato(&store).await;
        import(&desk, &[QUARTER, AUTUMN]).await.unwrap();
        let bodies = "SELECT body FROM entries WHERE institution = ?1 ORDER BY account_id, seq";
        let rows = store.read(&desk.institution).rows(bodies, &[]).await.unwrap();
        let bodies: Vec<Value> =
            rows.into_iter().map(|mut row| serde_json::from_str(&row.get::<String>(0).unwrap()).unwrap()).collect();
        let corrections: Vec<&Value> = bodies.iter().filter(|body| body["kind"]["code"] == "19").collect();
        assert_eq!(corrections.len(), 11);
        for correction in corrections {
            let corrected = bodies.iter().find(|body| body["transaction_id"] == correction["correction_of"]).unwrap();
            assert_eq!(corrected["amount"], correction["amount"]);
            assert_ne!(corrected["direction"], correction["direction"]);
        }
    }

    async fn other_types_are_recognised_and_refused(store: Store) {
        let desk = minato(&store).await;
        for (name, word) in [
            ("minato-01-2026-10.txt", "type 01"),
            ("minato-04-2026-10-31.txt", "type 04"),
            ("minato-anser-2000002-2026-10.csv", "ANSER CSV"),
        ] {
            let reason = reason(import(&desk, &[name]).await).to_string();
            assert!(reason.contains(word) && reason.contains("type 03"), "{reason}");
        }
    }
}
