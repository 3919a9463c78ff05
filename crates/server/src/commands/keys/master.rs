//! `renkei keys master`: the keys under which PINs and signing keys are sealed, their rotation, and the module that
//! wraps their file.

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::time::Timestamp;
use renkei_store::sealed::{Kind, SealedValue};
use zeroize::Zeroizing;

use super::parse_time;
use crate::commands::CommandError;
use crate::commands::data::{Data, DataArgs};
use crate::commands::output::say;
use crate::keys::master::{GENERATIONS_MAX, Generation, MasterKeys};
use crate::keys::{KeyError, Purpose, generation_of};

/// How long after `rotate` values are sealed under the new key unless said otherwise: time to bring the file to the other
/// nodes.
const LEAD_SECONDS: i64 = 3_600;
/// How long after another key took over a walk through the screens may still hold PINs sealed under the one before.
const WALK_SECONDS: i64 = 2 * 3_600;
/// Values that one transaction moves.
const BATCH: u32 = 200;

/// What `renkei keys master` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show the generations, how many values are sealed under each, and how the file is kept
    Show(DataArgs),
    /// Add a key; values are sealed under it from its time on
    Rotate(RotateArgs),
    /// Move what is sealed under older keys to the current one, while nodes serve
    Reseal(ChangeArgs),
    /// Take a key out of the file that nothing is sealed under any more
    Drop(DropArgs),
    /// Wrap the file under a key of the hardware module that the configuration names; the key is made if there is none
    Wrap(WrapArgs),
}

#[derive(Debug, clap::Args)]
struct ChangeArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Who answers for it in the audit trail
    #[arg(long, value_name = "NAME", env = "USER", default_value = "unknown")]
    operator: String,
}

#[derive(Debug, clap::Args)]
struct RotateArgs {
    /// From when on, such as 2026-12-01T04:00:00+09:00; every node must have the file by then. Without it in an hour
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    seals_from: Option<Timestamp>,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, clap::Args)]
struct DropArgs {
    /// Which
    #[arg(value_name = "GENERATION")]
    generation: u8,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, clap::Args)]
struct WrapArgs {
    /// What the key is called in the module
    #[arg(long, value_name = "LABEL")]
    label: String,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Shows or changes the master keys.
///
/// # Errors
/// When a change is not safe, or file, module or store fail.
pub async fn run(args: &Args) -> Result<(), CommandError> {
    match &args.what {
        What::Show(data) => show(&Open::of(data).await?).await,
        What::Rotate(args) => rotate(args).await,
        What::Reseal(args) => reseal(args).await,
        What::Drop(args) => drop_generation(args).await,
        What::Wrap(args) => wrap(args).await,
    }
}

/// An installation whose file of keys is to be seen or changed.
struct Open<'a> {
    args: &'a DataArgs,
    data: Data,
    masters: MasterKeys,
}

