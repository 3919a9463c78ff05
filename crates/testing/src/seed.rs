//! Rows that tests begin with: an institution with a partner, a customer with a user and accounts, a linkage, entries.
//! Each test adds only what it speaks of. Everything is written as the program itself would find it.

use renkei_domain::customer::{LoginMethod, Person};
use renkei_domain::id::{AccountId, CustomerId, ImportId, LinkageId, UserId};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::linkage::PermittedOperation;
use renkei_domain::operation::Operation;
use renkei_domain::pin::SealedPin;
use renkei_domain::statement::Fingerprint;
use renkei_domain::time::{Day, Timestamp};
use renkei_store::ledger_import::{NewEntry, Posting};
use renkei_store::linkages::Permission;
use renkei_store::{Step, Store, Tx, params};
use uuid::Uuid;

/// The `client_id` of the product most tests act for: 家計簿クラウド by the partner kakeibo.
pub const KAKEIBO: &str = "kakeibo-client";

/// A customer's user.
#[derive(Debug, Clone, Copy)]
pub struct Who {
    /// The user.
    pub user: UserId,
    /// The customer it acts for.
    pub customer: CustomerId,
}

impl Who {
    /// The same after a login by password at this instant.
    #[must_use]
    pub fn logged_in(&self, at: Timestamp) -> Person {
        Person { user: self.user, customer: self.customer, method: LoginMethod::Password, at }
    }
}

/// One line to be posted.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// 勘定日.
    pub booked_on: Day,
    /// What it does to the balance, in yen.
    pub signed_amount: i64,
}

/// An institution with one branch (001) and the partner kakeibo with one product of fixed operations, whose keys are
/// this JWK set.
pub async fn institution(store: &Store, code: &InstitutionCode, jwks: &str) {
    let mut tx = store.begin(code).await.expect("a transaction");
    let statements = [
        "INSERT INTO institutions (institution, kind, name, name_en, accent, telephone, hours, hours_en, \
         partners_as_of, terms_version, updated_at) VALUES (?1, 'credit_cooperative', 'あおい信用組合', \
         'Aoi Credit Cooperative', '#0b5fa5', '0120-000-000', '平日9:00〜17:00', 'weekdays 9:00-17:00', \
         '2026-10-01', '2026-04', 0)",
        "INSERT INTO terms (institution, version, text, text_en, added_at) VALUES (?1, '2026-04', '規定', 'Terms', 0)",
        "INSERT INTO branches (institution, branch, name, name_en) VALUES (?1, '001', '本店', 'Head office')",
        "INSERT INTO partners (institution, partner, name, name_en, registration, domain, state, position) \
         VALUES (?1, 'kakeibo', '株式会社かけいぼ', 'Kakeibo Inc.', '関東財務局長(電代)第1号', 'kakeibo.example', \
         'active', 1)",
    ];
    for statement in statements {
        tx.execute(statement, &[]).await.expect("a row");
    }
    let product = "INSERT INTO products (institution, client_id, partner, product, name, name_en, purpose, purpose_en, \
         choice, operations, redirect_uris, jwks, signing_alg, state) VALUES (?1, ?2, 'kakeibo', 'cloud', \
         '家計簿クラウド', 'Kakeibo Cloud', '会計帳簿の作成', 'book-keeping', 'fixed', \
         '[{\"operation\":\"balances\",\"days\":180},{\"operation\":\"transactions\",\"days\":180}]', \
         '[\"https://kakeibo.example/back\"]', ?3, 'ES256', 'active')";
    tx.execute(product, params![KAKEIBO, jwks]).await.expect("a product");
    tx.commit().await.expect("the rows");
}

/// A customer in force with a master user of this login id.
pub async fn customer(store: &Store, code: &InstitutionCode, login_id: &str) -> Who {
    let who = Who { user: UserId(Uuid::now_v7()), customer: CustomerId(Uuid::now_v7()) };
    let mut tx = store.begin(code).await.expect("a transaction");
    let customer = "INSERT INTO customers (institution, customer_id, number, name, name_kana, contract) \
         VALUES (?1, ?2, ?3, '青井商会', 'ｱｵｲｼﾖｳｶｲ', 'active')";
    tx.execute(customer, params![who.customer, login_id]).await.expect("a customer");
    let user = "INSERT INTO users (institution, user_id, customer_id, login_id, name, kind, method, operations, state) \
         VALUES (?1, ?2, ?3, ?4, '青井花子', 'master', 'password', 'balances transactions', 'active')";
    tx.execute(user, params![who.user, who.customer, login_id]).await.expect("a user");
    tx.commit().await.expect("the rows");
    who
}

/// An ordinary account of the customer without a statement, on which the user may inquire.
pub async fn account(store: &Store, code: &InstitutionCode, who: &Who, number: &str) -> AccountId {
    let account = AccountId(Uuid::new_v4());
    let mut tx = store.begin(code).await.expect("a transaction");
    let insert = "INSERT INTO accounts (institution, account_id, customer_id, branch, type, number, holder, holder_kana, \
         state, opening_balance, balance, uncleared, overdraft_limit, last_seq) \
         VALUES (?1, ?2, ?3, '001', 1, ?4, '青井商会', 'ｱｵｲｼﾖｳｶｲ', 'active', 0, 0, 0, 0, 0)";
    tx.execute(insert, params![account, who.customer, number]).await.expect("an account");
    let right = "INSERT INTO user_accounts (institution, user_id, account_id, memo) VALUES (?1, ?2, ?3, '')";
    tx.execute(right, params![who.user, account]).await.expect("a right");
    tx.commit().await.expect("the rows");
    account
}

