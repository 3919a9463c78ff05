//! Clocks that jump, go wrong, or disagree. The node's clock is libfaketime's; its monotonic clock stays real.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::stage::{Size, Stage};
use crate::browser::send;
use crate::history::{Act, Said};
use crate::oracle::Grant;
use crate::partner::Sealed;
use crate::report::Report;
use crate::{Trouble, bank, trouble};

/// Where Debian's package `faketime` has it.
const LIBRARIES: [&str; 2] =
    ["/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"];
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// Until a node has seen its clock's new time.
const SEEN: Duration = Duration::from_millis(1_500);

/// The library, if it is installed.
///
/// # Errors
/// What is missing.
pub fn library() -> Result<&'static str, Trouble> {
    let found = LIBRARIES.into_iter().find(|path| Path::new(path).exists());
    found.ok_or_else(|| "there is no libfaketime: install the package faketime".into())
}

/// A clock that can be set.
struct Dial(PathBuf);

impl Dial {
    /// Sets it: so many seconds from the real one, at this rate of it.
    fn set(&self, ahead: i64, rate: &str) -> Result<(), Trouble> {
        let text = if rate.is_empty() { format!("{ahead:+}s") } else { format!("{ahead:+}s x{rate}") };
        // In one step, or the node may read half of it.
        let part = self.0.with_extension("part");
        std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, &self.0)).map_err(trouble("the dial"))
    }
}

/// Starts the node again under this dial.
async fn start(stage: &mut Stage, dial: &Dial, port: u16) -> Result<(), Trouble> {
    let file = dial.0.display().to_string();
    let variables = [
        ("LD_PRELOAD", library()?),
        ("FAKETIME_TIMESTAMP_FILE", &file),
        ("FAKETIME_CACHE_DURATION", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ];
    let node = stage.bank.start_with(stage.bank.program(), port, &variables)?;
    stage.nodes.push(node);
    let started = stage.nodes.last_mut().ok_or("no node")?;
    started.answers().await.map(drop)
}

/// What was alive at one time and must be over at a later one.
struct Things {
    grant: Grant,
    code: String,
    pushed: String,
    read: Sealed,
    push: Sealed,
}

async fn make(stage: &Stage, user: usize) -> Result<Things, Trouble> {
    let oracle = &stage.oracle;
    let grant = oracle.link(user).await?.ok_or("no linkage")?;
    let code = oracle.walk(user, bank::PIN, Act::Permit).await?.ok_or("no code")?;
    let push = oracle.partner.push()?;
    let pushed = send(&oracle.history, Act::Push, "", push.request()).await.member("request_uri");
    let read = grant.sealed_read()?;
    send(&oracle.history, Act::Step, "", read.request()).await;
    Ok(Things { grant, code, pushed, read, push })
}

/// What of these is still alive though it must not be.
async fn alive(stage: &Stage, things: &Things) -> Result<Vec<&'static str>, Trouble> {
    let oracle = &stage.oracle;
    // Noted as steps: the checker's own sums are about a clock that nobody sets.
    let ask = async |sealed: Sealed| send(&oracle.history, Act::Step, "", sealed.request()).await;
    let is_done = |said: Said| matches!(said, Said::Done | Said::Broken);
    let mut alive = Vec::new();
    if is_done(ask(oracle.partner.redeem(&things.code)?).await.said) {
        alive.push("the code");
    }
    if is_done(ask(things.grant.sealed_read()?).await.said) {
        alive.push("the access token");
    }
    if is_done(ask(things.read.clone()).await.said) {
        alive.push("a proof that was used");
    }
    if is_done(ask(things.push.clone()).await.said) {
        alive.push("an assertion that was used");
    }
    let path = oracle.partner.authorize_path(&things.pushed);
    let opened = oracle.partner.http.get(format!("{}{path}", oracle.partner.address)).send().await;
    if opened.map_err(trouble("authorize"))?.status().as_u16() == 303 {
        alive.push("the pushed request");
    }
    Ok(alive)
}

/// F-20: the clock is put forward by an hour, by a day and by more than the period of a linkage, and back again, under a
/// node that runs and under one that is started anew. What was over stays over.
///
/// # Errors
/// What failed.
pub async fn f_20(size: &Size) -> Result<(), Trouble> {
    let mut report = Report::of("f-20");
    for jump in [HOUR, DAY, 181 * DAY].into_iter().cycle().take(size.n) {
        let mut stage = Stage::set(None, 1, size).await?;
        let dial = Dial(stage.bank.data.join("dial"));
        dial.set(0, "")?;
        let node = stage.nodes.pop().ok_or("no node")?;
        let port = node.port;
        node.kill();
        start(&mut stage, &dial, port).await?;
        // Not through the proxy: it leaves out nodes that are not ready, as this one will be.
        stage.oracle.partner.address = format!("http://127.0.0.1:{port}");
        jump_there_and_back(&mut stage, &dial, jump, &mut report).await?;
        report.say(format!("{jump} s forward, back, and back under a new start"));
    }
    report.end()
}

