//! What an import asks of the embedded ledger before it adds to it. Entries that are not in force yet count here: they
//! are those of the same run, whose later files are read against its earlier ones.

use renkei_domain::account::BranchCode;
use renkei_domain::id::AccountId;
use renkei_domain::statement::Fingerprint;
use renkei_domain::time::Day;

use crate::params;
use crate::{Session, StoreError};

/// How an account stands before a run of imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerBase {
    /// The balance before its first entry, in yen.
    pub opening_balance: i64,
    /// The balance after its last entry in force, in yen.
    pub balance: i64,
    /// The number of its last entry in force; 0: none.
    pub last_seq: i64,
    /// The first day the ledger covers; `None`: no statement yet.
    pub first_on: Option<Day>,
    /// The latest booking day of any entry.
    pub last_booked_on: Option<Day>,
}

/// An entry's place among those of some days, and by which its line is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownEntry {
    /// 勘定日 and number: the order of the list.
    pub place: (Day, i64),
    /// By which a line that comes again is known.
    pub fingerprint: Fingerprint,
}

/// The accounts that have entries beyond their last in force. Walks from account to account along the key; an account
/// an interrupted import was to make has entries and no row.
const PENDING_ACCOUNTS: &str = "WITH RECURSIVE ids (id) AS ( \
     SELECT MIN(account_id) FROM entries WHERE institution = ?1 \
     UNION ALL SELECT (SELECT MIN(e.account_id) FROM entries e WHERE e.institution = ?1 AND e.account_id > ids.id) \
     FROM ids WHERE ids.id IS NOT NULL) \
     SELECT ids.id FROM ids WHERE ids.id IS NOT NULL AND EXISTS (SELECT 1 FROM entries e \
     WHERE e.institution = ?1 AND e.account_id = ids.id AND e.seq > COALESCE((SELECT a.last_seq FROM accounts a \
     WHERE a.institution = ?1 AND a.account_id = ids.id), 0))";

impl Session {
    /// How an account stands; `None`: there is no such account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_ledger_base(&mut self, account: AccountId) -> Result<Option<LedgerBase>, StoreError> {
        let select = "SELECT opening_balance, balance, last_seq, first_on, \
             (SELECT MAX(d.booked_on) FROM account_days d WHERE d.institution = ?1 AND d.account_id = ?2) \
             FROM accounts WHERE institution = ?1 AND account_id = ?2";
        let row = self.row(select, params![account]).await?;
        row.map(|mut row| {
            Ok(LedgerBase {
                opening_balance: row.get(0)?,
                balance: row.get(1)?,
                last_seq: row.get(2)?,
                first_on: row.get(3)?,
                last_booked_on: row.get(4)?,
            })
        })
        .transpose()
    }

    /// What the entries in force booked from a day on add up to, in yen.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sum_booked_from(&mut self, account: AccountId, from: Day) -> Result<i64, StoreError> {
        let select = "SELECT COALESCE(CAST(SUM(credit - debit) AS BIGINT), 0) FROM account_days \
             WHERE institution = ?1 AND account_id = ?2 AND booked_on >= ?3";
        self.row(select, params![account, from]).await?.map_or(Ok(0), |mut row| row.get(0))
    }

    /// What the entries after a number booked before a day add up to, in yen.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sum_added_before(
        &mut self,
        account: AccountId,
        after_seq: i64,
        before: Day,
    ) -> Result<i64, StoreError> {
        let select = "SELECT COALESCE(CAST(SUM(credit - debit) AS BIGINT), 0) FROM entries \
             WHERE institution = ?1 AND account_id = ?2 AND seq > ?3 AND booked_on < ?4";
        self.row(select, params![account, after_seq, before]).await?.map_or(Ok(0), |mut row| row.get(0))
    }

    /// The entries after a place up to the last of a day, in force or not, by day and number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_known_entries(
        &mut self,
        account: AccountId,
        after: (Day, i64),
        until: Day,
        limit: u32,
    ) -> Result<Vec<KnownEntry>, StoreError> {
        let select = "SELECT booked_on, seq, fingerprint FROM entries WHERE institution = ?1 AND account_id = ?2 \
             AND (booked_on, seq) > (?3, ?4) AND booked_on <= ?5 ORDER BY booked_on, seq LIMIT ?6";
        let rows = self.rows(select, params![account, after.0, after.1, until, limit]).await?;
        let known = rows
            .into_iter()
            .map(|mut row| Ok(KnownEntry { place: (row.get(0)?, row.get(1)?), fingerprint: Fingerprint(row.get(2)?) }));
        known.collect()
    }

    /// Whether the very same statement is in the ledger.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn has_statement(&mut self, account: AccountId, digest: &[u8; 32]) -> Result<bool, StoreError> {
        let select = "SELECT import_id FROM statements WHERE institution = ?1 AND account_id = ?2 AND digest = ?3";
        Ok(self.row(select, params![account, digest]).await?.is_some())
    }

    /// Bodies of the entries of one amount, either way, booked from one day to another and numbered above `after_seq`;
    /// the latest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_bodies_of_amount(
        &mut self,
        account: AccountId,
        amount: i64,
        (from, until): (Day, Day),
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let select = "SELECT body FROM entries WHERE institution = ?1 AND account_id = ?2 AND seq > ?3 \
             AND credit + debit = ?4 AND booked_on >= ?5 AND booked_on <= ?6 ORDER BY seq DESC LIMIT ?7";
        let rows = self.rows(select, params![account, after_seq, amount, from, until, limit]).await?;
        rows.into_iter().map(|mut row| row.get(0)).collect()
    }

    /// The accounts an interrupted import left entries of behind that are not in force, made or yet to be made.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_pending_accounts(&mut self) -> Result<Vec<AccountId>, StoreError> {
        self.rows(PENDING_ACCOUNTS, &[]).await?.into_iter().map(|mut row| row.get(0)).collect()
    }

    /// Whether the institution has this branch.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn has_branch(&mut self, branch: &BranchCode) -> Result<bool, StoreError> {
        let select = "SELECT branch FROM branches WHERE institution = ?1 AND branch = ?2";
        Ok(self.row(select, params![branch]).await?.is_some())
    }
}
