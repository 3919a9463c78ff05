//! `renkei-faults`: brings a fault about, N times, and says whether it passed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use renkei_faults::runs::{self, Size};

#[derive(Debug, Parser)]
#[command(about = "Fault tests of renkei: each brings its fault about and holds the history against what stands")]
struct Cli {
    #[command(subcommand)]
    fault: Fault,
    /// Customers that act at the same time
    #[arg(long, global = true, default_value_t = 8)]
    users: usize,
    /// Milliseconds each of them waits between two acts
    #[arg(long, global = true, default_value_t = 50)]
    pace_ms: u64,
    /// Write the history to this file, an event a line
    #[arg(long, global = true)]
    history: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Times {
    /// How often (f-06, f-18, f-21, f-22, f-25, f-27, f-31: seconds)
    #[arg(long, default_value_t = 10)]
    n: usize,
}

#[derive(Debug, Args)]
struct OnPostgres {
    #[command(flatten)]
    times: Times,
    /// A PostgreSQL server with an empty database or schema for this run
    #[arg(long, env = "RENKEI_TEST_POSTGRES")]
    postgres: String,
}

#[derive(Debug, Subcommand)]
enum Fault {
    /// A node on SQLite is killed under load
    #[command(name = "f-01")]
    F01 {
        #[command(flatten)]
        times: Times,
        /// Longest time from kill to ready, in milliseconds
        #[arg(long, default_value_t = 2_000)]
        ready_ms: u64,
    },
    /// A node is killed at each statement of an act
    #[command(name = "f-02")]
    F02(OnPostgres),
    /// A node is killed at each statement of sealing and signing the audit trail
    #[command(name = "f-29")]
    F29(OnPostgres),
    /// Backups under load, each restored and held against the history
    #[command(name = "f-09")]
    F09 {
        #[command(flatten)]
        times: Times,
        /// Seconds before each
        #[arg(long, default_value_t = 60)]
        every: u64,
        /// A PostgreSQL server with an empty database or schema for this run; left out: SQLite
        #[arg(long)]
        postgres: Option<String>,
    },
    /// The power fails: what was not flushed is lost, or torn
    #[command(name = "f-03")]
    F03 {
        #[command(flatten)]
        times: Times,
        /// Let the disk lie about flushes: then losses must be found
        #[arg(long)]
        control: bool,
    },
    /// A flush of the disk fails
    #[command(name = "f-04")]
    F04(Times),
    /// The disk is full for a while
    #[command(name = "f-05")]
    F05(Times),
    /// Every flush of the disk is slow
    #[command(name = "f-06")]
    F06(Times),
    /// Bits turn in the database's files
    #[command(name = "f-07")]
    F07(Times),
    /// A node's memory is at an end
    #[command(name = "f-08")]
    F08(Times),
    /// The leader's machine is lost
    #[command(name = "f-11")]
    F11(Times),
    /// The leader's database is killed
    #[command(name = "f-12")]
    F12(Times),
    /// The lead is handed over
    #[command(name = "f-13")]
    F13(Times),
    /// All standbys hang
    #[command(name = "f-14")]
    F14(Times),
    /// Waiting commits are cancelled, then the leader is lost
    #[command(name = "f-15")]
    F15(Times),
    /// The old leader is cut off and does not know it
    #[command(name = "f-16")]
    F16(Times),
    /// The old leader's Patroni hangs
    #[command(name = "f-16-hung")]
    F16Hung(Times),
    /// One transaction in ten is taken back
    #[command(name = "f-18")]
    F18(OnPostgres),
    /// How soon after a new leader requests are served
    #[command(name = "f-19")]
    F19(Times),
    /// The clock jumps
    #[command(name = "f-20")]
    F20(Times),
    /// The clock is slow, then fast
    #[command(name = "f-21")]
    F21(Times),
    /// Two nodes' clocks disagree
    #[command(name = "f-22")]
    F22(OnPostgres),
    /// SIGTERM to one node after the other
    #[command(name = "f-24")]
    F24(OnPostgres),
    /// Two versions side by side, there and back
    #[command(name = "f-25")]
    F25 {
        #[command(flatten)]
        on: OnPostgres,
        /// The old version's program
        #[arg(long)]
        old: PathBuf,
        /// The new version's program
        #[arg(long)]
        new: PathBuf,
    },
    /// Signing keys, master keys and TLS certificates are changed again and again
    #[command(name = "f-26")]
    F26(OnPostgres),
    /// Load for long
    #[command(name = "f-27")]
    F27(Times),
    /// Ten times of what can be done
    #[command(name = "f-31")]
    F31(Times),
    /// The same act on two nodes at the same time
    #[command(name = "f-28")]
    F28(OnPostgres),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = tokio::runtime::Runtime::new()
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(run(cli)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            eprintln!("{words}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), String> {
    let pace = Duration::from_millis(cli.pace_ms);
    let size = |times: Times| Size { n: times.n, users: cli.users, pace, history: cli.history.clone() };
    match cli.fault {
        Fault::F01 { times, ready_ms } => runs::f_01(&size(times), Duration::from_millis(ready_ms)).await,
        Fault::F02(on) => runs::f_02(&size(on.times), &on.postgres).await,
        Fault::F29(on) => runs::f_29(&size(on.times), &on.postgres).await,
        Fault::F09 { times, every, postgres } => {
            runs::f_09(&size(times), Duration::from_secs(every), postgres.as_deref()).await
        }
        Fault::F03 { times, control } => runs::f_03(&size(times), control).await,
        Fault::F04(times) => runs::f_04(&size(times)).await,
        Fault::F05(times) => runs::f_05(&size(times)).await,
        Fault::F06(times) => runs::f_06(&size(times)).await,
        Fault::F07(times) => runs::f_07(&size(times)).await,
        Fault::F08(times) => runs::f_08(&size(times)).await,
        Fault::F20(times) => runs::f_20(&size(times)).await,
        Fault::F21(times) => runs::f_21(&size(times)).await,
        Fault::F22(on) => runs::f_22(&size(on.times), &on.postgres).await,
        Fault::F11(times) => runs::f_11(&size(times)).await,
        Fault::F12(times) => runs::f_12(&size(times)).await,
        Fault::F13(times) => runs::f_13(&size(times)).await,
        Fault::F14(times) => runs::f_14(&size(times)).await,
        Fault::F15(times) => runs::f_15(&size(times)).await,
        Fault::F16(times) => runs::f_16(&size(times)).await,
        Fault::F16Hung(times) => runs::f_16_hung(&size(times)).await,
        Fault::F18(on) => runs::f_18(&size(on.times), &on.postgres).await,
        Fault::F19(times) => runs::f_19(&size(times)).await,
        Fault::F24(on) => runs::f_24(&size(on.times), &on.postgres).await,
        Fault::F25 { on, old, new } => runs::f_25(&size(on.times), &on.postgres, &old, &new).await,
        Fault::F26(on) => runs::f_26(&size(on.times), &on.postgres).await,
        Fault::F27(times) => runs::f_27(&size(times)).await,
        Fault::F31(times) => runs::f_31(&size(times)).await,
        Fault::F28(on) => runs::f_28(&size(on.times), &on.postgres).await,
    }
}
