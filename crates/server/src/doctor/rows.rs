//! What the engine says of itself.

use renkei_domain::time::{MICROS_PER_SECOND, Timestamp};
use renkei_store::examine::{Facts, Tables};
use renkei_store::nodes::Node;

use super::Finding;

/// How far the clocks of program and database may be apart, in seconds.
const CLOCKS_SECONDS_MAX: i64 = 2;

/// A node that is asked whether it is ready is heard of each second; this long without a word it is silent.
const NODE_SILENT_SECONDS: i64 = 300;
/// One that has not been heard of for so long was taken away.
const NODE_FORGOTTEN_SECONDS: i64 = 86_400;

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

/// Judges the nodes, as this program sees them: those of other versions, and those that fell silent while others are heard
/// of. Where nobody asks nodes whether they are ready, nothing is known of them.
#[must_use]
pub fn judge_nodes(nodes: &[Node], version: &str, now: Timestamp) -> Vec<Finding> {
    let heard_of = |node: &&Node, seconds: i64| node.seen_at.plus_seconds(seconds) > now;
    let (live, rest): (Vec<&Node>, Vec<&Node>) = nodes.iter().partition(|node| heard_of(node, NODE_SILENT_SECONDS));
    let mut found = Vec::new();
    for node in live.iter().filter(|node| node.version.as_deref() != Some(version)) {
        let runs = node.version.as_deref().unwrap_or("an older version");
        let what = format!("the node {} runs {runs}, this program is {version}", node.name);
        found.push(Finding::note(
            "node_version",
            what,
            "bring all nodes to one version, unless an upgrade is under way",
        ));
    }
    let silent = rest.iter().filter(|node| heard_of(node, NODE_FORGOTTEN_SECONDS));
    for node in silent.filter(|_| !live.is_empty()) {
        let what = format!("the node {} was last heard of {}", node.name, node.seen_at.to_rfc3339());
        let advice = "look at that machine, unless the node was stopped on purpose or nobody asks it for /ready";
        found.push(Finding::note("node_silent", what, advice));
    }
    found
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
