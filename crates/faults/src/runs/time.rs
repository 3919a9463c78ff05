//! Clocks that jump, go wrong, or disagree. The node's clock is libfaketime's; its monotonic clock stays real.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use renkei_domain::ticket::Ticket;
use renkei_store::{StoreError, params};

use super::stage::{Size, Stage};
use crate::browser::send;
use crate::history::{Act, Said};
use crate::oracle::{Grant, Oracle};
use crate::partner::{INSTITUTION, Sealed};
use crate::report::Report;
use crate::{Trouble, bank, trouble};

/// Where Debian's package `faketime` has it.
const LIBRARIES: [&str; 2] =
    ["/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"];
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// Longer than the period of a linkage.
const PERIOD: i64 = 181 * DAY;
/// Until a node has seen its clock's new time.
const SEEN: Duration = Duration::from_millis(1_500);
/// What a node says that waits for its clock.
const WAITS: &str = "the clock is behind what was recorded";
/// When the consents of F-21 and F-22 end, in seconds from when they are looked at.
const SOON: u64 = 6;
/// A code is this old when it is tried that must be over, and was issued at another node.
const OLD_CODE: Duration = Duration::from_millis(61_500);

const CONSENT: &str = "SELECT l.linkage_id, l.ends_at, l.operations FROM linkages l JOIN codes c \
     ON c.institution = l.institution AND c.linkage_id = l.linkage_id WHERE l.institution = ?1 AND c.code_id = ?2";
const NEW_CONSENT: &str =
    "UPDATE linkages SET ends_at = ?2, operations = ?3 WHERE institution = ?1 AND linkage_id = ?4";

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

/// Takes the last node away and starts it again under this dial.
fn start(stage: &mut Stage, dial: &Dial) -> Result<(), Trouble> {
    let node = stage.nodes.pop().ok_or("no node")?;
    let port = node.port;
    node.kill();
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
    Ok(())
}

/// The same, and waits until it answers.
async fn start_up(stage: &mut Stage, dial: &Dial) -> Result<(), Trouble> {
    start(stage, dial)?;
    stage.nodes.last_mut().ok_or("no node")?.answers().await.map(drop)
}

/// What is alive at one time and must be over at a later one.
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
    oracle.read_with(&grant, &read).await;
    Ok(Things { grant, code, pushed, read, push })
}

/// Tries each of these; the history has what came of it. Tells which were taken.
async fn touch(stage: &Stage, things: &Things) -> Result<Vec<Act>, Trouble> {
    let (oracle, history) = (&stage.oracle, &stage.oracle.history);
    let url = format!("{}{}", oracle.partner.address, oracle.partner.authorize_path(&things.pushed));
    let mut grant = things.grant.clone();
    let tried = [
        (
            Act::Redeem,
            send(history, Act::Redeem, &things.code, oracle.partner.redeem(&things.code)?.request()).await.said,
        ),
        (Act::Read, oracle.read(&things.grant).await?.said),
        (Act::Replay, send(history, Act::Replay, "proof", things.read.request()).await.said),
        (Act::Replay, send(history, Act::Replay, "assertion", things.push.request()).await.said),
        (Act::Open, send(history, Act::Open, &things.pushed, oracle.partner.http.get(url)).await.said),
        (Act::Refresh, oracle.refresh(&mut grant).await?),
    ];
    Ok(tried.into_iter().filter(|(_, said)| *said == Said::Done).map(|(act, _)| act).collect())
}

/// F-20: the clock is put forward by an hour, by a day and by more than the period of a linkage, and back again, under a
/// node that runs and under one that is started anew. What was over stays over, and what is alive goes on.
///
/// # Errors
/// What failed.
pub async fn f_20(size: &Size) -> Result<(), Trouble> {
    let mut report = Report::of("f-20");
    for jump in [HOUR, DAY, PERIOD].into_iter().cycle().take(size.n) {
        let mut stage = Stage::set(None, 1, size).await?;
        stage.clocks_differ = true;
        let dial = Dial(stage.bank.data.join("dial"));
        dial.set(0, "")?;
        // Not through the proxy: it leaves out nodes that are not ready, as this one will be.
        let port = stage.nodes.last().ok_or("no node")?.port;
        stage.oracle.partner.address = format!("http://127.0.0.1:{port}");
        start_up(&mut stage, &dial).await?;
        jump_there_and_back(&mut stage, &dial, jump, &mut report).await?;
        report.say(format!("{jump} s forward, back, before, and back under a new start"));
        let idle = stage.load(&Size { users: 0, ..size.clone() });
        let (events, wrong) = stage.settle(idle).await?;
        report.tell(&events, &wrong);
    }
    report.end()
}

