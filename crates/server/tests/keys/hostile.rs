//! Key sets made to hurt whoever reads them.

use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use renkei_oauth::jose::{JwkFault, MAX_KEYS};
use renkei_server::outbound::OutboundFault;
use renkei_server::partner_keys::{self, ATTEMPT_SECONDS, FetchFault, KEPT_SECONDS_MIN};
use renkei_server::system::SystemClock;
use serde_json::{Value, json};

use crate::fetched::{Scene, at_address};
use crate::key_host::{Answer, Authority, HOST, KeyHost, LONG, Names, OTHER_URI, URI, outbound};
use crate::support::new_key;

/// What a reading of this answer says.
async fn fault_of(answer: Answer, deadline: Duration) -> FetchFault {
    let (authority, names) = (Authority::new(), Names::default());
    let host = KeyHost::open(&authority, HOST, answer).await;
    names.set(HOST, &[&[host.address]]);
    let outbound = outbound(&authority, &names, &[host.address], Arc::new(SystemClock), deadline);
    partner_keys::fetch(&outbound, URI).await.unwrap_err()
}

fn too_large() -> FetchFault {
    FetchFault::Outbound(OutboundFault::TooLarge(64 * 1024))
}

fn set(keys: Vec<Value>) -> Answer {
    Answer::keys_with("", &json!({ "keys": keys }))
}

