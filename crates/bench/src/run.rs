//! Every operation, beside what nothing can go below.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::floors::{self, Floor};
use crate::load::{self, Figures, Meter, Rest};
use crate::partner::{self, Partner};
use crate::people::{self, RESOURCE_SERVER};
use crate::sign::Key;
use crate::stage::{self, Engine, Server, Stage};
use crate::walk::{self, Walker};
use crate::wire::{Wire, get};
use crate::{Problem, cpu, report};

/// Entries of the account that is read.
const ENTRIES: i64 = 1_000;
/// How long it is looked at what goes on without a request; longer than the runtime keeps threads with nothing to do.
const REST: Duration = Duration::from_secs(12);
/// People who link before any step is measured, so that no table is empty then.
const EARLY: usize = 24;
/// People who stop at the permission, to look at.
const LOOKERS: usize = 16;
/// People who walk one after the other, each request over a connection on which nothing else is asked.
const ALONE: usize = 24;

/// What `renkei-bench run` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Engines to measure; both without it
    #[arg(long, value_enum)]
    engine: Option<Engine>,
    /// How long each operation is measured
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// How many people walk through a linkage; each costs a password hash
    #[arg(long, default_value_t = 240)]
    walks: usize,
    /// Only operations whose name holds this text, for profiling; neither walks nor floors
    #[arg(long)]
    only: Option<String>,
    /// Write everything as JSON too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where data folders are made
    #[arg(long, value_name = "DIR", default_value = "/tmp")]
    folder: PathBuf,
}

/// One line of the table.
#[derive(Debug, Serialize)]
pub struct Line {
    /// What is done.
    pub operation: String,
    /// What it cost.
    #[serde(flatten)]
    pub figures: Figures,
}

/// What one engine came to.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// SQLite or PostgreSQL.
    pub engine: &'static str,
    /// From the start of the server to its first answer.
    pub ready_millis: f64,
    /// Resident memory before anything was asked.
    pub idle_mib: f64,
    /// The same at the end.
    pub loaded_mib: f64,
    /// Requests answered in between.
    pub requests: usize,
    /// Processor time that server and database use in a second without any, in milliseconds; not part of the figures.
    pub at_rest_millis: [f64; 2],
    /// The operations.
    pub lines: Vec<Line>,
    /// The steps of a linkage.
    pub steps: Vec<Line>,
    /// How long the protocol part takes who walks alone, the login apart: the middle one, in milliseconds.
    pub alone_millis: f64,
}

/// Everything.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Size of the program.
    pub binary_mib: f64,
    /// The floors.
    pub floors: Vec<Floor>,
    /// The engines.
    pub outcomes: Vec<Outcome>,
}

/// Measures and prints.
///
/// # Errors
/// When anything does not go as it should.
pub async fn run(args: Args) -> Result<(), Problem> {
    let binary_mib = std::fs::metadata(stage::binary()?)?.len() as f64 / f64::from(1 << 20);
    let floors = match args.only {
        None => floors::measure(&args.folder, Duration::from_secs(args.seconds)).await?,
        Some(_) => Vec::new(),
    };
    let mut report = Report { binary_mib, floors, outcomes: Vec::new() };
    let engines = args.engine.map_or(vec![Engine::Sqlite, Engine::Postgresql], |engine| vec![engine]);
    for engine in engines {
        let outcome = measure(&args, engine, &mut report.floors).await?;
        report.outcomes.push(outcome);
    }
    print!("{}", report::text(&report));
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    Ok(())
}

