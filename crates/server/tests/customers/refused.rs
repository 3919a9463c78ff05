//! What a customer list may not hold, and where the message points.

use renkei_server::customer_list::{ListError, ListFile};
use renkei_store::Store;
use renkei_testing::{aoi, fresh_sqlite, on_each_engine};

use super::{CUSTOMERS, USERS, all_files, counts, found, import, list_file};

async fn problems(store: &Store, files: &[ListFile]) -> Vec<String> {
    match import(store, &aoi(), files).await {
        Err(ListError::Wrong(problems)) => problems.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("{other}"),
        Ok(reports) => panic!("it was taken: {reports:?}"),
    }
}

/// One replacement in one file, and how the one message about it begins.
const REFUSALS: &[(&str, &str, &str, &str)] = &[
    ("customers.csv", "contract\n", "contact\n", "line 1: the header fits no kind of rows; nearest are customers"),
    ("customers.csv", "0001,", "0002,", "line 3: customer: an earlier row of this run"),
    ("customers.csv", "suspended", "paused", "line 3: contract: it must be one of active, suspended, ended"),
    ("customers.csv", "株式会社花子商店", "花\u{200b}子", "line 2: name: it holds U+200B"),
    ("customers.csv", "株式会社花子商店", "", "line 2: name: it must not be empty"),
    ("customers.csv", ",active", "", "line 2: it has 3 columns; the header has 4"),
    ("users.csv", "0001,HANAKO01", "0009,HANAKO01", "line 2: customer: there is no such customer"),
    ("users.csv", "HANAKO01", "花子", "line 2: login_id: it must be 1 to 64"),
    ("users.csv", "taro01", "ＨＡＮＡＫＯ０１", "line 4: login_id: an earlier row of this run"),
    ("users.csv", "haru-no-umi-88", "Hanako01", "line 2: password: it must differ from the login id"),
    ("users.csv", "haru-no-umi-88", "haru-88", "line 2: password: it must have 8 to 128 characters"),
    ("users.csv", "haru-no-umi-88", "haru-no\u{7}umi", "line 2: password: it holds a control character"),
    ("users.csv", "haru-no-umi-88", "", "line 2: password: it is missing"),
    (
        "users.csv",
        "certificate,balances,active,",
        "certificate,balances,active,haru-no-umi",
        "line 3: password: a cert",
    ),
    ("users.csv", "balances transactions", "transfers", "line 2: operations: no such operation"),
    ("users.csv", "ordinary", "guest", "line 3: kind: it must be one of master, ordinary"),
    ("certificates.csv", "00:11", "00:1g", "line 2: certificate: it must be a SHA-256 fingerprint"),
    ("certificates.csv", "00:11:22:33", "nobody.pem#", "line 2: certificate: it must be a SHA-256 fingerprint"),
    ("certificates.csv", "jiro01", "hanako01", "line 2: login_id: this user logs in by password"),
    ("certificates.csv", "jiro01", "saburo01", "line 2: login_id: there is no such user"),
    ("accounts.csv", "0001,001", "0001,999", "line 2: branch: there is no such branch in the registry"),
    ("accounts.csv", "0001,001", "0001,01", "line 2: branch: a branch code is three digits"),
    ("accounts.csv", "普通", "普通預金", "line 2: type: it must be one of 1 to 9"),
    ("accounts.csv", "2000002", "20000O2", "line 2: number: an account number is up to ten digits"),
    ("accounts.csv", "7391", "739", "line 2: pin: an inquiry PIN is four digits"),
    ("user-accounts.csv", "売上用", "二十一文字の口座メモは長すぎるので断られます", "line 2: memo: it has"),
    ("user-accounts.csv", "taro01", "hanako01", "line 5: number: this account is not one of the user's customer"),
    ("user-accounts.csv", "taro01,001", "taro01,200", "line 5: number: there is no such account"),
];

