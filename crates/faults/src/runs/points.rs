//! The node is ended at each statement in turn, so that no point of any act is left out.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use renkei_audit_verify::{Trust, read_keys, verify};
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls};

use super::stage::{Size, Stage};
use crate::bank::{Node, free_port};
use crate::gate::{Gate, When};
use crate::history::Act;
use crate::partner::INSTITUTION;
use crate::report::Report;
use crate::{Trouble, trouble};

/// Names every statement.
const ANY: &str = "";
/// Users for whom the way holds every screen the first time; more would be made for long.
const USERS_MAX: usize = 120;
/// Longest wait for the trail to be signed.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);

/// An installation of one node that reaches its database through a gate.
struct Scene {
    stage: Stage,
    gate: Gate,
    node: Node,
    through: String,
}

impl Scene {
    async fn set(url: &str, size: &Size) -> Result<Scene, Trouble> {
        let server = url.split_once('@').and_then(|(_, rest)| rest.split('/').next()).ok_or("no server in the URL")?;
        let gate = Gate::open(server.to_owned()).await?;
        let through = url.replacen(server, &format!("127.0.0.1:{}", gate.port), 1);
        let stage = Stage::set(Some(url), 0, size).await?;
        let port = free_port()?;
        let node = start(&stage, &gate, &through, port).await?;
        stage.proxy.send_to(&[port]);
        stage.proxy.until_ready(1).await;
        Ok(Scene { stage, gate, node, through })
    }

    /// Buries the node that was ended, and starts it again.
    async fn revive(self) -> Result<Scene, Trouble> {
        let Scene { stage, gate, node, through } = self;
        let port = node.port;
        node.kill();
        let node = start(&stage, &gate, &through, port).await?;
        Ok(Scene { stage, gate, node, through })
    }

    async fn end(self, report: Report) -> Result<(), Trouble> {
        let Scene { mut stage, node, .. } = self;
        stage.nodes.push(node);
        let load = stage.load(&Size { n: 0, users: 0, pace: LOOK, history: None });
        stage.end(load, report).await.map(drop)
    }
}

async fn start(stage: &Stage, gate: &Gate, through: &str, port: u16) -> Result<Node, Trouble> {
    let program = stage.bank.program().to_owned();
    let mut node = stage.bank.start_with(&program, port, &[("RENKEI_STORE", through)])?;
    gate.watch(node.pid());
    node.ready().await?;
    Ok(node)
}

/// Where the n-th of so many kills is aimed: each statement, and then each commit, from the first to the last.
fn aim_of(kill: usize, kills: usize, statements: usize, commits: usize) -> (When, usize) {
    let points = (statements + commits).max(1);
    let point = if kills < points { kill * points / kills } else { kill % points };
    if point < statements { (When::Before, point + 1) } else { (When::AfterCommit, point - statements + 1) }
}

/// How many statements or commits a life of this user's has.
async fn count(scene: &Scene, when: When, user: usize) -> Result<usize, Trouble> {
    scene.gate.aim(when, ANY, usize::MAX);
    scene.stage.oracle.life(user).await?;
    Ok(scene.gate.rest())
}

/// F-02: in each life of a linkage the node is ended at another statement: before the first write, between two, before
/// the commit, after the commit and before its answer. So many kills.
///
/// # Errors
/// What failed.
pub async fn f_02(size: &Size, url: &str) -> Result<(), Trouble> {
    let size = Size { users: size.users.max(size.n + 2).min(USERS_MAX), ..size.clone() };
    let mut scene = Scene::set(url, &size).await?;
    let (statements, commits) = (count(&scene, When::Before, 0).await?, count(&scene, When::AfterCommit, 1).await?);
    let (mut before, mut after) = (0, 0);
    for kill in 0..size.n {
        let (when, nth) = aim_of(kill, size.n, statements, commits);
        let (oracle, user) = (scene.stage.oracle.clone(), (kill + 2) % size.users);
        scene.gate.aim(when, ANY, nth);
        let mut life = tokio::spawn(async move { oracle.life(user).await });
        loop {
            tokio::select! {
                lived = &mut life => {
                    lived.map_err(trouble("a life"))??;
                    break;
                }
                () = scene.gate.struck() => {
                    *(if when == When::Before { &mut before } else { &mut after }) += 1;
                    scene = scene.revive().await?;
                }
            }
        }
        scene.gate.rest();
    }
    let mut report = Report::of("f-02");
    report.say(format!(
        "a life has {statements} statements and {commits} commits; ended {before} times before a statement, {after} \
         times between a commit and its answer"
    ));
    report.expect(before + after > size.n / 2, "the node was hardly ever ended");
    scene.end(report).await
}

