//! Files that repeat, overlap or continue one another: each line of the account becomes one entry.

use renkei_domain::ledger::Misfit;
use renkei_domain::time::Day;
use renkei_formats::zengin::statement::Data;
use renkei_formats::zengin::{EntryKind, Text};
use renkei_server::ledger::import::Reason;
use renkei_store::Store;
use renkei_testing::on_each_engine;

use super::{Desk, header, line, new_lines, october, reason, statement};

/// A debit or credit of this kind, under this party's name.
fn with(kind: EntryKind, party: &str, line: Data) -> Data {
    Data { entry_kind: Some(kind), party: Text::new(party), ..line }
}

on_each_engine! {
    async fn two_equal_lines_are_two_entries_and_stay_two(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        let pair = [line(2, 100, "ﾔﾁﾝ"), line(2, 100, "ﾔﾁﾝ")];
        assert_eq!(new_lines(&desk.import_bytes(&statement(1, 5, 1_000, &pair)).await.unwrap()), [2]);
        let longer = [pair.to_vec(), vec![line(6, 7, "ﾘｿｸ")]].concat();
        assert_eq!(new_lines(&desk.import_bytes(&statement(1, 6, 1_000, &longer)).await.unwrap()), [1]);
        let third = [pair.to_vec(), vec![pair[0].clone(), line(6, 7, "ﾘｿｸ")]].concat();
        assert_eq!(new_lines(&desk.import_bytes(&statement(2, 6, 1_000, &third)).await.unwrap()), [1]);
        assert_eq!(desk.balance().await, 1_307);
    }

    async fn overlapping_and_continuing_files_of_one_run_or_several_agree(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        let first = desk.put("1.txt", &statement(1, 10, 1_000, &[line(3, 500, "A"), line(9, -200, "B")]));
        let second = desk.put("2.txt", &statement(9, 20, 1_500, &[line(9, -200, "B"), line(15, 40, "C")]));
        let third = desk.put("3.txt", &statement(15, 31, 1_340, &[line(15, 9, "D"), line(30, -1, "E")]));
        let report = desk.import(&[first.clone(), second.clone(), third.clone()]).await.unwrap();
        assert_eq!(new_lines(&report), [2, 1, 2]);
        assert_eq!(report.files[2].accounts[0].reading, "continuation");
        let whole = desk.entries().await;
        assert_eq!(whole.iter().map(|entry| entry.balance_after).collect::<Vec<_>>(), [1_500, 1_300, 1_340, 1_349, 1_348]);
        for path in [first, second, third] {
            assert_eq!(new_lines(&desk.import(&[path]).await.unwrap()), [0]);
        }
        assert_eq!(desk.entries().await, whole);
        let covered = "SELECT first_on, last_on, as_of_at FROM accounts WHERE institution = ?1";
        let mut row = desk.row(covered).await.unwrap();
        let days: (Day, Day) = (row.get(0).unwrap(), row.get(1).unwrap());
        assert_eq!(days, (Day(october(1)), Day(october(31))));
        assert_eq!(row.get::<i64>(2).unwrap(), "2026-11-02".parse::<Day>().unwrap().begins_at().0);
    }

    async fn a_line_booked_late_comes_after_what_was_delivered(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        desk.import_bytes(&statement(1, 10, 1_000, &[line(3, 500, "A"), line(9, -200, "B")])).await.unwrap();
        let late = [line(3, 500, "A"), line(5, 30, "LATE"), line(9, -200, "B")];
        assert_eq!(new_lines(&desk.import_bytes(&statement(1, 10, 1_000, &late)).await.unwrap()), [1]);
        let entries = desk.entries().await;
        let last = entries.last().unwrap();
        assert_eq!((last.sequence, last.booked_on.as_str(), last.balance_after), (3, "2026-10-05", 1_330));
        let day = "SELECT credit FROM account_days WHERE institution = ?1 AND booked_on = '2026-10-05'";
        assert_eq!(desk.number(day).await, 30);
    }

    async fn a_gap_is_refused_with_its_figures(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        desk.import_bytes(&statement(1, 10, 1_000, &[line(9, -200, "B")])).await.unwrap();
        let before = desk.ledger().await;
        let outcome = desk.import_bytes(&statement(20, 31, 5_000, &[line(25, 1, "C")])).await;
        let Err(failure) = &outcome else { panic!("taken in") };
        assert_eq!(
            failure.to_string(),
            "file.txt: record 1, byte 115, 取引前残高: account 001-1-****002: the statement begins on 2026-10-20 with \
             5000 yen, but the ledger ends with 800 yen on 2026-10-09: a statement between is missing"
        );
        assert_eq!(
            failure.to_japanese(),
            "file.txt：1件目、先頭から115バイト目の取引前残高：口座001-1-****002：明細は2026-10-20に残高5000円で\
             始まりますが、元帳は2026-10-09に残高800円で終わっています。間の明細ファイルが不足しています"
        );
        assert!(matches!(reason(outcome), Reason::Misfit(Misfit::Gap { opening: 5_000, balance: 800, .. })));
        assert_eq!(desk.ledger().await, before);
    }

    async fn a_file_that_lacks_what_was_delivered_is_refused_at_its_line(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        desk.import_bytes(&statement(1, 10, 1_000, &[line(3, 500, "A"), line(9, -200, "B")])).await.unwrap();
        let changed = statement(1, 10, 1_000, &[line(3, 501, "A"), line(9, -200, "B")]);
        let misfit = reason(desk.import_bytes(&changed).await);
        assert!(matches!(misfit, Reason::Misfit(Misfit::EntriesMissing { missing: 1, .. })), "{misfit}");
        let mut early = header(1, 31, 1_300);
        early.from = "2026-09-01".parse().unwrap();
        let lines = vec![line(20, 5, "C"), Data { booked_on: "2026-09-03".parse().unwrap(), ..line(1, 1, "D") }];
        let outcome = desk.import_bytes(&super::file(&[(early, lines)])).await;
        let Err(failure) = outcome else { panic!("taken in") };
        let text = failure.to_string();
        assert!(text.contains("record 3, byte 409, 勘定日") && text.contains("the ledger begins on 2026-10-01"), "{text}");
    }

    async fn a_correction_names_the_latest_alike_that_is_not_corrected_yet(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        let rent = |day| with(EntryKind::BookTransfer, "", line(day, -500, "ﾔﾁﾝ ｻｸﾗﾋﾞﾙ"));
        let correction = |day, amount, text| with(EntryKind::Correction, "", line(day, amount, text));
        let lines = [
            rent(2),
            rent(3),
            correction(4, 500, "ﾔﾁﾝ ｻｸﾗﾋﾞﾙ ﾃｲｾ"),
            correction(5, 500, "ﾔﾁﾝ ｻｸﾗﾋﾞﾙ ﾃｲｾ"),
            correction(6, 500, "ﾔﾁﾝ ｻｸﾗﾋﾞﾙ ﾃｲｾ"),
            correction(7, 499, "ﾔﾁﾝ ｻｸﾗﾋﾞﾙ ﾃｲｾ"),
            correction(8, -500, "ﾔﾁﾝ ｻｸﾗﾋﾞﾙ ﾃｲｾ"),
        ];
        desk.import_bytes(&statement(1, 10, 1_000, &lines)).await.unwrap();
        let entries = desk.entries().await;
        let named: Vec<_> = entries.iter().map(|entry| {
            let of = entry.correction_of.as_ref()?;
            entries.iter().find(|other| other.transaction_id == *of).map(|other| other.sequence)
        }).collect();
        assert_eq!(named, [None, None, Some(2), Some(1), None, None, None]);
        let later = [line(12, 80, ""), correction(13, -80, "")];
        let bytes = statement(11, 20, desk.balance().await, &later);
        desk.import_bytes(&bytes).await.unwrap();
        assert_eq!(desk.entries().await.last().unwrap().correction_of, None, "an entry without any text is not known");
    }
}
