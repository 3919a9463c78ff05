//! The embedded ledger as partners read it: accounts of a linkage, balances, and entries in posting or booking order.
//!
//! Only entries in force are ever returned: those whose number is not above their account's `last_seq`. Entries in force
//! never change, so a page bounded by a number is the same however often and whenever it is read.

use std::sync::Arc;

use renkei_domain::account::{AccountNumber, AccountType, BranchCode};
use renkei_domain::id::{AccountId, LinkageId};
use renkei_domain::pin::{PinStatus, SealedPin};
use renkei_domain::time::{Day, Timestamp};
use uuid::Uuid;

use crate::db::Row;
use crate::{Session, Step, StoreError, kept, params, values};

/// An account as a linkage gives it: permitted by the customer, open, and still one its user may inquire on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedAccount {
    /// What partners call it by.
    pub id: AccountId,
    /// 店番.
    pub branch: BranchCode,
    /// The branch's name.
    pub branch_name: String,
    /// The same in English.
    pub branch_name_en: String,
    /// 預金種目.
    pub kind: AccountType,
    /// 口座番号.
    pub number: AccountNumber,
    /// 口座名義; empty while unknown.
    pub holder: String,
    /// 口座名義 in kana; empty while unknown.
    pub holder_kana: String,
    /// 口座メモ of the linkage's user; may be empty.
    pub memo: String,
    /// Where its inquiry PIN stands: missing, registered or stale.
    pub pin: PinStatus,
    /// How far the ledger has it.
    pub ledger: LedgerState,
}

/// What a read of one account needs to know of it, once a linkage gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadableAccount {
    /// What partners call it by.
    pub id: AccountId,
    /// Where its inquiry PIN stands: missing, registered or stale.
    pub pin: PinStatus,
    /// That inquiry PIN, sealed, if one is registered.
    pub sealed_pin: Option<SealedPin>,
    /// How far the ledger has it.
    pub ledger: LedgerState,
}

/// How far the ledger has an account. All of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerState {
    /// Balance after the last entry in force, in yen.
    pub balance: i64,
    /// Number of the last entry in force; 0: none yet.
    pub last_seq: i64,
    /// First and last day statements covered; `None`: no statement yet.
    pub days: Option<(Day, Day)>,
    /// When the newest statement was made.
    pub as_of_at: Option<Timestamp>,
}

/// 残高: what an account holds, all figures of one moment, in yen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceSheet {
    /// How far the ledger has the account, and the book balance.
    pub ledger: LedgerState,
    /// 他店券: the part of the balance not yet cleared.
    pub uncleared: i64,
    /// 貸越極度額.
    pub overdraft_limit: i64,
    /// The balance without what was booked on the last day covered: that of the day before.
    pub previous_day: i64,
    /// The balance without what was booked in the month of the last day covered: that of the month before.
    pub previous_month_end: i64,
}

/// An entry of a page: its place and amounts as numbers, the rest as partners get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedEntry {
    /// Its number, from 1, in the order of posting.
    pub seq: i64,
    /// 勘定日.
    pub booked_on: Day,
    /// Amount if 入金, else 0; in yen.
    pub credit: i64,
    /// Amount if 出金, else 0; in yen.
    pub debit: i64,
    /// Balance after it in the order of posting.
    pub balance_after: i64,
    /// JSON, written once at import.
    pub body: String,
}

impl PostedEntry {
    /// What it does to the balance: plus for a credit, minus for a debit.
    #[must_use]
    pub const fn signed_amount(&self) -> i64 {
        self.credit.saturating_sub(self.debit)
    }
}

/// How many entries there are, and what they come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Entries.
    pub count: i64,
    /// 入金件数.
    pub credit_count: i64,
    /// 入金合計, in yen.
    pub credit_sum: i64,
    /// 出金件数.
    pub debit_count: i64,
    /// 出金合計, in yen.
    pub debit_sum: i64,
}

/// Entries that follow each other in the order of posting, put together by the engine: a hundred rows cost far more on
/// their way than what is in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// What they come to.
    pub totals: Totals,
    /// The balance before the first, as that entry has it. `None`: it is not there.
    pub opening_balance: Option<i64>,
    /// The balance after the last, as that entry has it. `None`: it is not there.
    pub closing_balance: Option<i64>,
    /// Their JSON in order, with commas between.
    pub bodies: String,
}

/// Where a read by days begins: what no later posting can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeStart {
    /// Entries above this number are not part of the read, whenever a page of it is fetched.
    pub up_to_seq: i64,
    /// The balance before the first day, over the entries up to that number and in the order of booking.
    pub opening_balance: i64,
}

