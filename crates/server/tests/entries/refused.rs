//! What is refused, with nothing changed.

use renkei_domain::time::Day;
use renkei_formats::zengin::AccountType;
use renkei_server::ledger::import::{Failure, Pass, Progress, Reason, Step, import_entries};
use renkei_store::{Store, params};
use renkei_testing::{on_each_engine, seed};

use super::{Desk, Unwatched, file, header, line, new_lines, october, reason, statement};

/// A sound file over the days 11 to 20: header, two lines, trailer, end.
fn sound() -> Vec<u8> {
    statement(11, 20, 800, &[line(12, 500, "A"), line(13, -200, "B")])
}

/// The sound file with bytes written over it.
fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = sound();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

fn broken_files() -> Vec<(&'static str, Vec<u8>)> {
    let lines_of = |line_break: &[u8]| sound().chunks(200).flat_map(|record| [record, line_break].concat()).collect();
    vec![
        ("no bytes", Vec::new()),
        ("cut in a record", sound()[..750].to_vec()),
        ("no end record", sound()[..800].to_vec()),
        ("no trailer", [&sound()[..600], &sound()[800..]].concat()),
        ("something after the end", [sound(), sound()].concat()),
        ("LF alone", lines_of(b"\n")),
        ("a byte order mark", [b"\xEF\xBB\xBF".as_slice(), &sound()].concat()),
        ("EBCDIC", with(3, b"1")),
        ("another type code", with(1, b"05")),
        ("no such day", with(4, b"081301")),
        ("a period backwards", with(16, b"081001")),
        ("a time deposit", with(62, b"6")),
        ("a line out of the period", with(209, b"081025")),
        ("no direction", with(221, b"7")),
        ("an amount that is none", with(224, b"       5,000")),
        ("lower case", with(359, b"abc")),
        ("full-width characters", with(359, b"\x83\x41")),
        ("a wrong total", with(607, b"0000000000501")),
        ("a wrong balance", with(640, b"00000000001101")),
        ("a wrong count of lines", with(654, b"0000003")),
        ("a wrong count of accounts", with(811, b"00002")),
    ]
}

/// Does something once, when the first reading of a file is over.
struct AfterCheck<F>(Option<F>);

impl<F: FnOnce() + Send> Progress for AfterCheck<F> {
    fn step(&mut self, step: Step<'_>) {
        if step.pass == Pass::Check
            && step.bytes == step.of_bytes
            && let Some(act) = self.0.take()
        {
            act();
        }
    }
}

