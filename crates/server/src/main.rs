//! `renkei`: the one binary.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use renkei_server::commands::{
    CommandError, apply, audit, backup, demo, doctor, guards, import, keys, linkages, migrate, output, restore, serve,
    statistics,
};
use renkei_server::logging::{self, LogFormat};
use renkei_server::system;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// OAuth 2.0 server, linkage screens and account API for Japanese financial institutions.
///
/// An installation is a data folder (--data) with a configuration file, a master key and, unless --store names a
/// PostgreSQL server, the database.
#[derive(Parser)]
#[command(name = "renkei", version, after_long_help = FIRST_STEPS)]
struct Cli {
    /// How to write the log, which goes to standard error
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    log: LogFormat,
    #[command(subcommand)]
    command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  renkei demo                             look at it in a browser, with made-up institutions
  renkei migrate --data DIR               make the data folder and its tables
  renkei apply registry.toml --data DIR   tell it of institutions, partners and their products

Exit codes: 0 done, 1 the input is wrong (nothing was changed), 2 the command line or the installation is not set up as
it must be, 3 something is away or failing and trying again may help.";

#[derive(Subcommand)]
enum Command {
    /// Try it on this machine: two made-up institutions and an accounting site
    Demo(demo::Args),
    /// Make the store hold what the registry file says
    Apply(apply::Args),
    /// Answer partners and customers, as renkei.toml says, until SIGTERM
    Serve(serve::Args),
    /// Take over customers and entries from the institution's files
    Import(import::Args),
    /// Show and rotate the keys that institutions sign with
    Keys(keys::Args),
    /// Show which logins and inquiry PINs were guessed at, and which are locked until when
    Guards(guards::ListArgs),
    /// Let a user or an account in again that was locked by wrong guesses
    Unlock(guards::UnlockArgs),
    /// Show a user's or a partner's linkages, and end one
    Linkages(linkages::Args),
    /// Say how available and how fast an institution's service was on a day
    Statistics(statistics::Args),
    /// Say what is wrong with this installation, and what to do about it
    Doctor(doctor::Args),
    /// Hand the audit trail to an auditor, and look after its signatures
    Audit(audit::Args),
    /// Bring the tables up to date
    Migrate(migrate::Args),
    /// Write every row as of now into one file, while the servers go on
    Backup(backup::Args),
    /// Put the rows of a backup in place, and end everything that was issued before
    Restore(restore::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::start(cli.log);
    if let Err(error) = system::keep_memory_private() {
        return failed(&CommandError::Unavailable(format!("memory can't be kept private: {error}")));
    }
    // Named here once, so that no library picks another behind our back or fails at its first use.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return failed(&CommandError::Setup("another TLS provider was installed first".into()));
    }
    let outcome = tokio::runtime::Runtime::new()
        .map_err(|error| CommandError::Unavailable(format!("the runtime does not start: {error}")))
        .and_then(|runtime| runtime.block_on(run(cli.command)));
    match outcome.and_then(|()| output::check()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

async fn run(command: Command) -> Result<(), CommandError> {
    match command {
        Command::Demo(args) => demo::run(args).await,
        Command::Apply(args) => apply::run(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Import(args) => import::run(args).await,
        Command::Keys(args) => keys::run(args).await,
        Command::Guards(args) => guards::list(args).await,
        Command::Unlock(args) => guards::unlock(args).await,
        Command::Linkages(args) => linkages::run(args).await,
        Command::Audit(args) => audit::run(args).await,
        Command::Migrate(args) => migrate::run(args).await,
        Command::Statistics(args) => statistics::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Backup(args) => backup::run(args).await,
        Command::Restore(args) => restore::run(args).await,
    }
}

fn failed(error: &CommandError) -> ExitCode {
    output::complain(error);
    ExitCode::from(error.exit_code())
}
