//! No room: a disk that is full, and memory that is at an end.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::stage::{Size, Stage, some_time};
use crate::disk::{Disk, Plan};
use crate::history::{Act, Said};
use crate::oracle::Grant;
use crate::report::Report;
use crate::{Trouble, trouble};

/// What the disk of F-05 holds.
const DISK: u64 = 64 << 20;
/// Longest wait for the node to notice that there is no room, or that there is again.
const NOTICE: Duration = Duration::from_secs(30);
/// Ends of linkages and access tokens, refreshes and reads that have to go on while the disk is full, in each round.
const ACTS: usize = 250;

/// F-05: something else fills the disk under load, so many times, and later makes room again. Meanwhile nothing new is
/// begun, and reads, refreshes and ends go on, 1,000 or more of them in four rounds; no restart is needed.
///
/// # Errors
/// What failed.
pub async fn f_05(size: &Size) -> Result<(), Trouble> {
    let disk = Disk::mount()?;
    let stage = Stage::set_in(&disk.path(), size).await?;
    disk.behave(Plan { capacity: Some(DISK), ..Plan::default() });
    let load = stage.load(&Size { users: size.users - 2, ..size.clone() });
    let mut report = Report::of("f-05");
    let (mut done, mut took) = (0, Vec::new());
    for _ in 0..size.n {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let grant = linkage(&stage, size.users - 1).await?;
        let filler = disk.path().join("filler");
        fill(&filler)?;
        until_pushes(&stage, false).await?;
        let (_, doctor) = stage.bank.ask(&["doctor", "--json"])?;
        report.expect(doctor.contains("\"ballast\""), "the doctor does not know that the disk was found full");
        done += go_on(&stage, grant, &mut report).await?;
        fill(&filler)?;
        let begun = Instant::now();
        fs::remove_file(&filler).map_err(trouble("making room"))?;
        until_pushes(&stage, true).await?;
        took.push(begun.elapsed());
    }
    report.say(format!("{done} reads, refreshes and ends while the disk was full"));
    report.expect_within("room to new requests", &took, NOTICE);
    let (events, wrong) = stage.settle(load).await?;
    report.tell(&events, &wrong);
    report.end()
}

/// A linkage to use; on a busy machine a walk may time out.
async fn linkage(stage: &Stage, user: usize) -> Result<Grant, Trouble> {
    for _ in 0..5 {
        if let Some(grant) = stage.oracle.link(user).await? {
            return Ok(grant);
        }
    }
    Err("no linkage to use on a full disk".into())
}

/// Fills what is left.
fn fill(path: &Path) -> Result<(), Trouble> {
    let mut file = File::options().create(true).append(true).open(path).map_err(trouble("the filler"))?;
    for part in [1 << 20, 4_096] {
        while file.write_all(&vec![7; part]).is_ok() {}
    }
    Ok(())
}

/// Waits until a request is pushed, or is put off as it has to be.
async fn until_pushes(stage: &Stage, taken: bool) -> Result<(), Trouble> {
    let begun = Instant::now();
    while begun.elapsed() < NOTICE {
        let push = stage.oracle.partner.push()?;
        let answer = crate::browser::send(&stage.oracle.history, Act::Push, "", push.request()).await;
        match answer.said {
            Said::Done if taken => return Ok(()),
            Said::Failed if !taken && answer.retry_after => return Ok(()),
            Said::Failed if !taken => return Err("503 without Retry-After".into()),
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    Err(format!("pushed requests were not {} in {NOTICE:?}", if taken { "taken" } else { "put off" }))
}

/// Uses a linkage and ends it. Tells how many acts that were.
async fn go_on(stage: &Stage, mut grant: Grant, report: &mut Report) -> Result<usize, Trouble> {
    let mut done = 0;
    while done < ACTS {
        report.expect(stage.oracle.read(&grant).await?.said == Said::Done, "a read was put off");
        report.expect(stage.oracle.refresh(&mut grant).await? == Said::Done, "a refresh was put off");
        report.expect(stage.oracle.revoke_access(&grant).await? == Said::Done, "an access token was not ended");
        report.expect(stage.oracle.refresh(&mut grant).await? == Said::Done, "a refresh was put off");
        done += 4;
    }
    let ended = stage.oracle.revoke_at(&grant, &stage.oracle.partner.address).await?;
    report.expect(ended.said == Said::Done, "a linkage could not be ended");
    Ok(done + 1)
}

/// What a node may take beyond what it has, in MiB, from round to round.
const MORE: [u64; 5] = [1, 4, 8, 16, 48];
/// What a node says that has none left.
const NO_MEMORY: &str = "no memory to hash a password";
/// Lets the allocator ask for memory as it needs it, in KiB, and not for a GiB at once.
const SMALL_PARTS: (&str, &str) = ("MIMALLOC_ARENA_RESERVE", "4096");

/// F-08: a node's memory is limited to little more than it has, so many times. It answers 503 or ends, and nothing is
/// lost.
///
/// # Errors
/// What failed.
pub async fn f_08(size: &Size) -> Result<(), Trouble> {
    let mut stage = Stage::set(None, 1, size).await?;
    let (node, mut report, mut ended) = (stage.nodes.pop().ok_or("no node")?, Report::of("f-08"), 0);
    let mut short = 0;
    let port = node.port;
    node.kill();
    stage.nodes.push(stage.bank.start_with(stage.bank.program(), port, &[SMALL_PARTS])?);
    let load = stage.load(size);
    for more in MORE.iter().cycle().take(size.n) {
        let mut node = stage.nodes.pop().ok_or("no node")?;
        node.ready().await?;
        tokio::time::sleep(some_time(Duration::ZERO, Duration::from_millis(200))).await;
        limit(node.pid(), more << 20)?;
        tokio::time::sleep(Duration::from_secs(6)).await;
        ended += usize::from(node.has_ended());
        short = node.log().matches(NO_MEMORY).count();
        node.kill();
        stage.nodes.push(stage.bank.start_with(stage.bank.program(), port, &[SMALL_PARTS])?);
    }
    for node in &mut stage.nodes {
        node.ready().await?;
    }
    report.say(format!("{} limits of memory; {ended} nodes ended by themselves, {short} logins had no memory", size.n));
    report.expect(ended + short > 0 || size.n < MORE.len(), "no limit was ever reached, so nothing was tried");
    let (events, wrong) = stage.settle(load).await?;
    report.tell(&events, &wrong);
    report.end()
}

/// Lets a process have this much more than it has.
fn limit(pid: u32, more: u64) -> Result<(), Trouble> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).map_err(trouble("a node's memory"))?;
    let pages: u64 = statm.split(' ').next().and_then(|pages| pages.parse().ok()).ok_or("no pages")?;
    let most = pages * 4_096 + more;
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or("no process")?;
    prlimit(Some(pid), Resource::As, Rlimit { current: Some(most), maximum: Some(most) })
        .map(drop)
        .map_err(trouble("a limit of memory"))
}