/// A key of so many bits; no such number is a modulus, but nobody gets as far as that.
fn rsa(bytes: usize) -> Value {
    json!({ "kty": "RSA", "e": "AQAB", "n": Base64UrlUnpadded::encode_string(&vec![0xff; bytes]) })
}

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
const UNBOUNDED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"keys\":[";
const ANNOUNCED: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10737418240\r\n\r\n{\"keys\":[";

/// Hostile answers, and what a reading says of each.
fn hostile() -> Vec<(&'static str, Answer, FetchFault)> {
    let one_chunk = [CHUNKED, b"280000000\r\n"].concat();
    let million = format!(r#"{{"keys":[{}{{}}]}}"#, "{},".repeat(1_000_000));
    let nested = format!(r#"{{"keys":[],"a":{}{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
    let off_curve = json!({ "kty": "EC", "crv": "P-256", "x": "A".repeat(43), "y": "A".repeat(43) });
    let mut private = new_key().to_public_jwk().to_json();
    private["d"] = "AAAA".into();
    let html = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 11\r\n\r\n{\"keys\":[]}".to_vec();
    let keys = |fault: JwkFault| FetchFault::Keys(fault);
    let malformed = || keys(renkei_oauth::json::JsonFault::Malformed.into());
    vec![
        ("10 GB in one chunk", Answer::Endless(one_chunk), too_large()),
        ("endless without a length", Answer::Endless(UNBOUNDED.to_vec()), too_large()),
        ("10 GB announced", Answer::Endless(ANNOUNCED.to_vec()), too_large()),
        ("a million keys", Answer::json("", million.as_bytes()), too_large()),
        ("one key too many", set(vec![json!({ "kty": "oct" }); MAX_KEYS + 1]), keys(JwkFault::Private)),
        ("gzip", Answer::json("Content-Encoding: gzip\r\n", &[0x1f, 0x8b, 8, 0]), OutboundFault::Coded.into()),
        ("brotli", Answer::json("Content-Encoding: identity, br\r\n", b"{}"), OutboundFault::Coded.into()),
        ("RSA of 16384 bits", set(vec![rsa(2_048)]), keys(JwkFault::RsaSize)),
        ("RSA of 1024 bits", set(vec![rsa(128)]), keys(JwkFault::RsaSize)),
        ("deep nesting", Answer::json("", nested.as_bytes()), malformed()),
        ("a point off the curve", set(vec![off_curve]), keys(JwkFault::Material)),
        ("a private key", set(vec![private]), keys(JwkFault::Private)),
        ("no JSON", Answer::json("", b"<html>"), malformed()),
        ("no UTF-8", Answer::json("", b"{\"keys\":[],\"\xff\":1}"), malformed()),
        ("a web page", Answer::Bytes(html), OutboundFault::MediaType(String::new()).into()),
        ("an error page", Answer::status("500 Internal Server Error"), OutboundFault::Status(500).into()),
        ("another success", Answer::status("206 Partial Content"), OutboundFault::Status(206).into()),
    ]
}

/// Whether both are of one kind; texts that a library words differ.
fn same(one: &FetchFault, other: &FetchFault) -> bool {
    use FetchFault::Outbound;
    use OutboundFault::{Http, MediaType};
    match (one, other) {
        (Outbound(MediaType(_)), Outbound(MediaType(_))) | (Outbound(Http(_)), Outbound(Http(_))) => true,
        _ => one == other,
    }
}

#[tokio::test]
async fn a_044_each_hostile_key_set_is_stopped_at_its_limit() {
    for (what, answer, expected) in hostile() {
        let fault = fault_of(answer, LONG).await;
        let expected = if what == "one key too many" { FetchFault::Keys(JwkFault::SetSize) } else { expected };
        assert!(same(&fault, &expected), "{what}: {fault}");
    }
}

#[tokio::test]
async fn a_044_of_an_endless_body_little_more_is_taken_than_is_allowed() {
    for head in [[CHUNKED, b"280000000\r\n"].concat(), UNBOUNDED.to_vec(), ANNOUNCED.to_vec()] {
        let (authority, names) = (Authority::new(), Names::default());
        let host = KeyHost::open(&authority, HOST, Answer::Endless(head)).await;
        names.set(HOST, &[&[host.address]]);
        let outbound = outbound(&authority, &names, &[host.address], Arc::new(SystemClock), LONG);
        assert_eq!(partner_keys::fetch(&outbound, URI).await.unwrap_err(), too_large());
        // The rest is what lay in the buffers of both sockets when the connection was cut.
        let sent = host.sent().await;
        assert!(sent < 16 * 1024 * 1024, "{sent}");
    }
}

#[tokio::test]
async fn a_044_r_036_whoever_is_too_slow_is_left_at_the_deadline() {
    let (deadline, pause) = (Duration::from_millis(300), Duration::from_millis(20));
    let silent = Answer::After(Arc::new(tokio::sync::Semaphore::new(0)), Box::new(Answer::status("200 OK")));
    for (what, answer) in [
        ("one byte at a time in the body", Answer::Drip(UNBOUNDED.to_vec(), pause)),
        ("one byte at a time in the head", Answer::Drip(b"HTTP/1.1 200 OK\r\nX: ".to_vec(), pause)),
        ("silence", silent),
    ] {
        let fault = fault_of(answer, deadline).await;
        assert_eq!(fault, FetchFault::Outbound(OutboundFault::TooSlow(deadline)), "{what}");
    }
}

#[tokio::test]
async fn a_044_r_036_a_name_server_or_a_handshake_that_hangs_is_left_at_the_deadline() {
    struct Hanging;
    impl renkei_server::outbound::Resolve for Hanging {
        fn resolve(
            &self,
            _: String,
            _: u16,
        ) -> futures_util::future::BoxFuture<'static, std::io::Result<Vec<std::net::SocketAddr>>> {
            Box::pin(std::future::pending())
        }
    }
    let deadline = Duration::from_millis(200);
    let (authority, names) = (Authority::new(), Names::default());
    // It takes the connection, as far as the kernel is concerned, and says nothing.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = mute.local_addr().unwrap();
    names.set(HOST, &[&[address]]);
    let way = |deadline| outbound(&authority, &names, &[address], Arc::new(SystemClock), deadline);
    let too_slow = FetchFault::Outbound(OutboundFault::TooSlow(deadline));
    assert_eq!(partner_keys::fetch(&way(deadline), URI).await.unwrap_err(), too_slow);
    let hanging = way(LONG).with(Arc::new(Hanging), deadline);
    assert_eq!(partner_keys::fetch(&hanging, URI).await.unwrap_err(), too_slow);
}

#[tokio::test]
async fn a_head_without_end_and_an_answer_cut_short_are_no_answers() {
    let many_lines = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(1_000));
    let short = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{}".to_vec();
    for (what, answer) in [
        ("a head without end", Answer::Endless(b"HTTP/1.1 200 OK\r\nX: ".to_vec())),
        ("too many header lines", Answer::Bytes(many_lines.into_bytes())),
        ("cut short", Answer::Bytes(short)),
        ("no HTTP", Answer::Bytes(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec())),
        ("nothing", Answer::Bytes(Vec::new())),
    ] {
        let fault = fault_of(answer, LONG).await;
        assert!(same(&fault, &FetchFault::Outbound(OutboundFault::Http(String::new()))), "{what}: {fault}");
    }
}

#[tokio::test]
async fn a_044_old_keys_stay_usable_and_another_partner_is_unaffected_whatever_a_partner_publishes() {
    let scene = Scene::open().await;
    let chobo = scene.bank.join_product("chobo").await;
    at_address(&scene.bank, "chobo", OTHER_URI).await;
    scene.other.answers(Answer::keys(&[&chobo.key]));
    assert_eq!(scene.push().await.0, 201);
    for (what, answer, _) in hostile() {
        scene.host.answers(answer);
        scene.bank.clock.forward(KEPT_SECONDS_MIN.max(ATTEMPT_SECONDS));
        let before = (scene.host.hits(), scene.other.hits());
        assert_eq!(scene.push().await.0, 201, "{what}");
        assert_eq!(chobo.push().send().await.status, 201, "{what}");
        assert_eq!((scene.host.hits(), scene.other.hits()), (before.0 + 1, before.1 + 1), "{what}");
    }
}
