//! A look through the whole file while it is in use.
//!
//! A look reads one instant of the file, and as long as it takes the log can't begin anew: so it goes table by table, and
//! gives way when the log has grown. What a busy store is too large for is told, and left for a quieter hour.
//!
//! To hold each entry of an index against its table costs ten times as much as to look at both, a quarter of an hour for a
//! hundred million rows: it has a time.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::{Looked, StoreError, open_reader, translate, writer};

/// For a table with its indexes held against it.
const HOLDING_MAX: Duration = Duration::from_secs(30);
/// Bytes by which the log may grow during a look at one table.
const GROWTH_MAX: u64 = 128 << 20;
/// The engine's steps between two looks at the log: less than a millisecond, or 20 MB of the file.
const STEPS: i32 = 5_000;
/// Sentences about damage, at most.
const TOLD_MAX: usize = 10;

/// How a table is looked at: one after the other, until one comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// With each entry of its indexes held against it.
    Whole,
    /// It and its indexes, each by itself.
    Quick,
}

/// Looks at every table of the file; at those it takes too long for, without holding their indexes against them; and at
/// those even that takes too long for, not at all. Ends soon after `stopped` says so.
pub(super) fn look(path: &Path, stopped: impl Fn() -> bool + Clone + Send + 'static) -> Result<Looked, StoreError> {
    let log = writer::log_of(path);
    let length = move || std::fs::metadata(&log).map_or(0, |file| file.len());
    look_at(open_reader(path)?, &stopped, |how| {
        let (length, most, begun) = (length.clone(), length() + GROWTH_MAX, Instant::now());
        let stopped = stopped.clone();
        move || stopped() || length() > most || how == Look::Whole && begun.elapsed() > HOLDING_MAX
    })
}

/// `watch` begins to watch a look, and what it gives tells whether to give way. Once `stopped` says so no table is begun.
pub(super) fn look_at<W: FnMut() -> bool + Send + 'static>(
    mut connection: Connection,
    stopped: &dyn Fn() -> bool,
    watch: impl Fn(Look) -> W,
) -> Result<Looked, StoreError> {
    let mut looked = Looked::default();
    for table in tables(&connection)? {
        if stopped() {
            break;
        }
        let mut found = None;
        for (how, pragma) in [(Look::Whole, "integrity_check"), (Look::Quick, "quick_check")] {
            connection.progress_handler(STEPS, Some(watch(how))).map_err(translate)?;
            found = check(&connection, pragma, &table)?;
            if found.is_some() {
                break;
            }
            tracing::info!(table, check = pragma, "the look at a table gave way");
        }
        match found {
            Some(damage) => looked.damage.extend(damage),
            None => looked.left_out.push(table),
        }
        if looked.damage.len() >= TOLD_MAX {
            break;
        }
    }
    Ok(looked)
}

fn tables(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let select = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let mut statement = connection.prepare(select).map_err(translate)?;
    let names = statement.query_map([], |row| row.get(0)).map_err(translate)?;
    names.collect::<Result<_, _>>().map_err(translate)
}

/// The damage of a table. `None`: the look gave way.
fn check(connection: &Connection, pragma: &str, table: &str) -> Result<Option<Vec<String>>, StoreError> {
    let mut found = Vec::new();
    let done = connection.pragma(None, pragma, table, |row| {
        found.push(row.get::<_, String>(0)?);
        Ok(())
    });
    found.retain(|line| line != "ok");
    match done {
        // What it found before is damage all the same.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            Ok(Some(found).filter(|found| !found.is_empty()))
        }
        done => done.map(|()| Some(found)).map_err(translate),
    }
}
