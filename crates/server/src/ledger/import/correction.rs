//! 訂正: which entry a correction corrects. Statement files do not say, so it is told from the entries themselves, and
//! where it can't be told it is left open.
//!
//! An entry is taken for the corrected one when it has the opposite direction, the same amount and the same party as the
//! correction, its description is the correction's or what the correction's begins with (institutions add ﾃｲｾｲ), it was
//! booked within the [`DAYS_BACK`] days before, and is neither a correction itself nor corrected already. Of several the
//! latest is taken: apart from their days they are equal. An entry without party and description has nothing to be known
//! by and is never taken.

use renkei_domain::id::AccountId;
use renkei_domain::statement::{Direction, EntryKind, StatementLine};
use renkei_store::ledger_import::NewEntry;

use super::{Failure, Importer};
use crate::ledger::entry::{EntryBody, WireDirection};

/// How many days before its correction an entry may be booked.
const DAYS_BACK: i32 = 92;
/// How many entries before its correction an entry may be posted.
const ENTRIES_BACK: i64 = 10_000;
/// Stored entries of the correction's amount that are looked at.
const CANDIDATES: u32 = 64;
/// Corrections of one statement that are traced; a statement with more is not one of corrections made by hand.
const TRACED_MAX: u32 = 1_000;

/// Traces the corrections of one statement.
#[derive(Default)]
pub(super) struct Tracer {
    traced: u32,
}

impl Tracer {
    /// The number of the entry that this line, posted to the account under `seq`, corrects. `waiting` holds the entries
    /// before it that are not in the store yet.
    pub async fn trace(
        &mut self,
        at: &Importer<'_>,
        (account, seq): (AccountId, i64),
        line: &StatementLine,
        waiting: &[NewEntry],
    ) -> Result<Option<i64>, Failure> {
        if line.amount == 0 || self.traced >= TRACED_MAX {
            return Ok(None);
        }
        self.traced += 1;
        let days = (line.booked_on.plus_days(-DAYS_BACK), line.booked_on);
        let mut session = at.store.read(at.institution);
        let after_seq = seq.saturating_sub(ENTRIES_BACK);
        let stored = session.list_bodies_of_amount(account, line.amount, days, after_seq, CANDIDATES).await?;
        let is_candidate = |entry: &&NewEntry| {
            entry.credit.max(entry.debit) == line.amount && days.0 <= entry.booked_on && entry.booked_on <= days.1
        };
        let waiting = waiting.iter().rev().filter(is_candidate).map(|entry| &entry.body);
        let entries: Vec<EntryBody> = waiting
            .chain(&stored)
            .map(|body| serde_json::from_str(body))
            .collect::<Result<_, _>>()
            .map_err(|error| Failure::Defect(format!("an entry of the ledger can't be read: {error}")))?;
        Ok(corrected_by(line, &entries))
    }
}

/// Which of these entries, the latest first and all of the line's amount, the line corrects.
fn corrected_by(line: &StatementLine, entries: &[EntryBody]) -> Option<i64> {
    let opposite = match line.direction {
        Direction::Credit => WireDirection::Debit,
        Direction::Debit => WireDirection::Credit,
    };
    let is_corrected =
        |entry: &EntryBody| entries.iter().any(|other| other.correction_of.as_ref() == Some(&entry.transaction_id));
    let found = entries.iter().find(|entry| {
        entry.direction == opposite && !is_correction(entry) && is_alike(line, entry) && !is_corrected(entry)
    });
    found.map(|entry| entry.sequence)
}

fn is_correction(entry: &EntryBody) -> bool {
    entry.kind.as_ref().is_some_and(|kind| kind.code == EntryKind::Correction.code().to_string())
}

/// Whether the party is the same and the line's description begins with the entry's.
fn is_alike(line: &StatementLine, entry: &EntryBody) -> bool {
    let remitter = entry.remitter.as_ref().and_then(|remitter| remitter.name.as_deref());
    let party = remitter.or(entry.contract_number.as_deref()).unwrap_or_default();
    let description = entry.description.as_deref().unwrap_or_default();
    let is_known_by_something = !party.is_empty() || !description.is_empty();
    is_known_by_something && line.party == party && line.description.starts_with(description)
}
