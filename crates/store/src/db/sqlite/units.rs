//! Units on SQLite: those of many requests, one after another in the outer transaction.

use std::collections::VecDeque;
use std::iter::once;
use std::sync::PoisonError;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::super::unit::{Asked, Claim, Claimed, Digest, Ended, Step, TOGETHER_MAX, Unit};
use super::super::value::Param;
use super::writer::Writer;
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
    let ended = match write_each(writer, &units) {
        Ok(ended) => ended,
        Err(error) => units.iter().map(|_| Err(error.clone())).collect(),
    };
    ended.into_iter().zip(units).map(|(ended, (_, answer))| (ended, answer)).collect()
}

/// Writes all of them or nothing, and where that fails each by itself: one that fails must not take others with it. An
/// error: nothing of the whole outer transaction stands.
fn write_each(writer: &mut Writer, units: &[Asked]) -> Result<Vec<Result<Ended, StoreError>>, StoreError> {
    writer.open()?;
    let work =
        |connection: &Connection| units.iter().map(|(unit, _)| write_steps(connection, unit)).collect::<Result<_, _>>();
    // A savepoint has a copy made of every page before it is changed, so there is one only where the outer transaction
    // holds what somebody else waits for.
    let together: Result<Vec<Ended>, StoreError> = match writer.waiting.is_empty() {
        true => work(&writer.connection),
        false => all_or_nothing(writer, work)?,
    };
    match together {
        Ok(ended) => return Ok(ended.into_iter().map(Ok).collect()),
        Err(error) if writer.connection.is_autocommit() => return Err(error),
        Err(_) if writer.waiting.is_empty() => {
            writer.take_back();
            writer.open()?;
        }
        Err(_) => {}
    }
    units.iter().map(|(unit, _)| all_or_nothing(writer, |connection| write_steps(connection, unit))).collect()
}

/// Does this in the outer transaction or nothing of it. An outer error: nothing of the whole transaction stands, as on a
/// full disk or an I/O error, where the engine takes it back by itself.
fn all_or_nothing<T>(
    writer: &Writer,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<Result<T, StoreError>, StoreError> {
    let connection = &writer.connection;
    let given_up = |error| {
        writer.take_back();
        error
    };
    run(connection, "SAVEPOINT one").map_err(given_up)?;
    let done = match work(connection) {
        Err(error) if connection.is_autocommit() => return Err(error),
        Err(error) => run(connection, "ROLLBACK TO one").map(|()| Err(error)),
        done => Ok(done),
    };
    done.and_then(|done| run(connection, "RELEASE one").map(|()| done)).map_err(given_up)
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
