//! Whether anything costs more when there is more of everything.
//!
//! Two installations stand side by side: one stays small, the other grows. At each size every operation is driven at both
//! in turns, a short while each, so that whatever else the machine does falls on both: what is told is by how much the
//! grown one costs more at the same moment.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::load::Rest;
use crate::side::{OPERATIONS, Served, Side};
use crate::stage::Engine;
use crate::{Problem, bulk, plot, side};

/// Times each operation is driven at each installation.
const ROUNDS: u32 = 4;
/// Institutions, linkages and transactions of the small one.
const SMALL: (usize, i64, i64) = (10, 1_000, 10_000);
/// Linkages that are used in turn, at both: in the grown one, somewhere among all.
const USED: i64 = SMALL.2 / bulk::ENTRIES_EACH;

/// What `renkei-bench grow` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The engine
    #[arg(long, value_enum, default_value = "sqlite")]
    engine: Engine,
    /// Institutions at the end
    #[arg(long, default_value_t = 1_000)]
    institutions: usize,
    /// Linkages at the end
    #[arg(long, default_value_t = 100_000)]
    linkages: i64,
    /// Transactions at the end, a hundred for each account
    #[arg(long, default_value_t = 10_000_000)]
    transactions: i64,
    /// How long each operation is measured at each installation
    #[arg(long, default_value_t = 8)]
    seconds: u32,
    /// Requests that the grown one has answered when its memory is looked at for the last time
    #[arg(long, default_value_t = 0)]
    requests: usize,
    /// Draw the table
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Where data folders are made
    #[arg(long, value_name = "DIR", default_value = "/tmp")]
    folder: PathBuf,
}

/// What everything cost at one size.
pub struct Column {
    /// The size.
    pub name: String,
    /// What each operation cost.
    pub costs: Vec<Cost>,
    ready: (Duration, Duration),
    /// What the small and the grown one do in a second without a request.
    at_rest: (Rest, Rest),
    /// From its start until the grown one had nothing to do of itself.
    quiet: Duration,
    idle_mib: f64,
    loaded_mib: f64,
    took: Duration,
}

/// What an operation cost, in microseconds of processor time: the least of the rounds, as other work only adds to it.
pub struct Cost {
    /// The operation.
    pub operation: &'static str,
    small: f64,
    grown: f64,
}

impl Cost {
    /// By how much more it cost at the grown installation, in percent.
    #[must_use]
    pub fn more(&self) -> f64 {
        (self.grown / self.small - 1.0) * 100.0
    }
}

/// Grows, measures, prints.
///
/// # Errors
/// When anything does not go as it should.
pub async fn run(args: Args) -> Result<(), Problem> {
    let (few_institutions, few_linkages, _) = SMALL;
    let mut small = Side::set(args.engine, &args.folder).await?;
    small.grow(few_institutions, (0, few_linkages), USED).await?;
    let begun = Instant::now();
    let mut grown = Side::set(args.engine, &args.folder).await?;
    grown.grow(few_institutions, (0, few_linkages), USED).await?;
    let mut growth = Growth { args: &args, small, grown, columns: Vec::new() };
    growth.measure("as small as the other", begun).await?;

    let begun = Instant::now();
    growth.grown.grow(args.institutions, (0, 0), 0).await?;
    growth.measure(&format!("{} institutions", args.institutions), begun).await?;

    let begun = Instant::now();
    let linkages = args.linkages.max(few_linkages);
    growth.grown.grow(0, (few_linkages, linkages), USED).await?;
    growth.measure(&format!("and {linkages} linkages"), begun).await?;

    let begun = Instant::now();
    let accounts = (args.transactions / bulk::ENTRIES_EACH).min(linkages);
    bulk::entries(&growth.grown.store, 0, accounts).await?;
    growth.measure(&format!("and {} transactions", accounts * bulk::ENTRIES_EACH), begun).await?;

    print!("{}", text(args.engine, &growth.columns));
    if let Some(path) = &args.svg {
        std::fs::write(path, plot::svg(args.engine.name(), &growth.columns))?;
    }
    if args.requests > 0 {
        growth.grown.settle().await?;
        let served = growth.grown.serve().await?;
        print!("{}", side::many(&mut growth.grown, &served, args.requests).await?);
    }
    Ok(())
}