/// A place within a read by days. Entries are in the order of booking day, then number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangePlace {
    /// Entries above this number are not part of the read.
    pub up_to_seq: i64,
    /// The booking day and the number of the last entry given; number 0: none of that day yet.
    pub after: (Day, i64),
    /// Last booking day of the read, included.
    pub until: Day,
}

/// The accounts `a` that a linkage `l` gives now: permitted by the customer, open, and still one its user may inquire on.
const GIVEN: &str = " FROM linkages l \
     JOIN linkage_accounts m ON m.institution = l.institution AND m.linkage_id = l.linkage_id \
     JOIN user_accounts r ON r.institution = m.institution AND r.user_id = l.user_id AND r.account_id = m.account_id \
     JOIN accounts a ON a.institution = m.institution AND a.account_id = m.account_id \
     AND a.customer_id = l.customer_id AND a.state = 'active'";
const WITH_PIN: &str = " LEFT JOIN pins p ON p.institution = a.institution AND p.account_id = a.account_id";
const LINKED_ACCOUNT: &str = const_format::concatcp!(
    "SELECT a.account_id, a.branch, b.name, a.type, a.number, a.holder, a.holder_kana, \
     r.memo, p.registered_at, p.stale_at, a.balance, a.last_seq, a.first_on, a.last_on, a.as_of_at, b.name_en",
    GIVEN,
    " JOIN branches b ON b.institution = a.institution AND b.branch = a.branch",
    WITH_PIN
);
const OF_LINKAGE: &str = " WHERE l.institution = ?1 AND l.linkage_id = ?2";
const OF_TOKEN: &str = " JOIN access_tokens t ON t.institution = l.institution AND t.linkage_id = l.linkage_id \
     WHERE t.institution = ?1 AND t.token_id = ?2";
const READABLE_ACCOUNT: &str = const_format::concatcp!(
    "SELECT a.account_id, p.registered_at, p.stale_at, p.sealed, a.balance, a.last_seq, a.first_on, a.last_on, a.as_of_at, ",
    kept::VERSION
);
/// Where its version stands.
const READABLE_VERSION: usize = 9;

// What was booked from a day on, taken off the balance, gives the balance before it. Reads are mostly of late days, so
// few rows are summed. ISO days sort as text.
const BALANCE_SHEET: &str = "SELECT a.balance, a.last_seq, a.first_on, a.last_on, a.as_of_at, a.uncleared, \
     a.overdraft_limit, \
     a.balance - COALESCE((SELECT CAST(SUM(d.credit - d.debit) AS BIGINT) FROM account_days d \
     WHERE d.institution = a.institution AND d.account_id = a.account_id AND d.booked_on >= a.last_on), 0), \
     a.balance - COALESCE((SELECT CAST(SUM(d.credit - d.debit) AS BIGINT) FROM account_days d \
     WHERE d.institution = a.institution AND d.account_id = a.account_id \
     AND d.booked_on >= substr(a.last_on, 1, 8) || '01'), 0) \
     FROM accounts a WHERE a.institution = ?1 AND a.account_id = ?2";

const RANGE_START: &str = "SELECT a.last_seq, \
     a.balance - COALESCE((SELECT CAST(SUM(d.credit - d.debit) AS BIGINT) FROM account_days d \
     WHERE d.institution = a.institution AND d.account_id = a.account_id AND d.booked_on >= ?3), 0) \
     FROM accounts a WHERE a.institution = ?1 AND a.account_id = ?2";

const ENTRY: &str = "SELECT seq, booked_on, credit, debit, balance_after, body FROM entries \
     WHERE institution = ?1 AND account_id = ?2";

// Both engines keep the order of a sub-select that is put in order and then put together.
const STRETCH: &str = "SELECT COUNT(*), COUNT(CASE WHEN e.credit > 0 THEN 1 END), \
     CAST(COALESCE(SUM(e.credit), 0) AS BIGINT), COUNT(CASE WHEN e.debit > 0 THEN 1 END), \
     CAST(COALESCE(SUM(e.debit), 0) AS BIGINT), MAX(CASE WHEN e.seq = ?3 THEN e.balance_after - e.credit + e.debit END), \
     MAX(CASE WHEN e.seq = ?4 THEN e.balance_after END), COALESCE(STRING_AGG(e.body, ','), '') \
     FROM (SELECT seq, credit, debit, balance_after, body FROM entries \
     WHERE institution = ?1 AND account_id = ?2 AND seq >= ?3 AND seq <= ?4 ORDER BY seq) e";

