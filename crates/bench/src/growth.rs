//! Whether anything costs more when there is more of everything.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::load::{self, Figures};
use crate::partner::{self, Partner};
use crate::people::{self, RESOURCE_SERVER};
use crate::sign::Key;
use crate::stage::{Engine, Stage};
use crate::walk::{self, Walker};
use crate::wire::Wire;
use crate::{Problem, bulk, cpu, plot};

/// Entries of the account whose first and last pages are read.
const LONG_HISTORY: i64 = 100_000;

/// Characters of an account's identifier that stand in its marks.
const MARK_CHARS: usize = 8;

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
    /// Transactions at the end, a thousand for each account
    #[arg(long, default_value_t = 10_000_000)]
    transactions: i64,
    /// How long each operation is measured
    #[arg(long, default_value_t = 3)]
    seconds: u64,
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
    /// Operation and processor time in microseconds.
    pub costs: Vec<(String, f64)>,
    idle_mib: f64,
    loaded_mib: f64,
    took: Duration,
}

/// Grows, measures, prints.
///
/// # Errors
/// When anything does not go as it should.
pub async fn run(args: Args) -> Result<(), Problem> {
    let stage = Stage::set(args.engine, &args.folder)?;
    let store = stage.store().await?;
    let people = people::add(&stage, &store, 1).await?;
    let asker = Key::generate()?;
    people::add_resource_server(&store, &asker).await?;
    let signing = Partner::signing(&stage, "test-es256-choice")?;
    let mut grown = Grown { args: &args, stage: &stage, asker, signing, walkers: Vec::new(), columns: Vec::new() };
    grown.walkers = people.into_iter().map(Walker::new).collect();
    let (client, branch) = (stage.client("test-es256-fixed")?.client_id, stage.branch()?);
    let (few_linkages, few_accounts) = (1_000, 10);

    let begun = Instant::now();
    bulk::institutions(&store, 10).await?;
    bulk::linkages(&store, &client, &branch, 0, few_linkages).await?;
    bulk::entries(&store, 0, few_accounts).await?;
    people::post(&store, grown.walkers.first().ok_or("nobody")?.account(), LONG_HISTORY).await?;
    grown.measure("10 institutions, 10^3 linkages, 10^4 transactions", begun).await?;
    let begun = Instant::now();
    bulk::institutions(&store, args.institutions).await?;
    grown.measure(&format!("{} institutions", args.institutions), begun).await?;
    let begun = Instant::now();
    bulk::linkages(&store, &client, &branch, few_linkages, args.linkages).await?;
    grown.measure(&format!("and {} linkages", args.linkages), begun).await?;
    let begun = Instant::now();
    let accounts = (args.transactions / bulk::ENTRIES_EACH).min(args.linkages);
    bulk::entries(&store, few_accounts, accounts).await?;
    grown.measure(&format!("and {} transactions", accounts * bulk::ENTRIES_EACH), begun).await?;
    print!("{}", text(args.engine, &grown.columns));
    if let Some(path) = &args.svg {
        std::fs::write(path, plot::svg(args.engine.name(), &grown.columns))?;
    }
    Ok(())
}

struct Grown<'a> {
    args: &'a Args,
    stage: &'a Stage,
    asker: Key,
    signing: Partner,
    walkers: Vec<Walker>,
    columns: Vec<Column>,
}

impl Grown<'_> {
    async fn measure(&mut self, name: &str, begun: Instant) -> Result<(), Problem> {
        let took = begun.elapsed();
        eprintln!("{name}: made in {:.0} s", took.as_secs_f64());
        self.stage.settle().await?;
        let server = self.stage.serve().await?;
        let meter = server.meter();
        let idle_mib = cpu::memory_mib(meter.server)?;
        let door = self.stage.door();
        if self.columns.is_empty() {
            walk::walk(&meter, &door, &self.signing, &mut self.walkers, true).await?;
        }
        let walker = self.walkers.first().ok_or("nobody")?;
        let (signing, refresh, account) = (&self.signing, &walker.refresh_token, walker.account());
        let lasting = Duration::from_secs(self.args.seconds);
        let mut costs = Vec::new();
        let mut keep = |operation: &str, figures: Figures| costs.push((operation.to_owned(), figures.cpu_micros));
        let work = async |wire: &mut Wire| signing.push(wire).await.map(drop);
        keep("PAR", load::drive(&meter, &door, lasting, work).await?);
        let work = async |wire: &mut Wire| signing.refresh(wire, refresh).await.map(drop);
        keep("refresh", load::drive(&meter, &door, lasting, work).await?);
        let mut wire = Wire::connect(&door).await?;
        let token = signing.refresh(&mut wire, refresh).await?;
        let issuer = self.stage.issuer();
        let work =
            async |wire: &mut Wire| partner::introspect(wire, &issuer, RESOURCE_SERVER, &self.asker, &token).await;
        keep("introspection", load::drive(&meter, &door, lasting, work).await?);
        let first = format!("accounts/{account}/transactions?limit=100");
        let short: String = account.to_string().chars().take(MARK_CHARS).collect();
        let last = format!("{first}&after={short}-{}", LONG_HISTORY - 100);
        for (operation, page) in [("first page of 100", &first), ("last page of 100", &last)] {
            let token = signing.refresh(&mut wire, refresh).await?;
            let work = async |wire: &mut Wire| signing.read(wire, &token, page, None).await.map(drop);
            keep(operation, load::drive(&meter, &door, lasting, work).await?);
        }
        let token = signing.refresh(&mut wire, refresh).await?;
        let tag = signing.read(&mut wire, &token, &first, None).await?;
        let work = async |wire: &mut Wire| signing.read(wire, &token, &first, Some(&tag)).await.map(drop);
        keep("nothing new (304)", load::drive(&meter, &door, lasting, work).await?);
        let loaded_mib = cpu::memory_mib(meter.server)?;
        self.columns.push(Column { name: name.to_owned(), costs, idle_mib, loaded_mib, took });
        Ok(())
    }
}

fn text(engine: Engine, columns: &[Column]) -> String {
    let mut text = String::new();
    // Writing to memory can't fail.
    let _ = writeln!(text, "{}: processor time in us, and how it compares to the first column", engine.name());
    for (number, column) in columns.iter().enumerate() {
        let Column { name, took, idle_mib, loaded_mib, .. } = column;
        let _ = writeln!(
            text,
            "  ({}) {name}: made in {:.0} s; resident {idle_mib:.1} MiB idle, {loaded_mib:.1} MiB loaded",
            number + 1,
            took.as_secs_f64()
        );
    }
    let Some(first) = columns.first() else { return text };
    for (operation, base) in &first.costs {
        let _ = write!(text, "  {operation:<22}");
        for column in columns {
            let cost = column.costs.iter().find(|(own, _)| own == operation).map_or(0.0, |(_, cost)| *cost);
            let _ = write!(text, "{cost:>9.1} ({:+5.1} %)", (cost / base - 1.0) * 100.0);
        }
        let _ = writeln!(text);
    }
    text
}
