//! `renkei backup`: every row as of one instant into one file, while the servers go on.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use renkei_store::archive::{self, ArchiveError, Summary};
use serde::Serialize;

use super::CommandError;
use super::data::{Data, DataArgs};
use super::output::say;
use crate::keys::master;

/// What `renkei backup` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// The file to make; it must not be there yet
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Put the master key into it as well: then the file alone is enough to restore, and to read every PIN
    #[arg(long)]
    with_master_key: bool,
    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Report<'a> {
    taken_at: &'a str,
    engine: &'a str,
    tables: u64,
    rows: u64,
    bytes: u64,
    master_key: bool,
}

/// Writes the archive beside its name, reads it back from first to last byte, and only then gives it its name.
///
/// # Errors
/// When the installation can't be read, its file is damaged, or the archive can't be written.
pub async fn run(args: Args) -> Result<(), CommandError> {
    if args.to.exists() {
        return Err(CommandError::Refused(format!("{} is there already; name a new file", args.to.display())));
    }
    let data = args.data.open_to_read().await?;
    let partial = partial(&args.to);
    let written = match write(&args, &data, &partial).await {
        Ok(written) => written,
        Err(error) => {
            // What there is of it is no backup, and holds customers' data.
            let _ = fs::remove_file(&partial);
            return Err(error);
        }
    };
    let unavailable = |error: std::io::Error| CommandError::Unavailable(format!("{}: {error}", args.to.display()));
    fs::rename(&partial, &args.to).map_err(unavailable)?;
    sync_folder(&args.to).map_err(unavailable)?;
    let bytes = fs::metadata(&args.to).map_err(unavailable)?.len();
    print(&args, &written, bytes)
}

async fn write(args: &Args, data: &Data, partial: &Path) -> Result<Summary, CommandError> {
    let setup = |error: std::io::Error| CommandError::Setup(format!("{}: {error}", partial.display()));
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(partial).map_err(setup)?;
    let master = match args.with_master_key {
        true => Some(master::read_private(&args.data.master_key_path())?),
        false => None,
    };
    let master = master.as_ref().map(|key| key.as_slice());
    let mut out = BufWriter::new(file);
    let key = data.keys.backups();
    let written = archive::write(&data.store, key, master, data.clock.now(), &mut out).await?;
    out.flush().map_err(setup)?;
    out.get_ref().sync_all().map_err(setup)?;
    let read = archive::verify(BufReader::new(File::open(partial).map_err(setup)?), key)?;
    if read == written {
        Ok(written)
    } else {
        Err(CommandError::Unavailable("what was written is not what can be read back".into()))
    }
}

/// The name it has until it is whole.
fn partial(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

fn sync_folder(file: &Path) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn print(args: &Args, written: &Summary, bytes: u64) -> Result<(), CommandError> {
    let Summary { header, tables, rows, .. } = written;
    if args.json {
        let (taken_at, engine) = (header.taken_at.as_str(), header.engine.as_str());
        let report = Report { taken_at, engine, tables: *tables, rows: *rows, bytes, master_key: args.with_master_key };
        let text = serde_json::to_string(&report).map_err(|error| CommandError::Unavailable(error.to_string()))?;
        say!("{text}");
        return Ok(());
    }
    let to = args.to.display();
    say!("{to}: {rows} rows of {tables} tables from {}, as of {}, {bytes} bytes.", header.engine, header.taken_at);
    if args.with_master_key {
        say!("It holds the master key: whoever has the file can read every PIN. Keep it as you keep that key.");
    } else {
        let key = args.data.master_key_path();
        say!(
            "It does not hold the master key. Keep {} apart from it: without it the backup is worth nothing.",
            key.display()
        );
    }
    Ok(())
}

impl From<ArchiveError> for CommandError {
    fn from(error: ArchiveError) -> CommandError {
        match error {
            ArchiveError::Store(error) => error.into(),
            ArchiveError::File(error) => CommandError::Unavailable(error.to_string()),
            ArchiveError::Refused(reason) => CommandError::Refused(reason),
        }
    }
}
