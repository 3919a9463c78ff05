//! Customers, their users, and the accounts each user may inquire on.

use renkei_domain::account::{AccountNumber, AccountState, AccountType, BranchCode};
use renkei_domain::customer::{ContractState, LoginMethod, UserKind, UserState};
use renkei_domain::id::{AccountId, CustomerId, UserId};
use renkei_domain::operation::Operations;
use renkei_domain::pin::PinStatus;
use renkei_domain::time::Timestamp;

use crate::db::Row;
use crate::{Session, Step, StoreError, Tx, params, values};

/// A password hash in PHC form. Never printed: with the key beside it, it can be guessed at.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(not shown)")
    }
}

/// 契約先: a customer of business banking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Its identifier here.
    pub id: CustomerId,
    /// The institution's own customer number.
    pub number: String,
    /// Its name.
    pub name: String,
    /// Its name in kana; may be empty.
    pub name_kana: String,
    /// Its business-banking contract.
    pub contract: ContractState,
}

/// 利用者: a user with what decides whether it may log in and link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its identifier.
    pub id: UserId,
    /// The customer it acts for.
    pub customer: CustomerId,
    /// Folded login id.
    pub login_id: String,
    /// Its name.
    pub name: String,
    /// Master or ordinary.
    pub kind: UserKind,
    /// How it logs in, and no other way.
    pub method: LoginMethod,
    /// The hash of its password; none for a certificate user.
    pub password_hash: Option<PasswordHash>,
    /// What it may inquire, and so at most permit.
    pub operations: Operations,
    /// Whether it may log in at all.
    pub state: UserState,
    /// The customer's business-banking contract.
    pub contract: ContractState,
    /// The customer's name.
    pub customer_name: String,
}

/// 照会用口座: an account as one user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InquiryAccount {
    /// What partners call it by.
    pub id: AccountId,
    /// 店番.
    pub branch: BranchCode,
    /// The branch's name.
    pub branch_name: String,
    /// The branch's name in English.
    pub branch_name_en: String,
    /// 預金種目.
    pub kind: AccountType,
    /// 口座番号.
    pub number: AccountNumber,
    /// 口座名義; empty while unknown.
    pub holder: String,
    /// 口座名義 in kana; empty while unknown.
    pub holder_kana: String,
    /// 口座メモ, the customer's own; may be empty.
    pub memo: String,
    /// Whether it is open.
    pub state: AccountState,
    /// 登録状態: missing, registered or stale; staged is known only to a flow.
    pub pin: PinStatus,
}

/// An account as the institution knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// What partners call it by.
    pub id: AccountId,
    /// Whose it is; none while only a bank file has named it.
    pub customer: Option<CustomerId>,
    /// 店番.
    pub branch: BranchCode,
    /// 預金種目.
    pub kind: AccountType,
    /// 口座番号.
    pub number: AccountNumber,
    /// 口座名義; empty while unknown.
    pub holder: String,
    /// 口座名義 in kana; empty while unknown.
    pub holder_kana: String,
    /// Whether it is open.
    pub state: AccountState,
}

const USER: &str = "SELECT u.user_id, u.customer_id, u.login_id, u.name, u.kind, u.method, u.password_hash, \
     u.operations, u.state, c.contract, c.name \
     FROM users u JOIN customers c ON c.institution = u.institution AND c.customer_id = u.customer_id";

// An account that went over to another customer is no longer this user's, whatever the rights still say.
const INQUIRY_ACCOUNT: &str = "SELECT a.account_id, a.branch, b.name, b.name_en, a.type, a.number, a.holder, \
     a.holder_kana, r.memo, a.state, p.registered_at, p.stale_at \
     FROM user_accounts r \
     JOIN users u ON u.institution = r.institution AND u.user_id = r.user_id \
     JOIN accounts a ON a.institution = r.institution AND a.account_id = r.account_id \
     AND a.customer_id = u.customer_id \
     JOIN branches b ON b.institution = a.institution AND b.branch = a.branch \
     LEFT JOIN pins p ON p.institution = a.institution AND p.account_id = a.account_id \
     WHERE r.institution = ?1 AND r.user_id = ?2";

const ACCOUNT: &str = "SELECT account_id, customer_id, branch, type, number, holder, holder_kana, state FROM accounts \
     WHERE institution = ?1";

