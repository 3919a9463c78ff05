//! Far more senders than a node can serve. They speak plain HTTP/1.1 over connections they keep, and what they send was
//! written out before, so that they take little of the processors that the node needs.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::history::{Act, Said};
use crate::oracle::Oracle;
use crate::{Trouble, trouble};

/// Senders at the most, each with a connection of its own.
const SENDERS_MAX: usize = 4_000;
/// Who hears nothing for so long goes away.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked at what is due.
const TICK: Duration = Duration::from_millis(2);
/// A request that was put off goes out again within this time. Its assertion is good for twice as long.
const FRESH: Duration = Duration::from_secs(30);
/// Longest answer that is understood.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What a crowd did.
#[derive(Debug, Default)]
pub struct Tally {
    /// Requests that were due.
    pub due: AtomicUsize,
    /// Requests that went out. The others found every sender waiting.
    pub sent: AtomicUsize,
    /// Requests that were done.
    pub done: AtomicUsize,
    /// Requests that were put off.
    pub put_off: AtomicUsize,
}

/// Senders of pushed requests.
pub struct Crowd {
    oracle: Oracle,
    node: SocketAddr,
    /// What was put off: nobody looked at it, so it can go out again.
    again: Mutex<Vec<(Instant, Arc<[u8]>)>>,
    /// What they did.
    pub tally: Tally,
}

impl Crowd {
    /// A crowd before a node on this port of loopback.
    #[must_use]
    pub fn before(port: u16, oracle: &Oracle) -> Arc<Crowd> {
        let node = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Arc::new(Crowd { oracle: oracle.clone(), node, again: Mutex::default(), tally: Tally::default() })
    }

    /// So many senders, each of whom sends the next request when the last one is answered.
    ///
    /// # Errors
    /// What failed.
    pub async fn take_turns(self: &Arc<Crowd>, senders: usize, time: Duration) -> Result<(), Trouble> {
        let begun = Instant::now();
        let mut working = JoinSet::new();
        for _ in 0..senders {
            let crowd = Arc::clone(self);
            working.spawn(async move {
                let mut stream = None;
                while begun.elapsed() < time {
                    stream = crowd.send(stream).await?;
                }
                Ok::<_, Trouble>(())
            });
        }
        while let Some(ended) = working.join_next().await {
            ended.map_err(trouble("a sender"))??;
        }
        Ok(())
    }

    /// So many requests a second, whatever comes back. At the end everybody goes away without waiting.
    ///
    /// # Errors
    /// What failed.
    pub async fn storm(self: &Arc<Crowd>, rate: f64, time: Duration) -> Result<(), Trouble> {
        let begun = Instant::now();
        let (turns, busy) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut senders = JoinSet::new();
        let mut due = 0;
        while begun.elapsed() < time {
            let fresh = (begun.elapsed().as_secs_f64() * rate) as usize - due;
            due += fresh;
            let idle = senders.len().saturating_sub(busy.load(Ordering::Acquire));
            for _ in 0..fresh.saturating_sub(idle).min(SENDERS_MAX - senders.len()) {
                senders.spawn(Arc::clone(self).wait_for_turns(Arc::clone(&turns), Arc::clone(&busy)));
            }
            let free = senders.len().saturating_sub(busy.load(Ordering::Acquire)).min(fresh);
            busy.fetch_add(free, Ordering::AcqRel);
            self.tally.sent.fetch_add(free, Ordering::Relaxed);
            turns.add_permits(free);
            if let Some(ended) = senders.try_join_next() {
                ended.map_err(trouble("a sender"))??;
            }
            tokio::time::sleep(TICK).await;
        }
        self.tally.due.fetch_add(due, Ordering::Relaxed);
        senders.shutdown().await;
        Ok(())
    }

    async fn wait_for_turns(self: Arc<Crowd>, turns: Arc<Semaphore>, busy: Arc<AtomicUsize>) -> Result<(), Trouble> {
        let mut stream = None;
        loop {
            turns.acquire().await.map_err(trouble("the turns"))?.forget();
            stream = self.send(stream).await?;
            busy.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Sends a request, over this connection if there is one; gives back what can be used again.
    async fn send(&self, stream: Option<TcpStream>) -> Result<Option<TcpStream>, Trouble> {
        let (made, request) = self.request()?;
        let history = &self.oracle.history;
        let event = history.begin(Act::Push, "");
        let answered = timeout(PATIENCE, exchange(stream, self.node, &request)).await;
        let (stream, answer) = match answered {
            Ok(Ok((stream, answer))) => (Some(stream), answer),
            _ => (None, Answer { said: Said::Silent, request_id: None }),
        };
        match answer.said {
            Said::Done => drop(self.tally.done.fetch_add(1, Ordering::Relaxed)),
            Said::Failed => {
                self.tally.put_off.fetch_add(1, Ordering::Relaxed);
                self.again.lock().unwrap_or_else(PoisonError::into_inner).push((made, request));
            }
            _ => {}
        }
        history.change(event, |event| {
            event.end = Some(history.now());
            event.said = answer.said;
            event.request_id = answer.request_id;
        });
        Ok(stream)
    }

    /// A request and when it was signed: one that was put off, or a new one.
    fn request(&self) -> Result<(Instant, Arc<[u8]>), Trouble> {
        let known = self.again.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match known.filter(|(made, _)| made.elapsed() < FRESH) {
            Some(known) => Ok(known),
            None => Ok((Instant::now(), self.oracle.partner.push()?.text().into())),
        }
    }
}

struct Answer {
    said: Said,
    request_id: Option<String>,
}

async fn exchange(stream: Option<TcpStream>, node: SocketAddr, request: &[u8]) -> io::Result<(TcpStream, Answer)> {
    let mut stream = match stream {
        Some(stream) => stream,
        None => TcpSocket::new_v4()?.connect(node).await?,
    };
    stream.write_all(request).await?;
    let mut read = Vec::with_capacity(2048);
    loop {
        if stream.read_buf(&mut read).await? == 0 || read.len() > ANSWER_BYTES_MAX {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(answer) = understood(&read) {
            return Ok((stream, answer));
        }
    }
}

/// The answer, once it is whole.
fn understood(read: &[u8]) -> Option<Answer> {
    let text = str::from_utf8(read).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let field = |name: &str| {
        let fields = head.lines().filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    };
    if body.len() < field("content-length")?.parse().ok()? {
        return None;
    }
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let said = Said::of(status, body);
    Some(Answer { said, request_id: field("x-request-id").map(str::to_owned) })
}
