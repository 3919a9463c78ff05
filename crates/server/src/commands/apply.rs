//! `renkei apply`: make the store hold what the registry file says.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use serde::Serialize;

use super::CommandError;
use super::data::{Data, DataArgs};
use super::output::say;
use crate::registry::{self, Plan, Registry, RegistryError, Source};

/// What `renkei apply` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "The file is described in docs/registry.md. What is no longer in it is ended, not deleted; \
    institutions and branches that are not in it stay as they are. Everything is applied, or nothing."
)]
pub struct Args {
    /// The registry: institutions, branches, partners and their products
    #[arg(value_name = "REGISTRY.toml")]
    file: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Apply without asking
    #[arg(long)]
    yes: bool,
    /// Only show what would change
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Print the plan, with the client identifiers, as JSON
    #[arg(long)]
    json: bool,
    /// Allow redirect URIs with plain http to this machine; for demonstrations and tests
    #[arg(long)]
    allow_loopback_http: bool,
    /// Who answers for the change in the audit trail
    #[arg(long, value_name = "NAME", env = "USER", default_value = "unknown")]
    operator: String,
}

/// What a tool reads.
#[derive(Serialize)]
struct Report<'a> {
    /// Whether it was applied; `false` also when nothing changes.
    applied: bool,
    #[serde(flatten)]
    plan: &'a Plan,
}

/// Shows what changes, asks unless told not to, and applies it.
///
/// # Errors
/// When the file can't be read or is wrong, the answer is no, or the store fails; nothing has changed then.
pub async fn run(args: Args) -> Result<(), CommandError> {
    let text = std::fs::read_to_string(&args.file)
        .map_err(|error| CommandError::Refused(format!("{}: {error}", args.file.display())))?;
    let name = args.file.display().to_string();
    let folder = args.file.parent().unwrap_or(std::path::Path::new(""));
    let source = Source { name: &name, text: &text, folder, loopback_http: args.allow_loopback_http };
    let data = args.data.open().await?;
    let registry = registry::read(source, data.clock.now())?;
    let plan = registry::preview(&data.store, &registry, data.clock.now()).await?;
    if args.dry_run || plan.is_empty() {
        return print(&args, false, &plan);
    }
    if !args.yes {
        confirm(&plan)?;
    }
    let applied = apply(&data, &registry, &plan, &args.operator).await?;
    print(&args, true, &applied)
}

async fn apply(data: &Data, registry: &Registry, plan: &Plan, operator: &str) -> Result<Plan, CommandError> {
    let now = data.clock.now();
    Ok(registry::apply(&data.store, &data.keys, registry, Some(plan), operator, now, data.random.as_ref()).await?)
}

/// Shows the plan and asks on the terminal; standard output stays free for the result.
fn confirm(plan: &Plan) -> Result<(), CommandError> {
    if !std::io::stdin().is_terminal() {
        return Err(CommandError::Setup("there is no terminal to ask on: look at --dry-run, then give --yes".into()));
    }
    let asked = write!(std::io::stderr(), "{plan}\nApply this? [y/N] ");
    let mut answer = String::new();
    let read = asked.and_then(|()| std::io::stdin().read_line(&mut answer));
    read.map_err(|error| CommandError::Setup(format!("the terminal: {error}")))?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(CommandError::Refused("Nothing was changed.".into())),
    }
}

fn print(args: &Args, applied: bool, plan: &Plan) -> Result<(), CommandError> {
    if args.json {
        let report = serde_json::to_string_pretty(&Report { applied, plan });
        say!("{}", report.map_err(|error| CommandError::Setup(error.to_string()))?);
    } else {
        say!("{plan}");
        if applied {
            say!("Applied.");
        }
    }
    Ok(())
}

impl From<RegistryError> for CommandError {
    fn from(error: RegistryError) -> CommandError {
        match error {
            RegistryError::Store(error) => error.into(),
            RegistryError::Keys(error) => error.into(),
            RegistryError::Wrong(_) => {
                CommandError::Refused(format!("the registry is not right, so nothing was changed:\n{error}"))
            }
            RegistryError::Overtaken => CommandError::Refused(error.to_string()),
        }
    }
}
