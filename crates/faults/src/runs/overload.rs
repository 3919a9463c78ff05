//! Far more than can be done, and for long.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::stage::{Size, Stage, micros};
use crate::Trouble;
use crate::browser::send;
use crate::history::{Act, Event, Said};
use crate::oracle::Oracle;
use crate::partner::keeping_client;
use crate::report::Report;

/// How many ask at a time while it is found out how much can be done.
const WORKERS: usize = 16;
/// Requests under way at the most: more connections than this one process can have.
const UNDER_WAY: usize = 4_000;
/// What an honest partner waits between two requests.
const HONEST_PACE: Duration = Duration::from_millis(500);
/// The longest until all is well again.
const RECOVERY: Duration = Duration::from_secs(10);
/// Where the honest partner asks from.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// What is well: answered within this.
const WELL: Duration = Duration::from_secs(1);

/// F-31: ten times of what a node can do, for so many seconds, whether it answers or not. What is done stays at 80 % of
/// what it can do, an honest partner is served, and soon after everything is well.
///
/// # Errors
/// What failed.
pub async fn f_31(size: &Size) -> Result<(), Trouble> {
    let stage = Stage::set(None, 1, size).await?;
    let (node, process) = stage.nodes.first().map(|node| (node.port, node.pid())).ok_or("no node")?;
    let mut oracle = stage.oracle.clone();
    oracle.partner.address = format!("http://127.0.0.1:{node}");
    oracle.partner.http = keeping_client(Ipv4Addr::LOCALHOST)?;
    let mut apart = oracle.clone();
    apart.partner.http = keeping_client(ELSEWHERE)?;
    let seconds = Duration::from_secs(size.n as u64);
    let before = worked(process);
    let (capacity, could) = capacity(&oracle, seconds.min(Duration::from_secs(10))).await?;
    let each = (worked(process) - before) / could.max(1) as f64;
    let honest = Arc::new(AtomicBool::new(true));
    let serving = tokio::spawn(be_honest(apart, Arc::clone(&honest)));
    let (from, before) = (oracle.history.now(), worked(process));
    flood(&oracle, capacity * 10.0, seconds).await?;
    let (to, spent) = (oracle.history.now(), worked(process) - before);
    let recovery = recovered(&oracle).await?;
    honest.store(false, Ordering::Release);
    let asked = serving.await.map_err(|error| format!("the honest partner: {error}"))??;
    let events = oracle.history.events();
    let within = |event: &&Event| event.said == Said::Done && event.end.is_some_and(|end| end > from && end <= to);
    let done = events.iter().filter(within).count();
    let goodput = done as f64 / micros(to - from).as_secs_f64();
    // Whoever asks takes its part of the processors, too: what counts is how much of its own time the node spent well.
    let well_spent = done as f64 * each / spent;
    let mut report = Report::of("f-31");
    report.say(format!(
        "capacity {capacity:.0} a second; at ten times of it {goodput:.0} done a second ({:.0} %), {:.0} % of its \
         processor time well spent; an honest partner was served {} of {} times; well {:.1} s after",
        goodput / capacity * 100.0,
        well_spent * 100.0,
        asked.1,
        asked.0,
        recovery.as_secs_f64()
    ));
    report.expect(goodput.max(well_spent * capacity) >= capacity * 0.8, "less than 80 % of what can be done was done");
    report.expect(asked.1 * 100 >= asked.0 * 99, "an honest partner was not served");
    report.expect(recovery <= RECOVERY, format!("it was not well for {recovery:?}"));
    let load = stage.load(&Size { users: 0, ..size.clone() });
    stage.end(load, report).await.map(drop)
}

/// Processor time of a process so far, in ticks.
fn worked(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(") ").unwrap_or_default().1;
    after_name.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum()
}

async fn push(oracle: &Oracle) -> Result<Said, Trouble> {
    let sealed = oracle.partner.push()?;
    Ok(send(&oracle.history, Act::Push, "", sealed.request()).await.said)
}

/// Pushed requests a second when everybody waits for the answer, and how many that were.
async fn capacity(oracle: &Oracle, time: Duration) -> Result<(f64, usize), Trouble> {
    let (begun, done) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let (oracle, done) = (oracle.clone(), Arc::clone(&done));
        workers.spawn(async move {
            while begun.elapsed() < time {
                if push(&oracle).await? == Said::Done {
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }
            Ok::<_, Trouble>(())
        });
    }
    while let Some(ended) = workers.join_next().await {
        ended.map_err(|error| format!("a worker: {error}"))??;
    }
    let done = done.load(Ordering::Relaxed);
    Ok((done as f64 / begun.elapsed().as_secs_f64(), done))
}

/// So many a second, whatever comes back.
async fn flood(oracle: &Oracle, rate: f64, time: Duration) -> Result<(), Trouble> {
    let begun = Instant::now();
    let mut sent = 0;
    let mut under_way = JoinSet::new();
    while begun.elapsed() < time {
        let due = (begun.elapsed().as_secs_f64() * rate) as usize;
        while sent < due {
            sent += 1;
            if under_way.len() < UNDER_WAY {
                let oracle = oracle.clone();
                under_way.spawn(async move { push(&oracle).await });
            }
        }
        while under_way.try_join_next().is_some() {}
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Whoever sent them does not wait for the answers.
    under_way.shutdown().await;
    Ok(())
}

/// Asks now and then, and again where it is put off, as the documents say. Tells how often, and how often in vain.
async fn be_honest(oracle: Oracle, go_on: Arc<AtomicBool>) -> Result<(usize, usize), Trouble> {
    let (mut asked, mut served) = (0, 0);
    while go_on.load(Ordering::Acquire) {
        asked += 1;
        let (answer, _) = oracle.insist(Act::Push, "", || oracle.partner.push()).await?;
        served += usize::from(answer.said == Said::Done);
        tokio::time::sleep(HONEST_PACE).await;
    }
    Ok((asked, served))
}

/// How long until five in a row are answered well.
async fn recovered(oracle: &Oracle) -> Result<Duration, Trouble> {
    let begun = Instant::now();
    let (mut row, mut since) = (0, begun);
    while row < 5 && begun.elapsed() < RECOVERY * 6 {
        let asked = Instant::now();
        if push(oracle).await? == Said::Done && asked.elapsed() <= WELL {
            row += 1;
        } else {
            (row, since) = (0, Instant::now());
        }
    }
    Ok(since - begun)
}
