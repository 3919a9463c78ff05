//! Writing the embedded ledger, as an import does it.
//!
//! A statement is written in small transactions and comes into force in one:
//! 1. [`Tx::discard_pending_entries`] removes what an interrupted import left behind the account's last entry in force.
//! 2. [`Tx::add_entries`], in as many transactions as it takes, numbers on from there. Nobody sees these entries yet.
//! 3. [`Tx::post_entries`] puts all of them in force, once for each account and, where a file holds several accounts, in
//!    one transaction for all of them, together with the import's own records.
//!
//! Only who holds the institution's import lease may do this; [`Tx::post_entries`] refuses all the same when somebody
//! else posted in between.

use renkei_domain::account::{AccountNumber, AccountType, BranchCode};
use renkei_domain::id::{AccountId, ImportId};
use renkei_domain::statement::Fingerprint;
use renkei_domain::time::{Day, Timestamp};
use serde::Serialize;

use crate::db::Param;
use crate::params;
use crate::{StoreError, Tx};

/// An entry to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// Its number: one above the entry before it, whose first is the account's `last_seq` + 1.
    pub seq: i64,
    /// 勘定日.
    pub booked_on: Day,
    /// Amount if 入金, else 0; in yen, never negative.
    pub credit: i64,
    /// Amount if 出金, else 0; in yen, never negative.
    pub debit: i64,
    /// Balance after it in the order of posting: that after the entry before it, plus credit, minus debit.
    pub balance_after: i64,
    /// By which a line that comes again is known.
    pub fingerprint: Fingerprint,
    /// JSON: the entry as partners get it, for ever.
    pub body: String,
}

/// What an account becomes when its new entries come into force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The account.
    pub account: AccountId,
    /// Its last entry in force until now, as the import found it; 0: none.
    pub base_seq: i64,
    /// Its last entry from now on; equal to `base_seq` when the statement brought nothing new.
    pub last_seq: i64,
    /// The balance before its first entry, in yen. Counts only as long as the account has no statement.
    pub opening_balance: i64,
    /// The balance after its last entry, in yen.
    pub balance: i64,
    /// 勘定日(自) of the statement: first day it covers.
    pub from_on: Day,
    /// 勘定日(至) of the statement: last day it covers.
    pub until_on: Day,
    /// When the statement was made.
    pub made_at: Timestamp,
}

/// An account that only a file of entries names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnownedAccount {
    /// What partners will call it by.
    pub id: AccountId,
    /// 店番.
    pub branch: BranchCode,
    /// 預金種目.
    pub kind: AccountType,
    /// 口座番号.
    pub number: AccountNumber,
    /// 口座名義 in kana as the file has it.
    pub holder_kana: String,
}

/// A statement that was taken in, so that it is known when it comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStatement {
    /// The account.
    pub account: AccountId,
    /// SHA-256 of its records as they stood in the file.
    pub digest: [u8; 32],
    /// The import that brought it.
    pub import: ImportId,
    /// 勘定日(自).
    pub from_on: Day,
    /// 勘定日(至).
    pub until_on: Day,
    /// Entries it brought.
    pub added: i64,
}

const INSERT: &str = "INSERT INTO entries (institution, account_id, seq, booked_on, credit, debit, balance_after, \
     fingerprint, body, import_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
/// The same for rows that are written as a JSON array, on PostgreSQL.
const INSERT_ALL: &str = "INSERT INTO entries (institution, account_id, seq, booked_on, credit, debit, balance_after, \
     fingerprint, body, import_id) SELECT ?1, e.a, e.s, e.o, e.c, e.d, e.b, decode(e.f, 'hex'), e.t, ?2 \
     FROM json_to_recordset(CAST(CAST(?3 AS TEXT) AS JSON)) \
     AS e (a TEXT, s BIGINT, o TEXT, c BIGINT, d BIGINT, b BIGINT, f TEXT, t TEXT)";

/// Rows of one such statement: some hundred kilobytes.
const ROWS_AT_ONCE: usize = 1_000;

/// An entry as [`INSERT_ALL`] reads it.
#[derive(Serialize)]
struct EntryRow<'a> {
    a: String,
    s: i64,
    o: String,
    c: i64,
    d: i64,
    b: i64,
    f: String,
    t: &'a str,
}

impl EntryRow<'_> {
    fn of(account: AccountId, entry: &NewEntry) -> EntryRow<'_> {
        EntryRow {
            a: account.to_string(),
            s: entry.seq,
            o: entry.booked_on.to_string(),
            c: entry.credit,
            d: entry.debit,
            b: entry.balance_after,
            f: entry.fingerprint.0.iter().map(|byte| format!("{byte:02x}")).collect(),
            t: &entry.body,
        }
    }
}

impl Tx {
    /// Adds an account that belongs to no customer yet, without entries.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when there is an account of this branch, type and number; the rest of [`StoreError`].
    pub async fn add_unowned_account(&mut self, account: &UnownedAccount) -> Result<(), StoreError> {
        let insert = "INSERT INTO accounts (institution, account_id, branch, type, number, holder, holder_kana, state, \
             opening_balance, balance, uncleared, overdraft_limit, last_seq) \
             VALUES (?1, ?2, ?3, ?4, ?5, '', ?6, 'active', 0, 0, 0, 0, 0)";
        let values = params![account.id, &account.branch, account.kind, &account.number, &account.holder_kana];
        self.execute(insert, values).await.map(|_| ())
    }

