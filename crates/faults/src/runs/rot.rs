//! Bits that turn in the database's files while nobody runs.

use std::fs;
use std::path::{Path, PathBuf};

use super::stage::{Size, Stage};
use crate::history::Said;
use crate::oracle::Grant;
use crate::report::Report;
use crate::truth::Truth;
use crate::{Trouble, trouble};

const FILES: [&str; 2] = ["renkei.db", "renkei.db-wal"];
/// How many bits turn in a round at most.
const BITS: u64 = 4;

/// What came of turned bits.
#[derive(Default)]
struct Counts {
    at_start: usize,
    at_read: usize,
    nothing: usize,
    /// Rows are not as they were, and nothing said so.
    unseen: usize,
    /// The same, and a partner was shown it.
    shown: usize,
}

/// F-07: bits turn in the database file or in its log, so many times. That is found at the start or at a read, or changes
/// nothing; and nobody is ever shown what is another's.
///
/// # Errors
/// What failed.
pub async fn f_07(size: &Size) -> Result<(), Trouble> {
    let mut stage = Stage::set(None, 1, size).await?;
    let mut grants = Vec::new();
    for user in 0..size.users {
        let grant = stage.oracle.link(user).await?.ok_or("no linkage")?;
        let shown = stage.oracle.read(&grant).await?.body;
        grants.push((grant, shown));
    }
    let node = stage.nodes.pop().ok_or("no node")?;
    let port = node.port;
    node.kill();
    let kept = stage.bank.data.join("kept");
    copy(&stage.bank.data, &kept)?;
    let truth = truth(&stage).await?;
    let (mut counts, mut report) = (Counts::default(), Report::of("f-07"));
    for round in 0..size.n {
        copy(&kept, &stage.bank.data)?;
        turn(&stage.bank.data, round as u64)?;
        let mut node = stage.bank.start(port)?;
        if node.ready().await.is_err() {
            counts.at_start += 1;
            continue;
        }
        let (refused, other) = read_all(&stage, &mut grants, round, &mut report).await?;
        node.kill();
        if refused {
            counts.at_read += 1;
        } else if other {
            counts.shown += 1;
        } else if same(&stage, &truth).await {
            counts.nothing += 1;
        } else {
            counts.unseen += 1;
        }
    }
    let Counts { at_start, at_read, nothing, unseen, shown } = counts;
    report.say(format!(
        "{} rounds: found at the start {at_start}, at a read {at_read}, without effect on what is looked at {nothing}, \
         unseen {unseen}, shown to a partner {shown}",
        size.n
    ));
    report.end()
}

/// Refreshes and reads with every linkage. Tells whether any was refused, and whether any shows another text than before;
/// the accounts must be one's own.
async fn read_all(
    stage: &Stage,
    grants: &mut [(Grant, String)],
    round: usize,
    report: &mut Report,
) -> Result<(bool, bool), Trouble> {
    let (mut refused, mut other) = (false, false);
    for (grant, shown) in grants {
        refused |= stage.oracle.refresh(grant).await? != Said::Done;
        let answer = stage.oracle.read(grant).await?;
        refused |= answer.said != Said::Done;
        other |= answer.said == Said::Done && answer.body != *shown;
        let is_own = answer.said != Said::Done || own(&answer.body) == own(shown);
        report.expect(is_own, format!("round {round}: a read shows other accounts"));
    }
    Ok((refused, other))
}

/// The accounts of an answer.
fn own(body: &str) -> Vec<String> {
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let accounts = body.get("accounts").and_then(|accounts| accounts.as_array()).into_iter().flatten();
    accounts.map(|account| account.get("account_id").map(ToString::to_string).unwrap_or_default()).collect()
}

async fn truth(stage: &Stage) -> Result<String, Trouble> {
    Ok(told(&Truth::read(&stage.bank.store().await?).await?))
}

/// All that the nodes of a round leave alone.
fn told(truth: &Truth) -> String {
    format!("{:?} {:?} {:?} {:?}", truth.linkages, truth.codes, truth.tokens, truth.pins)
}

async fn same(stage: &Stage, before: &str) -> bool {
    truth(stage).await.is_ok_and(|after| after == before)
}

fn copy(from: &Path, to: &Path) -> Result<(), Trouble> {
    fs::create_dir_all(to).map_err(trouble("a folder"))?;
    let _ = fs::remove_file(to.join("renkei.db-shm"));
    for name in FILES {
        let target: PathBuf = to.join(name);
        let _ = fs::remove_file(&target);
        if from.join(name).exists() {
            fs::copy(from.join(name), target).map_err(trouble("a copy"))?;
        }
    }
    Ok(())
}

/// Turns some bits of one of the files; the same ones in the same round.
fn turn(data: &Path, round: u64) -> Result<(), Trouble> {
    let file = FILES.map(|name| data.join(name));
    let path = file.iter().cycle().skip(usize::from(!round.is_multiple_of(2))).find(|path| path.exists());
    let path = path.ok_or("no file to turn bits in")?;
    let mut bytes = fs::read(path).map_err(trouble("a file"))?;
    let mut word = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for _ in 0..1 + round % BITS {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        let place = usize::try_from(word >> 3).unwrap_or_default() % bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(place) {
            *byte ^= 1 << (word % 8);
        }
    }
    fs::write(path, bytes).map_err(trouble("a file"))
}
