//! `renkei audit`: the signed trail, for auditors and for another machine.

use std::path::PathBuf;

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::institution::InstitutionCode;
use renkei_store::audit_removal::{Removal, remove_records};

use super::CommandError;
use super::data::{Data, DataArgs};
use super::output::say;
use crate::audit::export::{Exported, export};
use crate::audit::{AuditFault, signer};

/// What `renkei audit` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Write the signed trail into a folder, or what is new of it into one that holds it already
    Export(ExportArgs),
    /// Print the public keys the trail is verified with
    Keys(Whose),
    /// Delete records where the law or a retention period asks for it; the trail stands, and says so
    RemoveRecords(RemoveArgs),
    /// Sign on under another name after the trail was taken back, for which there must be a reason
    BeginAnew(BeginAnewArgs),
}

#[derive(Debug, clap::Args)]
struct Whose {
    #[command(flatten)]
    data: DataArgs,
    /// Whose trail it is
    #[arg(long, value_name = "CODE")]
    institution: InstitutionCode,
}

#[derive(Debug, clap::Args)]
struct ExportArgs {
    #[command(flatten)]
    whose: Whose,
    /// The folder to write to or add to
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
}

#[derive(Debug, clap::Args)]
struct BeginAnewArgs {
    #[command(flatten)]
    whose: Whose,
    /// Why the trail no longer goes on from what was signed; kept in the trail
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who answers for it in the audit trail
    #[arg(long, value_name = "NAME", env = "USER", default_value = "unknown")]
    operator: String,
}

#[derive(Debug, clap::Args)]
struct RemoveArgs {
    #[command(flatten)]
    whose: Whose,
    /// Position of the first record, as the export counts them
    #[arg(long, value_name = "POSITION")]
    first: u64,
    /// Position of the last
    #[arg(long, value_name = "POSITION")]
    last: u64,
    /// Why; kept in the trail
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who answers for it in the audit trail
    #[arg(long, value_name = "NAME", env = "USER", default_value = "unknown")]
    operator: String,
}

/// Exports the trail, prints its keys, or begins it anew.
///
/// # Errors
/// When the trail does not go on from what is in the folder, a file can't be written, or the store fails.
pub async fn run(args: Args) -> Result<(), CommandError> {
    match args.what {
        What::Export(args) => export_to(&args).await,
        What::Keys(whose) => print_keys(&whose).await,
        What::RemoveRecords(args) => remove(&args).await,
        What::BeginAnew(args) => begin_anew(&args).await,
    }
}

async fn export_to(args: &ExportArgs) -> Result<(), CommandError> {
    let data = args.whose.open().await?;
    match export(&data.store, &args.whose.institution, &args.to).await? {
        Some(Exported { before, size }) => {
            say!("{} holds {size} entries, {} of them new.", args.to.display(), size - before);
            Ok(())
        }
        None => Err(CommandError::Refused("nothing is signed yet: the server signs within a minute".into())),
    }
}

async fn print_keys(whose: &Whose) -> Result<(), CommandError> {
    let data = whose.open().await?;
    let keys = data.store.read(&whose.institution).list_audit_keys().await?;
    keys.iter().for_each(|key| say!("{}", key.verifier));
    Ok(())
}

async fn remove(args: &RemoveArgs) -> Result<(), CommandError> {
    let data = args.whose.open().await?;
    let removal = Removal { first: args.first, last: args.last, operator: &args.operator, reason: &args.reason };
    let (now, random) = (data.clock.now(), data.random.as_ref());
    let removed = remove_records(&data.store, &args.whose.institution, removal, now, random).await;
    let removed = removed.map_err(|error| CommandError::Refused(error.to_string()))?;
    say!("{removed} records are gone; their entries stay.");
    Ok(())
}

async fn begin_anew(args: &BeginAnewArgs) -> Result<(), CommandError> {
    let data = args.whose.open().await?;
    let institution = &args.whose.institution;
    let (now, random) = (data.clock.now(), data.random.as_ref());
    let mut tx = data.store.begin(institution).await?;
    let Some(key) = signer::begin_anew(&mut tx, &data.keys, institution, now, random).await? else {
        return Err(CommandError::Refused("nothing is signed yet, so there is nothing to go on from".into()));
    };
    let record = Record::done(Actor::Operator(args.operator.clone()), Action::TrailBegunAnew)
        .on(&key.origin)
        .with(args.reason.as_str());
    tx.record(&record, now, random).await?;
    tx.commit().await?;
    say!("{}", key.verifier);
    Ok(())
}

impl Whose {
    async fn open(&self) -> Result<Data, CommandError> {
        let data = self.data.open().await?;
        if data.store.read(&self.institution).find_institution().await?.is_none() {
            return Err(CommandError::Refused(format!("there is no institution {}", self.institution)));
        }
        Ok(data)
    }
}

impl From<AuditFault> for CommandError {
    fn from(fault: AuditFault) -> CommandError {
        match fault {
            AuditFault::Store(error) => error.into(),
            AuditFault::Key(error) => error.into(),
            AuditFault::Broken(_) | AuditFault::Forked(_) => CommandError::Refused(fault.to_string()),
            AuditFault::File(_) => CommandError::Unavailable(fault.to_string()),
        }
    }
}
