//! Refusals of strangers in the audit trail: the first of each source and minute one by one, then counted, so that
//! nobody fills the disk with them.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::{MICROS_PER_SECOND, Timestamp};
use renkei_oauth::error::ResourceError;
use renkei_store::StoreError;
use renkei_store::guesses::{self, Guess, NotNow};

use super::Prefix;
use super::table::{Pace, Table};
use crate::app::App;
use crate::http::browser::Visit;
use crate::sync::Mutex;

/// Refusals of one source recorded one by one, in a row; after that as many a minute.
pub const SOURCE_RECORDS: i64 = 20;
/// The same for one institution and all sources together.
pub const INSTITUTION_RECORDS: i64 = 600;
/// After this time a count becomes a record.
const COUNTED_SECONDS: i64 = 60;

const fn per_minute(records: i64) -> Pace {
    let room_micros = 60 * MICROS_PER_SECOND;
    Pace { each_micros: room_micros / records, room_micros }
}

/// Refusals that were not recorded one by one.
#[derive(Debug, Clone, Copy)]
struct Counted {
    count: u64,
    since: Timestamp,
}

/// An institution, and what was refused there: few, whoever comes.
type Place = (InstitutionCode, &'static str);

/// Which refusals are recorded one by one, and how many were not.
#[derive(Default)]
pub struct Refusals {
    sources: Table,
    institutions: Table,
    counted: Mutex<BTreeMap<Place, (Action, Counted)>>,
}

impl Refusals {
    /// Whether this refusal is recorded by itself. If not, it has been counted.
    fn admit(&self, institution: &InstitutionCode, source: Prefix, action: Action, now: Timestamp) -> bool {
        let alone = self.sources.take(&(institution, source), &per_minute(SOURCE_RECORDS), now).is_ok()
            && self.institutions.take(institution, &per_minute(INSTITUTION_RECORDS), now).is_ok();
        if !alone {
            let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
            let (_, counted) = counted
                .entry((institution.clone(), action.word()))
                .or_insert((action, Counted { count: 0, since: now }));
            counted.count = counted.count.saturating_add(1);
        }
        alone
    }

    /// Takes out the counts begun at or before an instant.
    fn take_until(&self, latest: Timestamp) -> Vec<(InstitutionCode, Action, Counted)> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let due = counted.extract_if(.., |_, (_, counted)| counted.since <= latest);
        due.map(|((institution, _), (action, counted))| (institution, action, counted)).collect()
    }

    /// Puts back what could not be written.
    fn put_back(&self, institution: InstitutionCode, action: Action, lost: Counted) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = counted.entry((institution, action.word())).or_insert((action, Counted { count: 0, ..lost }));
        entry.1.count = entry.1.count.saturating_add(lost.count);
        entry.1.since = entry.1.since.min(lost.since);
    }
}

/// Records the refusal of somebody who did not authenticate, or counts it. The institution must exist.
///
/// # Errors
/// When the store is away.
pub async fn record_refusal(
    app: &App,
    institution: &InstitutionCode,
    source: Prefix,
    record: Record,
    now: Timestamp,
) -> Result<(), StoreError> {
    let record = if record.object.is_none() { record.on(format!("source {source}")) } else { record };
    if app.memory.limits.refusals.admit(institution, source, record.action, now) {
        app.store.record(institution, &record, now, app.random.as_ref()).await?;
    }
    Ok(())
}

/// Leaves a record of a call whose token or proof does not hold, as long as its source has sent few such. Whoever sends no
/// token has tried nothing, and anybody could fill the trail with an institution that does not exist.
///
/// # Errors
/// When the store is away.
pub async fn record_stranger(
    app: &App,
    institution: &InstitutionCode,
    source: Prefix,
    action: Action,
    error: &ResourceError,
    request_id: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let ResourceError::Refused(error) = error else { return Ok(()) };
    if app.store.read(institution).find_institution().await?.is_none() {
        return Ok(());
    }
    let record = Record::refused(Actor::Visitor, action, error.description).in_request(request_id);
    record_refusal(app, institution, source, record, now).await
}

