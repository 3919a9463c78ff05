//! What a customer list brings.

use renkei_domain::account::{AccountState, AccountType};
use renkei_domain::customer::{ContractState, LoginMethod, UserState};
use renkei_domain::id::AccountId;
use renkei_domain::pin::PinStatus;
use renkei_server::keys::Purpose;
use renkei_server::passwords::{self, Verdict};
use renkei_store::Store;
use renkei_store::customers::{Account, User};
use renkei_testing::{SystemRandom, aoi, midori, on_each_engine};
use zeroize::Zeroizing;

use super::{
    ACCOUNTS, CUSTOMERS, FINGERPRINT, USER_ACCOUNTS, USERS, all_files, counts, found, import, keys, list_file,
};

async fn user(store: &Store, login_id: &str) -> User {
    store.read(&aoi()).find_user_by_login(login_id).await.unwrap().unwrap()
}

async fn opens(user: &User, password: &str) -> bool {
    let password = Zeroizing::new(password.to_owned());
    passwords::verify(&keys(), password, user.password_hash.clone()).await.unwrap() == Verdict::Right
}

async fn main_account(store: &Store) -> Account {
    let (branch, number) = ("001".parse().unwrap(), "2000002".parse().unwrap());
    let account = store.read(&aoi()).find_account_by_number(&branch, AccountType::Ordinary, &number).await;
    account.unwrap().unwrap()
}

/// All of them, unchanged.
fn files() -> Vec<renkei_server::customer_list::ListFile> {
    all_files("", "", "")
}

