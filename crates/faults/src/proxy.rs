//! What stands before the nodes: it sends each connection to a node that is ready, in turn.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::bank::is_ready;
use crate::partner::http_client;
use crate::{Trouble, trouble};

/// How often nodes are asked whether they are ready.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// What a partner is told when no node is ready: certainly nothing happened.
const NOBODY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

struct Backend {
    port: u16,
    ready: AtomicBool,
}

/// The way in.
pub struct Proxy {
    backends: Arc<RwLock<Vec<Arc<Backend>>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Proxy {
    /// Listens on this port for nodes that are named later.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn listen(port: u16) -> Result<Proxy, Trouble> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(trouble("the proxy's port"))?;
        let backends: Arc<RwLock<Vec<Arc<Backend>>>> = Arc::default();
        let http = http_client()?;
        let asked = Arc::clone(&backends);
        let asking = tokio::spawn(async move {
            loop {
                for backend in known(&asked) {
                    let http = http.clone();
                    tokio::spawn(async move {
                        backend.ready.store(is_ready(&http, backend.port).await, Ordering::Release);
                    });
                }
                tokio::time::sleep(ASK_EVERY).await;
            }
        });
        let to = Arc::clone(&backends);
        let turn = AtomicUsize::new(0);
        let passing = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let backends = known(&to);
                let first = turn.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(pass(client, backends, first));
            }
        });
        Ok(Proxy { backends, tasks: vec![asking, passing] })
    }

    /// From now on these are the nodes. One that is new is not sent to until it was asked.
    pub fn send_to(&self, ports: &[u16]) {
        let mut backends = self.backends.write().unwrap_or_else(PoisonError::into_inner);
        let known = backends.clone();
        let one = |port: &u16| {
            let known = known.iter().find(|backend| backend.port == *port).map(Arc::clone);
            known.unwrap_or_else(|| Arc::new(Backend { port: *port, ready: AtomicBool::new(false) }))
        };
        *backends = ports.iter().map(one).collect();
    }

    /// Waits until so many nodes are known to be ready.
    pub async fn until_ready(&self, count: usize) {
        while known(&self.backends).iter().filter(|backend| backend.ready.load(Ordering::Acquire)).count() < count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn known(backends: &RwLock<Vec<Arc<Backend>>>) -> Vec<Arc<Backend>> {
    backends.read().unwrap_or_else(PoisonError::into_inner).clone()
}

async fn pass(mut client: TcpStream, backends: Vec<Arc<Backend>>, first: usize) {
    let count = backends.len();
    let in_turn = backends.iter().cycle().skip(first % count.max(1)).take(count);
    for backend in in_turn.filter(|backend| backend.ready.load(Ordering::Acquire)) {
        if let Ok(mut node) = TcpStream::connect(("127.0.0.1", backend.port)).await {
            let _ = copy_bidirectional(&mut client, &mut node).await;
            return;
        }
        backend.ready.store(false, Ordering::Release);
    }
    // The request is read, or the answer would be lost in a reset.
    let mut request = [0; 65_536];
    let _ = tokio::io::AsyncReadExt::read(&mut client, &mut request).await;
    let _ = client.write_all(NOBODY).await;
}