async fn measure(args: &Args, engine: Engine, floors: &mut Vec<Floor>) -> Result<Outcome, Problem> {
    let stage = Stage::set(engine, &args.folder)?;
    let store = stage.store().await?;
    let walks = if args.only.is_some() { 1 } else { args.walks };
    let mut people = people::add(&stage, &store, walks + EARLY + LOOKERS + ALONE + 1).await?;
    let asker = Key::generate()?;
    people::add_resource_server(&store, &asker).await?;
    let lookers: Vec<Walker> = people.drain(..LOOKERS).map(Walker::new).collect();
    let certified: Vec<Walker> = people.drain(..1).map(Walker::new).collect();
    let alone: Vec<Walker> = people.drain(..ALONE).map(Walker::new).collect();
    let account = people.first().ok_or("nobody")?.account;
    for reader in people.iter().take(1).map(|person| person.account).chain(certified.iter().map(Walker::account)) {
        people::post(&store, reader, ENTRIES).await?;
    }
    let walkers: Vec<Walker> = people.into_iter().map(Walker::new).collect();
    drop(store);
    stage.settle().await?;

    let server = stage.serve().await?;
    let idle_mib = cpu::memory_mib(server.meter().server)?;
    let mut meter = server.meter();
    meter.rest(REST).await;
    let at_rest = meter.at_rest;
    if let (Some(process), None) = (server.meter().database, &args.only) {
        let url = stage.url().unwrap_or_default();
        floors.extend(floors::postgresql(&url, process, Duration::from_secs(args.seconds)).await?);
    }
    let account = account.to_string();
    let mut measured = Measured { args, stage: &stage, server: &server, at_rest, account, lines: Vec::new() };
    let steps = measured.all(walkers, certified, lookers, &asker).await?;
    let alone_millis = if args.only.is_none() { measured.alone(alone).await? } else { 0.0 };
    let lines = measured.lines;
    let requests = lines.iter().map(|line| line.figures.requests).sum();
    let loaded_mib = cpu::memory_mib(server.meter().server)?;
    let ready_millis = server.ready_after.as_secs_f64() * 1e3;
    let at_rest_millis = [at_rest.server_micros / 1e3, at_rest.database_micros / 1e3];
    let engine = engine.name();
    Ok(Outcome { engine, ready_millis, idle_mib, loaded_mib, requests, at_rest_millis, lines, steps, alone_millis })
}

struct Measured<'a> {
    args: &'a Args,
    stage: &'a Stage,
    server: &'a Server,
    at_rest: Rest,
    /// The account with entries.
    account: String,
    lines: Vec<Line>,
}

