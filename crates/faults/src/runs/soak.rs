//! The same load for long: what must not grow does not.

use std::fs;
use std::time::{Duration, Instant};

use super::stage::{Size, Stage};
use crate::Trouble;
use crate::report::Report;

const LOOK: Duration = Duration::from_secs(2);
/// The longest a write-ahead log may get, in bytes.
const LOG_MAX: u64 = 64 << 20;
/// Descriptors more or less, as connections come and go.
const DESCRIPTORS: usize = 40;

/// Parts of the run whose memory is told.
const PARTS: usize = 10;

/// What a process holds.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    /// Memory in use, in KiB.
    memory: u64,
    descriptors: usize,
    log: u64,
}

/// F-27: load for so many seconds on a node with SQLite. From a third of the time on its memory stays (5 %), so do its
/// descriptors, and the write-ahead log stays small. A login takes 19 MiB while its password is hashed, so what counts is
/// the least of a time, when nobody logs in: whatever is not given back raises it.
///
/// # Errors
/// What failed.
pub async fn f_27(size: &Size) -> Result<(), Trouble> {
    let stage = Stage::set(None, 1, size).await?;
    let process = stage.nodes.first().ok_or("no node")?.pid();
    let log = stage.bank.path("renkei.db-wal");
    let load = stage.load(size);
    let begun = Instant::now();
    let mut seen = Vec::new();
    while begun.elapsed() < Duration::from_secs(size.n as u64) {
        tokio::time::sleep(LOOK).await;
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let memory =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
        seen.push(Held {
            memory: memory.ok_or("the node is gone")?,
            descriptors: fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count),
            log: fs::metadata(&log).map_or(0, |file| file.len()),
        });
    }
    let mut report = Report::of("f-27");
    let third = seen.len() / 3;
    let (early, late) = (seen.get(third..third * 2).unwrap_or_default(), seen.get(third * 2..).unwrap_or_default());
    let [early, late] = [early, late].map(base);
    let descriptors = seen.iter().skip(third).map(|held| held.descriptors);
    let (least, most) = (descriptors.clone().min().unwrap_or_default(), descriptors.max().unwrap_or_default());
    let log = seen.iter().map(|held| held.log).max().unwrap_or_default();
    let growth = late as f64 / early.max(1) as f64 * 100.0 - 100.0;
    report.say(format!(
        "{} s: memory {} MiB in the second third, {} MiB in the last ({growth:+.1} %); {least} to {most} descriptors; \
         write-ahead log at most {} KiB",
        size.n,
        early >> 10,
        late >> 10,
        log >> 10
    ));
    let parts: Vec<String> =
        seen.chunks(seen.len().div_ceil(PARTS)).map(|part| (base(part) >> 10).to_string()).collect();
    report.say(format!("memory by tenths of the time: {} MiB", parts.join(", ")));
    report.expect(growth < 5.0, "memory grows");
    report.expect(most - least <= DESCRIPTORS, "descriptors grow");
    report.expect(log <= LOG_MAX, "the write-ahead log grows");
    stage.end(load, report).await.map(drop)
}

/// The memory that a process had most of the time at least: the tenth part of what was seen lies below it.
fn base(seen: &[Held]) -> u64 {
    let mut memory: Vec<u64> = seen.iter().map(|held| held.memory).collect();
    memory.sort_unstable();
    memory.get(memory.len() / 10).copied().unwrap_or_default()
}
