//! 保存期間: rows that can do nothing any more go, in small bounded steps.
//!
//! What time decides is never stored, so nothing here has to run for anything to be right; it keeps the tables small. A
//! sweep walks a table in the order of its key, a slice at a time, and deletes what is dead in the slice. It needs no
//! index of its own, so that no request pays for it, and the walk costs the same whether a table is of one institution or
//! of a thousand. Two nodes that sweep at once do each other no harm.

use std::time::Duration;

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;

use crate::db::{FromValue, Param, Row, Value};
use crate::{Random, Store, StoreError, Tx};

/// [`SLICE_ROWS`] for the texts of statements.
macro_rules! slice_rows {
    () => {
        200
    };
}

/// Rows looked at in one step: a millisecond or two of the store's time if all of them go, for whoever comes meanwhile
/// waits for it.
pub const SLICE_ROWS: usize = slice_rows!();

/// Of the time in which something is swept, one part in so many more is spent in the store, unless the longest pause is
/// shorter than that takes.
const REST_FOR_EACH_STEP: u32 = 19;
/// The shortest pause after a step, so that requests come between …
const PAUSE_MIN: Duration = Duration::from_millis(2);
/// … and the longest: a step that waited for somebody's long transaction does not keep the next from coming.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How long to rest after a step that took so long.
#[must_use]
pub fn rest_after(step: Duration) -> Duration {
    (step * REST_FOR_EACH_STEP).clamp(PAUSE_MIN, PAUSE_MAX)
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Rows of one kind, and when they are dead.
#[derive(Debug)]
pub struct Class {
    /// The table, for logs and metrics.
    pub name: &'static str,
    /// Seconds that a row is kept after it was of use for the last time.
    pub kept_seconds: i64,
    /// Seconds from the end of one walk through the table to the next.
    pub every_seconds: i64,
    /// The columns of the key, as a walk begins: before all rows.
    start: &'static [Start],
    /// The next rows: their keys, and 1 where a row is dead.
    page: &'static str,
    /// The dead rows from one key to another; gives the keys of those that went.
    delete: &'static str,
    /// What hangs on the row of a key, if anything; its values are the key alone.
    with: Option<&'static str>,
    /// As what the audit trail tells how many rows of an institution went, if it does.
    told: Option<Action>,
}

#[derive(Debug, Clone, Copy)]
enum Start {
    Text,
    Bytes,
}

/// The two statements of a class; `?1` is the instant before which rows are dead.
///
/// The first finds the rows behind a key. Their number stands in its text: PostgreSQL keeps one plan for all values, and one
/// for any number of rows may sort them all. The second deletes what is dead from one key to another of the same
/// institution, where only the last column differs: bounded by rows of columns, PostgreSQL would read on to the end of the
/// institution.
macro_rules! walk {
    ($table:literal, $key:literal, $dead:expr) => {
        walk!($table, $key, "?2, ?3", concat!("institution = ?2 AND ", $key, " >= ?3 AND ", $key, " <= ?4"), $dead)
    };
    ($table:literal, $key:literal, $places:literal, $range:expr, $dead:expr) => {
        (
            concat!(
                "SELECT institution, ",
                $key,
                ", CAST(CASE WHEN ",
                $dead,
                " THEN 1 ELSE 0 END AS BIGINT) FROM ",
                $table,
                " WHERE (institution, ",
                $key,
                ") > (",
                $places,
                ") ORDER BY institution, ",
                $key,
                " LIMIT ",
                slice_rows!()
            ),
            concat!("DELETE FROM ", $table, " WHERE ", $range, " AND (", $dead, ") RETURNING institution, ", $key),
        )
    };
}

/// What stood behind the same login goes with the session or code that came of it.
const GUARD_NOTES: &str = "DELETE FROM passed_guards WHERE institution = ?1 AND holder_id = ?2";

const REPLAYS: (&str, &str) = walk!("replays", "digest", "expires_at < ?1");
const ACCESS_TOKENS: (&str, &str) = walk!("access_tokens", "token_id", "expires_at < ?1");
const CLIENT_TOKENS: (&str, &str) = walk!("client_tokens", "token_id", "expires_at < ?1");
const CODES: (&str, &str) = walk!("codes", "code_id", "expires_at < ?1");
const REQUESTS: (&str, &str) = walk!("requests", "request_id", "expires_at < ?1");
const FLOWS: (&str, &str) = walk!("flows", "flow_id", "deadline_at < ?1");
const SESSIONS: (&str, &str) = walk!("sessions", "session_id", "COALESCE(ended_at, used_at) < ?1");
const REFRESH_TOKENS: (&str, &str) = walk!(
    "refresh_tokens",
    "token_id",
    "COALESCE(revoked_at < ?1, FALSE) OR EXISTS (SELECT 1 FROM linkages l WHERE l.institution = refresh_tokens.institution \
     AND l.linkage_id = refresh_tokens.linkage_id AND (l.ends_at < ?1 OR l.ended_at < ?1))"
);
/// No linkage in force, or that could still be renewed, reads the account; one whose code was never redeemed is neither.
macro_rules! pin_is_dead {
    () => {
        "registered_at < ?1 AND NOT EXISTS (SELECT 1 FROM linkage_accounts m \
         JOIN linkages l ON l.institution = m.institution AND l.linkage_id = m.linkage_id \
         WHERE m.institution = pins.institution AND m.account_id = pins.account_id \
         AND l.ended_at IS NULL AND l.ends_at >= ?1 AND (l.taken_at IS NOT NULL OR l.renewed_at >= ?1 \
         OR EXISTS (SELECT 1 FROM refresh_tokens f WHERE f.institution = l.institution \
         AND f.linkage_id = l.linkage_id)))"
    };
}
const PINS: (&str, &str) = walk!("pins", "account_id", pin_is_dead!());
/// A guard that only staff can open stays, and so do those of PINs: there are no more of them than accounts and users.
const GUARDS: (&str, &str) = walk!(
    "guards",
    "kind, subject",
    "?2, ?3, ?4",
    "institution = ?2 AND kind = ?3 AND subject >= ?4 AND subject <= ?5",
    "kind IN ('login', 'login_device') AND tried_at < ?1 AND COALESCE(locked_until, 0) < ?1"
);

/// Everything that goes by itself. Audit records, consents, ended linkages and the ledger do not.
pub const CLASSES: &[Class] = &[
    // Two nodes' clocks may differ by as much as a claim's own margin.
    text("access_tokens", HOUR, 5 * MINUTE, ACCESS_TOKENS),
    text("client_tokens", HOUR, HOUR, CLIENT_TOKENS),
    Class { start: &[Start::Text, Start::Bytes], ..text("replays", MINUTE, MINUTE, REPLAYS) },
    // A code that comes a second time takes what came of it with it: for as long as somebody may still try.
    Class { with: Some(GUARD_NOTES), ..text("codes", DAY, HOUR, CODES) },
    text("requests", DAY, HOUR, REQUESTS),
    // A walk that nobody finished holds PINs, sealed.
    text("flows", HOUR, 10 * MINUTE, FLOWS),
    // The longest a session may lie unused is twelve hours.
    Class { with: Some(GUARD_NOTES), ..text("sessions", 13 * HOUR, HOUR, SESSIONS) },
    text("refresh_tokens", 30 * DAY, DAY, REFRESH_TOKENS),
    // Who renews within three months of the end need not enter PINs again.
    Class { told: Some(Action::PinsDeleted), ..text("pins", 90 * DAY, DAY, PINS) },
    Class { start: &[Start::Text, Start::Text, Start::Text], ..text("guards", 90 * DAY, DAY, GUARDS) },
];

/// A class whose key is the institution and one text.
const fn text(name: &'static str, kept: i64, every: i64, (page, delete): (&'static str, &'static str)) -> Class {
    let start = &[Start::Text, Start::Text];
    Class { name, kept_seconds: kept, every_seconds: every, start, page, with: None, delete, told: None }
}

/// A walk through one table.
pub struct Sweep {
    /// What is swept.
    pub class: &'static Class,
    cursor: Vec<Param<'static>>,
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Rows that went.
    pub deleted: u64,
    /// The table's end was reached; the next step begins a new walk.
    pub is_end: bool,
}

impl Sweep {
    /// A walk that has not begun.
    #[must_use]
    pub fn of(class: &'static Class) -> Sweep {
        Sweep { class, cursor: class.begin() }
    }

    /// Looks at the next rows and deletes the dead ones among them, in one short transaction; where there are none,
    /// nothing is written.
    ///
    /// # Errors
    /// [`StoreError`]; the next step then begins where this one did.
    pub async fn step(&mut self, store: &Store, now: Timestamp, random: &dyn Random) -> Result<Swept, StoreError> {
        let cut = Param::from(now.plus_seconds(-self.class.kept_seconds));
        let slice = [std::slice::from_ref(&cut), &self.cursor].concat();
        let found = store.read_all().rows(self.class.page, &slice).await?;
        let is_end = found.len() < SLICE_ROWS;
        let mut dead = Vec::new();
        let mut until = self.cursor.clone();
        for mut row in found {
            let columns = self.cursor.len();
            until = key_of(&mut row, columns)?;
            if row.get::<i64>(columns)? == 1 {
                dead.push(until.clone());
            }
        }
        let deleted = if dead.is_empty() { 0 } else { self.delete(store, &cut, &dead, now, random).await? };
        self.cursor = if is_end { self.class.begin() } else { until };
        Ok(Swept { deleted, is_end })
    }

    /// What goes with a row goes if it was deleted here, whoever else sweeps.
    async fn delete(
        &self,
        store: &Store,
        cut: &Param<'static>,
        dead: &[Vec<Param<'static>>],
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<u64, StoreError> {
        let mut tx = store.begin_all().await?;
        let mut gone = Vec::new();
        for run in dead.chunk_by(|one, next| one.split_last().map(|it| it.1) == next.split_last().map(|it| it.1)) {
            let (Some(first), Some(last)) = (run.first(), run.last().and_then(|last| last.last())) else { continue };
            let range = [std::slice::from_ref(cut), first, std::slice::from_ref(last)].concat();
            for mut row in tx.rows(self.class.delete, &range).await? {
                gone.push(key_of(&mut row, first.len())?);
            }
        }
        if let Some(with) = self.class.with {
            tx.execute_each(with, &gone).await?;
        }
        if let Some(action) = self.class.told {
            tell(&mut tx, action, &gone, now, random).await?;
        }
        tx.commit().await?;
        Ok(gone.len() as u64)
    }
}

/// Records how many rows of each institution went.
async fn tell(
    tx: &mut Tx,
    action: Action,
    gone: &[Vec<Param<'static>>],
    now: Timestamp,
    random: &dyn Random,
) -> Result<(), StoreError> {
    for of_one in gone.chunk_by(|one, next| one.first() == next.first()) {
        let code = of_one.first().and_then(|key| key.first()).map(Param::as_text).unwrap_or_default();
        let institution: InstitutionCode =
            code.parse().map_err(|_| StoreError::Corrupt { column: 0, found: "no institution".into() })?;
        tx.turn_to(&institution);
        tx.record(&Record::done(Actor::System, action).with(format!("unused {}", of_one.len())), now, random).await?;
    }
    Ok(())
}

impl Class {
    fn begin(&self) -> Vec<Param<'static>> {
        let before_all = |column: &Start| match column {
            Start::Text => Param::from(""),
            Start::Bytes => Param::Bytes(Vec::new().into()),
        };
        self.start.iter().map(before_all).collect()
    }
}

/// The key that a row begins with.
fn key_of(row: &mut Row, columns: usize) -> Result<Vec<Param<'static>>, StoreError> {
    (0..columns).map(|column| row.get::<Key>(column).map(|key| key.0)).collect()
}

/// A column of a key, to be bound again.
struct Key(Param<'static>);

impl FromValue for Key {
    fn from_value(value: Value) -> Result<Key, String> {
        match value {
            Value::Text(text) => Ok(Key(text.into())),
            Value::Bytes(bytes) => Ok(Key(Param::Bytes(bytes.into()))),
            Value::Int(_) | Value::Null => Err("no part of a key".to_owned()),
        }
    }
}