struct Growth<'a> {
    args: &'a Args,
    small: Side,
    grown: Side,
    columns: Vec<Column>,
}

impl Growth<'_> {
    async fn measure(&mut self, name: &str, begun: Instant) -> Result<(), Problem> {
        let took = begun.elapsed();
        eprintln!("{name}: made in {:.0} s", took.as_secs_f64());
        self.small.settle().await?;
        self.grown.settle().await?;
        let mut small = self.small.serve().await?;
        let mut grown = self.grown.serve().await?;
        let ((small_rest, _), (grown_rest, quiet)) = (small.rest().await, grown.rest().await);
        let at_rest = (small_rest, grown_rest);
        let idle_mib = grown.memory_mib()?;
        let mut costs = vec![(Vec::new(), Vec::new()); OPERATIONS.len()];
        // The last by itself, when all else is over.
        for (first, last) in [(0, OPERATIONS.len() - 1), (OPERATIONS.len() - 1, OPERATIONS.len())] {
            for round in 0..ROUNDS {
                self.small.prepare(&small).await?;
                self.grown.prepare(&grown).await?;
                let driven = OPERATIONS.iter().zip(&mut costs).take(last).skip(first);
                for (operation, (of_small, of_grown)) in driven {
                    // Whoever comes second finds the processor as the first left it: they take turns in that as well.
                    if round % 2 == 0 {
                        of_small.push(self.drive(&self.small, &small, operation).await?);
                        of_grown.push(self.drive(&self.grown, &grown, operation).await?);
                    } else {
                        of_grown.push(self.drive(&self.grown, &grown, operation).await?);
                        of_small.push(self.drive(&self.small, &small, operation).await?);
                    }
                }
            }
        }
        let costs = OPERATIONS.iter().zip(costs);
        let costs =
            costs.map(|(operation, (small, grown))| Cost { operation, small: least(&small), grown: least(&grown) });
        let (costs, loaded_mib) = (costs.collect(), grown.memory_mib()?);
        let column =
            Column { name: name.to_owned(), costs, ready: grown.ready(), at_rest, quiet, idle_mib, loaded_mib, took };
        eprint!("{}", lines(&column));
        self.columns.push(column);
        Ok(())
    }

    async fn drive(&self, side: &Side, served: &Served, operation: &str) -> Result<f64, Problem> {
        let lasting = Duration::from_secs(1) * self.args.seconds / ROUNDS;
        let figures = side.drive(served, operation, lasting).await;
        Ok(figures.map_err(|problem| format!("{operation}: {problem}"))?.cpu_micros)
    }
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn lines(column: &Column) -> String {
    let Column { name, took, ready: (after, with), at_rest, quiet, idle_mib, loaded_mib, costs } = column;
    let mut text = format!(
        "  {name}: made in {:.0} s; ready after {:.0} ms with {:.0} ms of the processor, quiet after {:.0} s; resident {idle_mib:.1} MiB idle, \
         {loaded_mib:.1} MiB loaded; {:.1} and {:.1} ms of the processor in a second without a request\n",
        took.as_secs_f64(),
        after.as_secs_f64() * 1e3,
        with.as_secs_f64() * 1e3,
        quiet.as_secs_f64(),
        at_rest.0.micros() / 1e3,
        at_rest.1.micros() / 1e3,
    );
    for cost in costs {
        let Cost { operation, small, grown } = cost;
        // Writing to memory can't fail.
        let _ = writeln!(text, "    {operation:<32}{small:>9.1}{grown:>9.1}{:>+8.1} %", cost.more());
    }
    text
}

fn text(engine: Engine, columns: &[Column]) -> String {
    let mut text = format!(
        "{}: processor time in us of the small installation, of the grown one, and how much more that is\n",
        engine.name()
    );
    columns.iter().for_each(|column| text += &lines(column));
    text
}
