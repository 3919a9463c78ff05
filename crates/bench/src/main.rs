//! Figures, no thresholds: what each operation costs in processor time, the database included, beside what nothing can go
//! below, in the same run.
//!
//! The server under test is `renkei serve`, in a process of its own and, with its database, on one processor; this
//! program drives it from another. The `renkei` binary is looked for beside this one.

mod audit;
mod bare;
mod bulk;
mod cpu;
mod floors;
mod growth;
mod import;
mod load;
mod partner;
mod people;
mod plot;
mod postgres;
mod report;
mod run;
mod sample;
mod side;
mod sign;
mod stage;
mod suspend;
mod sweep;
mod walk;
mod wire;

use std::process::{Command, ExitCode, Stdio};

use clap::{Parser, Subcommand};

/// Whatever went wrong; a benchmark has one answer to all of it.
pub type Problem = Box<dyn std::error::Error + Send + Sync>;

/// Measures what Renkei costs.
#[derive(Parser)]
#[command(name = "renkei-bench", version)]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Every operation on each engine
    Run(run::Args),
    /// The same operations as everything grows
    Grow(growth::Args),
    /// Statements taken in
    Import(import::Args),
    /// The same operations while dead rows are cleared away
    Sweep(sweep::Args),
    /// A partner with many linkages stopped while another is served
    Suspend(suspend::Args),
    /// An audit trail sealed, exported and verified
    Audit(audit::Args),
    /// The HTTP framework alone, as the other commands start it
    #[command(name = bare::COMMAND, hide = true)]
    Bare {
        /// Bytes of its answer
        bytes: usize,
    },
}

fn main() -> ExitCode {
    let what = Cli::parse().what;
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        eprintln!("renkei-bench: another TLS provider was installed first");
        return ExitCode::FAILURE;
    }
    let outcome = match what {
        What::Run(args) => aside().and_then(|()| block_on(run::run(args))),
        What::Grow(args) => aside().and_then(|()| block_on(growth::run(args))),
        What::Import(args) => import::run(&args),
        What::Sweep(args) => aside().and_then(|()| block_on(sweep::run(args))),
        What::Suspend(args) => aside().and_then(|()| block_on(suspend::run(args))),
        What::Audit(args) => block_on(audit::run(args)),
        What::Bare { bytes } => block_on(bare::serve(bytes)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("renkei-bench: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Leaves the server its processor, and its own to whatever else has something to do there: a driver that never sleeps
/// ([`load`]) must not keep the kernel's threads waiting for the next tick. The processes it starts are not like that.
fn aside() -> Result<(), Problem> {
    if stage::server_processor().is_some() {
        let own = std::process::id().to_string();
        for command in [["taskset", "-cp", "1", &own].as_slice(), &["chrt", "-R", "-i", "-p", "0", &own]] {
            let [program, args @ ..] = command else { continue };
            if !Command::new(program).args(args).stdout(Stdio::null()).status()?.success() {
                return Err(format!("{program} failed").into());
            }
        }
    }
    Ok(())
}

fn block_on<T>(work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