impl Session {
    /// The user of this folded login id, whatever its state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_user_by_login(&mut self, login_id: &str) -> Result<Option<User>, StoreError> {
        let select = const_format::concatcp!(USER, " WHERE u.institution = ?1 AND u.login_id = ?2");
        self.row(select, params![login_id]).await?.map(read_user).transpose()
    }

    /// The login ids of all users there are or were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_login_ids(&mut self) -> Result<Vec<String>, StoreError> {
        let rows = self.rows("SELECT login_id FROM users WHERE institution = ?1", &[]).await?;
        rows.into_iter().map(|mut row| row.get(0)).collect()
    }

    /// The user of this identifier, whatever its state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_user(&mut self, user: UserId) -> Result<Option<User>, StoreError> {
        let select = const_format::concatcp!(USER, " WHERE u.institution = ?1 AND u.user_id = ?2");
        self.row(select, params![user]).await?.map(read_user).transpose()
    }

    /// The user this certificate belongs to, whatever its state. `fingerprint` is the SHA-256 of the certificate in
    /// lower-case hex.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_user_by_certificate(&mut self, fingerprint: &str) -> Result<Option<User>, StoreError> {
        let select = const_format::concatcp!(
            USER,
            " JOIN user_certificates k ON k.institution = u.institution AND k.user_id = u.user_id \
             WHERE k.institution = ?1 AND k.fingerprint = ?2"
        );
        self.row(select, params![fingerprint]).await?.map(read_user).transpose()
    }

    /// The customer of this number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_customer_by_number(&mut self, number: &str) -> Result<Option<Customer>, StoreError> {
        let select = "SELECT customer_id, number, name, name_kana, contract FROM customers \
             WHERE institution = ?1 AND number = ?2";
        self.row(select, params![number]).await?.map(read_customer).transpose()
    }

    /// The open accounts this user may inquire on, by branch, type and number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_user_accounts(&mut self, user: UserId) -> Result<Vec<InquiryAccount>, StoreError> {
        let select = const_format::concatcp!(INQUIRY_ACCOUNT, " AND a.state = 'active'");
        let rows = self.rows_by_key(select, params![user]).await?;
        let mut accounts: Vec<_> = rows.into_iter().map(read_inquiry_account).collect::<Result<_, _>>()?;
        // Put in order here: asked for the order, SQLite walks through all accounts of the institution that have it.
        accounts.sort_by_cached_key(|own| (own.branch.to_string(), own.kind.code(), own.number.to_string()));
        Ok(accounts)
    }

    /// One account of those this user may inquire on, open or closed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_user_account(
        &mut self,
        user: UserId,
        account: AccountId,
    ) -> Result<Option<InquiryAccount>, StoreError> {
        let select = const_format::concatcp!(INQUIRY_ACCOUNT, " AND r.account_id = ?3");
        self.row(select, params![user, account]).await?.map(read_inquiry_account).transpose()
    }

    /// The account of this identifier.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_account(&mut self, account: AccountId) -> Result<Option<Account>, StoreError> {
        let select = const_format::concatcp!(ACCOUNT, " AND account_id = ?2");
        self.row(select, params![account]).await?.map(read_account).transpose()
    }

    /// The account of this branch, type and number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_account_by_number(
        &mut self,
        branch: &BranchCode,
        kind: AccountType,
        number: &AccountNumber,
    ) -> Result<Option<Account>, StoreError> {
        let select = const_format::concatcp!(ACCOUNT, " AND branch = ?2 AND type = ?3 AND number = ?4");
        self.row(select, params![branch, kind, number]).await?.map(read_account).transpose()
    }
}

impl Step {
    /// Keeps whatever else asks for the same from going on until what this is part of is over. What a user may have
    /// once, or was to be asked about, is then read as it will stand.
    #[must_use]
    pub fn hold_user(user: UserId) -> Step {
        let update = "UPDATE users SET login_id = login_id WHERE institution = ?1 AND user_id = ?2";
        Step::new(update, values![user])
    }
}

impl Tx {
    /// Adds a customer, or changes the one of this identifier to this.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another customer has its number; the rest of [`StoreError`].
    pub async fn save_customer(&mut self, customer: &Customer) -> Result<(), StoreError> {
        let upsert = "INSERT INTO customers (institution, customer_id, number, name, name_kana, contract) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (institution, customer_id) DO UPDATE SET \
             number = excluded.number, name = excluded.name, name_kana = excluded.name_kana, \
             contract = excluded.contract";
        let values =
            params![customer.id, &customer.number, &customer.name, &customer.name_kana, customer.contract.word(),];
        self.execute(upsert, values).await.map(|_| ())
    }

    /// Adds a user, or changes the one of this identifier to this. What the user has of its customer is not written.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another user has its login id; the rest of [`StoreError`].
    pub async fn save_user(&mut self, user: &User) -> Result<(), StoreError> {
        let upsert = "INSERT INTO users (institution, user_id, customer_id, login_id, name, kind, method, \
             password_hash, operations, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
             ON CONFLICT (institution, user_id) DO UPDATE SET customer_id = excluded.customer_id, \
             login_id = excluded.login_id, name = excluded.name, kind = excluded.kind, method = excluded.method, \
             password_hash = excluded.password_hash, operations = excluded.operations, state = excluded.state";
        let values = params![
            user.id,
            user.customer,
            &user.login_id,
            &user.name,
            user.kind.word(),
            user.method.word(),
            user.password_hash.as_ref().map(|hash| hash.0.as_str()),
            user.operations.to_scope(),
            user.state.word(),
        ];
        self.execute(upsert, values).await.map(|_| ())
    }

