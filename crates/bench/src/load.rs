//! Keeping the server busy for a while, and what that cost.

use std::convert::Infallible;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use serde::Serialize;

use crate::cpu::{self, Clocks};
use crate::wire::{Door, Wire};
use crate::{Problem, stage};

/// Connections kept busy.
pub const CONNECTIONS: usize = 16;
/// Instructions to wait between two looks for answers; about a microsecond.
const PAUSES: usize = 64;
/// Requests of each connection before anything is measured.
const WARMING: usize = 10;

/// The processes whose time counts.
#[derive(Debug, Clone)]
pub struct Meter {
    /// The server.
    pub server: u32,
    /// Its threads that count, if not all: passwords are hashed by others.
    pub threads: Option<Clocks>,
    /// The first process of the database server, if there is one.
    pub database: Option<u32>,
    /// What they use when nobody asks anything; not counted.
    pub at_rest: Rest,
}

/// Processor time that server and database use in a second without a request: upkeep, whose cost for each request would
/// be told by how slow this machine is at the moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rest {
    /// The server, in microseconds.
    pub server_micros: f64,
    /// The database, in microseconds.
    pub database_micros: f64,
}

/// A reading of it.
pub struct Reading {
    server: Clocks,
    database: Clocks,
    at: Instant,
    at_rest: Rest,
}

impl Rest {
    /// Both.
    #[must_use]
    pub fn micros(&self) -> f64 {
        self.server_micros + self.database_micros
    }
}

impl Meter {
    /// Reads it.
    #[must_use]
    pub fn read(&self) -> Reading {
        let database = self.database.map(cpu::family).unwrap_or_default();
        let mut server = Clocks::read(&[self.server]);
        if let Some(threads) = &self.threads {
            server = server.of_threads_of(threads);
        }
        Reading { server, database: Clocks::read(&database), at: Instant::now(), at_rest: self.at_rest }
    }

    /// Looks for so long at what goes on without a request, and takes that off from here on.
    pub async fn rest(&mut self, lasting: Duration) {
        self.at_rest = Rest::default();
        let before = self.read();
        tokio::time::sleep(lasting).await;
        let after = self.read();
        let seconds = after.at.duration_since(before.at).as_secs_f64();
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / seconds;
        let (server, database) = (after.server.since(&before.server), after.database.since(&before.database));
        self.at_rest = Rest { server_micros: micros(server), database_micros: micros(database) };
    }
}

impl Reading {
    /// Processor time of the database since an earlier reading.
    #[must_use]
    pub fn database_since(&self, earlier: &Reading) -> Duration {
        self.database.since(&earlier.database)
    }
}

/// What an operation cost.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// Requests measured.
    pub requests: usize,
    /// Processor time of server and database for each, in microseconds.
    pub cpu_micros: f64,
    /// The database's part of it.
    pub database_micros: f64,
    /// Requests that one processor has time for in a second.
    pub per_second_per_core: f64,
    /// Requests answered in a second in this run.
    pub per_second: f64,
    /// Half of the requests took no longer.
    pub p50_millis: f64,
    /// All but one in a hundred took no longer.
    pub p99_millis: f64,
}

impl Figures {
    /// Of requests that took these times between two readings.
    #[must_use]
    pub fn of(before: &Reading, after: &Reading, mut times: Vec<Duration>) -> Figures {
        times.sort_unstable();
        let count = times.len().max(1) as f64;
        let seconds = after.at.duration_since(before.at).as_secs_f64();
        let micros = |time: Duration, at_rest: f64| ((time.as_secs_f64() * 1e6 - at_rest * seconds) / count).max(0.0);
        let Rest { server_micros, database_micros } = after.at_rest;
        let database_micros = micros(after.database.since(&before.database), database_micros);
        let cpu_micros = micros(after.server.since(&before.server), server_micros) + database_micros;
        let quantile = |share: f64| {
            let index = (share * (count - 1.0)) as usize;
            times.get(index).map_or(0.0, Duration::as_secs_f64) * 1e3
        };
        Figures {
            requests: times.len(),
            cpu_micros,
            database_micros,
            per_second_per_core: 1e6 / cpu_micros.max(0.001),
            per_second: count / seconds,
            p50_millis: quantile(0.5),
            p99_millis: quantile(0.99),
        }
    }
}

/// Drives one operation over sixteen connections for so long.
///
/// # Errors
/// The first answer that is not the expected one: a benchmark of errors would be fast and wrong.
pub async fn drive<W>(meter: &Meter, door: &Door, lasting: Duration, work: W) -> Result<Figures, Problem>
where
    W: AsyncFn(&mut Wire) -> Result<(), Problem>,
{
    let mut wires = Vec::new();
    for _ in 0..CONNECTIONS {
        wires.push(Wire::connect(door).await?);
    }
    let warm = wires.iter_mut().map(|wire| async {
        for _ in 0..WARMING {
            work(wire).await?;
        }
        Ok::<_, Problem>(())
    });
    warm.collect::<FuturesUnordered<_>>().try_collect::<Vec<()>>().await?;
    let before = meter.read();
    let until = before.at + lasting;
    let busy = wires.iter_mut().map(|wire| async {
        let mut times = Vec::new();
        let mut begun = Instant::now();
        while begun < until {
            work(wire).await?;
            let ended = Instant::now();
            times.push(ended.duration_since(begun));
            begun = ended;
        }
        Ok::<_, Problem>(times)
    });
    let times: Vec<Vec<Duration>> = awake(busy.collect::<FuturesUnordered<_>>().try_collect()).await?;
    Ok(Figures::of(&before, &meter.read(), times.into_iter().flatten().collect()))
}

/// Does one piece of work for each of these, sixteen at a time, each on a connection of its own.
///
/// # Errors
/// The first that fails.
pub async fn each<T, W>(meter: &Meter, door: &Door, all: &mut [T], work: W) -> Result<Figures, Problem>
where
    W: AsyncFn(&mut Wire, &mut T) -> Result<(), Problem>,
{
    let share = all.len().div_ceil(CONNECTIONS).max(1);
    let mut tasks = Vec::new();
    for part in all.chunks_mut(share) {
        tasks.push((Wire::connect(door).await?, part));
    }
    let before = meter.read();
    let busy = tasks.into_iter().map(|(mut wire, part)| {
        let work = &work;
        async move {
            let mut times = Vec::new();
            for own in part {
                let begun = Instant::now();
                work(&mut wire, own).await?;
                times.push(begun.elapsed());
            }
            Ok::<_, Problem>(times)
        }
    });
    let times: Vec<Vec<Duration>> = awake(busy.collect::<FuturesUnordered<_>>().try_collect()).await?;
    Ok(Figures::of(&before, &meter.read(), times.into_iter().flatten().collect()))
}

/// Does this without ever sleeping, if the driver has a processor of its own. On a virtual machine it takes a processor
/// 10 us and more to wake another: whoever answers a driver that sleeps would pay for that with every answer, as no server
/// does whose clients are elsewhere.
async fn awake<T>(work: impl Future<Output = T>) -> T {
    if stage::server_processor().is_none() {
        return work.await;
    }
    let never = async {
        loop {
            // Another processor may share its units with this one.
            (0..PAUSES).for_each(|_| std::hint::spin_loop());
            tokio::task::yield_now().await;
        }
    };
    match select(pin!(work), pin!(never)).await {
        Either::Left((done, _)) => done,
        Either::Right((never, _)) => match never as Infallible {},
    }
}
