//! `renkei restore`: the rows of a backup in place of what there is, and the end of everything that was issued before.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use base64ct::{Base64, Encoding};
use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::guard::{Guard, Restored};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::{Clock, Timestamp};
use renkei_store::Tx;
use renkei_store::archive::{self, Summary};
use renkei_store::epochs::Epoch;
use renkei_store::sealed::{Kind, SealedValue};
use zeroize::Zeroizing;

use super::CommandError;
use super::data::{Data, DataArgs};
use super::output::say;
use crate::audit::signer;
use crate::keys::master::{self, MasterKeys};
use crate::keys::{Keys, Purpose};
use crate::signing::rotation::{NewEpoch, replace_all};
use crate::system::SystemClock;

/// Sealed values looked at in one go.
const BATCH: u32 = 1_000;

/// What `renkei restore` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// The file that `renkei backup` made
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace everything the store holds now
    #[arg(long)]
    replace: bool,
    /// Who answers for it in the audit trail
    #[arg(long, value_name = "NAME", env = "USER", default_value = "unknown")]
    operator: String,
}

/// Takes the archive in, whole or not at all.
///
/// # Errors
/// When the archive is not whole or not for this store, the store holds something and `--replace` was not said, or the
/// master key is missing.
pub async fn run(args: Args) -> Result<(), CommandError> {
    let (keys, from_archive) = find_keys(&args)?;
    let summary = archive::verify(open(&args)?, keys.backups())?;
    let data = args.data.open_for_restore(keys).await?;
    let mut tx = data.store.begin_all().await?;
    if !args.replace && !archive::is_empty(&mut tx).await? {
        return Err(CommandError::Refused(
            "the store holds something already. Stop every node, and say --replace to lose what it holds now".into(),
        ));
    }
    let now = data.clock.now();
    let loaded = archive::load(&mut tx, open(&args)?).await?;
    let closed = count_closed(&mut tx, &data.keys).await?;
    let institutions: Vec<InstitutionCode> =
        tx.list_institutions().await?.into_iter().map(|institution| institution.code).collect();
    for institution in &institutions {
        begin_epoch(&mut tx, &data, institution, &args.operator, (&summary, now)).await?;
    }
    if let Some(master) = from_archive {
        master::create(&args.data.master_key_path(), &master)?;
    }
    tx.commit().await?;
    data.settle().await;
    say!("{} rows of {} as of {} are back.", loaded.rows, summary.header.engine, summary.header.taken_at);
    say!("{AFTERWARDS}");
    if closed > 0 {
        say!(
            "{closed} inquiry PINs do not open: they were sealed under a master key that has been dropped since. \
             Restore again with the master key's file of that time, or customers and customer files have to bring them."
        );
    }
    Ok(())
}

/// PINs of the archive that no master key here opens.
async fn count_closed(tx: &mut Tx, keys: &Keys) -> Result<u64, CommandError> {
    let mut closed = 0;
    for (kind, purpose) in [(Kind::Pins, Purpose::Pin), (Kind::FiledPins, Purpose::FiledPin)] {
        let mut after = SealedValue::default();
        loop {
            let batch = tx.list_sealed(kind, &after, BATCH).await?;
            closed += batch.iter().filter(|one| keys.open(purpose, &one.place(), &one.sealed).is_err()).count() as u64;
            match batch.into_iter().last() {
                Some(last) => after = last,
                None => break,
            }
        }
    }
    Ok(closed)
}

/// The file of the master keys on its way out of an archive.
type KeyFile = Zeroizing<Vec<u8>>;

const AFTERWARDS: &str = "\
All tokens, codes, pushed requests and logins from before are void, and each institution signs with a new key.
Before you serve again:
  renkei apply registry.toml   what was suspended or changed since the backup is not in it
  renkei import customers      the customers' newest files, for the same reason
  renkei import entries        the statements since the backup
  renkei doctor                whether anything is left to do
Partners then ask their customers for a new permission; docs/operations.md says what to tell them.";

/// The keys the archive was made with: of the data folder, or out of the archive where that has none.
fn find_keys(args: &Args) -> Result<(Keys, Option<KeyFile>), CommandError> {
    let (path, now) = (args.data.master_key_path(), SystemClock.now());
    let config = args.data.read_config()?;
    let hsm = config.as_ref().and_then(|config| config.hsm.as_ref());
    if path.exists() {
        return Ok((Keys::of(&MasterKeys::read(&path, hsm)?, now)?, None));
    }
    let header = archive::header(open(args)?)?;
    let Some(text) = header.master_key else {
        let path = path.display();
        return Err(CommandError::Setup(format!(
            "{path} is missing, and the archive does not hold it: put the copy of the master key there first"
        )));
    };
    let file = Zeroizing::new(Base64::decode_vec(&text).unwrap_or_default());
    let refused = |reason| CommandError::Refused(format!("the master keys in the archive: {reason}"));
    let masters = MasterKeys::parse(&file, hsm).map_err(refused)?;
    Ok((Keys::of(&masters, now)?, Some(file)))
}

fn open(args: &Args) -> Result<BufReader<File>, CommandError> {
    let failed = |error| CommandError::Refused(format!("{}: {error}", args.file.display()));
    File::open(&args.file).map(BufReader::new).map_err(failed)
}

/// Ends what was issued, raises what guards secrets, signs with a new key, and records it.
async fn begin_epoch(
    tx: &mut Tx,
    data: &Data,
    institution: &InstitutionCode,
    operator: &str,
    (summary, now): (&Summary, Timestamp),
) -> Result<(), CommandError> {
    tx.turn_to(institution);
    let before = tx.find_epoch().await?.map_or(0, |epoch| epoch.began_at.0);
    let epoch = Epoch { began_at: now, taken_at: summary.header.taken_at() };
    tx.begin_epoch(&epoch, &summary.mac).await?;
    tx.raise_guards_of_accounts(Guard::after_restore(Restored::Pin, now)).await?;
    tx.raise_guards_of_users(Guard::after_restore(Restored::PinUser, now)).await?;
    let logins: Vec<String> = tx.list_login_ids().await?.iter().map(|id| data.keys.login_guard(id)).collect();
    tx.raise_guards_of_logins(&logins, Guard::after_restore(Restored::Login, now)).await?;
    let new = NewEpoch { institution, operator, now, random: data.random.as_ref() };
    replace_all(tx, &data.keys, &new).await?;
    // What the trail's old name signed since the backup is not in it: under that name nothing may be signed any more.
    let trail = signer::begin_anew(tx, &data.keys, institution, now, data.random.as_ref()).await?;
    let trail = trail.map_or_else(String::new, |key| format!(" trail={}", key.origin));
    let particulars = format!("epoch={} before={before} taken_at={}{trail}", now.0, summary.header.taken_at);
    let record = Record::done(Actor::Operator(operator.to_owned()), Action::Restored).with(particulars);
    Ok(tx.record(&record, now, data.random.as_ref()).await?)
}
