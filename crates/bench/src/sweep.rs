//! What clearing dead rows away costs those who are served meanwhile, and how fast it goes.
//!
//! A node sweeps a minute after its start at the earliest. So each round starts a node anew, keeps it busy until it is as
//! it will be, measures, waits, and measures again on the very same node and rows while the rows go. The same without any
//! (`--rows 0`) but the marks of its own requests, which run out from the third round on, tells by how much the two differ
//! by themselves.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use renkei_store::Store;

use crate::load::{self, Figures};
use crate::partner::Partner;
use crate::people;
use crate::stage::{Engine, Stage};
use crate::walk::{self, Walker};
use crate::wire::Wire;
use crate::{Problem, bulk, cpu};

/// When the first walk through the marks of what was used is on its way, after a node's start.
const SWEPT_FROM: Duration = Duration::from_secs(62);
/// Of the dead rows one in so many is an access token; the others are marks of assertions and proofs.
const TOKENS_ONE_IN: i64 = 5;
/// Entries that the account that is read has.
const HISTORY: i64 = 1_000;

/// What `renkei-bench sweep` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The engine
    #[arg(long, value_enum, default_value = "sqlite")]
    engine: Engine,
    /// Dead rows
    #[arg(long, default_value_t = 1_000_000)]
    rows: i64,
    /// Rounds
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long each operation is measured
    #[arg(long, default_value_t = 12)]
    seconds: u64,
    /// Where data folders are made
    #[arg(long, value_name = "DIR", default_value = "/tmp")]
    folder: PathBuf,
}

/// Fills, measures, prints.
///
/// # Errors
/// When anything does not go as it should.
pub async fn run(args: Args) -> Result<(), Problem> {
    let stage = Stage::set(args.engine, &args.folder)?;
    let store = stage.store().await?;
    let person = people::add(&stage, &store, 1).await?;
    let mut walkers: Vec<Walker> = person.into_iter().map(Walker::new).collect();
    let signing = Partner::signing(&stage, "test-es256-choice")?;
    people::post(&store, walkers.first().ok_or("nobody")?.account(), HISTORY).await?;
    let begun = Instant::now();
    let tokens = args.rows / TOKENS_ONE_IN;
    bulk::dead_rows(&store, args.engine, args.rows - tokens, tokens).await?;
    stage.settle().await?;
    println!("{}: {} dead rows made in {:.0} s", args.engine.name(), args.rows, begun.elapsed().as_secs_f64());
    let mut round = Round { args: &args, stage: &stage, store: &store, signing, without: Vec::new(), with: Vec::new() };
    for number in 1..=args.rounds {
        round.measure(number, &mut walkers).await?;
    }
    round.tell();
    Ok(())
}

struct Round<'a> {
    args: &'a Args,
    stage: &'a Stage,
    store: &'a Store,
    signing: Partner,
    /// Figures of each operation, round after round, before sweeping …
    without: Vec<(&'static str, Figures)>,
    /// … and during it.
    with: Vec<(&'static str, Figures)>,
}

impl Round<'_> {
    async fn measure(&mut self, number: usize, walkers: &mut [Walker]) -> Result<(), Problem> {
        let begun = Instant::now();
        let server = self.stage.serve().await?;
        let meter = server.meter();
        if number == 1 {
            walk::walk(&meter, &self.stage.door(), &self.signing, walkers, true).await?;
        }
        let walker = walkers.first().ok_or("nobody")?;
        self.drive(&meter, walker).await?;
        let before = self.drive(&meter, walker).await?;
        self.without.extend(before);
        if begun.elapsed() > SWEPT_FROM {
            return Err("what comes before took longer than a minute: take fewer --seconds".into());
        }
        tokio::time::sleep(SWEPT_FROM - begun.elapsed()).await;
        let (cleared, since) = (bulk::cleared(self.store).await?, Instant::now());
        let during = self.drive(&meter, walker).await?;
        self.with.extend(during);
        let (now, took) = (bulk::cleared(self.store).await?, since.elapsed().as_secs_f64());
        let rate = (now - cleared) as f64 / took;
        let memory = cpu::memory_mib(meter.server)?;
        println!(
            "  round {number}: {} rows cleared in {took:.0} s, {rate:.0} a second, {:.0} million a day; {memory:.0} MiB \
             resident",
            now - cleared,
            rate * 86_400.0 / 1e6,
        );
        Ok(())
    }

    async fn drive(&self, meter: &load::Meter, walker: &Walker) -> Result<Vec<(&'static str, Figures)>, Problem> {
        let (signing, door) = (&self.signing, self.stage.door());
        let lasting = Duration::from_secs(self.args.seconds);
        let mut figures = Vec::new();
        let refresh = &walker.refresh_token;
        let work = async |wire: &mut Wire| signing.refresh(wire, refresh).await.map(drop);
        figures.push(("refresh", load::drive(meter, &door, lasting, work).await?));
        let mut wire = Wire::connect(&door).await?;
        let token = signing.refresh(&mut wire, refresh).await?;
        let page = format!("accounts/{}/transactions?limit=100", walker.account());
        let tag = signing.read(&mut wire, &token, &page, None).await?;
        let work = async |wire: &mut Wire| signing.read(wire, &token, &page, Some(&tag)).await.map(drop);
        figures.push(("nothing new (304)", load::drive(meter, &door, lasting, work).await?));
        Ok(figures)
    }

    fn tell(&self) {
        println!(
            "  {:<20}{:>12}{:>12}{:>10}{:>12}{:>12}{:>10}",
            "middle of rounds", "CPU us", "sweeping", "", "p99 ms", "sweeping", ""
        );
        for operation in ["refresh", "nothing new (304)"] {
            let of = |all: &[(&str, Figures)], value: fn(&Figures) -> f64| {
                let own = all.iter().filter(|(name, _)| *name == operation);
                let mut own: Vec<f64> = own.map(|(_, figures)| value(figures)).collect();
                own.sort_by(f64::total_cmp);
                own.get(own.len() / 2).copied().unwrap_or_default()
            };
            let micros = |figures: &Figures| figures.cpu_micros;
            let millis = |figures: &Figures| figures.p99_millis;
            let (cpu, cpu_with) = (of(&self.without, micros), of(&self.with, micros));
            let (late, late_with) = (of(&self.without, millis), of(&self.with, millis));
            let each = |all: &[(&str, Figures)]| {
                let own = all.iter().filter(|(name, _)| *name == operation);
                own.map(|(_, figures)| format!("{:.1}", millis(figures))).collect::<Vec<_>>().join(" ")
            };
            println!(
                "  {operation:<20}{cpu:>12.1}{cpu_with:>12.1}{:>+8.1} %{late:>12.2}{late_with:>12.2}{:>+8.1} %",
                (cpu_with / cpu - 1.0) * 100.0,
                (late_with / late - 1.0) * 100.0
            );
            println!("    99 of 100 round by round: {} ms, sweeping {} ms", each(&self.without), each(&self.with));
        }
    }
}
