//! What every fault test sets up: an installation, its way in, nodes, a load; and what it ends with.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::Trouble;
use crate::bank::{Bank, Node, binary, free_port};
use crate::check::violations;
use crate::history::{Event, History, Said};
use crate::oracle::{Load, Oracle};
use crate::proxy::Proxy;
use crate::report::Report;
use crate::truth::Truth;

/// How big a run is.
#[derive(Debug, Clone)]
pub struct Size {
    /// How often the fault is brought about.
    pub n: usize,
    /// How many customers act at the same time.
    pub users: usize,
    /// What each waits between two acts.
    pub pace: Duration,
    /// Where the history is written too.
    pub history: Option<PathBuf>,
}

/// After the last fault, until everything is answered.
const SETTLE: Duration = Duration::from_secs(2);

/// The stage of a run.
pub struct Stage {
    /// The installation.
    pub bank: Bank,
    /// The way in.
    pub proxy: Proxy,
    /// Its nodes, each ready.
    pub nodes: Vec<Node>,
    /// Who asks.
    pub oracle: Oracle,
    /// Whether its nodes are given clocks that jump or go apart.
    pub clocks_differ: bool,
}

impl Stage {
    /// An installation with so many nodes; on PostgreSQL where a URL is named.
    pub async fn set(url: Option<&str>, nodes: usize, size: &Size) -> Result<Stage, Trouble> {
        Stage::set_with(&binary()?, url, nodes, size).await
    }

    /// The same with another version of the program.
    pub async fn set_with(program: &Path, url: Option<&str>, nodes: usize, size: &Size) -> Result<Stage, Trouble> {
        let port = free_port()?;
        let proxy = Proxy::listen(port).await?;
        let (program, url, users) = (program.to_owned(), url.map(str::to_owned), size.users);
        let made = tokio::task::spawn_blocking(move || Bank::new(&program, url.as_deref(), users, port));
        let bank = made.await.map_err(|error| format!("the installation: {error}"))??;
        Stage::set_around(bank, proxy, nodes, size).await
    }

    /// A node on SQLite whose data folder is this one.
    pub async fn set_in(data: &Path, size: &Size) -> Result<Stage, Trouble> {
        let port = free_port()?;
        let proxy = Proxy::listen(port).await?;
        let (program, data, users) = (binary()?, data.to_owned(), size.users);
        let made = tokio::task::spawn_blocking(move || Bank::with_data(&program, None, users, port, Some(&data)));
        let bank = made.await.map_err(|error| format!("the installation: {error}"))??;
        Stage::set_around(bank, proxy, 1, size).await
    }

    async fn set_around(bank: Bank, proxy: Proxy, nodes: usize, size: &Size) -> Result<Stage, Trouble> {
        let mut started = Vec::new();
        for _ in 0..nodes {
            let mut node = bank.start(free_port()?)?;
            node.ready().await?;
            started.push(node);
        }
        let history = Arc::new(History::new(size.history.as_deref())?);
        let oracle = Oracle { history, partner: bank.partner(&bank.origin)? };
        let stage = Stage { bank, proxy, nodes: started, oracle, clocks_differ: false };
        stage.send_to_all().await;
        Ok(stage)
    }

    /// Lets the proxy send to all nodes there are.
    pub async fn send_to_all(&self) {
        let ports: Vec<u16> = self.nodes.iter().map(|node| node.port).collect();
        self.proxy.send_to(&ports);
        self.proxy.until_ready(ports.len()).await;
    }

    /// Lets everybody act.
    pub fn load(&self, size: &Size) -> Load {
        Load::begin(&self.oracle, size.users, size.pace)
    }

    /// When the first acknowledgement after this instant came.
    pub async fn first_done_since(&self, since: u64) -> Result<u64, Trouble> {
        for _ in 0..6_000 {
            let events = self.oracle.history.events();
            let done = events.iter().filter(|event| event.said == Said::Done).filter_map(|event| event.end);
            if let Some(end) = done.filter(|end| *end >= since).min() {
                return Ok(end);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err("nothing was acknowledged for two minutes after the fault".into())
    }

    /// Ends the load, and tells everything that was asked and what is wrong with it.
    pub async fn settle(&self, load: Load) -> Result<(Vec<Event>, Vec<String>), Trouble> {
        tokio::time::sleep(SETTLE).await;
        load.end().await?;
        let mut truth = Truth::read(&self.bank.store().await?).await?;
        truth.clocks_differ = self.clocks_differ;
        truth.began_at = self.oracle.history.began_at;
        let events = self.oracle.history.events();
        let wrong = violations(&events, &truth);
        Ok((events, wrong))
    }

    /// Ends load and run: the history is held against what stands.
    pub async fn end(self, load: Load, mut report: Report) -> Result<Vec<Event>, Trouble> {
        let (events, wrong) = self.settle(load).await?;
        report.tell(&events, &wrong);
        if !wrong.is_empty() {
            report.say(format!("the installation is kept in {}", self.bank.keep().display()));
        }
        report.end()?;
        Ok(events)
    }
}

/// Some time within these bounds, different in each run.
pub fn some_time(from: Duration, to: Duration) -> Duration {
    let chance = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    from + (to - from) * (chance / 1_000 % 1_000) / 1_000
}

/// Microseconds as a time.
pub fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}
