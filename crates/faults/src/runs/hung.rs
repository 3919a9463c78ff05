//! A leader whose Patroni hangs: its lease runs out, another leads, and nobody tells the old one.

use std::time::Duration;

use super::failover::longest_gap;
use super::stage::{Size, Stage};
use crate::Trouble;
use crate::cluster::Cluster;
use crate::report::Report;

/// Load between two faults, and after each.
const BETWEEN: Duration = Duration::from_secs(5);
/// How long two servers take themselves for the leader, once both take writes.
const BOTH: Duration = Duration::from_secs(15);

/// F-16, hung: the leader's Patroni is stopped until another leads, and then continued. Nothing acknowledged is lost,
/// and nothing is served by the old leader as if it still led.
///
/// # Errors
/// What failed.
pub async fn f_16_hung(size: &Size) -> Result<(), Trouble> {
    let cluster = Cluster::up().await?;
    let stage = Stage::set(Some(&cluster.url), 2, size).await?;
    let load = stage.load(size);
    let mut report = Report::of("f-16-hung");
    let mut outages = Vec::new();
    for round in 0..size.n {
        let leader = cluster.whole().await?;
        tokio::time::sleep(BETWEEN).await;
        let at = stage.oracle.history.now();
        cluster.freeze_patroni(leader, true);
        let new = cluster.other_leader(leader).await?;
        cluster.writable(new).await?;
        stage.first_done_since(stage.oracle.history.now()).await?;
        tokio::time::sleep(BOTH).await;
        let outage = longest_gap(&stage, at);
        eprintln!("round {round}: pg{leader} hung, pg{new} leads, outage {:.1} s", outage.as_secs_f64());
        outages.push(outage);
        for node in [leader, new] {
            eprintln!("round {round}: {}", cluster.describe(node).await?);
        }
        cluster.freeze_patroni(leader, false);
        cluster.whole().await?;
        tokio::time::sleep(BETWEEN).await;
    }
    report.expect_within("outage", &outages, Duration::from_secs(35));
    stage.end(load, report).await.map(drop)
}