async fn jump_there_and_back(stage: &mut Stage, dial: &Dial, jump: i64, report: &mut Report) -> Result<(), Trouble> {
    let control = touch(stage, &make(stage, 0).await?).await?;
    let all = [Act::Redeem, Act::Read, Act::Open, Act::Refresh];
    report.expect(control == all, format!("in their time only {control:?} were taken, so this test says little"));
    let things = make(stage, 0).await?;
    let (partner, history) = (stage.oracle.partner.ahead.clone(), stage.oracle.history.clone());
    dial.set(jump, "")?;
    tokio::time::sleep(SEEN).await;
    history.put_forward(jump.unsigned_abs());
    for (place, ahead) in [("forward", jump), ("back", 0), ("before", -jump)] {
        dial.set(ahead, "")?;
        tokio::time::sleep(SEEN).await;
        // The partner's clock is that of the node, wherever the machine's is; then it goes with the machine's.
        for own in [jump, ahead] {
            partner.store(own, Ordering::Relaxed);
            let mut taken = touch(stage, &things).await?;
            taken.retain(|act| *act != Act::Refresh || jump >= PERIOD);
            report.expect(taken.is_empty(), format!("{jump} s {place}, partner {own:+} s: alive again: {taken:?}"));
        }
    }
    flow_while_it_goes_back(stage, dial, jump, report).await?;
    new_start(stage, dial, &things, jump, report).await
}

/// The node lives at its own time, and a flow goes on while the clock goes back.
async fn flow_while_it_goes_back(stage: &Stage, dial: &Dial, jump: i64, report: &mut Report) -> Result<(), Trouble> {
    let partner = &stage.oracle.partner;
    partner.ahead.store(jump, Ordering::Relaxed);
    dial.set(jump, "")?;
    tokio::time::sleep(SEEN).await;
    let back = async {
        let _ = dial.set(-jump, "");
        tokio::time::sleep(SEEN).await;
    };
    let code = stage.oracle.permit_after(1, back).await?;
    let linked = match &code {
        Some(code) => stage.oracle.redeem(partner, code).await?,
        None => None,
    };
    report.expect(linked.is_some(), format!("{jump} s: a flow does not survive a clock that goes back"));
    Ok(())
}

/// A node that is started with a clock behind its records serves nothing until it has caught up, and then what was over
/// is over.
async fn new_start(
    stage: &mut Stage,
    dial: &Dial,
    things: &Things,
    jump: i64,
    report: &mut Report,
) -> Result<(), Trouble> {
    dial.set(0, "")?;
    start(stage, dial)?;
    let node = stage.nodes.last_mut().ok_or("no node")?;
    let begun = Instant::now();
    while !node.log().contains(WAITS) && begun.elapsed() < Duration::from_secs(20) && !node.has_ended() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let waits = node.log().contains(WAITS);
    report.expect(waits, format!("{jump} s: a node serves with a clock behind what it recorded"));
    if waits {
        dial.set(jump, "")?;
        start_up(stage, dial).await?;
    }
    stage.oracle.partner.ahead.store(jump, Ordering::Relaxed);
    let mut taken = touch(stage, things).await?;
    taken.retain(|act| *act != Act::Refresh || jump >= PERIOD);
    report.expect(taken.is_empty(), format!("{jump} s, a new start: alive again: {taken:?}"));
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
        start_up(&mut stage, &dial).await?;
        stage.clocks_differ = true;
        stage.send_to_all().await;
        let address = stage.oracle.partner.address.clone();
        let mut report = Report::of("f-21");
        let load = stage.load(&Size { users: size.users - 1, ..size.clone() });
        last_seconds(&stage, [&address, &address], 0, size, &mut report).await?;
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
    let mut report = Report::of("f-22");
    let load = stage.load(&Size { users: size.users - 1, ..size.clone() });
    for ahead in [30, -30] {
        dial.set(ahead, "")?;
        start_up(&mut stage, &dial).await?;
        stage.send_to_all().await;
        let nodes: Vec<String> = stage.nodes.iter().map(|node| format!("http://127.0.0.1:{}", node.port)).collect();
        let [right, wrong] = nodes.as_slice() else { return Err("not two nodes".into()) };
        last_seconds(&stage, [right, wrong], ahead, size, &mut report).await?;
        report.say(format!("{} s with one node {ahead:+} s", size.n));
    }
    stage.end(load, report).await.map(drop)
}

