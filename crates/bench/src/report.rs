//! The table.

use std::fmt::Write;

use crate::run::{Line, Outcome, Report};

/// What each operation is to cost at most, in microseconds: on SQLite, and on PostgreSQL with the database.
const TARGETS: &[(&str, f64, f64)] = &[
    ("PAR", 110.0, 200.0),
    ("linkage, protocol part", 600.0, 1_200.0),
    ("refresh, DPoP", 180.0, 280.0),
    ("refresh, mutual TLS", 80.0, 180.0),
    ("introspection", 90.0, 150.0),
    ("100 transactions, DPoP", 130.0, 200.0),
    ("100 transactions, mutual TLS", 60.0, 130.0),
    ("nothing new (304), DPoP", 80.0, 130.0),
    ("nothing new (304), mutual TLS", 25.0, 70.0),
    ("linkage screen (permission)", 30.0, 100.0),
];

/// Everything as text for people.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    // Writing to memory can't fail.
    let _ = writeln!(text, "Floors{:>38}", "CPU us");
    for floor in &report.floors {
        let _ = writeln!(text, "  {:<42}{:>9.1}", floor.what, floor.micros);
    }
    for outcome in &report.outcomes {
        engine(&mut text, outcome);
    }
    let _ = writeln!(text, "\nbinary {:.1} MiB", report.binary_mib);
    text
}

fn engine(text: &mut String, outcome: &Outcome) {
    let Outcome { engine, ready_millis, idle_mib, loaded_mib, requests, alone_millis, .. } = outcome;
    let [server, database] = outcome.at_rest_millis;
    let _ = writeln!(
        text,
        "\n{engine:<34}{:>8}{:>8}{:>9}{:>11}{:>9}{:>9}{:>9}",
        "CPU us", "target", "database", "/s a core", "/s here", "p50 ms", "p99 ms"
    );
    for line in outcome.lines.iter().chain(&outcome.steps) {
        row(text, engine, line);
    }
    if *alone_millis > 0.0 {
        let _ = writeln!(text, "  protocol part of who walks alone, the login apart: {alone_millis:.2} ms");
    }
    let _ = writeln!(
        text,
        "  ready after {ready_millis:.0} ms; resident {idle_mib:.1} MiB idle, {loaded_mib:.1} MiB after {requests} requests\n  \
         at rest {server:.1} + {database:.1} ms of processor time a second, taken off"
    );
}

fn row(text: &mut String, engine: &str, line: &Line) {
    let figures = &line.figures;
    let target = TARGETS.iter().find(|(name, ..)| *name == line.operation);
    let target = target.map(|(_, sqlite, postgresql)| if engine == "SQLite" { sqlite } else { postgresql });
    let target = target.map_or(String::new(), |target| format!("{target:.0}"));
    let _ = writeln!(
        text,
        "  {:<32}{:>8.1}{target:>8}{:>9.1}{:>11.0}{:>9.0}{:>9.2}{:>9.2}",
        line.operation,
        figures.cpu_micros,
        figures.database_micros,
        figures.per_second_per_core,
        figures.per_second,
        figures.p50_millis,
        figures.p99_millis
    );
}
