//! `renkei import customers`: make the store hold what the customer list says.

use std::path::{Path, PathBuf};

use renkei_domain::institution::InstitutionCode;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::commands::CommandError;
use crate::commands::data::DataArgs;
use crate::commands::output::say;
use crate::customer_list::{self, FILE_BYTES_MAX, FileReport, ListError, ListFile, Run};

/// The columns, for `--help`; docs/operations.md says more.
const COLUMNS: &str = "\
Each file is UTF-8 CSV with a header, and holds rows of one kind, which its columns tell. Columns in brackets may be
missing, and so may their values; what they would say then stays as it is.

  customers      customer, name, contract (active, suspended, ended), [name_kana]
  users          customer, login_id, name, kind (master, ordinary), method (password, certificate),
                 operations (balances transactions), state (active, suspended, removed), [password]
  certificates   login_id, certificate (SHA-256 fingerprint or .pem file), [state (active, removed)]
  accounts       customer, branch, type (1 to 9 or its name), number, holder, state (active, closed),
                 [holder_kana], [pin]
  user accounts  login_id, branch, type, number, [memo], [state (active, removed)]

All files of a run are taken, or none. Nothing is deleted because it is missing: say so by its state. Passwords are kept
hashed and PINs sealed; delete the files when they have been taken.";

/// What `renkei import customers` takes.
#[derive(Debug, clap::Args)]
#[command(after_long_help = COLUMNS)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Whose customers they are
    #[arg(long, value_name = "CODE")]
    institution: InstitutionCode,
    /// The files, in any order
    #[arg(value_name = "FILE.csv", required = true)]
    files: Vec<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Who answers for the import in the audit trail
    #[arg(long, value_name = "NAME", env = "USER", default_value = "unknown")]
    operator: String,
}

#[derive(Serialize)]
struct Report<'a> {
    files: &'a [FileReport],
}

/// Reads the files, takes them over and reports.
///
/// # Errors
/// When a file can't be read or is wrong, or the store fails; nothing has changed then.
pub async fn run(args: Args) -> Result<(), CommandError> {
    let files = args.files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let data = args.data.open().await?;
    let run = Run {
        store: &data.store,
        keys: &data.keys,
        institution: &args.institution,
        operator: &args.operator,
        now: data.clock.now(),
        random: data.random.as_ref(),
    };
    let reports = customer_list::import(run, &files).await?;
    data.settle().await;
    if args.json {
        let report = serde_json::to_string_pretty(&Report { files: &reports });
        say!("{}", report.map_err(|error| CommandError::Setup(error.to_string()))?);
    } else {
        reports.iter().for_each(|report| say!("{report}"));
    }
    Ok(())
}

fn read(path: &Path) -> Result<ListFile, CommandError> {
    let refused = |reason: String| CommandError::Refused(format!("{}: {reason}", path.display()));
    let length = std::fs::metadata(path).map_err(|error| refused(error.to_string()))?.len();
    if length > FILE_BYTES_MAX as u64 {
        return Err(refused(format!("it is longer than {FILE_BYTES_MAX} bytes")));
    }
    let bytes = Zeroizing::new(std::fs::read(path).map_err(|error| refused(error.to_string()))?);
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Ok(ListFile { name, folder: path.parent().unwrap_or(Path::new("")).to_owned(), bytes })
}

impl From<ListError> for CommandError {
    fn from(error: ListError) -> CommandError {
        match error {
            ListError::Wrong(_) => {
                CommandError::Refused(format!("the files are not right, so nothing was changed:\n{error}"))
            }
            ListError::NoInstitution(_) => CommandError::Refused(error.to_string()),
            ListError::Overtaken => CommandError::Unavailable(error.to_string()),
            ListError::Store(error) => error.into(),
            ListError::Fault(fault) => fault.into(),
        }
    }
}
