//! Clients that want the server's time or memory and nothing else. Each is cut; whoever behaves is answered meanwhile.

use std::net::IpAddr;
use std::sync::Arc;

use renkei_server::listener::Limits;
use renkei_server::listener::Transport;
use renkei_server::listener::tls::ClientCertificates;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::listener::{
    LIMITS, ONLY_1_3, PATIENCE, Pair, Running, client, connect, get_over_tls, rest, say, start, with_tls,
};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_113_forty_slow_heads_hold_up_nobody_and_are_cut() {
    let running = start(Transport::Plain, LIMITS).await;
    let mut slow = Vec::new();
    for _ in 0..40 {
        let mut stream = connect(&running).await;
        stream.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
        slow.push(stream);
    }
    assert!(say(&running, GET).await.ends_with("hello"), "an honest one between them is answered");
    for stream in slow {
        assert!(!rest(stream).await.contains("hello"));
    }
    assert!(say(&running, GET).await.ends_with("hello"));
}

#[tokio::test]
async fn a_113_an_answer_that_is_not_read_is_cut_off() {
    let running = start(Transport::Plain, LIMITS).await;
    let mut stream = connect(&running).await;
    stream.write_all(b"GET /big HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert!(say(&running, GET).await.ends_with("hello"));
    // Every so often a byte, which is slower than the limit allows for the whole.
    let mut read = 0;
    let mut byte = [0; 1];
    let cut = tokio::time::timeout(PATIENCE, async {
        let started = tokio::time::Instant::now();
        while started.elapsed() < LIMITS.answer * 2 {
            read += stream.read(&mut byte).await.unwrap();
            tokio::time::sleep(LIMITS.answer / 20).await;
        }
    });
    cut.await.unwrap();
    let mut left = Vec::new();
    drop(tokio::time::timeout(PATIENCE, stream.read_to_end(&mut left)).await.expect("the connection is closed"));
    assert!(read + left.len() < 32 * 1024 * 1024, "{} bytes arrived", read + left.len());
    assert!(say(&running, GET).await.ends_with("hello"));
}

#[tokio::test]
async fn a_big_answer_that_is_read_arrives_whole() {
    let running = start(Transport::Plain, LIMITS).await;
    let answer = say(&running, "GET /big HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(answer.contains("content-length: 33554432"));
    assert_eq!(answer.len() - answer.find("\r\n\r\n").unwrap() - 4, 32 * 1024 * 1024);
}

#[tokio::test]
async fn a_113_a_source_holds_only_so_many_connections() {
    let running = start(Transport::Plain, Limits { per_source: 2, ..LIMITS }).await;
    let (first, second) = (connect(&running).await, connect(&running).await);
    assert_eq!(rest(connect(&running).await).await, "", "closed without a word");
    drop((first, second));
    // The server notices in its own time.
    let answered = async { while !say(&running, GET).await.ends_with("hello") {} };
    tokio::time::timeout(PATIENCE, answered).await.unwrap();
}

#[tokio::test]
async fn a_113_a_proxy_on_this_machine_is_no_single_source() {
    assert!(!(Limits::STANDARD.counts)(IpAddr::from([127, 0, 0, 1])));
    assert!((Limits::STANDARD.counts)(IpAddr::from([203, 0, 113, 9])));
    let running = start(Transport::Plain, Limits { per_source: 2, counts: Limits::STANDARD.counts, ..LIMITS }).await;
    let held = [connect(&running).await, connect(&running).await, connect(&running).await];
    assert!(say(&running, GET).await.ends_with("hello"));
    drop(held);
}

#[tokio::test]
async fn a_112_a_long_query_is_answered_with_414_and_an_upload_without_length_with_400() {
    let running = start(Transport::Plain, LIMITS).await;
    let long = format!("GET /?{} HTTP/1.1\r\nhost: a\r\n\r\n", "q".repeat(9_000));
    assert!(say(&running, &long).await.starts_with("HTTP/1.1 414"));
    let upload = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    assert!(say(&running, upload).await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn a_112_ten_gigabytes_that_nobody_wants_are_not_taken_in() {
    let running = start(Transport::Plain, LIMITS).await;
    let mut stream = connect(&running).await;
    stream.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10000000000\r\n\r\n").await.unwrap();
    let sent = send_until_closed(&mut stream, &[b'x'; 16 * 1024]).await;
    assert!(sent < 64 * 1024 * 1024, "{sent} bytes were taken");
    assert!(say(&running, GET).await.ends_with("hello"));
}

/// Sends the same bytes over and over until the other end hangs up; how many it took.
async fn send_until_closed<S: AsyncReadExt + AsyncWriteExt + Unpin>(stream: &mut S, bytes: &[u8]) -> usize {
    let sending = async {
        let mut sent = 0;
        while stream.write_all(bytes).await.is_ok() && stream.flush().await.is_ok() {
            sent += bytes.len();
        }
        sent
    };
    tokio::time::timeout(PATIENCE, sending).await.expect("the connection is closed in time")
}

// HTTP/2, by hand (RFC 9113): what no library of good manners would send.

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `GET https://a/` from the static table (RFC 7541 appendix A).
const GET_ROOT: &[u8] = &[0x82, 0x84, 0x87, 0x41, 1, b'a'];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = &(payload.len() as u32).to_be_bytes()[1..];
    [length, &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

async fn speak_http2(running: &Running, pair: &Pair, settings: &[u8]) -> TlsStream<TcpStream> {
    let mut config = client(&pair.authority, ONLY_1_3, None);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, connect(running).await).await.unwrap();
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, settings)].concat()).await.unwrap();
    stream
}

/// What the server said last: the kinds of its frames until it hung up.
async fn kinds_until_closed(stream: &mut TlsStream<TcpStream>) -> Vec<u8> {
    let mut kinds = Vec::new();
    let reading = async {
        let mut head = [0; 9];
        while stream.read_exact(&mut head).await.is_ok() {
            kinds.push(head[3]);
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            if stream.read_exact(&mut payload).await.is_err() {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("the connection is closed in time");
    kinds
}

async fn expect_still_serving(running: &Running, pair: &Pair) {
    let answer = get_over_tls(running, client(&pair.authority, ONLY_1_3, None), "/").await.unwrap();
    assert!(answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn http2_by_hand_is_answered() {
    let pair = with_tls(&ClientCertificates::NotAsked);
    let running = start(pair.transport.clone(), LIMITS).await;
    let mut stream = speak_http2(&running, &pair, &[]).await;
    let away = frame(GOAWAY, 0, 0, &[0; 8]);
    let words = [frame(HEADERS, END_STREAM | END_HEADERS, 1, GET_ROOT), away].concat();
    stream.write_all(&words).await.unwrap();
    assert!(kinds_until_closed(&mut stream).await.contains(&HEADERS));
}

#[tokio::test]
async fn a_115_rapid_reset_ends_the_connection() {
    let pair = with_tls(&ClientCertificates::NotAsked);
    let running = start(pair.transport.clone(), LIMITS).await;
    let mut stream = speak_http2(&running, &pair, &[]).await;
    let mut opened = 0;
    let slow = [0x82, 0x04, 5, b'/', b's', b'l', b'o', b'w', 0x87, 0x41, 1, b'a'];
    let flood = async {
        for number in 0..100_000_u32 {
            let id = number * 2 + 1;
            let words = [frame(HEADERS, END_STREAM | END_HEADERS, id, &slow), frame(RST_STREAM, 0, id, &[0, 0, 0, 8])];
            if stream.write_all(&words.concat()).await.is_err() || stream.flush().await.is_err() {
                return;
            }
            opened = number;
        }
    };
    tokio::time::timeout(PATIENCE, flood).await.expect("cut in time");
    assert!(opened < 99_999, "the flood was taken to its end");
    expect_still_serving(&running, &pair).await;
}

#[tokio::test]
async fn a_115_floods_of_frames_without_requests_end_the_connection() {
    let pair = with_tls(&ClientCertificates::NotAsked);
    let running = start(pair.transport.clone(), LIMITS).await;
    for flood in [frame(SETTINGS, 0, 0, &[]), frame(PING, 0, 0, &[0; 8]), frame(PING, 1, 0, &[0; 8])] {
        let mut stream = speak_http2(&running, &pair, &[]).await;
        let (mut reader, mut writer) = tokio::io::split(&mut stream);
        let many = flood.repeat(500);
        let read = async {
            let mut sink = vec![0; 64 * 1024];
            while reader.read(&mut sink).await.is_ok_and(|count| count > 0) {}
        };
        let write = async {
            let mut sent = 0;
            while writer.write_all(&many).await.is_ok() && writer.flush().await.is_ok() {
                sent += many.len();
            }
            sent
        };
        let both = async { tokio::join!(read, write).1 };
        let sent = tokio::time::timeout(PATIENCE, both).await.expect("the connection is closed in time");
        assert!(sent < 32 * 1024 * 1024, "{sent} bytes were taken");
        expect_still_serving(&running, &pair).await;
    }
}

#[tokio::test]
async fn a_115_continuations_without_end_and_header_bombs_end_the_connection() {
    let pair = with_tls(&ClientCertificates::NotAsked);
    let running = start(pair.transport.clone(), LIMITS).await;
    let mut stream = speak_http2(&running, &pair, &[]).await;
    stream.write_all(&frame(HEADERS, END_STREAM, 1, GET_ROOT)).await.unwrap();
    // A literal field, not indexed: "x" with an empty value, as often as a frame holds.
    let sent = send_until_closed(&mut stream, &frame(CONTINUATION, 0, 1, &[0, 1, b'x', 0].repeat(2_000))).await;
    assert!(sent < 8 * 1024 * 1024, "{sent} bytes were taken");
    // One long field put into the table, then named a thousand times.
    let mut stream = speak_http2(&running, &pair, &[]).await;
    let long = [&[0x40, 1, b'x', 0x7f, 0xa1, 0x1e][..], &[b'v'; 4_000], &[0xbe; 4_000]].concat();
    let bomb = [GET_ROOT, &long].concat();
    let words = [frame(HEADERS, END_STREAM | END_HEADERS, 1, &bomb), frame(GOAWAY, 0, 0, &[0; 8])].concat();
    stream.write_all(&words).await.unwrap();
    kinds_until_closed(&mut stream).await;
    expect_still_serving(&running, &pair).await;
}

#[tokio::test]
async fn a_115_a_window_that_stays_shut_ends_the_connection() {
    let pair = with_tls(&ClientCertificates::NotAsked);
    let running = start(pair.transport.clone(), LIMITS).await;
    for window in [0_u32, 1] {
        // SETTINGS_INITIAL_WINDOW_SIZE.
        let mut stream = speak_http2(&running, &pair, &[&[0, 4][..], &window.to_be_bytes()].concat()).await;
        stream.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, GET_ROOT)).await.unwrap();
        let kinds = kinds_until_closed(&mut stream).await;
        assert!(kinds.contains(&HEADERS), "the head of the answer came: {kinds:?}");
        expect_still_serving(&running, &pair).await;
    }
}