/// What only the sealer names.
const SEALING: &str = "audit_";
/// Makes the next checkpoint due and the lease free, past the walls that forbid it.
const HURRY: &str = "SET session_replication_role = replica; \
     UPDATE audit_checkpoints SET made_at = made_at - 61000000; DELETE FROM leases";
const SIGNED: &str = "SELECT c.size, c.root FROM audit_checkpoints c WHERE c.size = \
     (SELECT count(*) FROM audit) AND EXISTS (SELECT 1 FROM audit_signatures s \
     WHERE s.origin = c.origin AND s.size = c.size)";

/// F-29: the node is ended at each statement of sealing and signing in turn. There is one root for each size, and the
/// trail goes on.
///
/// # Errors
/// What failed.
pub async fn f_29(size: &Size, url: &str) -> Result<(), Trouble> {
    let mut scene = Scene::set(url, size).await?;
    let (beside, link) = tokio_postgres::connect(url, NoTls).await.map_err(trouble("a session"))?;
    let link = tokio::spawn(link);
    let mut roots: BTreeMap<i64, Vec<u8>> = BTreeMap::new();
    signed(&scene, &beside, &mut roots).await?;
    scene.gate.aim(When::Before, SEALING, usize::MAX);
    signed(&scene, &beside, &mut roots).await?;
    let statements = scene.gate.rest();
    scene.gate.aim(When::AfterCommit, ANY, usize::MAX);
    signed(&scene, &beside, &mut roots).await?;
    let commits = scene.gate.rest();
    let mut kills = 0;
    for kill in 0..size.n {
        let (when, nth) = aim_of(kill, size.n, statements, commits);
        let naming = if when == When::Before { SEALING } else { ANY };
        beside.batch_execute(HURRY).await.map_err(trouble("the checkpoint's time"))?;
        scene.stage.oracle.insist(Act::Push, "", || scene.stage.oracle.partner.push()).await?;
        scene.gate.aim(when, naming, nth);
        if timeout(Duration::from_secs(5), scene.gate.struck()).await.is_ok() {
            kills += 1;
            scene = scene.revive().await?;
        }
        scene.gate.rest();
        signed(&scene, &beside, &mut roots).await?;
        export(&scene)?;
    }
    let mut report = Report::of("f-29");
    report.say(format!(
        "sealing and signing has {statements} statements and up to {commits} commits; ended {kills} times, {} roots",
        roots.len()
    ));
    report.expect(kills > size.n / 2, "the node was hardly ever ended");
    let folder = scene.stage.bank.path("export");
    let keys = read_keys(&scene.stage.bank.path("audit-keys"))?;
    match verify(&folder, &Trust { keys, ..Trust::default() }) {
        Ok(found) => report.say(format!("{} entries and {} checkpoints verified", found.size, found.checkpoints)),
        Err(fault) => report.expect(false, format!("the trail does not verify: {}", fault.what)),
    }
    drop(beside);
    let _ = link.await;
    scene.end(report).await
}

/// Waits until all there is is signed; no size has ever had another root.
async fn signed(scene: &Scene, beside: &Client, roots: &mut BTreeMap<i64, Vec<u8>>) -> Result<(), Trouble> {
    let waiting = async {
        scene.stage.oracle.insist(Act::Push, "", || scene.stage.oracle.partner.push()).await?;
        beside.batch_execute(HURRY).await.map_err(trouble("the checkpoint's time"))?;
        loop {
            let rows = beside.query(SIGNED, &[]).await.map_err(trouble("the checkpoints"))?;
            if !rows.is_empty() {
                return Ok::<_, Trouble>(());
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    timeout(PATIENCE, waiting).await.map_err(|_| "the trail is not signed in a minute")??;
    let all =
        beside.query("SELECT size, root FROM audit_checkpoints", &[]).await.map_err(trouble("the checkpoints"))?;
    for row in all {
        let (size, root): (i64, Vec<u8>) = (row.get(0), row.get(1));
        if roots.entry(size).or_insert_with(|| root.clone()) != &root {
            return Err(format!("two roots for size {size}"));
        }
    }
    Ok(())
}

/// What an auditor takes away: it must go on from what he took before.
fn export(scene: &Scene) -> Result<(), Trouble> {
    let bank = &scene.stage.bank;
    let folder = bank.path("export").display().to_string();
    bank.run(&["audit", "export", "--institution", INSTITUTION, "--to", &folder])?;
    let keys = bank.run(&["audit", "keys", "--institution", INSTITUTION])?;
    fs::write(bank.path("audit-keys"), keys).map_err(trouble("the keys"))
}
