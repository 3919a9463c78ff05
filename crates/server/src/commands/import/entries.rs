//! `renkei import entries`: account statements into the embedded ledger.

use std::fmt;
use std::path::PathBuf;

use renkei_domain::institution::InstitutionCode;

use super::progress::Terminal;
use crate::commands::CommandError;
use crate::commands::data::DataArgs;
use crate::commands::output::say;
use crate::ledger::import::{Failure, Importer, Report, import_entries};

/// Where Linux tells the machine's name.
const HOST_NAME_FILE: &str = "/proc/sys/kernel/hostname";
/// The variables that name the operator's language, the strongest first (POSIX).
const LANGUAGE_VARIABLES: [&str; 3] = ["LC_ALL", "LC_MESSAGES", "LANG"];

/// What `renkei import entries` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "Files are taken in the order given; later ones may overlap earlier ones. Everything comes \
into force at once when the last file is in: all files of a run, or none. A file that was taken in before adds nothing. \
A file that is not sound, not of this institution or does not fit the ledger is refused with the record, the item and \
the reason, in Japanese where LC_ALL, LC_MESSAGES or LANG says so. One import of an institution runs at a time; the \
server may run all the while.\n\n\
Exit codes: 0 every file is in, 1 a file was refused and nothing was taken in, 2 the installation is not set up as it \
must be, 3 the store is away or another import is under way."
)]
pub struct Args {
    /// Statement files, oldest first
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The institution the files must be of: its four-digit code
    #[arg(long, value_name = "CODE")]
    institution: InstitutionCode,
    /// Make accounts that no customer list has named; they belong to nobody until one does
    #[arg(long)]
    create_accounts: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Who answers for the import in the audit trail
    #[arg(long, value_name = "NAME", env = "USER", default_value = "unknown")]
    operator: String,
    #[command(flatten)]
    data: DataArgs,
}

/// Imports the files and prints what they brought.
///
/// # Errors
/// When a file is refused, another import is under way, or the store fails; nothing has changed in the ledger then.
pub async fn run(args: Args) -> Result<(), CommandError> {
    let data = args.data.open().await?;
    if data.store.read(&args.institution).find_institution().await?.is_none() {
        let reason = format!("there is no institution {}; renkei apply registers institutions", args.institution);
        return Err(CommandError::Refused(reason));
    }
    let importer = Importer {
        store: &data.store,
        institution: &args.institution,
        clock: data.clock.as_ref(),
        random: data.random.as_ref(),
        operator: &args.operator,
        host: &host(),
        create_accounts: args.create_accounts,
    };
    let imported = import_entries(&importer, &args.files, &mut Terminal::new()).await;
    let report = imported.map_err(|failure| to_command_error(&failure))?;
    data.settle().await;
    print(&args, &report)
}

/// The machine and the process: what another importer is told.
fn host() -> String {
    let name = std::fs::read_to_string(HOST_NAME_FILE).unwrap_or_default();
    let name = name.trim();
    format!("{}, process {}", if name.is_empty() { "this machine" } else { name }, std::process::id())
}

/// Whether the operator reads Japanese.
fn is_japanese() -> bool {
    let named = LANGUAGE_VARIABLES.iter().filter_map(|name| std::env::var(name).ok()).find(|value| !value.is_empty());
    named.is_some_and(|language| language.starts_with("ja"))
}

fn to_command_error(failure: &Failure) -> CommandError {
    let text = if is_japanese() { failure.to_japanese() } else { failure.to_string() };
    match failure {
        Failure::Refused(_) | Failure::Unreadable { .. } => CommandError::Refused(text),
        Failure::Busy(_) | Failure::Overtaken | Failure::Store(_) | Failure::Defect(_) => {
            CommandError::Unavailable(text)
        }
    }
}

fn print(args: &Args, report: &Report) -> Result<(), CommandError> {
    if args.json {
        let json = serde_json::to_string_pretty(report);
        say!("{}", json.map_err(|error| CommandError::Unavailable(error.to_string()))?);
    } else {
        say!("{}", Shown { report, japanese: is_japanese() }.to_string().trim_end());
    }
    Ok(())
}

/// The report for a person.
struct Shown<'a> {
    report: &'a Report,
    japanese: bool,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.report.files {
            let (records, new) = (file.records, file.new_lines());
            if self.japanese {
                writeln!(f, "{}：{records}レコード、新規{new}件", file.file)?;
            } else {
                writeln!(f, "{}: {records} records, {new} new entries", file.file)?;
            }
            for account in &file.accounts {
                let name = format!("{}-{}-{}", account.branch, account.r#type, account.number);
                let (lines, new, known) = (account.lines, account.new, account.known);
                let (opening, closing) = (account.opening, account.closing);
                if self.japanese {
                    let created = if account.created { "（口座を作成）" } else { "" };
                    write!(f, "  {name}{created}：明細{lines}件、新規{new}件、取込済み{known}件、")?;
                    writeln!(f, "取引前残高{opening}円、取引後残高{closing}円")?;
                } else {
                    let created = if account.created { " (account made)" } else { "" };
                    write!(f, "  {name}{created}: {lines} lines, {new} new, {known} known already, ")?;
                    writeln!(f, "opening {opening} yen, closing {closing} yen")?;
                }
            }
        }
        Ok(())
    }
}