/// Counts a guess of a visitor, durably, before what was guessed is looked at. When it is the one that makes the
/// institution's vain tries too many, that is recorded and logged.
///
/// # Errors
/// When the store is away. The inner error: it must not be looked at.
pub async fn count_guess(visit: &Visit, guess: &Guess<'_>, what: &str) -> Result<Result<(), NotNow>, StoreError> {
    let (app, institution) = (&visit.app, visit.code());
    let alarm = Record::refused(Actor::System, Action::GuessingNoticed, what)
        .on(format!("source {}", visit.source))
        .in_request(&visit.request_id);
    let counted = guesses::count_guess(&app.store, institution, guess, &alarm, visit.now, app.random.as_ref()).await?;
    if counted == Ok(true) {
        tracing::error!(%institution, source = %visit.source, what, "secrets are being guessed: too many vain tries");
    }
    Ok(counted.map(|_| ()))
}

/// Writes the counts that are a minute old into the audit trail; `all`: every one, because the process ends.
///
/// # Errors
/// When the store is away; what was not written is kept for the next time.
pub async fn write_counted(app: &App, all: bool) -> Result<(), StoreError> {
    let now = app.now();
    let latest = if all { Timestamp(i64::MAX) } else { now.plus_seconds(-COUNTED_SECONDS) };
    let mut failed = Ok(());
    for (institution, action, counted) in app.memory.limits.refusals.take_until(latest) {
        let detail = format!("counted {} in {} s", counted.count, counted.since.seconds_until(now));
        let written = async {
            let mut tx = app.store.begin(&institution).await?;
            let record = Record::refused(Actor::System, action, &detail);
            tx.record(&record, now, app.random.as_ref()).await?;
            tx.commit().await
        };
        if let Err(error) = written.await {
            app.memory.limits.refusals.put_back(institution, action, counted);
            failed = Err(error);
        }
    }
    failed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::source::Source;
    use renkei_testing::aoi;
    use renkei_testing::explore::{Explored, Thread, explore, step};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    /// Refusals of one source, of which so many were recorded one by one, and those that were counted and written.
    struct World {
        refusals: Refusals,
        alone: Mutex<u64>,
        written: Mutex<u64>,
    }

    impl World {
        fn admit(&self) {
            let source = Prefix::of(Some(&Source([192, 0, 2, 1].into())));
            if self.refusals.admit(&aoi(), source, Action::ClientRefused, NOW) {
                *self.alone.lock().unwrap() += 1;
            }
        }

        fn counted(&self) -> u64 {
            self.refusals.counted.lock().unwrap().values().map(|(_, counted)| counted.count).sum()
        }
    }

    /// All but one of those recorded one by one are used up.
    fn world() -> World {
        let world = World { refusals: Refusals::default(), alone: Mutex::default(), written: Mutex::default() };
        (1..SOURCE_RECORDS).for_each(|_| world.admit());
        *world.alone.lock().unwrap() = 0;
        world
    }

    /// Four are refused while the counts are written, the first time in vain.
    fn four_refusals(put_back: fn(&Refusals, InstitutionCode, Action, Counted)) -> Explored {
        let refuse = |world: &World| (0..2).for_each(|_| world.admit());
        let write = |world: &World| {
            for is_away in [true, false] {
                for (institution, action, counted) in world.refusals.take_until(NOW) {
                    step();
                    match is_away {
                        true => put_back(&world.refusals, institution, action, counted),
                        false => *world.written.lock().unwrap() += counted.count,
                    }
                }
            }
        };
        let threads: [Thread<'_, World>; 3] = [&refuse, &refuse, &write];
        explore(2, world, &threads, |world| {
            let found = (*world.alone.lock().unwrap(), world.counted() + *world.written.lock().unwrap());
            (found == (1, 3)).then_some(()).ok_or_else(|| format!("recorded and counted: {found:?}"))
        })
    }

    #[test]
    fn f_33_every_refusal_is_recorded_or_counted_once() {
        four_refusals(Refusals::put_back).expect_right("counted refusals");
    }

    #[test]
    fn f_33_control_counts_that_are_put_back_over_others_are_found() {
        let over = |refusals: &Refusals, institution: InstitutionCode, action: Action, lost| {
            refusals.counted.lock().unwrap().insert((institution, action.word()), (action, lost));
        };
        four_refusals(over).expect_wrong("counts put back over others");
    }
}
