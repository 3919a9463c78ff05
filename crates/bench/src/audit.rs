//! What it takes to seal, export and verify an audit trail of many entries.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use renkei_domain::time::{Clock, Timestamp};
use renkei_server::audit::export::export;
use renkei_server::audit::sealer::{Sealer, Tools};
use renkei_server::keys::Keys;
use renkei_server::system::SystemClock;
use renkei_store::{Store, StoreConfig};
use renkei_testing::SystemRandom;

use crate::people::institution;
use crate::postgres::Postgres;
use crate::stage::{Engine, beside};
use crate::{Problem, bulk, cpu};

/// Connections to a PostgreSQL server.
const CONNECTIONS: usize = 4;

/// What `renkei-bench audit` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The engine
    #[arg(long, value_enum, default_value = "sqlite")]
    engine: Engine,
    /// Entries of the trail
    #[arg(long, default_value_t = 1_000_000)]
    entries: i64,
    /// Where folders are made
    #[arg(long, value_name = "DIR", default_value = "/tmp")]
    folder: PathBuf,
}

/// Makes records, seals them, exports the trail and verifies it.
///
/// # Errors
/// When anything does not go as it should.
pub async fn run(args: Args) -> Result<(), Problem> {
    let folder = tempfile::Builder::new().prefix("renkei-bench-").tempdir_in(&args.folder)?;
    let postgres = match args.engine {
        Engine::Sqlite => None,
        Engine::Postgresql => Some(Postgres::start(&args.folder)?),
    };
    let config = match &postgres {
        None => StoreConfig::Sqlite { path: folder.path().join("renkei.db") },
        Some(postgres) => {
            StoreConfig::Postgres { url: postgres.url(), connections: CONNECTIONS, ca: None, identity: None }
        }
    };
    let store = Store::open(&config).await?;
    let begun = Instant::now();
    bulk::audit_records(&store, args.entries).await?;
    println!("{}: {} records made in {:.1} s", args.engine.name(), args.entries, begun.elapsed().as_secs_f64());

    let (begun, used) = (Instant::now(), cpu::own_process());
    seal(&store, folder.path(), args.entries).await?;
    tell("sealed and signed", begun, cpu::own_process().saturating_sub(used));
    let (begun, used) = (Instant::now(), cpu::own_process());
    let exported = export(&store, &institution()?, &folder.path().join("export")).await?;
    tell("exported", begun, cpu::own_process().saturating_sub(used));
    if exported.is_none_or(|exported| exported.size != args.entries.unsigned_abs()) {
        return Err("not all of it was exported".into());
    }
    let keys = folder.path().join("keys");
    let own = store.read(&institution()?).list_audit_keys().await?;
    std::fs::write(&keys, own.iter().map(|key| format!("{}\n", key.verifier)).collect::<String>())?;
    let (begun, used) = (Instant::now(), cpu::of_children());
    let mut verify = Command::new(beside("renkei-audit-verify")?);
    let status = verify.arg(folder.path().join("export")).arg("--key").arg(&keys).status()?;
    tell("verified offline", begun, cpu::of_children().saturating_sub(used));
    if status.success() { Ok(()) } else { Err("the trail is not as it was signed".into()) }
}

async fn seal(store: &Store, folder: &Path, entries: i64) -> Result<(), Problem> {
    let keys = Keys::load_or_create(&folder.join("master.key"), None, SystemClock.now(), &SystemRandom)?;
    let anchors = folder.join("anchors");
    let tools = Tools {
        store,
        keys: &keys,
        clock: &SystemClock,
        random: &SystemRandom,
        host: "link.example",
        anchors: &anchors,
    };
    let mut sealer = Sealer::new(institution()?, &tools);
    let sealed = sealer.pass(&tools).await?;
    // What came after the last signature is signed a minute later; nobody waits for that here.
    let mut after = Sealer::new(institution()?, &tools);
    let rest = after.pass(&Tools { clock: &Minutes(10), ..tools }).await?;
    if sealed + rest == entries.unsigned_abs() { Ok(()) } else { Err(format!("{sealed} were sealed").into()) }
}

/// The clock so many minutes on.
struct Minutes(i64);

impl Clock for Minutes {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus_seconds(60 * self.0)
    }
}

fn tell(what: &str, begun: Instant, used: Duration) {
    let (wall, used) = (begun.elapsed().as_secs_f64(), used.as_secs_f64());
    println!("  {what:<20}{wall:>8.2} s, of it {used:.2} s of processor time");
}