    /// Notes the holder's name in kana where none is known.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn fill_holder_kana(&mut self, account: AccountId, holder_kana: &str) -> Result<(), StoreError> {
        let update = "UPDATE accounts SET holder_kana = ?3 \
             WHERE institution = ?1 AND account_id = ?2 AND holder_kana = ''";
        self.execute(update, params![account, holder_kana]).await.map(|_| ())
    }

    /// Notes a statement that was taken in.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_statement(&mut self, statement: &NewStatement) -> Result<(), StoreError> {
        let insert = "INSERT INTO statements (institution, account_id, digest, import_id, from_on, until_on, added) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let values = params![
            statement.account,
            &statement.digest,
            statement.import,
            statement.from_on,
            statement.until_on,
            statement.added,
        ];
        self.execute(insert, values).await.map(|_| ())
    }

    /// Deletes entries of an account that are not in force, the last ones first and at most so many. Tells how many there
    /// were; the account's row may be missing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn discard_pending_entries(&mut self, account: AccountId, at_most: u32) -> Result<u64, StoreError> {
        let delete = "DELETE FROM entries WHERE institution = ?1 AND account_id = ?2 AND seq IN ( \
             SELECT seq FROM entries WHERE institution = ?1 AND account_id = ?2 AND seq > COALESCE(( \
             SELECT last_seq FROM accounts WHERE institution = ?1 AND account_id = ?2), 0) \
             ORDER BY seq DESC LIMIT ?3)";
        self.execute(delete, params![account, at_most]).await
    }

    /// Adds entries of some accounts that are not in force yet.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when one of the numbers is taken; the rest of [`StoreError`].
    pub async fn add_entries(
        &mut self,
        import: ImportId,
        accounts: &[(AccountId, Vec<NewEntry>)],
    ) -> Result<(), StoreError> {
        let all = accounts.iter().flat_map(|(account, entries)| entries.iter().map(move |entry| (*account, entry)));
        if !self.is_sqlite() {
            // A server takes all of them in one statement in a fraction of the time that one each would take it.
            let rows: Vec<EntryRow<'_>> = all.map(|(account, entry)| EntryRow::of(account, entry)).collect();
            for some in rows.chunks(ROWS_AT_ONCE) {
                let some = serde_json::to_string(some).map_err(|error| StoreError::Statement(error.to_string()))?;
                self.execute(INSERT_ALL, params![import, &some]).await?;
            }
            return Ok(());
        }
        fn own<'a>(values: &[Param<'a>]) -> Vec<Param<'a>> {
            values.to_vec()
        }
        let rows = all.map(|(account, entry)| {
            own(params![
                account,
                entry.seq,
                entry.booked_on,
                entry.credit,
                entry.debit,
                entry.balance_after,
                &entry.fingerprint.0,
                &entry.body,
                import,
            ])
        });
        let rows: Vec<_> = rows.collect();
        self.execute_each(INSERT, &rows).await
    }

    /// Puts the entries after `base_seq` up to `last_seq` in force, with the account's balance, the days covered and the
    /// sums of each day. `false`: the account's last entry is no longer `base_seq`, or there is no such account; nothing
    /// was changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn post_entries(&mut self, posting: &Posting) -> Result<bool, StoreError> {
        let update = "UPDATE accounts SET last_seq = ?4, balance = ?5, \
             opening_balance = CASE WHEN first_on IS NULL THEN ?6 ELSE opening_balance END, \
             first_on = CASE WHEN first_on <= ?7 THEN first_on ELSE ?7 END, \
             last_on = CASE WHEN last_on >= ?8 THEN last_on ELSE ?8 END, \
             as_of_at = CASE WHEN as_of_at >= ?9 THEN as_of_at ELSE ?9 END \
             WHERE institution = ?1 AND account_id = ?2 AND last_seq = ?3";
        let values = params![
            posting.account,
            posting.base_seq,
            posting.last_seq,
            posting.balance,
            posting.opening_balance,
            posting.from_on,
            posting.until_on,
            posting.made_at,
        ];
        let posted = self.claim(update, values).await?;
        if posted && posting.last_seq > posting.base_seq {
            self.add_to_days(posting).await?;
        }
        Ok(posted)
    }

    /// Adds the entries just put in force to the sums of their days.
    async fn add_to_days(&mut self, posting: &Posting) -> Result<(), StoreError> {
        let upsert = "INSERT INTO account_days (institution, account_id, booked_on, credits, credit, debits, debit) \
             SELECT institution, account_id, booked_on, SUM(CASE WHEN credit > 0 THEN 1 ELSE 0 END), \
             CAST(SUM(credit) AS BIGINT), SUM(CASE WHEN debit > 0 THEN 1 ELSE 0 END), CAST(SUM(debit) AS BIGINT) \
             FROM entries WHERE institution = ?1 AND account_id = ?2 AND seq > ?3 AND seq <= ?4 \
             GROUP BY institution, account_id, booked_on \
             ON CONFLICT (institution, account_id, booked_on) DO UPDATE SET \
             credits = account_days.credits + excluded.credits, credit = account_days.credit + excluded.credit, \
             debits = account_days.debits + excluded.debits, debit = account_days.debit + excluded.debit";
        self.execute(upsert, params![posting.account, posting.base_seq, posting.last_seq]).await.map(|_| ())
    }
}
