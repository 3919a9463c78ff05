//! Three PostgreSQL nodes under Patroni in strict synchronous mode, and etcd, all on this machine; and what can happen
//! to them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{Trouble, trouble};

/// Longest wait for the cluster to be whole again.
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(50);
/// Rows of ports to choose from, below those that the system hands out to whoever connects.
const ROWS: std::ops::Range<u16> = 21_000..30_000;
const ROW: usize = 40;
const NODES: [u16; 3] = [1, 2, 3];
const DESCRIBE: &str = "SELECT concat_ws(' ', \
     CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE 'leads ' || pg_walfile_name(pg_current_wal_insert_lsn()) END, \
     'confirmed by', quote_literal(current_setting('synchronous_standby_names')), 'standbys', \
     (SELECT string_agg(application_name || ' ' || sync_state || ' ' || flush_lsn, ', ') FROM pg_stat_replication), \
     'waiting', (SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'))";

/// The cluster; taken down when dropped.
pub struct Cluster {
    folder: tempfile::TempDir,
    /// A connection URL that names all three.
    pub url: String,
    http: reqwest::Client,
    ways: Vec<Way>,
    /// The first of its ports, as the scripts know it.
    port0: u16,
}

/// The first of a row of ports that nobody has.
fn free_row() -> Result<u16, Trouble> {
    let is_free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut firsts = ROWS.step_by(ROW);
    let free = firsts.find(|first| (*first..).take(ROW).all(is_free));
    free.ok_or_else(|| "no row of free ports".into())
}

impl Cluster {
    /// Brings it up.
    ///
    /// # Errors
    /// When the script fails; its words are passed on.
    pub async fn up() -> Result<Cluster, Trouble> {
        let mut ways = Vec::new();
        let port0 = free_row()?;
        for node in NODES {
            ways.push(Way::open(port0 + 30 + node, port0).await?);
        }
        let folder = tempfile::Builder::new().prefix("renkei-cluster.").tempdir().map_err(trouble("a folder"))?;
        let http = crate::partner::http_client()?;
        let mut cluster = Cluster { folder, url: String::new(), http, ways, port0 };
        let mut script = cluster.script("up");
        let run = tokio::task::spawn_blocking(move || script.stderr(Stdio::inherit()).output());
        let output = run.await.map_err(trouble("the script"))?.map_err(trouble("the script"))?;
        if !output.status.success() {
            return Err("the cluster did not come up".into());
        }
        String::from_utf8_lossy(&output.stdout).trim().clone_into(&mut cluster.url);
        Ok(cluster)
    }

    fn script(&self, name: &str) -> Command {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster").join(name);
        let mut command = Command::new(path);
        command.arg(self.folder.path()).env("PORT0", self.port0.to_string()).env("WAYS", "yes").stdin(Stdio::null());
        command
    }

    /// The members and their parts: name without `pg`, role, state.
    async fn members(&self) -> Vec<(u16, String, String)> {
        for node in NODES {
            let url = format!("http://127.0.0.1:{}/cluster", self.port0 + 20 + node);
            let Ok(answer) = self.http.get(url).timeout(Duration::from_secs(2)).send().await else { continue };
            let Ok(Value::Object(cluster)) = answer.json().await else { continue };
            let members = cluster.get("members").and_then(Value::as_array).cloned().unwrap_or_default();
            let text =
                |member: &Value, name: &str| member.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let one = |member: &Value| {
                let number = text(member, "name").trim_start_matches("pg").parse().ok()?;
                Some((number, text(member, "role"), text(member, "state")))
            };
            return members.iter().filter_map(one).collect();
        }
        Vec::new()
    }

    /// The leader, if there is one that says so itself.
    pub async fn leader(&self) -> Option<u16> {
        for node in NODES {
            let url = format!("http://127.0.0.1:{}/primary", self.port0 + 20 + node);
            let asked = self.http.get(url).timeout(Duration::from_millis(500)).send().await;
            if asked.is_ok_and(|answer| answer.status().is_success()) {
                return Some(node);
            }
        }
        None
    }

