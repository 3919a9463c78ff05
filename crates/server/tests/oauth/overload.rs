//! More than can be done at a time.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use renkei_server::http::places::{Fill, PARTNERS};
use renkei_server::http::{gate, router};
use renkei_server::listener::{Limits, Transport, serve};
use renkei_testing::aoi;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::{Answer, Bank, Draft};

/// Reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// A bank behind a listener of its own, which knows who connects.
struct Besieged {
    bank: Bank,
    address: String,
    /// By the last number of the address they come from.
    clients: [reqwest::Client; 3],
    stop: watch::Sender<bool>,
}

impl Besieged {
    async fn open(bank: Bank) -> Besieged {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", socket.local_addr().unwrap());
        let (stop, stopped) = watch::channel(false);
        let gate = gate(router(Arc::clone(&bank.app)), &bank.app, &Arc::default());
        tokio::spawn(serve(socket, Transport::Plain, gate, Limits::STANDARD, stopped));
        Besieged { bank, address, clients: [0, 1, 2].map(client), stop }
    }

    /// The same request, from this address of loopback.
    fn from(&self, last: usize, mut draft: Draft) -> reqwest::RequestBuilder {
        draft.url = draft.url.replacen(&self.bank.address, &self.address, 1);
        draft.http = self.clients[last].clone();
        draft.request()
    }

    fn fill(&self, room: &str) -> Fill {
        self.bank.app.memory.places.fill().find(|fill| fill.room == room).unwrap()
    }

    /// Waits until a room is as full as that.
    async fn until(&self, room: &str, is_so: impl Fn(Fill) -> bool) {
        let looking = async {
            while !is_so(self.fill(room)) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let seen = tokio::time::timeout(PATIENCE, looking).await;
        seen.unwrap_or_else(|_| panic!("never so: {:?}", self.fill(room)));
    }
}

fn client(last: u8) -> reqwest::Client {
    let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
    reqwest::Client::builder().local_address(address).no_proxy().build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_31_a_flood_is_put_off_and_others_are_served() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let linked = bank.linked(&kakeibo).await;
    let siege = Besieged::open(bank).await;
    // Nothing can be written as long as somebody else writes.
    let held = siege.bank.app.store.begin(&aoi()).await.unwrap();
    let mut flood = JoinSet::new();
    for _ in 0..PARTNERS.share {
        let push = siege.from(1, kakeibo.push());
        flood.spawn(async move { Answer::to(push).await.status });
    }
    siege.until("partners", |fill| fill.working == PARTNERS.share).await;

    let late = Answer::to(siege.from(1, kakeibo.push())).await;
    assert_eq!(late.refusal(), (503, "temporarily_unavailable"));
    assert!((1..=4).contains(&late.header("retry-after").parse::<u32>().unwrap()));
    let read = siege.clients[1].get(format!("{}/1001/api/v1/accounts", siege.address));
    let read = Answer::to(read).await;
    assert_eq!(read.refusal(), (503, "temporarily_unavailable"));
    assert!(!read.header("retry-after").is_empty() && !read.header("x-request-id").is_empty());
    assert_eq!(siege.fill("partners").put_off, 2);
    let health = Answer::to(siege.clients[1].get(format!("{}/health", siege.address))).await;
    assert_eq!(health.status, 200, "whether it lives is no work");
    let page = Answer::to(siege.clients[1].get(format!("{}/1001/", siege.address))).await;
    assert_eq!(page.status, 200, "pages have a room of their own");

    // An end, even from there, and a request from elsewhere, are worked on at once.
    let end = siege.from(1, kakeibo.revoke(&linked.refresh));
    let end = tokio::spawn(async move { Answer::to(end).await.status });
    siege.until("ends", |fill| fill.working == 1).await;
    let honest = siege.from(2, kakeibo.push());
    let honest = tokio::spawn(async move { Answer::to(honest).await.status });
    siege.until("partners", |fill| fill.working == PARTNERS.share + 1).await;

    // Who goes away gives the place back, also when nothing else goes on.
    flood.shutdown().await;
    siege.until("partners", |fill| fill.working == 1 && fill.waiting == 0).await;
    drop(held);
    assert_eq!((honest.await.unwrap(), end.await.unwrap()), (201, 200));
    assert_eq!(Answer::to(siege.from(1, kakeibo.push())).await.status, 201);
    assert_eq!((siege.fill("partners").working, siege.fill("ends").working), (0, 0));
    siege.stop.send_replace(true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_31_whoever_sends_slowly_holds_no_place() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let siege = Besieged::open(bank).await;
    let mut slow = Vec::new();
    for _ in 0..PARTNERS.share {
        let mut stream = TcpStream::connect(siege.address.trim_start_matches("http://")).await.unwrap();
        let head = "POST /1001/par HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 90\r\n\r\nclient_id=";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut go_on = [0; 25];
        tokio::time::timeout(PATIENCE, stream.read_exact(&mut go_on)).await.unwrap().unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n", "the rest is waited for");
        slow.push(stream);
    }
    assert_eq!(siege.fill("partners").working, 0);
    assert_eq!(Answer::to(siege.from(1, kakeibo.push())).await.status, 201);
    drop(slow);
    siege.stop.send_replace(true);
}