impl Session {
    /// The accounts of a linkage that may be read now, by branch, type and number: those the customer permitted, that
    /// are open, and on which the linkage's user may still inquire.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_linked_accounts(&mut self, linkage: LinkageId) -> Result<Vec<LinkedAccount>, StoreError> {
        let select = const_format::concatcp!(LINKED_ACCOUNT, OF_LINKAGE);
        let rows = self.rows_by_key(select, params![linkage]).await?;
        let mut accounts = rows.into_iter().map(read_linked_account).collect::<Result<Vec<_>, _>>()?;
        // Put in order here: asked for the order, SQLite walks through all accounts of the institution that have it.
        let place = |own: &LinkedAccount| (own.branch.to_string(), own.kind.code(), own.number.to_string());
        accounts.sort_by_cached_key(place);
        Ok(accounts)
    }

    /// One of [`Session::list_linked_accounts`]; `None` for all others, whatever the reason.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_linked_account(
        &mut self,
        linkage: LinkageId,
        account: AccountId,
    ) -> Result<Option<LinkedAccount>, StoreError> {
        let select = const_format::concatcp!(LINKED_ACCOUNT, OF_LINKAGE, " AND m.account_id = ?3");
        self.row(select, params![linkage, account]).await?.map(read_linked_account).transpose()
    }

    /// Those of the linkage an access token is for, in the same order, whatever there is against the token: for whoever
    /// looks that up beside it and tells nothing of them before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_accounts_of_token(&mut self, token: Uuid) -> Result<Arc<Vec<AccountId>>, StoreError> {
        let select = const_format::concatcp!(
            "SELECT a.account_id, a.branch, a.type, a.number, ",
            kept::VERSION,
            GIVEN,
            OF_TOKEN
        );
        if let Some(kept) = self.recall(|known| &known.account_lists, token).await? {
            return Ok(kept);
        }
        let mut version: Option<Vec<u8>> = None;
        let mut accounts: Vec<((String, i64, String), AccountId)> = Vec::new();
        for mut row in self.rows_by_key(select, params![token]).await? {
            accounts.push(((row.get(1)?, row.get(2)?, row.get(3)?), row.get(0)?));
            version = row.get(4)?;
        }
        accounts.sort();
        let accounts: Vec<AccountId> = accounts.into_iter().map(|(_, account)| account).collect();
        if accounts.len() > kept::LISTED_MAX {
            // Of a shorter one that was kept before nothing is left to compare or to hold memory.
            self.forget(|known| &known.account_lists, token);
            return Ok(Arc::new(accounts));
        }
        // No row, no version: a list without accounts is looked up each time.
        Ok(self.keep(|known| &known.account_lists, token, version, accounts))
    }

    /// One of [`Session::list_accounts_of_token`]; `None` for all others, whatever the reason.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_account_of_token(
        &mut self,
        token: Uuid,
        account: AccountId,
    ) -> Result<Option<ReadableAccount>, StoreError> {
        const BY_ITSELF: &str = const_format::concatcp!(
            READABLE_ACCOUNT,
            " FROM accounts a",
            WITH_PIN,
            " WHERE a.institution = ?1 AND a.account_id = ?2"
        );
        const BY_TOKEN: &str =
            const_format::concatcp!(READABLE_ACCOUNT, GIVEN, WITH_PIN, OF_TOKEN, " AND m.account_id = ?3");
        // That the linkage gives it is kept; balance, entries and PIN change all day and are read each time.
        if let Some(given) = self.kept(|known| &known.given_accounts, (token, account))
            && let Some((row, version)) = self.row_of_moment(BY_ITSELF, params![account], READABLE_VERSION).await?
            && given.is_of(&version)
        {
            return read_readable_account(row).map(Some);
        }
        let Some(mut row) = self.row(BY_TOKEN, params![token, account]).await? else { return Ok(None) };
        self.keep(|known| &known.given_accounts, (token, account), row.get(READABLE_VERSION)?, ());
        read_readable_account(row).map(Some)
    }

    /// The balances of an account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_balance_sheet(&mut self, account: AccountId) -> Result<Option<BalanceSheet>, StoreError> {
        let row = self.row(BALANCE_SHEET, params![account]).await?;
        row.map(|mut row| {
            Ok(BalanceSheet {
                ledger: read_ledger_state(&mut row, 0)?,
                uncleared: row.get(5)?,
                overdraft_limit: row.get(6)?,
                previous_day: row.get(7)?,
                previous_month_end: row.get(8)?,
            })
        })
        .transpose()
    }

    /// The entries from one number to another, both included.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_stretch(&mut self, account: AccountId, from: i64, to: i64) -> Result<Stretch, StoreError> {
        // As long as it takes, no other account's should have to wait for it.
        let row = self.rows(STRETCH, params![account, from, to]).await?.into_iter().next();
        let mut row = row.ok_or_else(|| StoreError::Statement("a count gave no row".into()))?;
        Ok(Stretch {
            totals: Totals {
                count: row.get(0)?,
                credit_count: row.get(1)?,
                credit_sum: row.get(2)?,
                debit_count: row.get(3)?,
                debit_sum: row.get(4)?,
            },
            opening_balance: row.get(5)?,
            closing_balance: row.get(6)?,
            bodies: row.get(7)?,
        })
    }

    /// What a read by days from `from` on begins with, now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_range_start(&mut self, account: AccountId, from: Day) -> Result<Option<RangeStart>, StoreError> {
        let row = self.row(RANGE_START, params![account, from]).await?;
        row.map(|mut row| Ok(RangeStart { up_to_seq: row.get(0)?, opening_balance: row.get(1)? })).transpose()
    }

    /// Entries in the order of booking day, then number, from this place on, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_entries_by_day(
        &mut self,
        account: AccountId,
        place: &RangePlace,
        limit: u32,
    ) -> Result<Vec<PostedEntry>, StoreError> {
        let select = const_format::concatcp!(
            ENTRY,
            " AND (booked_on, seq) > (?3, ?4) AND booked_on <= ?5 AND seq <= ?6 ORDER BY booked_on, seq LIMIT ?7"
        );
        let (day, seq) = place.after;
        let values = params![account, day, seq, place.until, place.up_to_seq, limit];
        self.rows(select, values).await?.into_iter().map(read_entry).collect()
    }
}