    /// Waits for a leader that is not this node.
    ///
    /// # Errors
    /// When there is none in three minutes.
    pub async fn other_leader(&self, than: u16) -> Result<u16, Trouble> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            for node in NODES.into_iter().filter(|node| *node != than) {
                let url = format!("http://127.0.0.1:{}/primary", self.port0 + 20 + node);
                let asked = self.http.get(url).timeout(Duration::from_millis(500)).send().await;
                if asked.is_ok_and(|answer| answer.status().is_success()) {
                    return Ok(node);
                }
            }
            tokio::time::sleep(LOOK).await;
        }
        Err("no other leader in three minutes".into())
    }

    /// Waits until all three run and one confirms what the leader writes; tells who leads.
    ///
    /// # Errors
    /// When that is not so in three minutes.
    pub async fn whole(&self) -> Result<u16, Trouble> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let members = self.members().await;
            let running = members.iter().filter(|(_, _, state)| ["running", "streaming"].contains(&state.as_str()));
            let confirmed = members.iter().any(|(_, role, _)| role == "sync_standby");
            if running.count() == NODES.len()
                && confirmed
                && let Some(leader) = self.leader().await
            {
                return Ok(leader);
            }
            tokio::time::sleep(LOOK * 4).await;
        }
        Err(format!("the cluster is not whole: {:?}", self.members().await))
    }

    fn postmaster(&self, node: u16) -> Option<i32> {
        pid_in(&self.folder.path().join(format!("pg{node}/postmaster.pid")))
    }

    fn patroni(&self, node: u16) -> Option<i32> {
        pid_in(&self.folder.path().join(format!("patroni{node}.pid")))
    }

    /// Loses a machine: Patroni and every process of the database at once.
    pub fn lose(&self, node: u16) {
        let mut pids = self.patroni(node).map(with_descendants).unwrap_or_default();
        pids.extend(self.postmaster(node).map(with_descendants).unwrap_or_default());
        signal(&pids, Signal::KILL);
    }

    /// Starts a lost machine again.
    ///
    /// # Errors
    /// When the script fails.
    pub fn restart(&self, node: u16) -> Result<(), Trouble> {
        let status = self.script("up").args(["node", &node.to_string()]).status().map_err(trouble("the script"))?;
        if status.success() { Ok(()) } else { Err("a node could not be started".into()) }
    }

    /// Kills the database's first process; Patroni lives.
    pub fn kill_postmaster(&self, node: u16) {
        signal(&self.postmaster(node).into_iter().collect::<Vec<_>>(), Signal::KILL);
    }

    /// Stops or continues every process of a node's database.
    pub fn freeze_database(&self, node: u16, freeze: bool) {
        let pids = self.postmaster(node).map(with_descendants).unwrap_or_default();
        signal(&pids, if freeze { Signal::STOP } else { Signal::CONT });
    }

    /// Stops or continues a node's Patroni, and nothing else of it.
    pub fn freeze_patroni(&self, node: u16, freeze: bool) {
        signal(&self.patroni(node).into_iter().collect::<Vec<_>>(), if freeze { Signal::STOP } else { Signal::CONT });
    }

    /// What a node's database takes itself for.
    ///
    /// # Errors
    /// When it can't be asked.
    pub async fn describe(&self, node: u16) -> Result<String, Trouble> {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port0 + 10 + node);
        let connected = tokio_postgres::connect(&url, tokio_postgres::NoTls).await;
        let (client, link) = connected.map_err(trouble("a session"))?;
        let link = tokio::spawn(link);
        let row = client.query_one(DESCRIBE, &[]).await.map_err(trouble("what a server takes itself for"))?;
        drop(client);
        let _ = link.await;
        Ok(format!("pg{node}: {}", row.get::<_, String>(0)))
    }

    /// Cuts a node off from etcd, or lets it reach it again.
    pub fn cut_off(&self, node: u16, cut: bool) {
        if let Some(way) = self.ways.get(usize::from(node) - 1) {
            way.cut.send_replace(cut);
        }
    }

    /// Hands the lead over as planned.
    ///
    /// # Errors
    /// When Patroni refuses.
    pub async fn switch_over(&self, leader: u16) -> Result<(), Trouble> {
        let url = format!("http://127.0.0.1:{}/switchover", self.port0 + 20 + leader);
        let body = serde_json::json!({ "leader": format!("pg{leader}") });
        let answer = self.http.post(url).json(&body).send().await.map_err(trouble("the switchover"))?;
        let status = answer.status();
        let words = answer.text().await.unwrap_or_default();
        if status.is_success() { Ok(()) } else { Err(format!("the switchover: {words}")) }
    }

    /// Cancels every commit that waits for a standby, as a hasty administrator would; tells how many.
    ///
    /// # Errors
    /// When the node can't be asked.
    pub async fn cancel_waiting_commits(&self, node: u16) -> Result<u64, Trouble> {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port0 + 10 + node);
        let connected = tokio_postgres::connect(&url, tokio_postgres::NoTls).await;
        let (client, link) = connected.map_err(trouble("a session"))?;
        let link = tokio::spawn(link);
        let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        let rows = client.query(cancel, &[]).await.map_err(trouble("the cancel"))?;
        drop(client);
        let _ = link.await;
        Ok(rows.len() as u64)
    }

    /// Waits until a write at this node is confirmed by a standby.
    ///
    /// # Errors
    /// When that is not so in three minutes.
    pub async fn writable(&self, node: u16) -> Result<(), Trouble> {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port0 + 10 + node);
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Ok((client, link)) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await {
                let link = tokio::spawn(link);
                let written = client.batch_execute("CREATE SCHEMA IF NOT EXISTS probe; DROP SCHEMA probe").await;
                drop(client);
                let _ = link.await;
                if written.is_ok() {
                    return Ok(());
                }
            }
            tokio::time::sleep(LOOK).await;
        }
        Err("the new leader took no write in three minutes".into())
    }

    /// Every node but this one.
    #[must_use]
    pub fn others(node: u16) -> Vec<u16> {
        NODES.into_iter().filter(|other| *other != node).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in NODES {
            self.freeze_database(node, false);
            self.freeze_patroni(node, false);
        }
        let _ = self.script("down").status();
    }
}