async fn jump_there_and_back(stage: &mut Stage, dial: &Dial, jump: i64, report: &mut Report) -> Result<(), Trouble> {
    let things = make(stage, 0).await?;
    for (place, ahead) in [("forward", jump), ("back", 0), ("before", -jump)] {
        dial.set(ahead, "")?;
        tokio::time::sleep(SEEN).await;
        // The partner's clock is that of the node, wherever the machine's is.
        stage.oracle.partner.ahead.store(jump, Ordering::Relaxed);
        let alive = alive(stage, &things).await?;
        report.expect(alive.is_empty(), format!("{jump} s {place}: alive again: {alive:?}"));
        // The partner that goes with the machine's clock.
        stage.oracle.partner.ahead.store(ahead, Ordering::Relaxed);
        let alive = self::alive(stage, &things).await?;
        report.expect(alive.is_empty(), format!("{jump} s {place}, the partner too: alive again: {alive:?}"));
    }
    stage.oracle.partner.ahead.store(jump, Ordering::Relaxed);
    if jump < DAY {
        // The node lives at its own time, and a flow goes on while the clock goes back.
        let linked = stage.oracle.link(1).await?;
        report.expect(linked.is_some(), "a flow does not survive a clock that went back");
    }
    // A node that is started now waits until the clock has caught up, so nothing is served.
    let node = stage.nodes.pop().ok_or("no node")?;
    let port = node.port;
    node.kill();
    dial.set(0, "")?;
    let started = tokio::time::timeout(Duration::from_secs(5), start(stage, dial, port)).await;
    report.expect(started.is_err(), format!("{jump} s: a node serves with a clock behind what it recorded"));
    let broken = stage.oracle.history.events().iter().filter(|event| event.said == Said::Broken).count();
    report.expect(broken == 0, format!("{broken} failures of the program"));
    Ok(())
}

/// F-21: the clock goes at nine or eleven tenths of its rate, under load, for so many seconds each.
///
/// # Errors
/// What failed.
pub async fn f_21(size: &Size) -> Result<(), Trouble> {
    for rate in ["0.9", "1.1"] {
        let mut stage = Stage::set(None, 1, size).await?;
        let dial = Dial(stage.bank.data.join("dial"));
        dial.set(0, rate)?;
        let node = stage.nodes.pop().ok_or("no node")?;
        let port = node.port;
        node.kill();
        start(&mut stage, &dial, port).await?;
        stage.clocks_differ = true;
        let late = stage.oracle.walk(0, bank::PIN, Act::Permit).await?.ok_or("no code")?;
        let load = stage.load(size);
        tokio::time::sleep(Duration::from_secs(size.n as u64)).await;
        let mut report = Report::of("f-21");
        if size.n > 60 {
            let redeem = stage.oracle.partner.redeem(&late)?;
            let said = send(&stage.oracle.history, Act::Redeem, &late, redeem.request()).await.said;
            report.expect(said == Said::Refused, format!("a code of more than a minute was taken at rate {rate}"));
        }
        report.say(format!("{} s at rate {rate}", size.n));
        stage.end(load, report).await?;
    }
    Ok(())
}

/// F-22: one of two nodes is 30 s ahead, then 30 s behind, under load, for so many seconds each.
///
/// # Errors
/// What failed.
pub async fn f_22(size: &Size, url: &str) -> Result<(), Trouble> {
    let mut stage = Stage::set(Some(url), 2, size).await?;
    stage.clocks_differ = true;
    let dial = Dial(stage.bank.data.join("dial"));
    let load = stage.load(size);
    let mut report = Report::of("f-22");
    for ahead in [30, -30] {
        dial.set(ahead, "")?;
        let node = stage.nodes.pop().ok_or("no node")?;
        let port = node.port;
        node.kill();
        start(&mut stage, &dial, port).await?;
        stage.send_to_all().await;
        tokio::time::sleep(Duration::from_secs(size.n as u64)).await;
        report.say(format!("{} s with one node {ahead:+} s", size.n));
    }
    stage.end(load, report).await.map(drop)
}