impl Step {
    /// Notes that a linkage was read in this hour. Writes only when the hour is a new one.
    #[must_use]
    pub fn note_read(linkage: LinkageId, hour: Timestamp) -> Step {
        let update = "UPDATE linkages SET last_read_at = ?3 \
             WHERE institution = ?1 AND linkage_id = ?2 AND (last_read_at IS NULL OR last_read_at < ?3)";
        Step::new(update, values![linkage, hour])
    }
}

fn read_linked_account(mut row: Row) -> Result<LinkedAccount, StoreError> {
    Ok(LinkedAccount {
        id: row.get(0)?,
        branch: row.get(1)?,
        branch_name: row.get(2)?,
        branch_name_en: row.get(15)?,
        kind: row.get(3)?,
        number: row.get(4)?,
        holder: row.get(5)?,
        holder_kana: row.get(6)?,
        memo: row.get(7)?,
        pin: read_pin_status(&mut row, 8)?,
        ledger: read_ledger_state(&mut row, 10)?,
    })
}

fn read_readable_account(mut row: Row) -> Result<ReadableAccount, StoreError> {
    Ok(ReadableAccount {
        id: row.get(0)?,
        pin: read_pin_status(&mut row, 1)?,
        sealed_pin: row.get::<Option<Vec<u8>>>(3)?.map(SealedPin),
        ledger: read_ledger_state(&mut row, 4)?,
    })
}

/// Two columns from `first` on: registered_at, stale_at.
fn read_pin_status(row: &mut Row, first: usize) -> Result<PinStatus, StoreError> {
    Ok(match (row.get::<Option<Timestamp>>(first)?, row.get::<Option<Timestamp>>(first + 1)?) {
        (None, _) => PinStatus::Missing,
        (Some(_), None) => PinStatus::Registered,
        (Some(_), Some(_)) => PinStatus::Stale,
    })
}

/// Five columns from `first` on: balance, last_seq, first_on, last_on, as_of_at.
fn read_ledger_state(row: &mut Row, first: usize) -> Result<LedgerState, StoreError> {
    let days: (Option<Day>, Option<Day>) = (row.get(first + 2)?, row.get(first + 3)?);
    Ok(LedgerState {
        balance: row.get(first)?,
        last_seq: row.get(first + 1)?,
        days: days.0.zip(days.1),
        as_of_at: row.get(first + 4)?,
    })
}

fn read_entry(mut row: Row) -> Result<PostedEntry, StoreError> {
    Ok(PostedEntry {
        seq: row.get(0)?,
        booked_on: row.get(1)?,
        credit: row.get(2)?,
        debit: row.get(3)?,
        balance_after: row.get(4)?,
        body: row.get(5)?,
    })
}
