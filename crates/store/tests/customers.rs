//! Customers, users and their accounts, in one institution and not in the other.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test file"
)]

use renkei_domain::account::{AccountState, AccountType};
use renkei_domain::customer::{ContractState, LoginMethod, UserKind, UserState};
use renkei_domain::id::{AccountId, CustomerId, UserId};
use renkei_domain::institution::{InstitutionCode, InstitutionKind};
use renkei_domain::operation::{Operation, Operations};
use renkei_domain::pin::{PinStatus, SealedPin};
use renkei_domain::time::Timestamp;
use renkei_store::customers::{Account, Customer, PasswordHash, User};
use renkei_store::institutions::{Branch, Institution};
use renkei_store::{Step, Store, StoreError, Tx};
use renkei_testing::{aoi, midori, on_each_engine};
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const HANAKO: UserId = UserId(Uuid::from_u128(21));
const CUSTOMER: CustomerId = CustomerId(Uuid::from_u128(11));
const OTHER_CUSTOMER: CustomerId = CustomerId(Uuid::from_u128(12));
const MAIN: AccountId = AccountId(Uuid::from_u128(31));
const CLOSED: AccountId = AccountId(Uuid::from_u128(32));
const FOREIGN: AccountId = AccountId(Uuid::from_u128(33));

fn institution(code: InstitutionCode) -> Institution {
    Institution {
        code,
        kind: InstitutionKind::Shinkin,
        name: "あおい信用金庫".into(),
        name_en: "Aoi Shinkin Bank".into(),
        accent: "#14518b".into(),
        telephone: "0120-000-000".into(),
        hours: "平日 9時から17時".into(),
        hours_en: "Weekdays 9:00 to 17:00".into(),
        privacy_url: None,
        partners_as_of: NOW.day(),
        terms_version: "2026-04".into(),
        user_ca: None,
        user_ocsp: None,
        minimum_login: LoginMethod::Password,
        dpop_nonces: false,
    }
}

fn customer(id: CustomerId, number: &str) -> Customer {
    Customer {
        id,
        number: number.into(),
        name: "株式会社花子商店".into(),
        name_kana: String::new(),
        contract: ContractState::Active,
    }
}

fn hanako() -> User {
    User {
        id: HANAKO,
        customer: CUSTOMER,
        login_id: "hanako01".into(),
        name: "花子".into(),
        kind: UserKind::Master,
        method: LoginMethod::Password,
        password_hash: Some(PasswordHash("$argon2id$old".into())),
        operations: Operations::of(&Operation::ALL),
        state: UserState::Active,
        contract: ContractState::Active,
        customer_name: "株式会社花子商店".into(),
    }
}

fn account(id: AccountId, customer: CustomerId, number: &str, state: AccountState) -> Account {
    Account {
        id,
        customer: Some(customer),
        branch: "001".parse().unwrap(),
        kind: AccountType::Ordinary,
        number: number.parse().unwrap(),
        holder: "株式会社花子商店".into(),
        holder_kana: "ｶ)ﾊﾅｺｼﾖｳﾃﾝ".into(),
        state,
    }
}

