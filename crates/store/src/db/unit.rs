//! Writes that can be said beforehand: what may happen once, what follows if it does, and what is recorded if not.
//!
//! Nothing in between has to be read, so nobody has to hold a transaction open for it: units of many requests are written
//! one after another in one transaction with one flush, in few round trips however many there are. Each of them is
//! answered after the commit, and is as much all or nothing as if it had been alone.

use std::time::Instant;

use renkei_domain::audit::{Action, Outcome, Record};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::{Engine, Param, Store, StoreError, Tx, act};
use crate::Random;

/// Units written in one transaction at most: bounds how long the last one waits for the first.
pub(super) const TOGETHER_MAX: usize = 64;

/// A statement with its values, but for the institution's.
#[derive(Debug, Clone)]
pub struct Step {
    pub(super) sql: &'static str,
    pub(super) values: Vec<Param<'static>>,
}

impl Step {
    /// A statement of an institution; its first value, `?1`, comes from whoever runs it.
    pub(crate) const fn new(sql: &'static str, values: Vec<Param<'static>>) -> Step {
        Step { sql, values }
    }
}

/// What one request writes.
#[derive(Debug, Clone)]
pub struct Unit {
    pub(super) institution: Param<'static>,
    pub(super) claims: Vec<Claim>,
    pub(super) then: Part,
}

/// What is written together once it is known how the claims ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    /// One after the other, and after those of units left before.
    pub(super) steps: Vec<Step>,
    /// Rows that nothing else written with them looks at: those of many units are added at once.
    pub(super) rows: Vec<Step>,
    /// What is added to counts that everybody adds to.
    pub(super) tallies: Vec<Tally>,
    /// The audit records among the rows, to be counted.
    records: Vec<(Action, Outcome)>,
}

/// So much more of something that everybody counts: those of units that are written together are added up before, so that
/// nobody waits long for the one row.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// Adds its last value to the count of those before it.
    pub(super) sql: &'static str,
    pub(super) of: Vec<Param<'static>>,
    pub(super) by: i64,
}

impl Tally {
    /// The statement that adds so much.
    pub(super) fn step(&self) -> Step {
        let by = Param::from(self.by);
        Step { sql: self.sql, values: self.of.iter().cloned().chain([by]).collect() }
    }
}

/// What may happen once. Those after one that does not hold are left out.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) what: Claimed,
    /// Written if this is the first that does not hold.
    pub(super) otherwise: Part,
}

/// What a claim claims.
#[derive(Debug, Clone)]
pub(super) enum Claimed {
    /// A digest that was not claimed before, or long ago.
    Digest(Digest),
    /// A conditional write that must change exactly one row.
    Row(Step),
}

/// A digest on its way into the table of those that were used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Digest {
    pub(super) digest: [u8; 32],
    pub(super) until: Timestamp,
    pub(super) now: Timestamp,
}

/// How a unit ended; durable either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every claim holds and everything is written.
    Done,
    /// The claim of this number, from 0, does not hold; those before it do.
    Lost(usize),
}

type Answer = oneshot::Sender<Result<Ended, StoreError>>;
/// A unit and who waits for it.
pub(super) type Asked = (Unit, Answer);

impl Unit {
    /// An empty one for this institution.
    #[must_use]
    pub fn new(institution: &InstitutionCode) -> Unit {
        Unit { institution: Param::from(institution), claims: Vec::new(), then: Part::default() }
    }

    /// Adds the claim of a digest until an instant, as [`super::Tx::claim_replay`].
    pub fn claim_replay(&mut self, digest: &[u8; 32], until: Timestamp, now: Timestamp) {
        self.claim_what(Claimed::Digest(Digest { digest: *digest, until, now }));
    }

    /// Adds the claim of a conditional write that must change exactly one row.
    pub fn claim(&mut self, step: Step) {
        self.claim_what(Claimed::Row(step));
    }

    fn claim_what(&mut self, what: Claimed) {
        self.claims.push(Claim { what, otherwise: Part::default() });
    }

    /// Adds what is written if the claim added last is the first that does not hold.
    pub fn otherwise(&mut self, step: Step) {
        if let Some(claim) = self.claims.last_mut() {
            claim.otherwise.steps.push(step);
        }
    }

    /// Adds what is written if every claim holds, after what was added before.
    pub fn then(&mut self, step: Step) {
        self.then.steps.push(step);
    }

    /// Adds several, as [`Unit::then`].
    pub fn then_all(&mut self, steps: impl IntoIterator<Item = Step>) {
        self.then.steps.extend(steps);
    }

    /// Adds a new row that is written if every claim holds, and that nothing written with it looks at.
    pub fn add(&mut self, row: Step) {
        self.then.rows.push(row);
    }

