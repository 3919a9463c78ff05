//! `renkei doctor`: what is wrong with this installation, and what to do about it.

use super::CommandError;
use super::data::DataArgs;
use super::output::say;
use crate::doctor::{Finding, Weight, examine};
use crate::system::SystemClock;
use renkei_domain::time::Clock;

/// What `renkei doctor` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// Prints what was found; changes nothing.
///
/// # Errors
/// [`CommandError::Refused`], exit code 1, when there is a problem.
pub async fn run(args: Args) -> Result<(), CommandError> {
    let found = examine(&args.data, SystemClock.now()).await;
    let problems = found.iter().filter(|finding| finding.weight == Weight::Problem).count();
    if args.json {
        let text = serde_json::to_string(&found).map_err(|error| CommandError::Unavailable(error.to_string()))?;
        say!("{text}");
    } else {
        print(&found);
    }
    match problems {
        0 => Ok(()),
        1 => Err(CommandError::Refused("one problem was found".into())),
        more => Err(CommandError::Refused(format!("{more} problems were found"))),
    }
}

fn print(found: &[Finding]) {
    if found.is_empty() {
        say!("Nothing is wrong.");
    }
    for Finding { weight, name, what, advice } in found {
        let mark = if *weight == Weight::Problem { "PROBLEM" } else { "note" };
        say!("{mark} [{name}] {what}\n    → {advice}");
    }
}