/// The inquiry PIN of an account, filed at the branch and registered by the user; each sealed for its own side.
pub async fn pin(
    store: &Store,
    code: &InstitutionCode,
    who: &Who,
    account: AccountId,
    filed: &[u8],
    registered: &[u8],
) {
    let mut tx = store.begin(code).await.expect("a transaction");
    let insert = "INSERT INTO filed_pins (institution, account_id, sealed) VALUES (?1, ?2, ?3)";
    tx.execute(insert, params![account, filed]).await.expect("a filed PIN");
    let sealed = SealedPin(registered.to_vec());
    tx.apply(Step::register_pin(account, &sealed, who.user, Timestamp(0))).await.expect("a registered PIN");
    tx.commit().await.expect("the rows");
}

/// A linkage of the product [`KAKEIBO`] with both operations until the same instant.
pub async fn linkage(
    store: &Store,
    code: &InstitutionCode,
    who: &Who,
    accounts: &[AccountId],
    (begun_at, ends_at): (Timestamp, Timestamp),
) -> LinkageId {
    let linkage = LinkageId(Uuid::now_v7());
    let operations = Operation::ALL.map(|operation| PermittedOperation { operation, ends_at });
    let mut tx = store.begin(code).await.expect("a transaction");
    let known = tx.list_linkages_of_user(who.user).await.expect("the user's linkages").len();
    let (person, now) = (who.logged_in(begun_at), begun_at);
    let begun = Permission {
        id: linkage,
        client_id: KAKEIBO,
        person: &person,
        operations: &operations,
        known,
        accounts: &[],
        now,
    };
    tx.apply(Step::add_linkage(&begun).expect("a step")).await.expect("a linkage");
    tx.apply(Step::take_linkage(linkage, begun_at)).await.expect("the linkage");
    tx.set_linkage_accounts(linkage, accounts, begun_at).await.expect("its accounts");
    tx.commit().await.expect("the rows");
    linkage
}

/// Posts lines to an account after what it has, as a statement over their days would; `body` writes what partners get
/// from the entry's number, the line and the balance after it. The first statement opens with `opening`.
pub async fn post(
    store: &Store,
    code: &InstitutionCode,
    account: AccountId,
    opening: i64,
    lines: &[Line],
    body: &(dyn Fn(i64, &Line, i64) -> String + Sync),
) {
    let mut tx = store.begin(code).await.expect("a transaction");
    let (base_seq, mut balance) = standing(&mut tx, account, opening).await;
    let mut entries = Vec::with_capacity(lines.len());
    for (seq, line) in (base_seq + 1..).zip(lines) {
        balance += line.signed_amount;
        entries.push(NewEntry {
            seq,
            booked_on: line.booked_on,
            credit: line.signed_amount.max(0),
            debit: (-line.signed_amount).max(0),
            balance_after: balance,
            fingerprint: Fingerprint([0; 16]),
            body: body(seq, line, balance),
        });
    }
    let last_seq = base_seq + entries.len() as i64;
    tx.add_entries(ImportId(Uuid::now_v7()), &[(account, entries)]).await.expect("entries");
    let days = lines.iter().map(|line| line.booked_on);
    let until_on = days.clone().max().expect("a line");
    let posting = Posting {
        account,
        base_seq,
        last_seq,
        opening_balance: opening,
        balance,
        from_on: days.min().expect("a line"),
        until_on,
        made_at: until_on.plus_days(1).begins_at().plus_seconds(6 * 3600),
    };
    assert!(tx.post_entries(&posting).await.expect("the posting"), "somebody else posted");
    tx.commit().await.expect("the rows");
}

/// The number of the last entry and the balance; `opening` for an account without a statement.
async fn standing(tx: &mut Tx, account: AccountId, opening: i64) -> (i64, i64) {
    let select = "SELECT last_seq, CASE WHEN first_on IS NULL THEN ?3 ELSE balance END FROM accounts \
         WHERE institution = ?1 AND account_id = ?2";
    let row = tx.row(select, params![account, opening]).await.expect("a read");
    let mut row = row.expect("the account");
    (row.get(0).expect("a number"), row.get(1).expect("a balance"))
}

/// Another product of the partner kakeibo, under this `client_id`; everything else as [`KAKEIBO`]'s.
pub async fn product(store: &Store, code: &InstitutionCode, client_id: &str, jwks: &str) {
    let mut tx = store.begin(code).await.expect("a transaction");
    let insert = "INSERT INTO products (institution, client_id, partner, product, name, name_en, purpose, purpose_en, \
         choice, operations, redirect_uris, jwks, signing_alg, state) SELECT institution, ?2, partner, ?2, name, \
         name_en, purpose, purpose_en, choice, operations, redirect_uris, ?3, signing_alg, state \
         FROM products WHERE institution = ?1 AND product = 'cloud'";
    tx.execute(insert, params![client_id, jwks]).await.expect("a product");
    tx.commit().await.expect("the row");
}
