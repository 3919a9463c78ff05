//! Units on SQLite: those of many requests, one after another in the outer transaction.

use std::collections::VecDeque;
use std::iter::once;
use std::sync::PoisonError;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::super::unit::{Asked, Claim, Claimed, Digest, Ended, Step, TOGETHER_MAX, Unit};
use super::super::value::Param;
use super::writer::{Writer, taken_back};
use super::{StoreError, execute, run, sync};
use crate::replays;

/// Units that wait to be written with the next commit.
pub(super) type Units = sync::Mutex<VecDeque<Asked>>;

/// How a unit ended, and who is to be told once that is durable.
type Written = (Result<Ended, StoreError>, oneshot::Sender<Result<Ended, StoreError>>);

/// Writes as many units as wait, one after another, in the outer transaction.
pub(super) fn write_units(writer: &mut Writer, units: &Units) -> Vec<Written> {
    let mut waiting = units.lock().unwrap_or_else(PoisonError::into_inner);
    let count = waiting.len().min(TOGETHER_MAX);
    let units: Vec<Asked> = waiting.drain(..count).collect();
    drop(waiting);
    if units.is_empty() {
        return Vec::new();
    }
    if let Err(error) = writer.open() {
        return units.into_iter().map(|(_, answer)| (Err(error.clone()), answer)).collect();
    }
    let together = write_together(writer, &units);
    let connection = &writer.connection;
    let mut ended: Vec<Result<Ended, StoreError>> = match together {
        Ok(ended) => ended.into_iter().map(Ok).collect(),
        // One that fails must not take others with it.
        Err(_) => units.iter().map(|(unit, _)| all_or_nothing(connection, || write_steps(connection, unit))).collect(),
    };
    if connection.is_autocommit() {
        ended.iter_mut().for_each(|ended| *ended = Err(taken_back()));
    }
    ended.into_iter().zip(units).map(|(ended, (_, answer))| (ended, answer)).collect()
}

/// Writes all of them or nothing. A savepoint has a copy made of every page before it is changed, so there is one only
/// where the outer transaction holds what somebody else waits for; else all of that is taken back.
fn write_together(writer: &mut Writer, units: &[Asked]) -> Result<Vec<Ended>, StoreError> {
    let connection = &writer.connection;
    let work = || units.iter().map(|(unit, _)| write_steps(connection, unit)).collect();
    if !writer.waiting.is_empty() {
        return all_or_nothing(connection, work);
    }
    let done = work();
    // On a full disk or an I/O error the engine has taken it back by itself, and nothing more is tried.
    if done.is_err() && !connection.is_autocommit() {
        run(connection, "ROLLBACK")?;
        writer.open()?;
    }
    done
}

fn all_or_nothing<T>(connection: &Connection, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    if connection.is_autocommit() {
        // A savepoint outside of a transaction would be one of its own.
        return Err(taken_back());
    }
    run(connection, "SAVEPOINT one")?;
    let done = work();
    if done.is_err() {
        run(connection, "ROLLBACK TO one")?;
    }
    run(connection, "RELEASE one")?;
    done
}

fn write_steps(connection: &Connection, unit: &Unit) -> Result<Ended, StoreError> {
    let step = |step: &Step| execute(connection, step.sql, once(&unit.institution).chain(&step.values));
    let claim = |claim: &Claim| match &claim.what {
        Claimed::Row(row) => step(row),
        Claimed::Digest(Digest { digest, until, now }) => {
            let values = [Param::from(digest), Param::from(*until), Param::from(*now)];
            execute(connection, replays::CLAIM, once(&unit.institution).chain(&values))
        }
    };
    let mut ended = Ended::Done;
    for (number, own) in unit.claims.iter().enumerate() {
        if claim(own)? != 1 {
            ended = Ended::Lost(number);
            break;
        }
    }
    if let Some(part) = unit.follows(ended) {
        part.steps.iter().chain(&part.rows).try_for_each(|own| step(own).map(drop))?;
        part.tallies.iter().try_for_each(|tally| step(&tally.step()).map(drop))?;
    }
    Ok(ended)
}