on_each_engine! {
    async fn a_run_of_all_files_brings_users_who_can_log_in_and_inquire(store: Store) {
        found(&store).await;
        let mut files = files();
        files.reverse();
        let reports = import(&store, &aoi(), &files).await.unwrap();
        assert_eq!(counts(&reports), [[4, 0, 0, 0], [3, 0, 0, 0], [1, 0, 0, 0], [3, 0, 0, 0], [2, 0, 0, 0]]);
        let hanako = user(&store, "hanako01").await;
        assert!(opens(&hanako, "haru-no-umi-88").await);
        assert_eq!((hanako.contract, hanako.customer_name.as_str()), (ContractState::Active, "株式会社花子商店"));
        assert_eq!(hanako.operations.to_scope(), "balances transactions");
        let accounts = store.read(&aoi()).list_user_accounts(hanako.id).await.unwrap();
        let shown: Vec<_> = accounts.iter().map(|account| (account.number.as_str(), account.memo.as_str())).collect();
        assert_eq!(shown, [("2000002", "売上用"), ("3000014", "")]);
        assert!(accounts.iter().all(|account| account.pin == PinStatus::Missing && account.state == AccountState::Active));
        let jiro = store.read(&aoi()).find_user_by_certificate(FINGERPRINT).await.unwrap().unwrap();
        assert_eq!((jiro.login_id.as_str(), jiro.method, jiro.password_hash), ("jiro01", LoginMethod::Certificate, None));
        assert_eq!(user(&store, "taro01").await.contract, ContractState::Suspended);
    }

    async fn the_same_files_again_change_nothing(store: Store) {
        found(&store).await;
        import(&store, &aoi(), &files()).await.unwrap();
        let before = (user(&store, "hanako01").await, main_account(&store).await);
        let sealed = store.read(&aoi()).find_filed_pin(before.1.id).await.unwrap();
        let reports = import(&store, &aoi(), &files()).await.unwrap();
        assert_eq!(counts(&reports), [[0, 0, 0, 2], [0, 0, 0, 3], [0, 0, 0, 1], [0, 0, 0, 3], [0, 0, 0, 4]]);
        assert_eq!((user(&store, "hanako01").await, main_account(&store).await), before);
        assert_eq!(store.read(&aoi()).find_filed_pin(before.1.id).await.unwrap(), sealed);
    }

    async fn what_is_one_institutions_is_not_the_others(store: Store) {
        found(&store).await;
        import(&store, &aoi(), &files()).await.unwrap();
        assert_eq!(store.read(&midori()).find_user_by_login("hanako01").await.unwrap(), None);
        assert_eq!(store.read(&midori()).find_user_by_certificate(FINGERPRINT).await.unwrap(), None);
        assert_eq!(store.read(&midori()).find_customer_by_number("0001").await.unwrap(), None);
        let other = USERS.replace("haru-no-umi-88", "aki-no-sora-66");
        let other = [list_file("customers.csv", CUSTOMERS), list_file("users.csv", &other)];
        let reports = import(&store, &midori(), &other).await.unwrap();
        assert_eq!(counts(&reports), [[2, 0, 0, 0], [3, 0, 0, 0]]);
        assert!(opens(&user(&store, "hanako01").await, "haru-no-umi-88").await);
        assert!(store.read(&midori()).find_account(main_account(&store).await.id).await.unwrap().is_none());
    }

    async fn a_password_is_hashed_anew_only_when_it_is_another(store: Store) {
        found(&store).await;
        import(&store, &aoi(), &files()).await.unwrap();
        let before = user(&store, "hanako01").await.password_hash;
        let without = [list_file("users.csv", &USERS.replace("haru-no-umi-88", ""))];
        assert_eq!(counts(&import(&store, &aoi(), &without).await.unwrap()), [[0, 0, 0, 3]]);
        assert_eq!(user(&store, "hanako01").await.password_hash, before);
        let another = [list_file("users.csv", &USERS.replace("haru-no-umi-88", "fuyu-no-hoshi-55"))];
        assert_eq!(counts(&import(&store, &aoi(), &another).await.unwrap()), [[0, 1, 0, 2]]);
        let after = user(&store, "hanako01").await;
        assert!(opens(&after, "fuyu-no-hoshi-55").await);
        assert!(!opens(&after, "haru-no-umi-88").await);
    }

    async fn r_210_an_outdated_hash_is_replaced_at_login_unless_the_password_was_changed(store: Store) {
        found(&store).await;
        import(&store, &aoi(), &files()).await.unwrap();
        let hanako = user(&store, "hanako01").await;
        let password = || Zeroizing::new("haru-no-umi-88".to_owned());
        passwords::upgrade(&store, &aoi(), &keys(), &hanako, password(), &SystemRandom).await.unwrap();
        let upgraded = user(&store, "hanako01").await;
        assert_ne!(upgraded.password_hash, hanako.password_hash);
        assert!(opens(&upgraded, "haru-no-umi-88").await);
        passwords::upgrade(&store, &aoi(), &keys(), &hanako, password(), &SystemRandom).await.unwrap();
        assert_eq!(user(&store, "hanako01").await, upgraded, "a hash that was replaced since stays");
    }

    async fn a_pin_is_sealed_for_its_account_as_core_bankings_own_copy(store: Store) {
        found(&store).await;
        import(&store, &aoi(), &files()).await.unwrap();
        let account = main_account(&store).await.id;
        let sealed = store.read(&aoi()).find_filed_pin(account).await.unwrap().unwrap().0;
        let opened = keys().open(Purpose::FiledPin, &format!("1001/{account}"), &sealed).unwrap();
        assert_eq!(opened.as_slice(), b"7391");
        assert!(keys().open(Purpose::FiledPin, &format!("1002/{account}"), &sealed).is_err());
        let changed = [list_file("accounts.csv", &ACCOUNTS.replace("7391", "1937"))];
        assert_eq!(counts(&import(&store, &aoi(), &changed).await.unwrap()), [[0, 1, 0, 2]]);
        let sealed = store.read(&aoi()).find_filed_pin(account).await.unwrap().unwrap().0;
        let opened = keys().open(Purpose::FiledPin, &format!("1001/{account}"), &sealed).unwrap();
        assert_eq!(opened.as_slice(), b"1937");
    }

    async fn an_account_the_ledger_knew_first_keeps_its_identifier(store: Store) {
        found(&store).await;
        let known = Account {
            id: AccountId(uuid::Uuid::from_u128(77)),
            customer: None,
            branch: "001".parse().unwrap(),
            kind: AccountType::Ordinary,
            number: "2000002".parse().unwrap(),
            holder: String::new(),
            holder_kana: "ｶ)ﾊﾅｺ".into(),
            state: AccountState::Active,
        };
        let mut tx = store.begin(&aoi()).await.unwrap();
        tx.save_account(&known).await.unwrap();
        tx.commit().await.unwrap();
        let without_kana = "customer,branch,type,number,holder,state\n0001,001,1,2000002,株式会社花子商店,active\n";
        let run = [list_file("customers.csv", CUSTOMERS), list_file("accounts.csv", without_kana)];
        assert_eq!(counts(&import(&store, &aoi(), &run).await.unwrap()), [[2, 0, 0, 0], [0, 1, 0, 0]]);
        let account = main_account(&store).await;
        assert_eq!((account.id, account.holder_kana), (known.id, known.holder_kana));
        assert!(account.customer.is_some());
    }

    async fn a_state_takes_away_what_a_missing_row_would_leave(store: Store) {
        found(&store).await;
        import(&store, &aoi(), &files()).await.unwrap();
        let run = [
            list_file("u.csv", &USERS.replace("transactions,active,haru-no-umi-88", "transactions,removed,")),
            list_file("c.csv", &format!("login_id,certificate,state\njiro01,{FINGERPRINT},removed\n")),
            list_file("r.csv", &USER_ACCOUNTS.replace("3000014,,active", "3000014,,removed")),
            list_file("a.csv", &ACCOUNTS.replace("7391,active", ",closed")),
        ];
        let reports = import(&store, &aoi(), &run).await.unwrap();
        assert_eq!(counts(&reports), [[0, 1, 0, 2], [0, 0, 1, 0], [0, 0, 1, 3], [0, 1, 0, 2]]);
        let hanako = user(&store, "hanako01").await;
        assert_eq!(hanako.state, UserState::Removed);
        assert_eq!(store.read(&aoi()).list_user_accounts(hanako.id).await.unwrap(), []);
        assert_eq!(store.read(&aoi()).find_user_by_certificate(FINGERPRINT).await.unwrap(), None);
    }

    async fn a_run_leaves_one_audit_record_that_counts_and_tells_no_secret(store: Store) {
        found(&store).await;
        import(&store, &aoi(), &files()).await.unwrap();
        let records = store.read(&aoi()).list_audit(1).await.unwrap();
        assert_eq!((records[0].action.as_str(), records[0].outcome.as_str()), ("file_imported", "done"));
        assert_eq!(records[0].actor.as_deref(), Some("tanaka"));
        assert_eq!(records[0].detail.as_deref(), Some("customers files=5 added=13 changed=0 removed=0"));
        let imports = "SELECT file_name, outcome FROM imports WHERE institution = ?1 ORDER BY file_name";
        let rows = store.read(&aoi()).rows(imports, &[]).await.unwrap();
        let names: Vec<(String, String)> =
            rows.into_iter().map(|mut row| (row.get(0).unwrap(), row.get(1).unwrap())).collect();
        assert_eq!(names.len(), 5);
        assert_eq!(names[0], ("accounts.csv".into(), "done".into()));
    }

    async fn a_certificate_may_be_named_by_its_file(store: Store) {
        found(&store).await;
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["jiro01".into()]).unwrap();
        std::fs::write(folder.path().join("jiro01.pem"), made.cert.pem()).unwrap();
        let mut files = files();
        files[2] = renkei_server::customer_list::ListFile {
            folder: folder.path().to_owned(),
            ..list_file("certificates.csv", "login_id,certificate\njiro01,jiro01.pem\n")
        };
        import(&store, &aoi(), &files).await.unwrap();
        let fingerprint = renkei_server::certificates::Fingerprint::of(made.cert.der());
        let holder = store.read(&aoi()).find_user_by_certificate(fingerprint.as_str()).await.unwrap().unwrap();
        assert_eq!(holder.login_id, "jiro01");
    }

    async fn a_byte_order_mark_and_windows_line_ends_are_read_over(store: Store) {
        found(&store).await;
        let text = format!("\u{feff}{}", CUSTOMERS.replace('\n', "\r\n"));
        let reports = import(&store, &aoi(), &[list_file("customers.csv", &text)]).await.unwrap();
        assert_eq!(counts(&reports), [[2, 0, 0, 0]]);
    }
}