/// Uses a linkage whose consent ends in a few seconds at both nodes, for so many seconds; and where that is long enough
/// a code of each node at the other, a minute later. The partner's clock is right, then that of the wrong node.
async fn last_seconds(
    stage: &Stage,
    [one, two]: [&str; 2],
    ahead: i64,
    size: &Size,
    report: &mut Report,
) -> Result<(), Trouble> {
    let (oracle, user) = (&stage.oracle, size.users - 1);
    let clocks = if ahead == 0 { vec![0] } else { vec![0, ahead] };
    let mut codes = Vec::new();
    for (issuer, other) in [(one, two), (two, one)] {
        let at = |ahead| Oracle { partner: oracle.partner.at(issuer, ahead), ..oracle.clone() };
        for there in clocks.iter().map(|ahead| at(*ahead)) {
            codes.extend(there.walk(user, bank::PIN, Act::Permit).await?.map(|code| (code, other, Instant::now())));
        }
    }
    let grant = short_grant(stage, user).await?;
    let (mut taken, mut refused, begun) = (0, 0, Instant::now());
    let long = Duration::from_secs(size.n as u64).max(Duration::from_secs(SOON + 3));
    while begun.elapsed() < long {
        for (node, ahead) in [one, two].into_iter().flat_map(|node| clocks.iter().map(move |ahead| (node, *ahead))) {
            let mut grant = grant.at(node, ahead);
            for said in [oracle.read(&grant).await?.said, oracle.refresh(&mut grant).await?] {
                taken += usize::from(said == Said::Done);
                refused += usize::from(said == Said::Refused);
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    report.expect(taken > 0 && refused > 0, format!("the end was not seen: {taken} taken, {refused} refused"));
    report.say(format!("{taken} uses before the end of a consent, {refused} refused after it"));
    let old = if long >= OLD_CODE { codes } else { Vec::new() };
    for (code, other, issued) in &old {
        tokio::time::sleep(OLD_CODE.saturating_sub(issued.elapsed())).await;
        for ahead in &clocks {
            let redeem = oracle.partner.at(other, *ahead).redeem(code)?;
            send(&oracle.history, Act::Redeem, code, redeem.request()).await;
        }
    }
    report.say(format!("{} codes of more than a minute tried at the other node", old.len()));
    Ok(())
}

/// A linkage whose consent ends in a few seconds.
async fn short_grant(stage: &Stage, user: usize) -> Result<Grant, Trouble> {
    // A node whose clock is wrong may refuse what is right.
    for _ in 0..10 {
        let Some(code) = stage.oracle.walk(user, bank::PIN, Act::Permit).await? else { continue };
        end_soon(stage, &code).await?;
        if let Some(grant) = stage.oracle.redeem(&stage.oracle.partner, &code).await? {
            return Ok(grant);
        }
    }
    Err("no linkage".into())
}

/// Lets the consent that led to a code end in a few seconds, by this machine's clock.
async fn end_soon(stage: &Stage, code: &str) -> Result<(), Trouble> {
    let store = stage.bank.store().await?;
    let institution = INSTITUTION.parse().map_err(trouble("the institution's code"))?;
    let code = Ticket::parse(code).map_err(trouble("a code"))?.id().to_string();
    let history = &stage.oracle.history;
    let ends_at = history.began_at.saturating_add_unsigned(history.now() + SOON * 1_000_000);
    let change = async {
        let mut tx = store.begin(&institution).await?;
        let mut row = tx.row(CONSENT, params![code.as_str()]).await?.ok_or(StoreError::Statement("no code".into()))?;
        let (linkage, before, operations) = (row.get::<String>(0)?, row.get::<i64>(1)?, row.get::<String>(2)?);
        let operations = operations.replace(&before.to_string(), &ends_at.to_string());
        tx.execute(NEW_CONSENT, params![ends_at, operations, linkage]).await?;
        tx.commit().await
    };
    change.await.map_err(trouble("the consent's end"))
}
