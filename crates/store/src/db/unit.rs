//! Writes that can be said beforehand: what may happen once, what follows if it does, and what is recorded if not.
//!
//! Nothing in between has to be read, so nobody has to hold a transaction open for it: units of many requests are written
//! one after another in one transaction with one flush, in few round trips however many there are. Each of them is
//! answered after the commit, and is as much all or nothing as if it had been alone.

use std::time::Instant;

use renkei_domain::audit::{Action, Outcome, Record};
use renkei_domain::institution::InstitutionCode;
use tokio::sync::{mpsc, oneshot};

use super::{Engine, Param, Store, StoreError, act};

/// Units written in one transaction at most: bounds how long the last one waits for the first.
pub(super) const TOGETHER_MAX: usize = 64;

/// A statement with all its values, the institution's first.
#[derive(Debug, Clone)]
pub struct Step {
    pub(super) sql: &'static str,
    pub(super) values: Vec<Param<'static>>,
}

/// What one request writes.
#[derive(Debug, Clone)]
pub struct Unit {
    institution: Param<'static>,
    pub(super) claims: Vec<Claim>,
    /// Written if every claim holds.
    pub(super) then: Vec<Step>,
    /// The audit records among all this, by the end with which they are written; to be counted.
    records: Vec<(Ended, Action, Outcome)>,
}

/// A conditional write that must change exactly one row. Those after one that does not are left out.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) step: Step,
    /// Written if this is the first that does not hold.
    pub(super) otherwise: Vec<Step>,
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
        Unit { institution: Param::from(institution), claims: Vec::new(), then: Vec::new(), records: Vec::new() }
    }

    /// Adds a claim.
    pub(crate) fn claim(&mut self, sql: &'static str, values: Vec<Param<'static>>) {
        let step = self.step(sql, values);
        self.claims.push(Claim { step, otherwise: Vec::new() });
    }

    /// Adds what is written if the claim added last is the first that does not hold.
    pub(crate) fn otherwise(&mut self, sql: &'static str, values: Vec<Param<'static>>) {
        let step = self.step(sql, values);
        if let Some(claim) = self.claims.last_mut() {
            claim.otherwise.push(step);
        }
    }

    /// Notes that a record is among what is written if every claim holds.
    pub(crate) fn note_record(&mut self, record: &Record) {
        self.records.push((Ended::Done, record.action, record.outcome));
    }

    /// Notes that a record is among what is written if the claim added last is the first that does not hold.
    pub(crate) fn note_record_of_loss(&mut self, record: &Record) {
        let lost = Ended::Lost(self.claims.len().saturating_sub(1));
        self.records.push((lost, record.action, record.outcome));
    }

    /// Adds what is written if every claim holds.
    pub(crate) fn then(&mut self, sql: &'static str, values: Vec<Param<'static>>) {
        let step = self.step(sql, values);
        self.then.push(step);
    }

    fn step(&self, sql: &'static str, mut values: Vec<Param<'static>>) -> Step {
        values.insert(0, self.institution.clone());
        Step { sql, values }
    }

    /// What is written after the claims ended like this.
    pub(super) fn follows(&self, ended: Ended) -> &[Step] {
        match ended {
            Ended::Done => &self.then,
            Ended::Lost(number) => self.claims.get(number).map_or(&[], |claim| &claim.otherwise),
        }
    }

    /// As [`super::Session::rows`] demands it of every statement.
    fn check(&self) -> Result<(), StoreError> {
        let otherwise = self.claims.iter().flat_map(|claim| &claim.otherwise);
        let mut all = self.claims.iter().map(|claim| &claim.step).chain(otherwise).chain(&self.then);
        if all.all(|step| step.sql.contains("?1")) {
            return Ok(());
        }
        Err(StoreError::Statement("a statement of an institution must name it as ?1".into()))
    }
}

impl Store {
    /// Writes a unit together with whatever others are written at the same time, and returns once it is durable.
    ///
    /// # Errors
    /// As those of a transaction.
    pub async fn leave(&self, mut unit: Unit) -> Result<Ended, StoreError> {
        unit.check()?;
        self.work.room.admit()?;
        let records = std::mem::take(&mut unit.records);
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