impl Measured<'_> {
    async fn all(
        &mut self,
        mut walkers: Vec<Walker>,
        mut certified: Vec<Walker>,
        mut lookers: Vec<Walker>,
        asker: &Key,
    ) -> Result<Vec<Line>, Problem> {
        let (meter, door) = (self.server.meter_of_present_threads(), self.stage.door());
        let meter = Meter { at_rest: self.at_rest, ..meter };
        let signing = Partner::signing(self.stage, "test-es256-choice")?;
        let mtls = Partner::certified(self.stage, "test-tls-mtls")?;
        walk::walk(&meter, &door, &mtls, &mut certified, true).await?;
        walk::walk(&meter, &door, &signing, &mut lookers, false).await?;
        let (early, measured) = walkers.split_at_mut_checked(EARLY).ok_or("too few people")?;
        walk::walk(&meter, &door, &signing, early, true).await?;
        // Tables that were empty have rows now. A server would take note within a minute or two; until then it may go
        // through all linkages for a token, because its plans are of when there were none.
        self.stage.settle().await?;
        let steps = walk::walk(&meter, &door, &signing, measured, true).await?;
        self.stage.settle().await?;
        let refresh = |walkers: &[Walker]| walkers.first().map(|own| own.refresh_token.clone()).unwrap_or_default();
        let (with_proof, with_certificate) = (refresh(&walkers), refresh(&certified));
        self.drive("PAR", &signing, async |wire: &mut Wire| signing.push(wire).await.map(drop)).await?;
        if self.args.only.is_none() {
            self.lines.push(Line { operation: "linkage, protocol part".into(), figures: sum(&steps.protocol) });
        }
        self.partner("DPoP", &signing, &with_proof, &self.account.clone()).await?;
        let own = certified.first().map(|own| own.account().to_string()).unwrap_or_default();
        self.partner("mutual TLS", &mtls, &with_certificate, &own).await?;
        let token = signing.refresh(&mut Wire::connect(&door).await?, &with_proof).await?;
        let issuer = self.stage.issuer();
        self.drive("introspection", &signing, async |wire: &mut Wire| {
            partner::introspect(wire, &issuer, RESOURCE_SERVER, asker, &token).await
        })
        .await?;
        let looker = lookers.first().ok_or("nobody looks")?;
        let asked = get(looker.at(), &looker.cookie_line());
        self.drive("linkage screen (permission)", &signing, async |wire: &mut Wire| {
            wire.ask(&asked).await?.expect(200).map(drop)
        })
        .await?;
        let steps = steps.protocol.into_iter().chain(steps.screens);
        Ok(steps.map(|(operation, figures)| Line { operation, figures }).collect())
    }

    /// Walks with one after the other and tells the middle of how long it took.
    async fn alone(&self, mut walkers: Vec<Walker>) -> Result<f64, Problem> {
        let signing = Partner::signing(self.stage, "test-es256-choice")?;
        let mut took = Vec::new();
        for walker in walkers.chunks_mut(1) {
            let steps = walk::walk(&self.server.meter(), &self.stage.door(), &signing, walker, true).await?;
            let counted = steps.protocol.iter().filter(|(name, _)| name != "post login");
            took.push(counted.map(|(_, figures)| figures.p50_millis).sum::<f64>());
        }
        took.sort_by(f64::total_cmp);
        Ok(took.get(took.len() / 2).copied().unwrap_or_default())
    }

    /// What a partner does over and over.
    async fn partner(&mut self, how: &str, partner: &Partner, refresh: &str, account: &str) -> Result<(), Problem> {
        let own = async |wire: &mut Wire| partner.refresh(wire, refresh).await.map(drop);
        self.drive(&format!("refresh, {how}"), partner, own).await?;
        let page = format!("accounts/{account}/transactions?limit=100");
        let mut wire = Wire::connect(&partner.door).await?;
        let token = partner.refresh(&mut wire, refresh).await?;
        let own = async |wire: &mut Wire| partner.read(wire, &token, &page, None).await.map(drop);
        self.drive(&format!("100 transactions, {how}"), partner, own).await?;
        let token = partner.refresh(&mut wire, refresh).await?;
        let tag = partner.read(&mut wire, &token, &page, None).await?;
        let own = async |wire: &mut Wire| partner.read(wire, &token, &page, Some(&tag)).await.map(drop);
        self.drive(&format!("nothing new (304), {how}"), partner, own).await
    }

    async fn drive<W>(&mut self, operation: &str, partner: &Partner, work: W) -> Result<(), Problem>
    where
        W: AsyncFn(&mut Wire) -> Result<(), Problem>,
    {
        if self.args.only.as_ref().is_some_and(|only| !operation.contains(only.as_str())) {
            return Ok(());
        }
        if self.args.only.is_some() {
            eprintln!("{operation}: the server is process {}", self.server.meter().server);
        }
        let lasting = Duration::from_secs(self.args.seconds);
        let meter = Meter { at_rest: self.at_rest, ..self.server.meter() };
        let figures = load::drive(&meter, &partner.door, lasting, work).await;
        let figures = figures.map_err(|problem| format!("{operation}: {problem}"))?;
        self.lines.push(Line { operation: operation.to_owned(), figures });
        Ok(())
    }
}

/// Several requests as one operation.
fn sum(steps: &[(String, Figures)]) -> Figures {
    let add = |figure: fn(&Figures) -> f64| steps.iter().map(|(_, figures)| figure(figures)).sum::<f64>();
    let cpu_micros = add(|figures| figures.cpu_micros);
    Figures {
        requests: steps.iter().map(|(_, figures)| figures.requests).sum(),
        cpu_micros,
        database_micros: add(|figures| figures.database_micros),
        per_second_per_core: 1e6 / cpu_micros.max(0.001),
        per_second: 0.0,
        p50_millis: 0.0,
        p99_millis: 0.0,
    }
}
