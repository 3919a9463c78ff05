//! Faults of the databases: a leader is lost, handed over, cut off; standbys hang; commits are cancelled.

use std::time::Duration;

use super::stage::{Size, Stage, micros};
use crate::Trouble;
use crate::cluster::Cluster;
use crate::history::{Act, Said};
use crate::report::Report;

/// Load between two faults.
const BETWEEN: Duration = Duration::from_secs(3);
/// A healthy answer after a new leader is there.
const HEALTHY: Duration = Duration::from_secs(2);
/// How long standbys hang.
const HANG: Duration = Duration::from_secs(15);
/// The longest a request may wait for an answer of any kind.
const ANSWER: Duration = Duration::from_secs(30);

/// How a leader goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Going {
    Lost,
    Postmaster,
    Planned,
}

/// F-11: the leader's machine is lost.
///
/// # Errors
/// What failed; so with all of these.
pub async fn f_11(size: &Size) -> Result<(), Trouble> {
    leaders_go(size, Report::of("f-11"), Going::Lost, Duration::from_secs(35)).await
}

/// F-12: the leader's database is killed; Patroni lives.
///
/// # Errors
/// As [`f_11`].
pub async fn f_12(size: &Size) -> Result<(), Trouble> {
    leaders_go(size, Report::of("f-12"), Going::Postmaster, Duration::from_secs(12)).await
}

/// F-13: the lead is handed over.
///
/// # Errors
/// As [`f_11`].
pub async fn f_13(size: &Size) -> Result<(), Trouble> {
    leaders_go(size, Report::of("f-13"), Going::Planned, Duration::from_secs(5)).await
}

/// F-19: how soon after a new leader is there requests are served again.
///
/// # Errors
/// As [`f_11`].
pub async fn f_19(size: &Size) -> Result<(), Trouble> {
    leaders_go(size, Report::of("f-19"), Going::Planned, Duration::from_secs(5)).await
}

async fn leaders_go(size: &Size, mut report: Report, going: Going, most: Duration) -> Result<(), Trouble> {
    let cluster = Cluster::up().await?;
    let stage = Stage::set(Some(&cluster.url), 2, size).await?;
    let load = stage.load(size);
    let (mut outages, mut healthy) = (Vec::new(), Vec::new());
    for round in 0..size.n {
        let leader = cluster.whole().await?;
        tokio::time::sleep(BETWEEN).await;
        let at = stage.oracle.history.now();
        match going {
            Going::Lost => cluster.lose(leader),
            Going::Postmaster => cluster.kill_postmaster(leader),
            Going::Planned => cluster.switch_over(leader).await?,
        }
        let new = match going {
            // The same one may lead again; Patroni looks every two seconds.
            Going::Postmaster => {
                tokio::time::sleep(BETWEEN).await;
                cluster.whole().await?
            }
            Going::Lost | Going::Planned => cluster.other_leader(leader).await?,
        };
        cluster.writable(new).await?;
        let there = stage.oracle.history.now();
        let served = stage.first_done_since(there).await?;
        if going != Going::Postmaster {
            healthy.push(micros(served - there));
        }
        tokio::time::sleep(BETWEEN).await;
        let gap = longest_gap(&stage, at);
        eprintln!("round {round}: outage {:.1} s", gap.as_secs_f64());
        outages.push(gap);
        if going == Going::Lost {
            cluster.restart(leader)?;
        }
    }
    report.expect_within("outage", &outages, most);
    if !healthy.is_empty() {
        report.expect_within("new leader takes writes to first acknowledgement", &healthy, HEALTHY);
    }
    cluster.whole().await?;
    stage.end(load, report).await.map(drop)
}

/// The longest time without an acknowledgement since this instant.
pub(super) fn longest_gap(stage: &Stage, since: u64) -> Duration {
    let events = stage.oracle.history.events();
    let told = events.iter().filter(|event| event.said == Said::Done && event.act != Act::Step);
    let mut ends: Vec<u64> = told.filter_map(|event| event.end).filter(|end| *end >= since).collect();
    ends.push(since);
    ends.sort_unstable();
    let gaps = ends.iter().zip(ends.iter().skip(1)).map(|(from, to)| to - from);
    micros(gaps.max().unwrap_or_default())
}

/// Acts that write; what only shows a page needs no standby.
const WRITES: [Act; 7] = [Act::Push, Act::Permit, Act::Redeem, Act::Refresh, Act::Read, Act::Revoke, Act::Login];