impl<'a> Open<'a> {
    async fn of(args: &'a DataArgs) -> Result<Open<'a>, CommandError> {
        let data = args.open().await?;
        let masters = MasterKeys::read(&args.master_key_path(), data.hsm.as_ref())?;
        Ok(Open { args, data, masters })
    }

    fn write(&self) -> Result<(), KeyError> {
        self.masters.write(&self.args.master_key_path(), self.data.hsm.as_ref(), &*self.data.random)
    }

    /// Every institution's trail tells of it: all of them have something sealed.
    async fn record(&self, operator: &str, what: &str) -> Result<(), CommandError> {
        let record = Record::done(Actor::Operator(operator.to_owned()), Action::MasterKeysChanged).with(what);
        let mut tx = self.data.store.begin_all().await?;
        for institution in tx.list_institutions().await? {
            tx.turn_to(&institution.code);
            tx.record(&record, self.data.clock.now(), &*self.data.random).await?;
        }
        Ok(tx.commit().await?)
    }

    /// How many values stand under each generation.
    async fn count(&self) -> Result<Vec<u64>, CommandError> {
        let mut counts = vec![0; GENERATIONS_MAX];
        for kind in Kind::ALL {
            let mut after = SealedValue::default();
            loop {
                let batch = self.data.store.read_all().list_sealed(kind, &after, BATCH).await?;
                for value in &batch {
                    if let Some(count) = counts.get_mut(usize::from(generation_of(&value.sealed))) {
                        *count += 1;
                    }
                }
                match batch.into_iter().last() {
                    Some(last) => after = last,
                    None => break,
                }
            }
        }
        Ok(counts)
    }
}

async fn show(open: &Open<'_>) -> Result<(), CommandError> {
    let path = open.args.master_key_path();
    match &open.masters.wrapped_under {
        Some(label) => say!("{}: wrapped under the key {label} of the hardware module", path.display()),
        None => say!("{}: in clear, readable by its owner alone", path.display()),
    }
    let (current, counts) = (open.data.keys.current_generation(), open.count().await?);
    for one in &open.masters.generations {
        let state = match one.number {
            number if number == current => "seals".to_owned(),
            number if number > current => format!("seals from {}", one.seals_from.to_rfc3339()),
            _ => "opens what it sealed".to_owned(),
        };
        let count = counts.get(usize::from(one.number)).copied().unwrap_or_default();
        say!("  generation {}: {state}; {count} values are sealed under it", one.number);
    }
    Ok(())
}

async fn rotate(args: &RotateArgs) -> Result<(), CommandError> {
    let mut open = Open::of(&args.change.data).await?;
    let now = open.data.clock.now();
    let newest = open.masters.generations.last().map_or(0, |newest| newest.number);
    if newest != open.data.keys.current_generation() {
        return Err(CommandError::Refused(format!("generation {newest} is there already and does not seal yet")));
    }
    let Some(number) = newest.checked_add(1) else {
        return Err(CommandError::Refused("no more generations can be numbered".into()));
    };
    let seals_from = args.seals_from.unwrap_or(now.plus_seconds(LEAD_SECONDS));
    let key = Zeroizing::new(open.data.random.bytes());
    open.masters.generations.push(Generation { number, seals_from, key });
    open.record(&args.change.operator, &format!("added generation={number}")).await?;
    open.write()?;
    let (path, from) = (open.args.master_key_path(), seals_from.to_rfc3339());
    say!("Generation {number} is in {} and seals from {from}.", path.display());
    say!("Bring the file to every other node before that; each reads it within a minute, or at SIGHUP.");
    say!("After that `renkei keys master reseal` moves what is sealed under older keys.");
    Ok(())
}

async fn reseal(args: &ChangeArgs) -> Result<(), CommandError> {
    let open = Open::of(&args.data).await?;
    let current = open.data.keys.current_generation();
    let mut moved = 0;
    for kind in Kind::ALL {
        moved += reseal_kind(&open.data, kind, current).await?;
    }
    open.record(&args.operator, &format!("resealed generation={current} values={moved}")).await?;
    say!("{moved} values moved to generation {current}.");
    Ok(())
}

async fn reseal_kind(data: &Data, kind: Kind, current: u8) -> Result<u64, CommandError> {
    let purpose = match kind {
        Kind::Pins => Purpose::Pin,
        Kind::FiledPins => Purpose::FiledPin,
        Kind::SigningKeys | Kind::AuditKeys => Purpose::SigningKey,
    };
    let (mut moved, mut after) = (0, SealedValue::default());
    loop {
        let batch = data.store.read_all().list_sealed(kind, &after, BATCH).await?;
        let Some(last) = batch.last().cloned() else { return Ok(moved) };
        let mut changes = Vec::new();
        for value in batch.into_iter().filter(|value| generation_of(&value.sealed) != current) {
            let clear = data.keys.open(purpose, &value.place(), &value.sealed)?;
            let sealed = data.keys.seal(purpose, &value.place(), &clear, &*data.random)?;
            changes.push((value, sealed));
        }
        if !changes.is_empty() {
            moved += data.store.replace_sealed(kind, &changes).await?;
        }
        after = last;
    }
}

async fn drop_generation(args: &DropArgs) -> Result<(), CommandError> {
    let mut open = Open::of(&args.change.data).await?;
    let (number, current) = (args.generation, open.data.keys.current_generation());
    let refused = |why: String| Err(CommandError::Refused(why));
    if number == 0 {
        return refused(
            "generation 0 also keys password hashes and users' names towards partners: it stays. `reseal` moves what \
             is sealed under it"
                .into(),
        );
    }
    if !open.masters.generations.iter().any(|one| one.number == number) {
        return refused(format!("there is no generation {number}"));
    }
    if number >= current {
        return refused(format!("generation {number} seals, or is about to; `rotate` first"));
    }
    let since = open.masters.generations.iter().find(|one| one.number > number).map(|one| one.seals_from);
    if since.is_some_and(|since| since.plus_seconds(WALK_SECONDS) > open.data.clock.now()) {
        return refused("somebody may be on the way with PINs sealed under it; wait two hours after its end".into());
    }
    let left = open.count().await?.get(usize::from(number)).copied().unwrap_or_default();
    if left > 0 {
        return refused(format!("{left} values are sealed under it; `renkei keys master reseal` moves them"));
    }
    open.masters.generations.retain(|one| one.number != number);
    open.record(&args.change.operator, &format!("dropped generation={number}")).await?;
    open.write()?;
    say!("Generation {number} is gone from {}.", open.args.master_key_path().display());
    Ok(())
}

async fn wrap(args: &WrapArgs) -> Result<(), CommandError> {
    let mut open = Open::of(&args.change.data).await?;
    if open.data.hsm.is_none() {
        return Err(CommandError::Setup("name the module, its token and the file of its PIN in [hsm] first".into()));
    }
    open.masters.wrapped_under = Some(args.label.clone());
    open.record(&args.change.operator, &format!("wrapped label={}", args.label)).await?;
    open.write()?;
    MasterKeys::read(&open.args.master_key_path(), open.data.hsm.as_ref())?;
    say!("{} is wrapped under the key {}.", open.args.master_key_path().display(), args.label);
    say!("Copies of the file from before still hold the keys in clear: destroy them, those in backups too.");
    Ok(())
}