    /// Replaces a password's hash by one of the same password under today's parameters. `false`: it has changed in the
    /// meantime, and stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rehash_password(
        &mut self,
        user: UserId,
        known: &PasswordHash,
        fresh: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let update = "UPDATE users SET password_hash = ?4 \
             WHERE institution = ?1 AND user_id = ?2 AND password_hash = ?3";
        self.claim(update, params![user, &known.0, &fresh.0]).await
    }

    /// Gives a certificate to a user. `false`: the user has it already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_certificate(
        &mut self,
        fingerprint: &str,
        user: UserId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let insert = "INSERT INTO user_certificates (institution, fingerprint, user_id, added_at) \
             VALUES (?1, ?2, ?3, ?4) ON CONFLICT (institution, fingerprint) DO NOTHING";
        self.claim(insert, params![fingerprint, user, now]).await
    }

    /// Takes a certificate from a user. `false`: the user did not have it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_certificate(&mut self, fingerprint: &str, user: UserId) -> Result<bool, StoreError> {
        let delete = "DELETE FROM user_certificates WHERE institution = ?1 AND fingerprint = ?2 AND user_id = ?3";
        self.claim(delete, params![fingerprint, user]).await
    }

    /// Adds an account without entries, or changes what a customer list says of the one of this identifier. Balance and
    /// entries are not touched.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another account has its branch, type and number; the rest of [`StoreError`].
    pub async fn save_account(&mut self, account: &Account) -> Result<(), StoreError> {
        let upsert = "INSERT INTO accounts (institution, account_id, customer_id, branch, type, number, holder, \
             holder_kana, state, opening_balance, balance, uncleared, overdraft_limit, last_seq) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, 0, 0, 0, 0) \
             ON CONFLICT (institution, account_id) DO UPDATE SET customer_id = excluded.customer_id, \
             holder = excluded.holder, holder_kana = excluded.holder_kana, state = excluded.state";
        let values = params![
            account.id,
            account.customer,
            &account.branch,
            account.kind,
            &account.number,
            &account.holder,
            &account.holder_kana,
            account.state.word(),
        ];
        self.execute(upsert, values).await.map(|_| ())
    }

    /// Lets a user inquire on an account, under this memo.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_user_account(&mut self, user: UserId, account: AccountId, memo: &str) -> Result<(), StoreError> {
        let upsert = "INSERT INTO user_accounts (institution, user_id, account_id, memo) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (institution, user_id, account_id) DO UPDATE SET memo = excluded.memo";
        self.execute(upsert, params![user, account, memo]).await.map(|_| ())
    }

    /// Lets a user no longer inquire on an account. `false`: it was not let.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_user_account(&mut self, user: UserId, account: AccountId) -> Result<bool, StoreError> {
        let delete = "DELETE FROM user_accounts WHERE institution = ?1 AND user_id = ?2 AND account_id = ?3";
        self.claim(delete, params![user, account]).await
    }
}

fn read_customer(mut row: Row) -> Result<Customer, StoreError> {
    Ok(Customer {
        id: row.get(0)?,
        number: row.get(1)?,
        name: row.get(2)?,
        name_kana: row.get(3)?,
        contract: row.word(4, ContractState::from_word)?,
    })
}

fn read_user(mut row: Row) -> Result<User, StoreError> {
    Ok(User {
        id: row.get(0)?,
        customer: row.get(1)?,
        login_id: row.get(2)?,
        name: row.get(3)?,
        kind: row.word(4, UserKind::from_word)?,
        method: row.word(5, LoginMethod::from_word)?,
        password_hash: row.get::<Option<String>>(6)?.map(PasswordHash),
        operations: row.word(7, |scope| Operations::from_scope(scope).ok())?,
        state: row.word(8, UserState::from_word)?,
        contract: row.word(9, ContractState::from_word)?,
        customer_name: row.get(10)?,
    })
}

fn read_inquiry_account(mut row: Row) -> Result<InquiryAccount, StoreError> {
    Ok(InquiryAccount {
        id: row.get(0)?,
        branch: row.get(1)?,
        branch_name: row.get(2)?,
        branch_name_en: row.get(3)?,
        kind: row.get(4)?,
        number: row.get(5)?,
        holder: row.get(6)?,
        holder_kana: row.get(7)?,
        memo: row.get(8)?,
        state: row.word(9, AccountState::from_word)?,
        pin: match (row.get::<Option<Timestamp>>(10)?, row.get::<Option<Timestamp>>(11)?) {
            (None, _) => PinStatus::Missing,
            (Some(_), None) => PinStatus::Registered,
            (Some(_), Some(_)) => PinStatus::Stale,
        },
    })
}

fn read_account(mut row: Row) -> Result<Account, StoreError> {
    Ok(Account {
        id: row.get(0)?,
        customer: row.get(1)?,
        branch: row.get(2)?,
        kind: row.get(3)?,
        number: row.get(4)?,
        holder: row.get(5)?,
        holder_kana: row.get(6)?,
        state: row.word(7, AccountState::from_word)?,
    })
}
