//! What the engine says of itself.

use renkei_domain::time::{MICROS_PER_SECOND, Timestamp};
use renkei_store::examine::{Facts, Tables};

use super::Finding;

/// How far the clocks of program and database may be apart, in seconds.
const CLOCKS_SECONDS_MAX: i64 = 2;

/// Settings of PostgreSQL that must be so, or what was acknowledged can be lost: name, values that will do, why.
const POSTGRES_MUST: [(&str, &[&str], &str); 5] = [
    ("fsync", &["on"], "a power failure destroys the database"),
    ("full_page_writes", &["on"], "a power failure can tear pages of the database"),
    ("synchronous_commit", &["on", "remote_apply"], "what was acknowledged can be lost"),
    ("data_sync_retry", &["off"], "after a disk fault it can believe what was never written"),
    ("transaction_read_only", &["off"], "nothing can be written: it may be a former primary"),
];

/// Judges what the engine says.
#[must_use]
pub fn judge_facts(facts: &Facts, now: Timestamp) -> Vec<Finding> {
    match facts {
        Facts::Sqlite { journal_mode, damage } => {
            let mut found = Vec::new();
            if let Some(first) = damage.first() {
                let what = format!("the database file is damaged: {first}");
                found.push(Finding::problem(
                    "database_damaged",
                    what,
                    "stop serving, keep the file, restore the last backup",
                ));
            }
            if journal_mode != "wal" {
                let what = format!("SQLite's journal mode is {journal_mode}, not wal");
                let advice = "put the data folder on a local disk: network file systems can't do it";
                found.push(Finding::problem("journal_mode", what, advice));
            }
            found
        }
        Facts::Postgres { settings, is_standby, clock } => {
            let setting = |name: &str| settings.get(name).map(String::as_str).unwrap_or_default();
            let wrong = POSTGRES_MUST.iter().filter(|(name, good, _)| !good.contains(&setting(name)));
            let mut found: Vec<Finding> = wrong
                .map(|(name, good, why)| {
                    let what = format!("PostgreSQL has {name} = {}: {why}", setting(name));
                    Finding::problem("postgres_setting", what, format!("set {name} = {}", good.join(" or ")))
                })
                .collect();
            found.extend(judge_server(setting, *is_standby));
            found.extend(judge_clock(*clock, now));
            found
        }
    }
}

fn judge_server<'a>(setting: impl Fn(&str) -> &'a str, is_standby: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    if is_standby {
        let advice = "let the URL name all servers with target_session_attrs=read-write";
        found.push(Finding::problem(
            "postgres_standby",
            "the PostgreSQL server is a standby and takes no writes",
            advice,
        ));
    }
    if setting("data_checksums") != "on" {
        let advice = "stop it and run pg_checksums --enable: without them damage on the disk goes unnoticed";
        found.push(Finding::problem("postgres_checksums", "PostgreSQL keeps no data checksums", advice));
    }
    if setting("synchronous_standby_names").is_empty() {
        let what = "PostgreSQL waits for no standby: when its machine is lost, so is what was acknowledged last";
        found.push(Finding::note("postgres_alone", what, "name a synchronous standby, unless one machine is meant"));
    }
    found
}

fn judge_clock(clock: Timestamp, now: Timestamp) -> Option<Finding> {
    let apart = (now.0 - clock.0).abs() / MICROS_PER_SECOND;
    (apart > CLOCKS_SECONDS_MAX).then(|| {
        let what = format!("the clocks of this machine and of the database are {apart} seconds apart");
        Finding::problem("clock", what, "let both follow the same time servers (chrony)")
    })
}

/// Judges how the tables stand to this program.
#[must_use]
pub fn judge_tables(tables: &Tables) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(name) = &tables.newer {
        let what = format!("the tables are those of a newer version: they have {name}");
        found.push(Finding::note("tables_newer", what, "run that version, unless an upgrade is under way"));
    }
    if !tables.pending.is_empty() {
        let what = format!("{} migrations are not applied: {}", tables.pending.len(), tables.pending.join(", "));
        found.push(Finding::problem("tables_older", what, "run `renkei migrate`"));
    }
    found
}
