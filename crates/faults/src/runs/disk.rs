//! A disk that loses, fails or is slow, under a node on SQLite.

use std::time::Duration;

use super::stage::{Size, Stage, some_time};
use crate::Trouble;
use crate::bank::Node;
use crate::disk::{Disk, Loss, Plan};
use crate::history::Said;
use crate::report::Report;

/// What the program ends with when the disk failed: something is failing, and trying again may help.
const FAILING: i32 = 3;
/// Fails some of the first flushes, then later ones, as loads make a few hundred of them in a second.
const FLUSH_STEP: u64 = 3;

fn only_node(stage: &mut Stage) -> Result<Node, Trouble> {
    stage.nodes.pop().ok_or_else(|| "no node".into())
}

/// Whether the engine finds the file whole.
async fn expect_whole(stage: &Stage, report: &mut Report) -> Result<(), Trouble> {
    let (_, said) = stage.bank.ask(&["doctor", "--json"])?;
    report.expect(!said.contains("database_damaged"), format!("the file is damaged: {said}"));
    Ok(())
}

/// F-03: the power fails under load, so many times: what was not flushed is lost, every other time in part. With
/// `control` the disk lies about flushes, and the test has to find the losses.
///
/// # Errors
/// What failed.
pub async fn f_03(size: &Size, control: bool) -> Result<(), Trouble> {
    let mut disk = Disk::mount()?;
    let mut stage = Stage::set_in(&disk.path(), size).await?;
    disk.flush_all();
    disk.behave(Plan { lies: control, ..Plan::default() });
    let load = stage.load(size);
    let (mut took, mut dropped) = (Vec::new(), 0);
    for round in 0..size.n {
        tokio::time::sleep(some_time(Duration::from_millis(200), Duration::from_secs(3))).await;
        let node = only_node(&mut stage)?;
        let port = node.port;
        node.kill();
        let chance = u64::from(some_time(Duration::ZERO, Duration::from_secs(1)).subsec_micros());
        dropped += disk.lose_power(if control || round % 2 == 0 { Loss::All } else { Loss::Torn(chance) })?;
        let mut node = stage.bank.start(port)?;
        took.push(node.ready().await?);
        stage.nodes.push(node);
    }
    let mut report = Report::of(if control { "f-03 control" } else { "f-03" });
    report.say(format!("{dropped} writes were not flushed when the power failed"));
    report.expect(dropped > 0, "nothing was lost, so nothing was tried");
    report.expect_within("power to ready", &took, Duration::from_secs(60));
    if !control {
        let (events, wrong) = stage.settle(load).await?;
        report.tell(&events, &wrong);
        expect_whole(&stage, &mut report).await?;
        return report.end();
    }
    let (_, wrong) = stage.settle(load).await?;
    let lost = wrong.iter().filter(|wrong| wrong.starts_with("I1:")).count();
    report.say(format!("{} violations, {lost} of them acknowledged acts that are gone", wrong.len()));
    report.expect(lost > 0, "a disk that lies about flushes was not found out: the test is blind");
    report.end()
}

/// F-04: a flush fails once, so many times, each time a later one. The node takes no more writes, ends, and the flush is
/// not tried again; every other time the power fails too.
///
/// # Errors
/// What failed.
pub async fn f_04(size: &Size) -> Result<(), Trouble> {
    let mut disk = Disk::mount()?;
    let mut stage = Stage::set_in(&disk.path(), size).await?;
    disk.flush_all();
    let load = stage.load(size);
    let mut report = Report::of("f-04");
    let mut codes = Vec::new();
    for round in 0..size.n {
        let at = 1 + round as u64 * FLUSH_STEP;
        disk.behave(Plan { fails_at: Some(at), ..Plan::default() });
        let mut node = only_node(&mut stage)?;
        let port = node.port;
        codes.push(node.ended().await.map_err(|error| format!("flush {at} failed: {error}"))?);
        drop(node);
        disk.behave(Plan::default());
        if round % 2 == 0 {
            disk.lose_power(Loss::All)?;
        }
        let mut node = stage.bank.start(port)?;
        node.ready().await?;
        stage.nodes.push(node);
    }
    report.say(format!("{} flushes failed; the nodes ended with {codes:?}", size.n));
    report.expect(codes.iter().all(|code| *code == Some(FAILING)), format!("a node did not end with {FAILING}"));
    let again = disk.tried_again();
    report.expect(again == 0, format!("{again} flushes were tried again where one had failed"));
    let (events, wrong) = stage.settle(load).await?;
    report.tell(&events, &wrong);
    expect_whole(&stage, &mut report).await?;
    report.end()
}

/// F-06: every flush takes 0.2 to 2 s, for so many seconds. No answer is wrong, and what was not answered in time is
/// found out by asking again.
///
/// # Errors
/// What failed.
pub async fn f_06(size: &Size) -> Result<(), Trouble> {
    let disk = Disk::mount()?;
    let stage = Stage::set_in(&disk.path(), size).await?;
    let slow = Some((Duration::from_millis(200), Duration::from_secs(2)));
    disk.behave(Plan { slow, ..Plan::default() });
    let load = stage.load(size);
    tokio::time::sleep(Duration::from_secs(size.n as u64)).await;
    let mut report = Report::of("f-06");
    report.say(format!("{} flushes of 0.2 to 2 s each in {} s", disk.flushes(), size.n));
    disk.behave(Plan::default());
    let (events, wrong) = stage.settle(load).await?;
    let longest = events.iter().filter_map(|event| Some(event.end? - event.begin)).max().unwrap_or_default();
    report.say(format!("slowest answer {:.1} s", Duration::from_micros(longest).as_secs_f64()));
    report.expect(events.iter().any(|event| event.said == Said::Done), "nothing was acknowledged");
    report.tell(&events, &wrong);
    report.end()
}
