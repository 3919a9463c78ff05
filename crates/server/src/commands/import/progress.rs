//! How far an import is, on standard error: one line that moves on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::ledger::import::{Pass, Progress, Step};

/// How often the line on a terminal moves.
const ON_TERMINAL: Duration = Duration::from_millis(200);
/// How often a line is written elsewhere.
const IN_LOGS: Duration = Duration::from_secs(5);
const BYTES_PER_MEGABYTE: u64 = 1_000_000;

/// Shows progress to the operator.
pub(super) struct Terminal {
    on_terminal: bool,
    shown_at: Instant,
    /// When the pass under way began, and which one it is.
    began: Option<(Instant, Pass)>,
}

impl Terminal {
    pub fn new() -> Terminal {
        Terminal { on_terminal: std::io::stderr().is_terminal(), shown_at: Instant::now(), began: None }
    }
}

impl Progress for Terminal {
    fn step(&mut self, step: Step<'_>) {
        let now = Instant::now();
        let is_over = step.bytes >= step.of_bytes;
        let began = match self.began {
            Some((began, pass)) if pass == step.pass => began,
            _ => now,
        };
        self.began = (!is_over).then_some((began, step.pass));
        // A pass that has just begun has no rate yet.
        if began == now {
            return;
        }
        let every = if self.on_terminal { ON_TERMINAL } else { IN_LOGS };
        if now.duration_since(self.shown_at) < every && !(is_over && self.on_terminal) {
            return;
        }
        self.shown_at = now;
        let line = line(&step, now.duration_since(began));
        // Nobody is harmed when the terminal is gone.
        let _ = match (self.on_terminal, is_over) {
            (true, false) => write!(std::io::stderr(), "\r{line}\x1b[K"),
            (true, true) => write!(std::io::stderr(), "\r\x1b[K"),
            (false, _) => writeln!(std::io::stderr(), "{line}"),
        };
    }
}

fn line(step: &Step<'_>, passed: Duration) -> String {
    let what = match step.pass {
        Pass::Check => "check",
        Pass::Write => "write",
    };
    let (done, all) = (step.bytes.div_ceil(BYTES_PER_MEGABYTE), step.of_bytes.div_ceil(BYTES_PER_MEGABYTE));
    let milliseconds = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = step.records.saturating_mul(1_000) / milliseconds;
    format!("{}: {what} {done}/{all} MB, {} records, {rate} records/s", step.file, step.records)
}
