//! The partners' listener against hellos that no client in order sends.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bank::MtlsBank;
use crate::support::Answer;

/// Suites that TLS 1.2 has and BCP 195 does not recommend: static RSA, CBC, RC4, 3DES, NULL, finite-field DH, export.
const WEAK: [u16; 14] =
    [0x0001, 0x0003, 0x0005, 0x000a, 0x002f, 0x0035, 0x003c, 0x009c, 0x009d, 0x0033, 0x009e, 0xc009, 0xc013, 0xc027];

fn sized(length: usize, content: &[u8]) -> Vec<u8> {
    [&content.len().to_be_bytes()[8 - length..], content].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().as_slice(), &sized(2, content)].concat()
}

/// A hello of this version with these suites, otherwise as any client's.
fn hello(version: [u8; 2], suites: &[u16]) -> Vec<u8> {
    let suites: Vec<u8> = suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    let extensions = [
        extension(0, &sized(2, &[&[0], sized(2, b"localhost").as_slice()].concat())),
        extension(10, &sized(2, &[0, 23, 0, 29])),
        extension(11, &sized(1, &[0])),
        extension(13, &sized(2, &[4, 3, 8, 4, 4, 1, 2, 1])),
    ];
    let body = [
        version.as_slice(),
        &[7; 32],
        &sized(1, &[]),
        &sized(2, &suites),
        &sized(1, &[0]),
        &sized(2, &extensions.concat()),
    ];
    let handshake = [&[1], sized(3, &body.concat()).as_slice()].concat();
    [&[22, 3, 1], sized(2, &handshake).as_slice()].concat()
}

/// The kind of the first record of the answer, and its first bytes.
async fn answer(bank: &MtlsBank, hello: &[u8]) -> (u8, Vec<u8>) {
    let mut stream = TcpStream::connect(bank.door.trim_start_matches("https://")).await.unwrap();
    stream.write_all(hello).await.unwrap();
    let mut record = [0; 7];
    stream.read_exact(&mut record).await.unwrap();
    (record[0], record[5..].to_vec())
}

#[tokio::test]
async fn r_019_r_186_old_versions_and_weak_suites_end_in_an_alert() {
    const ALERT: u8 = 21;
    const HANDSHAKE: u8 = 22;
    let bank = MtlsBank::open().await;
    for version in [[3, 0], [3, 1], [3, 2]] {
        let (kind, alert) = answer(&bank, &hello(version, &[0xc02b, 0xc02f, 0xc013, 0x002f])).await;
        assert!(kind == ALERT && alert[0] == 2 && [40, 70].contains(&alert[1]), "{version:?}: {kind} {alert:?}");
    }
    for suite in WEAK {
        assert_eq!(answer(&bank, &hello([3, 3], &[suite])).await, (ALERT, vec![2, 40]), "{suite:04x}");
    }
    assert_eq!(answer(&bank, &hello([3, 3], &WEAK)).await, (ALERT, vec![2, 40]));
    // The same hello with one suite in order is answered with a hello.
    assert_eq!(answer(&bank, &hello([3, 3], &[0xc02b])).await.0, HANDSHAKE);
}

#[tokio::test]
async fn r_022_plain_http_at_the_partners_port_is_neither_answered_nor_redirected() {
    let bank = MtlsBank::open().await;
    let mut stream = TcpStream::connect(bank.door.trim_start_matches("https://")).await.unwrap();
    stream.write_all(b"POST /1001/token HTTP/1.1\r\nhost: partners.example\r\n\r\n").await.unwrap();
    let mut said = Vec::new();
    drop(stream.read_to_end(&mut said).await);
    assert!(!String::from_utf8_lossy(&said).contains("HTTP/"));
}

#[tokio::test]
async fn r_020_answers_over_tls_ask_for_tls_from_then_on() {
    let bank = MtlsBank::open().await;
    for path in ["/1001/jwks", "/1001/token", "/nothing"] {
        let answer = Answer::to(bank.at_door(None).http.get(format!("{}{path}", bank.door))).await;
        assert_eq!(answer.header("strict-transport-security"), "max-age=63072000; includeSubDomains", "{path}");
    }
}
