//! The figures of a run, and whether they pass.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::history::{Event, Said};

/// What is told at the end.
#[derive(Debug, Default)]
pub struct Report {
    name: &'static str,
    lines: Vec<String>,
    failures: Vec<String>,
}

impl Report {
    /// Of this fault.
    #[must_use]
    pub fn of(name: &'static str) -> Report {
        Report { name, ..Report::default() }
    }

    /// A figure.
    pub fn say(&mut self, line: String) {
        self.lines.push(line);
    }

    /// What must hold.
    pub fn expect(&mut self, holds: bool, what: impl Into<String>) {
        if !holds {
            self.failures.push(what.into());
        }
    }

    /// Durations against the longest that passes.
    pub fn expect_within(&mut self, what: &str, took: &[Duration], most: Duration) {
        let mut sorted = took.to_vec();
        sorted.sort_unstable();
        let seconds = |place: usize| sorted.get(place).map_or(0.0, Duration::as_secs_f64);
        let last = sorted.len().saturating_sub(1);
        let (middle, late, longest) = (seconds(last / 2), seconds(last * 95 / 100), seconds(last));
        self.say(format!(
            "{what}: {} times, median {middle:.2} s, p95 {late:.2} s, longest {longest:.2} s",
            took.len()
        ));
        self.expect(longest <= most.as_secs_f64(), format!("{what} took {longest:.2} s, more than {most:?}"));
    }

    /// What the history came to.
    pub fn tell(&mut self, events: &[Event], violations: &[String]) {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for event in events {
            *counts.entry(format!("{:?} {:?}", event.act, event.said).to_lowercase()).or_default() += 1;
        }
        let counts: Vec<String> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
        let told = events.iter().filter(|event| event.said == Said::Done).count();
        self.say(format!("{} requests, {told} acknowledged: {}", events.len(), counts.join(", ")));
        self.say(format!("{} violations", violations.len()));
        self.failures.extend(violations.iter().take(20).cloned());
    }

    /// Prints it.
    ///
    /// # Errors
    /// What failed.
    pub fn end(self) -> Result<(), String> {
        for line in &self.lines {
            println!("{}: {line}", self.name);
        }
        if self.failures.is_empty() {
            println!("{}: passed", self.name);
            return Ok(());
        }
        Err(format!("{}: FAILED\n  {}", self.name, self.failures.join("\n  ")))
    }
}
