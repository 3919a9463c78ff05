//! Far more than can be done, and for long.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::stage::{Size, Stage};
use crate::Trouble;
use crate::browser::send;
use crate::crowd::Crowd;
use crate::history::{Act, Said};
use crate::oracle::Oracle;
use crate::partner::keeping_client;
use crate::report::Report;

/// How many ask at a time while it is found out how much can be done.
const SENDERS: usize = 16;
/// How long that takes at the most.
const CALM: Duration = Duration::from_secs(10);
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
    set_apart(process);
    let mut oracle = stage.oracle.clone();
    oracle.partner.address = format!("http://127.0.0.1:{node}");
    oracle.partner.http = keeping_client(Ipv4Addr::LOCALHOST)?;
    let mut apart = oracle.clone();
    apart.partner.http = keeping_client(ELSEWHERE)?;
    let seconds = Duration::from_secs(size.n as u64);
    let before = calm(process, &oracle, node, seconds).await?;
    let honest = Arc::new(AtomicBool::new(true));
    let serving = tokio::spawn(be_honest(apart, Arc::clone(&honest)));
    let (worked_before, begun) = (worked(process), Instant::now());
    let crowd = Crowd::before(node, &oracle);
    crowd.storm(before.done / before.seconds * 10.0, seconds).await?;
    let (took, spent) = (begun.elapsed().as_secs_f64(), worked(process) - worked_before);
    let recovery = recovered(&oracle).await?;
    honest.store(false, Ordering::Release);
    let served = serving.await.map_err(|error| format!("the honest partner: {error}"))??;
    // What else the machine does changes with time, and so does what can be done.
    let after = calm(process, &oracle, node, seconds).await?;
    let capacity = (before.done + after.done) / (before.seconds + after.seconds);
    let each = (before.spent + after.spent) / (before.done + after.done);
    let [due, sent, done, put_off] = [&crowd.tally.due, &crowd.tally.sent, &crowd.tally.done, &crowd.tally.put_off]
        .map(|count| count.load(Ordering::Relaxed) as f64 / took);
    // Whoever else uses the machine takes its part of the processors: what counts is how much of its own time the node
    // spent well.
    let well_spent = done * took * each / spent;
    let mut report = Report::of("f-31");
    report.say(format!(
        "capacity {:.0} a second before and {:.0} after; {due:.0} a second wanted, {sent:.0} sent, {put_off:.0} put off, {done:.0} done \
         ({:.0} %); {:.0} % of the node's processor time well spent; well {:.1} s after",
        before.done / before.seconds,
        after.done / after.seconds,
        done / capacity * 100.0,
        well_spent * 100.0,
        recovery.as_secs_f64()
    ));
    report.say(format!(
        "an honest partner was served {} of {} times, after {:.2} s at most",
        served.served,
        served.asked,
        served.longest.as_secs_f64()
    ));
    report.expect(done.max(well_spent * capacity) >= capacity * 0.8, "less than 80 % of what can be done was done");
    report.expect(served.served * 100 >= served.asked * 99, "an honest partner was not served");
    report.expect(recovery <= RECOVERY, format!("it was not well for {recovery:?}"));
    let load = stage.load(&Size { users: 0, ..size.clone() });
    stage.end(load, report).await.map(drop)
}

/// Gives the node a processor of its own and whoever asks the others, where there are several.
fn set_apart(node: u32) {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if processors > 1 {
        for (where_to, process) in [("0".to_owned(), node), (format!("1-{}", processors - 1), std::process::id())] {
            let mut taskset = Command::new("taskset");
            taskset.args(["-a", "-c", "-p", &where_to, &process.to_string()]).stdout(Stdio::null());
            // Without it the figures are worse, no more.
            let _ = taskset.status();
        }
    }
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

/// What a node did while everybody waited for answers.
struct Calm {
    done: f64,
    seconds: f64,
    /// Processor time, in ticks.
    spent: f64,
}

async fn calm(process: u32, oracle: &Oracle, node: u16, time: Duration) -> Result<Calm, Trouble> {
    let (before, begun) = (worked(process), Instant::now());
    let crowd = Crowd::before(node, oracle);
    crowd.take_turns(SENDERS, time.min(CALM)).await?;
    let done = crowd.tally.done.load(Ordering::Relaxed).max(1) as f64;
    Ok(Calm { done, seconds: begun.elapsed().as_secs_f64(), spent: worked(process) - before })
}

/// What an honest partner got.
#[derive(Debug, Default)]
struct Served {
    asked: usize,
    served: usize,
    longest: Duration,
}

/// Asks now and then, and again where it is put off, as the documents say.
async fn be_honest(oracle: Oracle, go_on: Arc<AtomicBool>) -> Result<Served, Trouble> {
    let mut served = Served::default();
    while go_on.load(Ordering::Acquire) {
        served.asked += 1;
        let begun = Instant::now();
        let (answer, _) = oracle.insist(Act::Push, "", || oracle.partner.push()).await?;
        served.served += usize::from(answer.said == Said::Done);
        served.longest = served.longest.max(begun.elapsed());
        tokio::time::sleep(HONEST_PACE).await;
    }
    Ok(served)
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
