//! What stands between a node and PostgreSQL, reads along and ends the node at the statement it was told: before the
//! server hears of it, or, for a commit, once it is durable and before the node hears of that.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::{Trouble, trouble};

/// When the node is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before a statement reaches the server; `BEGIN` and `COMMIT` count as well.
    Before,
    /// After a commit, before its answer.
    AfterCommit,
}

/// What to wait for.
#[derive(Debug, Clone)]
struct Aim {
    when: When,
    /// Only statements that name this.
    naming: &'static str,
    /// How many to let pass yet.
    left: usize,
}

#[derive(Default)]
struct Shared {
    aim: Mutex<Option<Aim>>,
    victim: Mutex<Option<u32>>,
    seen: Mutex<usize>,
    struck: Notify,
}

/// The way of one node to its database.
pub struct Gate {
    /// Where it listens.
    pub port: u16,
    shared: Arc<Shared>,
    passing: JoinHandle<()>,
}

impl Gate {
    /// Opens a way to this server.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn open(server: String) -> Result<Gate, Trouble> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(trouble("a gate"))?;
        let port = listener.local_addr().map_err(trouble("a gate"))?.port();
        let shared: Arc<Shared> = Arc::default();
        let at = Arc::clone(&shared);
        let passing = tokio::spawn(async move {
            while let Ok((node, _)) = listener.accept().await {
                let (server, shared) = (server.clone(), Arc::clone(&at));
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(server).await else { return };
                    // Many small messages: none waits for the one before to be confirmed.
                    let _ = node.set_nodelay(true).and_then(|()| server.set_nodelay(true));
                    let (from_node, to_node) = node.into_split();
                    let (from_server, to_server) = server.into_split();
                    let held = Arc::new(AtomicBool::new(false));
                    tokio::select! {
                        _ = ask(from_node, to_server, &shared, &held) => {}
                        _ = answer(from_server, to_node, &shared, &held) => {}
                    }
                });
            }
        });
        Ok(Gate { port, shared, passing })
    }

    /// Whom to end.
    pub fn watch(&self, process: u32) {
        *self.shared.victim.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
    }

    /// Ends the node at the n-th statement from now, counted from 1, of those that name this text.
    pub fn aim(&self, when: When, naming: &'static str, n: usize) {
        *self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner) = 0;
        *self.shared.aim.lock().unwrap_or_else(PoisonError::into_inner) = Some(Aim { when, naming, left: n });
    }

    /// Ends nobody any more. Tells how many statements of that kind passed since.
    pub fn rest(&self) -> usize {
        *self.shared.aim.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when a node was ended.
    pub async fn struck(&self) {
        self.shared.struck.notified().await;
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.passing.abort();
    }
}

impl Shared {
    /// Whether the node is to be ended at this statement.
    fn is_hit(&self, when: When, text: &str) -> bool {
        let mut aim = self.aim.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(own) = aim.as_mut().filter(|own| own.when == when && text.contains(own.naming)) else { return false };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        own.left = own.left.saturating_sub(1);
        let hit = own.left == 0;
        if hit {
            *aim = None;
        }
        hit
    }

    fn strike(&self) {
        let victim = *self.victim.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pid) = victim.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
        self.struck.notify_one();
    }
}

/// A word that ends with a zero byte, and what follows it.
fn word(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let (word, rest) = bytes.split_at_checked(end)?;
    Some((std::str::from_utf8(word).ok()?, rest.get(1..)?))
}

/// What a session has prepared, and what it is about to run.
#[derive(Default)]
struct Session {
    texts: HashMap<String, String>,
    bound: String,
}

impl Session {
    /// The text that this message runs, if it runs one.
    fn runs(&mut self, kind: u8, body: &[u8]) -> Option<String> {
        match kind {
            b'P' => {
                let (name, rest) = word(body)?;
                self.texts.insert(name.to_owned(), word(rest)?.0.to_owned());
                None
            }
            b'B' => {
                let (_, rest) = word(body)?;
                word(rest)?.0.clone_into(&mut self.bound);
                None
            }
            b'E' => Some(self.texts.get(&self.bound).cloned().unwrap_or_default()),
            b'Q' => Some(word(body)?.0.to_owned()),
            _ => None,
        }
    }
}

/// Node to server.
async fn ask(
    mut node: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    shared: &Shared,
    held: &AtomicBool,
) -> std::io::Result<()> {
    // The first message has no kind.
    let mut length = [0; 4];
    node.read_exact(&mut length).await?;
    let mut body = vec![0; (u32::from_be_bytes(length) as usize).saturating_sub(4)];
    node.read_exact(&mut body).await?;
    server.write_all(&length).await?;
    server.write_all(&body).await?;
    let mut session = Session::default();
    loop {
        let kind = node.read_u8().await?;
        node.read_exact(&mut length).await?;
        body.resize((u32::from_be_bytes(length) as usize).saturating_sub(4), 0);
        node.read_exact(&mut body).await?;
        if let Some(text) = session.runs(kind, &body) {
            if shared.is_hit(When::Before, &text) {
                shared.strike();
                return Ok(());
            }
            if text == "COMMIT" && shared.is_hit(When::AfterCommit, &text) {
                held.store(true, Ordering::Release);
            }
        }
        let mut message = Vec::with_capacity(body.len() + 5);
        message.push(kind);
        message.extend_from_slice(&length);
        message.extend_from_slice(&body);
        server.write_all(&message).await?;
    }
}

/// Server to node. What comes while it is held back is the answer to a commit: nothing else is under way then.
async fn answer(
    mut server: OwnedReadHalf,
    mut node: OwnedWriteHalf,
    shared: &Shared,
    held: &AtomicBool,
) -> std::io::Result<()> {
    let mut bytes = vec![0; 65_536];
    loop {
        let read = server.read(&mut bytes).await?;
        if read == 0 {
            return Ok(());
        }
        if held.load(Ordering::Acquire) {
            shared.strike();
            return Ok(());
        }
        node.write_all(bytes.get(..read).unwrap_or_default()).await?;
    }
}