on_each_engine! {
    async fn each_refusal_points_at_its_file_line_and_column(store: Store) {
        found(&store).await;
        for (file, from, to, begin) in REFUSALS {
            let said = problems(&store, &all_files(file, from, to)).await;
            let expected = format!("{file}: {begin}");
            assert!(said.iter().any(|problem| problem.starts_with(&expected)), "{expected} is not in {said:#?}");
        }
        assert_eq!(store.read(&aoi()).find_customer_by_number("0001").await.unwrap(), None);
    }

    async fn one_wrong_row_keeps_all_files_out_and_the_refusal_is_recorded(store: Store) {
        found(&store).await;
        problems(&store, &all_files("user-accounts.csv", "taro01", "hanako01")).await;
        assert_eq!(store.read(&aoi()).find_user_by_login("hanako01").await.unwrap(), None);
        assert_eq!(store.read(&aoi()).find_customer_by_number("0001").await.unwrap(), None);
        let records = store.read(&aoi()).list_audit(1).await.unwrap();
        assert_eq!((records[0].action.as_str(), records[0].outcome.as_str()), ("file_imported", "refused"));
        assert_eq!(records[0].detail.as_deref(), Some("customers files=5 problems=1"));
    }

    async fn a_user_an_account_and_a_certificate_stay_with_their_customer(store: Store) {
        found(&store).await;
        import(&store, &aoi(), &all_files("", "", "")).await.unwrap();
        for (file, from, to, begin) in [
            ("users.csv", "0001,HANAKO01", "0002,HANAKO01", "line 2: login_id: a user of another customer"),
            ("accounts.csv", "0001,001", "0002,001", "line 2: number: this account is another customer's"),
        ] {
            let said = problems(&store, &all_files(file, from, to)).await;
            assert!(said[0].starts_with(&format!("{file}: {begin}")), "{said:#?}");
        }
        let stolen = format!(
            "{USERS}0001,saburo01,三郎,ordinary,certificate,balances,active,\n"
        );
        let certificate = format!("login_id,certificate\nsaburo01,{}\n", super::FINGERPRINT);
        let run = [list_file("users.csv", &stolen), list_file("certificates.csv", &certificate)];
        let said = problems(&store, &run).await;
        assert_eq!(said, ["certificates.csv: line 2: certificate: another user has this certificate"]);
    }

    async fn everything_that_is_wrong_is_told_at_once_and_no_secret_with_it(store: Store) {
        found(&store).await;
        let users = USERS.replace("haru-no-umi-88", "hanako01").replace("natsu-no-yama-77", "himitsu");
        let customers = CUSTOMERS.replace(",active", ",open");
        let accounts = super::ACCOUNTS.replace("7391", "73915");
        let files = [("customers.csv", &customers), ("users.csv", &users), ("accounts.csv", &accounts)];
        let said = problems(&store, &files.map(|(name, text)| list_file(name, text))).await;
        assert_eq!(said.len(), 4, "{said:#?}");
        for secret in ["himitsu", "73915"] {
            assert!(said.iter().all(|problem| !problem.contains(secret)), "{said:#?}");
        }
    }

    async fn without_the_institution_nothing_is_taken(store: Store) {
        let refused = import(&store, &aoi(), &[list_file("customers.csv", CUSTOMERS)]).await;
        assert!(matches!(refused, Err(ListError::NoInstitution(code)) if code == aoi()));
    }
}

#[tokio::test]
async fn what_is_not_utf_8_is_told_with_its_line() {
    let fresh = fresh_sqlite().await;
    found(&fresh.store).await;
    let mut file = list_file("customers.csv", CUSTOMERS);
    file.bytes.extend(b"0003,\x82\xa0,,active\n0004,\x82\xa0,,active\n");
    let said = problems(&fresh.store, &[file]).await;
    assert_eq!(said, ["customers.csv: line 4: it is not UTF-8", "customers.csv: line 5: it is not UTF-8"]);
}

#[tokio::test]
async fn an_empty_list_of_rows_is_taken_and_an_empty_file_is_not() {
    let fresh = fresh_sqlite().await;
    found(&fresh.store).await;
    let reports = import(&fresh.store, &aoi(), &[list_file("c.csv", "customer,name,contract\n")]).await.unwrap();
    assert_eq!(counts(&reports), [[0, 0, 0, 0]]);
    let said = problems(&fresh.store, &[list_file("c.csv", "")]).await;
    assert!(said[0].starts_with("c.csv: line 1: the header fits no kind"), "{said:?}");
}