    /// Adds so much to a count if every claim holds; `sql` takes what is counted, and how much as its last value.
    pub(crate) fn tally(&mut self, sql: &'static str, of: Vec<Param<'static>>, by: i64) {
        self.then.tallies.push(Tally { sql, of, by });
    }

    /// Adds a record of what is done if every claim of the unit holds.
    pub fn record(&mut self, record: &Record, now: Timestamp, random: &dyn Random) {
        self.then.record(record, now, random);
    }

    /// Adds a record of what is refused if the claim added last is the first that does not hold.
    pub fn record_loss(&mut self, record: &Record, now: Timestamp, random: &dyn Random) {
        if let Some(claim) = self.claims.last_mut() {
            claim.otherwise.record(record, now, random);
        }
    }

    /// The same claims with what is written if they don't hold, and nothing else.
    #[must_use]
    pub fn with_claims_only(self) -> Unit {
        Unit { then: Part::default(), ..self }
    }

    /// What is written after the claims ended like this; nothing where nobody said what.
    pub(super) fn follows(&self, ended: Ended) -> Option<&Part> {
        match ended {
            Ended::Done => Some(&self.then),
            Ended::Lost(number) => self.claims.get(number).map(|claim| &claim.otherwise),
        }
    }

    /// The records of each end.
    fn records(&self) -> Vec<(Ended, Action, Outcome)> {
        let lost = self.claims.iter().enumerate().map(|(number, claim)| (Ended::Lost(number), &claim.otherwise));
        let parts = lost.chain([(Ended::Done, &self.then)]);
        parts
            .flat_map(|(end, part)| part.records.iter().map(move |(action, outcome)| (end, *action, *outcome)))
            .collect()
    }

    /// As [`super::Session::rows`] demands it of every statement.
    fn check(&self) -> Result<(), StoreError> {
        let claimed = self.claims.iter().filter_map(|claim| match &claim.what {
            Claimed::Row(step) => Some(step),
            Claimed::Digest(_) => None,
        });
        let parts = self.claims.iter().map(|claim| &claim.otherwise).chain([&self.then]);
        let tallies = self.then.tallies.iter().map(|tally| tally.sql);
        let steps = claimed.chain(parts.flat_map(|part| part.steps.iter().chain(&part.rows)));
        if steps.map(|step| step.sql).chain(tallies).all(|sql| sql.contains("?1")) {
            return Ok(());
        }
        Err(StoreError::Statement("a statement of an institution must name it as ?1".into()))
    }
}

impl Part {
    fn record(&mut self, record: &Record, now: Timestamp, random: &dyn Random) {
        self.records.push((record.action, record.outcome));
        self.rows.push(crate::audit::row(record, now, random));
    }
}

impl Tx {
    /// Runs a statement that was made beforehand, and tells how many rows it changed.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub async fn apply(&mut self, step: Step) -> Result<u64, StoreError> {
        self.execute(step.sql, &step.values).await
    }
}

impl Store {
    /// Writes a record of something that changed nothing.
    ///
    /// # Errors
    /// As [`Store::leave`].
    pub async fn record(
        &self,
        institution: &InstitutionCode,
        record: &Record,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<(), StoreError> {
        let mut unit = Unit::new(institution);
        unit.record(record, now, random);
        self.leave(unit).await.map(drop)
    }

    /// Writes a unit together with whatever others are written at the same time, and returns once it is durable.
    ///
    /// # Errors
    /// As those of a transaction.
    pub async fn leave(&self, unit: Unit) -> Result<Ended, StoreError> {
        unit.check()?;
        self.work.room.admit()?;
        let records = unit.records();
        let begun = Instant::now();
        self.work.commits.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (answer, wait) = oneshot::channel();
        match &self.engine {
            Engine::Sqlite(engine) => engine.leave((unit, answer))?,
            Engine::Postgres(engine) => engine.leave((unit, answer))?,
        }
        let ended = wait.await.map_err(|_| gone())?;
        self.work.commit_time.observe(begun.elapsed());
        for (_, action, outcome) in records.iter().filter(|(end, ..)| ended.as_ref().is_ok_and(|ended| ended == end)) {
            self.work.records.count(*action, *outcome);
        }
        self.work.room.note(&ended);
        act::note_commit(&ended.clone().map(drop));
        ended
    }
}

/// Whoever writes is no longer there.
pub(super) fn gone() -> StoreError {
    StoreError::Unavailable("whoever writes is gone".into())
}

/// Everything that waits, as many as are written together, behind this one.
pub(super) fn gather(first: Asked, queue: &mut mpsc::UnboundedReceiver<Asked>) -> Vec<Asked> {
    let mut together = vec![first];
    while together.len() < TOGETHER_MAX
        && let Ok(next) = queue.try_recv()
    {
        together.push(next);
    }
    together
}