/// Writes asked for after one instant and acknowledged before another.
fn acknowledged_between(stage: &Stage, from: u64, to: u64) -> usize {
    let events = stage.oracle.history.events();
    let within = events.iter().filter(|event| event.begin >= from && event.end.is_some_and(|end| end <= to));
    within.filter(|event| event.said == Said::Done && WRITES.contains(&event.act)).count()
}

/// F-14: all standbys hang. Nothing is acknowledged meanwhile, and everybody is answered in time.
///
/// # Errors
/// As [`f_11`].
pub async fn f_14(size: &Size) -> Result<(), Trouble> {
    let cluster = Cluster::up().await?;
    let stage = Stage::set(Some(&cluster.url), 2, size).await?;
    let load = stage.load(size);
    let mut report = Report::of("f-14");
    for round in 0..size.n {
        let leader = cluster.whole().await?;
        tokio::time::sleep(BETWEEN).await;
        let standbys = Cluster::others(leader);
        standbys.iter().for_each(|node| cluster.freeze_database(*node, true));
        let from = stage.oracle.history.now();
        tokio::time::sleep(HANG).await;
        let to = stage.oracle.history.now();
        standbys.iter().for_each(|node| cluster.freeze_database(*node, false));
        let told = acknowledged_between(&stage, from, to);
        report.expect(told == 0, format!("round {round}: {told} writes were acknowledged that were on one machine"));
        stage.first_done_since(to).await?;
    }
    let events = stage.oracle.history.events();
    let late = events.iter().filter_map(|event| Some(event.end?.saturating_sub(event.begin)));
    let slowest = micros(late.max().unwrap_or_default());
    report.say(format!("standbys hung {} times for {HANG:?}; slowest answer {:.1} s", size.n, slowest.as_secs_f64()));
    report.expect(slowest <= ANSWER, "an answer took longer than a request has");
    stage.end(load, report).await.map(drop)
}

/// F-15: the standbys hang, an administrator cancels every waiting commit, the leader is lost, and a standby that never
/// heard of those commits leads.
///
/// # Errors
/// As [`f_11`].
pub async fn f_15(size: &Size) -> Result<(), Trouble> {
    let cluster = Cluster::up().await?;
    let stage = Stage::set(Some(&cluster.url), 2, size).await?;
    let load = stage.load(size);
    let mut report = Report::of("f-15");
    let mut cancelled = 0;
    for _ in 0..size.n {
        let leader = cluster.whole().await?;
        tokio::time::sleep(BETWEEN).await;
        let standbys = Cluster::others(leader);
        standbys.iter().for_each(|node| cluster.freeze_database(*node, true));
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            cancelled += cluster.cancel_waiting_commits(leader).await?;
        }
        cluster.lose(leader);
        standbys.iter().for_each(|node| cluster.freeze_database(*node, false));
        cluster.other_leader(leader).await?;
        stage.first_done_since(stage.oracle.history.now()).await?;
        cluster.restart(leader)?;
    }
    report.say(format!("{cancelled} waiting commits cancelled in {} rounds", size.n));
    report.expect(cancelled > 0, "no commit was waiting, so nothing was tried");
    cluster.whole().await?;
    stage.end(load, report).await.map(drop)
}

/// F-16: the leader is cut off from etcd while the program's nodes still reach it. Once another leads, nothing is
/// acknowledged by the old one.
///
/// # Errors
/// As [`f_11`].
pub async fn f_16(size: &Size) -> Result<(), Trouble> {
    let cluster = Cluster::up().await?;
    let stage = Stage::set(Some(&cluster.url), 2, size).await?;
    let load = stage.load(size);
    let mut report = Report::of("f-16");
    let mut outages = Vec::new();
    for _ in 0..size.n {
        let leader = cluster.whole().await?;
        tokio::time::sleep(BETWEEN).await;
        let at = stage.oracle.history.now();
        cluster.cut_off(leader, true);
        let new = cluster.other_leader(leader).await?;
        cluster.writable(new).await?;
        stage.first_done_since(stage.oracle.history.now()).await?;
        tokio::time::sleep(HANG).await;
        outages.push(longest_gap(&stage, at));
        cluster.cut_off(leader, false);
        cluster.whole().await?;
    }
    report.expect_within("outage", &outages, Duration::from_secs(35));
    stage.end(load, report).await.map(drop)
}
