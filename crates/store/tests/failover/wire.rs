//! What stands between the store and a real server: it passes everything on, and fails at the commit in the ways that
//! networks and servers do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to the next `COMMIT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum AtCommit {
    /// It goes through.
    Pass,
    /// The connection ends before the server hears of it.
    CutBefore,
    /// The server does it; the connection ends before the answer.
    CutAfter,
    /// The server does it; the answer never comes.
    Hold,
    /// The server does it, and warns that it may not be on two machines.
    Warn,
}

/// A way to the server.
pub struct Between {
    pub port: u16,
    at_commit: Arc<AtomicU8>,
    cut: watch::Sender<usize>,
    cancels: Arc<AtomicUsize>,
}

/// `CancelRequest` of the protocol: its length and its code.
const CANCEL: [u8; 8] = [0, 0, 0, 16, 4, 210, 22, 46];
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

impl Between {
    /// To the server that listens at this address.
    pub async fn to(server: String) -> Between {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (cut, cuts) = watch::channel(0);
        let between = Between {
            port: listener.local_addr().unwrap().port(),
            at_commit: Arc::default(),
            cut,
            cancels: Arc::default(),
        };
        let (at_commit, cancels) = (Arc::clone(&between.at_commit), Arc::clone(&between.cancels));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                let mut cuts = cuts.clone();
                cuts.mark_unchanged();
                let (at_commit, cancels) = (Arc::clone(&at_commit), Arc::clone(&cancels));
                tokio::spawn(async move {
                    tokio::select! {
                        () = pass(client, server, &at_commit, &cancels) => {}
                        _ = cuts.changed() => {}
                    }
                });
            }
        });
        between
    }

    pub fn at_commit(&self, what: AtCommit) {
        self.at_commit.store(what as u8, Ordering::SeqCst);
    }

    /// Ends all connections there are.
    pub fn cut_all(&self) {
        self.cut.send_modify(|count| *count += 1);
    }

    /// How many cancels were sent.
    pub fn cancels(&self) -> usize {
        self.cancels.load(Ordering::SeqCst)
    }
}

async fn pass(client: TcpStream, server: TcpStream, at_commit: &AtomicU8, cancels: &AtomicUsize) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (held, warned) = (AtomicBool::new(false), AtomicBool::new(false));
    tokio::select! {
        () = ask(from_client, to_server, at_commit, cancels, (&held, &warned)) => {}
        () = answer(from_server, to_client, (&held, &warned), at_commit) => {}
    }
}

async fn ask(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    at_commit: &AtomicU8,
    cancels: &AtomicUsize,
    (held, warned): (&AtomicBool, &AtomicBool),
) {
    let mut bytes = [0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let sent = &bytes[..count];
        if sent.starts_with(&CANCEL) {
            cancels.fetch_add(1, Ordering::SeqCst);
        }
        let what = at_commit.load(Ordering::SeqCst);
        if sent.windows(COMMIT.len()).any(|window| window == COMMIT) {
            if what == AtCommit::CutBefore as u8 {
                return;
            }
            held.store(what == AtCommit::Hold as u8 || what == AtCommit::CutAfter as u8, Ordering::SeqCst);
            warned.store(what == AtCommit::Warn as u8, Ordering::SeqCst);
        }
        if to.write_all(sent).await.is_err() {
            return;
        }
    }
}

async fn answer(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    (held, warned): (&AtomicBool, &AtomicBool),
    at_commit: &AtomicU8,
) {
    let mut bytes = [0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if held.load(Ordering::SeqCst) {
            if at_commit.load(Ordering::SeqCst) == AtCommit::CutAfter as u8 {
                return;
            }
            continue;
        }
        if warned.swap(false, Ordering::SeqCst) && to.write_all(&warning()).await.is_err() {
            return;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

/// What a server says whose wait for its standby was cancelled; its words may be in any language.
fn warning() -> Vec<u8> {
    let mut fields = Vec::new();
    for field in [&b"SWARNUNG\0"[..], b"VWARNING\0", b"C01000\0", b"Mstorniere das Warten\0", b"\0"] {
        fields.extend_from_slice(field);
    }
    let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
    [&b"N"[..], &length, &fields].concat()
}