/// One customer with an open and a closed account, and an account of another customer that the user still has a right to.
async fn fill(store: &Store, code: &InstitutionCode) {
    let mut tx = store.begin(code).await.unwrap();
    tx.save_institution(&institution(code.clone()), NOW).await.unwrap();
    let branch = Branch { code: "001".parse().unwrap(), name: "本店".into(), name_en: "Head Office".into() };
    tx.save_branch(&branch).await.unwrap();
    tx.save_customer(&customer(CUSTOMER, "0001")).await.unwrap();
    tx.save_customer(&customer(OTHER_CUSTOMER, "0002")).await.unwrap();
    tx.save_user(&hanako()).await.unwrap();
    tx.save_account(&account(MAIN, CUSTOMER, "2000002", AccountState::Active)).await.unwrap();
    tx.save_account(&account(CLOSED, CUSTOMER, "1000001", AccountState::Closed)).await.unwrap();
    tx.save_account(&account(FOREIGN, OTHER_CUSTOMER, "1111111", AccountState::Active)).await.unwrap();
    for id in [MAIN, CLOSED, FOREIGN] {
        tx.save_user_account(HANAKO, id, "売上用").await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn begin_filled(store: &Store) -> Tx {
    fill(store, &aoi()).await;
    store.begin(&aoi()).await.unwrap()
}

on_each_engine! {
    async fn a_user_is_found_by_login_id_identifier_and_certificate_in_its_institution_only(store: Store) {
        let mut tx = begin_filled(&store).await;
        assert!(tx.add_certificate("ab12", HANAKO, NOW).await.unwrap());
        assert!(!tx.add_certificate("ab12", HANAKO, NOW).await.unwrap());
        tx.commit().await.unwrap();
        let mut here = store.read(&aoi());
        assert_eq!(here.find_user_by_login("hanako01").await.unwrap(), Some(hanako()));
        assert_eq!(here.find_user(HANAKO).await.unwrap(), Some(hanako()));
        assert_eq!(here.find_user_by_certificate("ab12").await.unwrap(), Some(hanako()));
        let mut there = store.read(&midori());
        assert_eq!(there.find_user_by_login("hanako01").await.unwrap(), None);
        assert_eq!(there.find_user(HANAKO).await.unwrap(), None);
        assert_eq!(there.find_user_by_certificate("ab12").await.unwrap(), None);
    }

    async fn a_user_comes_with_its_customers_contract(store: Store) {
        let mut tx = begin_filled(&store).await;
        let suspended = Customer { contract: ContractState::Suspended, ..customer(CUSTOMER, "0001") };
        tx.save_customer(&suspended).await.unwrap();
        let user = tx.find_user(HANAKO).await.unwrap().unwrap();
        assert_eq!(user.contract, ContractState::Suspended);
        assert_eq!(tx.find_customer_by_number("0001").await.unwrap(), Some(suspended));
    }

    async fn a_user_sees_the_open_accounts_of_its_own_customer_and_no_others(store: Store) {
        fill(&store, &midori()).await;
        fill(&store, &aoi()).await;
        let accounts = store.read(&aoi()).list_user_accounts(HANAKO).await.unwrap();
        assert_eq!(accounts.iter().map(|account| account.id).collect::<Vec<_>>(), [MAIN]);
        assert_eq!((accounts[0].branch_name.as_str(), accounts[0].memo.as_str()), ("本店", "売上用"));
        let closed = store.read(&aoi()).find_user_account(HANAKO, CLOSED).await.unwrap().unwrap();
        assert_eq!(closed.state, AccountState::Closed);
        assert_eq!(store.read(&aoi()).find_user_account(HANAKO, FOREIGN).await.unwrap(), None);
    }

    async fn an_account_says_whether_its_pin_is_missing_registered_or_stale(store: Store) {
        let mut tx = begin_filled(&store).await;
        let status = async |tx: &mut Tx| tx.list_user_accounts(HANAKO).await.unwrap()[0].pin;
        assert_eq!(status(&mut tx).await, PinStatus::Missing);
        tx.file_pin(MAIN, &SealedPin(vec![1])).await.unwrap();
        assert_eq!(status(&mut tx).await, PinStatus::Missing, "what the branch has on file is not registered");
        tx.apply(Step::register_pin(MAIN, &SealedPin(vec![2]), HANAKO, NOW)).await.unwrap();
        assert_eq!(status(&mut tx).await, PinStatus::Registered);
        tx.mark_pin_stale(MAIN, &SealedPin(vec![2]), NOW).await.unwrap();
        assert_eq!(status(&mut tx).await, PinStatus::Stale);
    }

    async fn an_account_is_found_by_its_number_and_saved_again_keeps_its_identifier(store: Store) {
        let mut tx = begin_filled(&store).await;
        let (branch, number) = ("001".parse().unwrap(), "2000002".parse().unwrap());
        let renamed = Account { holder: "花子商店".into(), ..account(MAIN, CUSTOMER, "2000002", AccountState::Active) };
        tx.save_account(&renamed).await.unwrap();
        let found = tx.find_account_by_number(&branch, AccountType::Ordinary, &number).await.unwrap();
        assert_eq!(found.as_ref(), Some(&renamed));
        assert_eq!(tx.find_account(MAIN).await.unwrap(), found);
        tx.commit().await.unwrap();
        let elsewhere = store.read(&midori()).find_account_by_number(&branch, AccountType::Ordinary, &number).await;
        assert_eq!(elsewhere.unwrap(), None);
    }

    async fn two_users_cant_have_one_login_id(store: Store) {
        let mut tx = begin_filled(&store).await;
        let second = User { id: UserId(Uuid::from_u128(22)), ..hanako() };
        assert!(matches!(tx.save_user(&second).await, Err(StoreError::Taken)));
    }

    async fn a_fresh_hash_replaces_only_the_hash_it_was_made_from(store: Store) {
        let mut tx = begin_filled(&store).await;
        let (old, new) = (PasswordHash("$argon2id$old".into()), PasswordHash("$argon2id$new".into()));
        assert!(tx.rehash_password(HANAKO, &old, &new).await.unwrap());
        assert!(!tx.rehash_password(HANAKO, &old, &new).await.unwrap());
        assert_eq!(tx.find_user(HANAKO).await.unwrap().unwrap().password_hash, Some(new));
    }

    async fn rights_and_certificates_can_be_taken_back(store: Store) {
        let mut tx = begin_filled(&store).await;
        assert!(tx.remove_user_account(HANAKO, MAIN).await.unwrap());
        assert!(!tx.remove_user_account(HANAKO, MAIN).await.unwrap());
        assert_eq!(tx.list_user_accounts(HANAKO).await.unwrap(), []);
        tx.add_certificate("ab12", HANAKO, NOW).await.unwrap();
        assert!(tx.remove_certificate("ab12", HANAKO).await.unwrap());
        assert_eq!(tx.find_user_by_certificate("ab12").await.unwrap(), None);
    }
}

#[test]
fn a_password_hash_is_not_in_debug() {
    assert!(!format!("{:?}", hanako()).contains("argon2"));
}