fn pid_in(path: &PathBuf) -> Option<i32> {
    // A database in single-user recovery writes its number with a minus.
    fs::read_to_string(path).ok()?.lines().next()?.trim().parse().ok().filter(|pid| *pid > 0)
}

fn signal(pids: &[i32], signal: Signal) {
    for pid in pids.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        // Whoever is gone already needs no signal.
        let _ = kill_process(pid, signal);
    }
}

/// The parent of a process.
fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// Every process, and its parent.
fn processes() -> Vec<(i32, i32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| parent_of(pid).map(|parent| (pid, parent))).collect()
}

/// A process, and all that came of it.
fn with_descendants(first: i32) -> Vec<i32> {
    let all = processes();
    let mut found = vec![first];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(all.iter().filter(|(_, own)| *own == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

/// A node's way to etcd, which can be cut.
struct Way {
    cut: watch::Sender<bool>,
    passing: JoinHandle<()>,
}

impl Way {
    async fn open(port: u16, to: u16) -> Result<Way, Trouble> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(trouble("a way to etcd"))?;
        let (cut, is_cut) = watch::channel(false);
        let passing = tokio::spawn(async move {
            while let Ok((mut node, _)) = listener.accept().await {
                let mut is_cut = is_cut.clone();
                tokio::spawn(async move {
                    if *is_cut.borrow() {
                        return;
                    }
                    let Ok(mut etcd) = TcpStream::connect(("127.0.0.1", to)).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut node, &mut etcd) => {}
                        _ = is_cut.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Ok(Way { cut, passing })
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.passing.abort();
    }
}