on_each_engine! {
    async fn r_241_a_128_broken_files_are_refused_and_change_nothing(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        desk.import_bytes(&statement(1, 10, 1_000, &[line(9, -200, "B")])).await.unwrap();
        let before = desk.ledger().await;
        let files = broken_files();
        for (what, bytes) in &files {
            let outcome = desk.import_bytes(bytes).await;
            let Err(Failure::Refused(refused)) = outcome else { panic!("{what}: {outcome:?}") };
            assert!(matches!(refused.reason, Reason::Unsound(_)), "{what}: {refused}");
            assert!(refused.to_string().starts_with("file.txt: record "), "{what}: {refused}");
            assert!(refused.to_japanese().contains("件目"), "{what}: {}", refused.to_japanese());
            assert_eq!(desk.ledger().await, before, "{what}");
        }
        let refused = "SELECT COUNT(*) FROM imports WHERE institution = ?1 AND outcome = 'refused'";
        assert_eq!(desk.number(refused).await, files.len() as i64);
        let audited = "SELECT COUNT(*) FROM audit WHERE institution = ?1 AND outcome = 'refused' AND detail = 'unsound'";
        assert_eq!(desk.number(audited).await, files.len() as i64);
        assert_eq!(new_lines(&desk.import_bytes(&sound()).await.unwrap()), [2], "the sound one is taken");
    }

    async fn a_file_of_another_institution_is_refused(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        let before = desk.ledger().await;
        let mut other = header(1, 10, 0);
        other.institution_code = "1002".into();
        let outcome = desk.import_bytes(&file(&[(header(1, 10, 0), vec![]), (other, vec![line(2, 1, "A")])])).await;
        let Err(failure) = &outcome else { panic!("taken in") };
        assert_eq!(
            failure.to_string(),
            "file.txt: record 3, byte 422, 銀行コード: the file is of institution 1002, not of 1001"
        );
        assert_eq!(desk.ledger().await, before);
    }

    async fn accounts_nobody_named_are_refused_unless_they_are_to_be_made(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        let who = seed::customer(&store, &desk.institution, "user01").await;
        seed::account(&store, &desk.institution, &who, "2000002").await;
        let before = desk.ledger().await;
        let second = renkei_formats::zengin::statement::Header { account_number: "2000003".into(), ..header(1, 10, 50) };
        let path = desk.put("two.txt", &file(&[(header(1, 10, 0), vec![]), (second, vec![line(2, 1, "A")])]));
        let outcome = import_entries(&desk.importer(false), std::slice::from_ref(&path), &mut Unwatched).await;
        let text = outcome.as_ref().unwrap_err().to_string();
        assert!(text.starts_with("two.txt: record 3, byte 463, 口座番号: no customer list names 1 of its accounts: 001-1-****003"), "{text}");
        assert!(text.contains("--create-accounts"), "{text}");
        assert_eq!(desk.ledger().await, before);

        let report = import_entries(&desk.importer(true), &[path], &mut Unwatched).await.unwrap();
        assert_eq!(report.files[0].accounts.iter().map(|account| account.created).collect::<Vec<_>>(), [false, true]);
        let unowned = "SELECT COUNT(*) FROM accounts WHERE institution = ?1 AND customer_id IS NULL AND balance = 51 \
             AND holder_kana = 'ｶ)ｻｸﾗｼﾖｳｶｲ'";
        assert_eq!(desk.number(unowned).await, 1);
    }

    async fn a_branch_the_registry_does_not_name_is_refused(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        let before = desk.ledger().await;
        let mut elsewhere = header(1, 10, 0);
        elsewhere.branch_code = "999".into();
        let refused = desk.import_bytes(&file(&[(elsewhere, vec![])])).await.unwrap_err().to_string();
        assert_eq!(
            refused,
            "file.txt: record 1, byte 41, 支店コード: the registry has no branch 999; renkei apply registers branches"
        );
        assert_eq!(desk.ledger().await, before);
    }

    async fn the_holders_name_is_filled_in_only_where_it_is_missing(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        let who = seed::customer(&store, &desk.institution, "user01").await;
        let named = seed::account(&store, &desk.institution, &who, "2000002").await;
        desk.import_bytes(&statement(1, 10, 0, &[])).await.unwrap();
        let holder = "SELECT holder_kana FROM accounts WHERE institution = ?1";
        assert_eq!(desk.row(holder).await.unwrap().get::<String>(0).unwrap(), "ｱｵｲｼﾖｳｶｲ");
        let mut tx = store.begin(&desk.institution).await.unwrap();
        let clear = "UPDATE accounts SET holder_kana = '' WHERE institution = ?1 AND account_id = ?2";
        tx.execute(clear, params![named]).await.unwrap();
        tx.commit().await.unwrap();
        desk.import_bytes(&statement(11, 20, 0, &[])).await.unwrap();
        assert_eq!(desk.row(holder).await.unwrap().get::<String>(0).unwrap(), "ｶ)ｻｸﾗｼﾖｳｶｲ");
    }

    async fn a_file_that_changes_between_its_readings_is_refused(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        let before = desk.ledger().await;
        let path = desk.put("file.txt", &statement(1, 10, 0, &[line(2, 5, "A"), line(3, -5, "B")]));
        for changed in [
            statement(1, 10, 0, &[line(2, 5, "A"), line(3, -5, "C")]),
            statement(1, 10, 0, &[line(2, 5, "A"), line(3, -4, "B")]),
        ] {
            let original = std::fs::read(&path).unwrap();
            let write = || std::fs::write(&path, &changed).unwrap();
            let outcome =
                import_entries(&desk.importer(true), std::slice::from_ref(&path), &mut AfterCheck(Some(write))).await;
            assert_eq!(reason(outcome), Reason::Changed);
            assert_eq!(desk.ledger().await, before);
            std::fs::write(&path, original).unwrap();
        }
    }

    async fn a_file_refused_takes_those_before_it_back(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        desk.import_bytes(&statement(1, 2, 0, &[])).await.unwrap();
        let before = desk.ledger().await;
        let lines: Vec<_> = (0..1_200).map(|n| line(5, n + 1, "A")).collect();
        let good = desk.put("good.txt", &statement(1, 10, 0, &lines));
        let bad = desk.put("bad.txt", &statement(11, 20, 1, &[line(12, 1, "B")]));
        let outcome = desk.import(&[good.clone(), bad]).await;
        assert!(outcome.as_ref().unwrap_err().to_string().starts_with("bad.txt: record 1, "), "{outcome:?}");
        assert_eq!(desk.ledger().await, before);
        let audited = "SELECT detail FROM audit WHERE institution = ?1 AND outcome = 'refused' ORDER BY detail";
        let audited = store.read(&desk.institution).rows(audited, &[]).await.unwrap();
        let details: Vec<String> = audited.into_iter().map(|mut row| row.get(0).unwrap()).collect();
        assert_eq!(details, ["does_not_fit", "other_file"]);
        assert_eq!(new_lines(&desk.import(&[good]).await.unwrap()), [1_200]);
    }

    async fn what_is_no_file_is_refused_before_anything_begins(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        let before = desk.ledger().await;
        for path in ["/no/such/file", "/dev/zero", "/"] {
            let outcome = desk.import(&[path.into()]).await;
            assert!(matches!(outcome, Err(Failure::Unreadable { .. })), "{path}: {outcome:?}");
        }
        assert_eq!(desk.ledger().await, before);
    }

    async fn every_type_that_statements_have_is_taken(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        let of = |account_type| renkei_formats::zengin::statement::Header { account_type, ..header(1, 10, 0) };
        let types = [AccountType::Ordinary, AccountType::Current, AccountType::Savings];
        let statements: Vec<_> = types.map(|kind| (of(kind), vec![line(2, 1, "A")])).into();
        let report = desk.import_bytes(&file(&statements)).await.unwrap();
        assert_eq!(report.files[0].accounts.iter().map(|account| account.r#type).collect::<Vec<_>>(), [1, 2, 4]);
        assert_eq!(desk.entries().await[0].booked_on, Day(october(2)).to_string());
    }
}
