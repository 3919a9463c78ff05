//! What is wrong with an installation, in plain words, each finding with what to do about it.
//!
//! Nothing is changed. Facts are gathered first and judged by functions of their own, which tests call with any facts.

mod files;
mod institutions;
mod rows;
mod tls;

use renkei_domain::time::Timestamp;
use serde::Serialize;

use crate::commands::CommandError;
use crate::commands::data::{Data, DataArgs};
use crate::config::Config;
use crate::system::VERSION;

pub use files::{Disk, judge_disk, judge_files};
pub use institutions::examine_institutions;
pub use rows::{judge_facts, judge_nodes, judge_tables};
pub use tls::judge_tls;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// It should be mended: something does not work, is unsafe, or soon will be.
    Problem,
    /// It may be as it is; somebody should know.
    Note,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub weight: Weight,
    /// Which finding, for tools: words that stay the same.
    pub name: &'static str,
    /// What is the matter.
    pub what: String,
    /// What to do.
    pub advice: String,
}

impl Finding {
    fn problem(name: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { weight: Weight::Problem, name, what: what.into(), advice: advice.into() }
    }

    fn note(name: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { weight: Weight::Note, ..Finding::problem(name, what, advice) }
    }
}

/// Looks at everything; problems come first.
pub async fn examine(args: &DataArgs, now: Timestamp) -> Vec<Finding> {
    let mut found = Vec::new();
    let config = examine_config(args, &mut found);
    found.extend(judge_files(args, config.as_ref()));
    match Disk::of(&args.data) {
        Ok(disk) => found.extend(judge_disk(disk)),
        Err(error) => found.push(Finding::problem(
            "data_folder",
            format!("the data folder can't be looked at: {error}"),
            "name the right folder with --data, and run this as the user that serves",
        )),
    }
    if let Some(config) = &config {
        found.extend(judge_tls(config, now));
    }
    match args.open_as_it_is().await {
        Ok(data) => examine_store(&data, now, &mut found).await,
        // What is wrong with the configuration was said above.
        Err(_) if config.is_none() && args.config_path().exists() => {}
        Err(error) => found.push(cannot_open(&error)),
    }
    found.sort_by_key(|finding| finding.weight);
    found
}

fn examine_config(args: &DataArgs, found: &mut Vec<Finding>) -> Option<Config> {
    match args.read_config() {
        Ok(Some(config)) => Some(config),
        Ok(None) => {
            let what = format!("there is no {}", args.config_path().display());
            found.push(Finding::note("no_configuration", what, "write one before `renkei serve` (docs/operations.md)"));
            None
        }
        Err(error) => {
            found.push(Finding::problem("configuration", error.to_string(), "mend that line; nothing runs until then"));
            None
        }
    }
}

fn cannot_open(error: &CommandError) -> Finding {
    let advice = match error {
        CommandError::Unavailable(_) => "see that the database server runs and that this machine reaches it",
        _ => "put it there: the master key from its copy, the rows by `renkei migrate` or `renkei restore`",
    };
    Finding::problem("not_open", error.to_string(), advice)
}

async fn examine_store(data: &Data, now: Timestamp, found: &mut Vec<Finding>) {
    let failed = |error: renkei_store::StoreError| {
        Finding::problem("store", error.to_string(), "see that the store can be read; the log may say more")
    };
    match data.store.examine().await {
        Ok(facts) => found.extend(judge_facts(&facts, now)),
        Err(error) => found.push(failed(error)),
    }
    match data.store.tables().await {
        Ok(tables) => {
            found.extend(judge_tables(&tables));
            if !tables.pending.is_empty() {
                return;
            }
        }
        Err(error) => return found.push(failed(error)),
    }
    match data.store.list_nodes().await {
        Ok(nodes) => found.extend(judge_nodes(&nodes, VERSION, now)),
        Err(error) => found.push(failed(error)),
    }
    match examine_institutions(data, now).await {
        Ok(more) => found.extend(more),
        Err(error) => found.push(failed(error)),
    }
}
