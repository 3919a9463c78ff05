//! What an operator does on purpose: stopping nodes one after the other, and taking up a new version.

use std::path::Path;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::stage::{Size, Stage};
use crate::bank::free_port;
use crate::history::{Event, Said};
use crate::report::Report;
use crate::{Trouble, trouble};

/// The longest a node may take to end.
const END: Duration = Duration::from_secs(30);
/// Between two changes, so that all nodes are under load.
const BETWEEN: Duration = Duration::from_secs(2);

/// Half a request.
const HALF: &[u8] = b"POST /1001/par HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 400\r\n\r\nresponse_type=";

/// F-24: SIGTERM to one node after the other under load, so many times. Nobody is refused, nobody
/// unheard, and one who has sent half a request holds nobody up for long.
///
/// # Errors
/// What failed.
pub async fn f_24(size: &Size, url: &str) -> Result<(), Trouble> {
    let mut stage = Stage::set(Some(url), 2, size).await?;
    let load = stage.load(size);
    let mut took = Vec::new();
    let mut report = Report::of("f-24");
    for round in 0..size.n {
        tokio::time::sleep(BETWEEN).await;
        let node = stage.nodes.remove(0);
        let http = crate::partner::http_client()?;
        // Whoever is slow is waited for, and not for ever; it takes long, so not each time.
        let slow = if round % 3 == 2 { Some(half_a_request(node.port).await?) } else { None };
        node.terminate()?;
        report.expect(told_first(&http, node.port).await, "connections were refused before /ready said so");
        took.push(node.end().await?);
        drop(slow);
        let mut node = stage.bank.start(free_port()?)?;
        node.ready().await?;
        stage.nodes.push(node);
        stage.send_to_all().await;
    }
    report.expect_within("SIGTERM to end", &took, END);
    let events = stage.end(load, report).await?;
    unheard(&events)
}

async fn half_a_request(port: u16) -> Result<TcpStream, Trouble> {
    let mut slow = TcpStream::connect(("127.0.0.1", port)).await.map_err(trouble("a slow client"))?;
    slow.write_all(HALF).await.map_err(trouble("a slow client"))?;
    Ok(slow)
}

/// Whether a node that was asked to end says that it is not ready before it refuses connections.
async fn told_first(http: &reqwest::Client, port: u16) -> bool {
    loop {
        match http.get(format!("http://127.0.0.1:{port}/ready")).send().await {
            Ok(answer) if answer.status().is_success() => tokio::time::sleep(Duration::from_millis(5)).await,
            Ok(answer) => return answer.status().as_u16() == 503,
            Err(_) => return false,
        }
    }
}

/// Requests that were put off, broken or never answered.
pub(super) fn unheard(events: &[Event]) -> Result<(), Trouble> {
    let lost = events.iter().filter(|event| matches!(event.said, Said::Silent | Said::Failed | Said::Unknown));
    let lost: Vec<usize> = lost.map(|event| event.id).collect();
    if lost.is_empty() { Ok(()) } else { Err(format!("{} requests failed: {lost:?}", lost.len())) }
}

/// F-25: two nodes of the old version, then one of each, then two of the new one, then back, under load; between two
/// changes so many seconds.
///
/// # Errors
/// What failed.
pub async fn f_25(size: &Size, url: &str, old: &Path, new: &Path) -> Result<(), Trouble> {
    let mut stage = Stage::set_with(old, Some(url), 2, size).await?;
    let load = stage.load(size);
    let mut report = Report::of("f-25");
    for program in [new, new, old, old] {
        tokio::time::sleep(Duration::from_secs(size.n as u64)).await;
        // The newcomer first, so that there are always two.
        let mut node = stage.bank.start_binary(program, free_port()?)?;
        node.ready().await?;
        stage.nodes.push(node);
        stage.send_to_all().await;
        let leaving = stage.nodes.remove(0);
        leaving.terminate()?;
        leaving.end().await?;
        stage.send_to_all().await;
    }
    tokio::time::sleep(Duration::from_secs(size.n as u64)).await;
    report.say(format!("old, both, new, both, old: {} s each", size.n));
    let events = stage.end(load, report).await?;
    unheard(&events)
}
