//! Certificates of users, their authority and its revocation list.

use base64ct::{Base64, Encoding as _};
use renkei_domain::time::Timestamp;
use renkei_oauth::client_auth::certificate::{check_key, check_name};
use renkei_oauth::client_auth::name::RegisteredName;
use renkei_oauth::jose::KeySet;
use renkei_server::certificates::ocsp::{NONCE_BYTES, Question, Status};
use renkei_server::certificates::{Fingerprint, PeerCertificate, describe, verify_user_certificate};
use renkei_server::listener::tls::authority_names;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::protocol::NOW;

/// A user's certificate, its authority and that authority's revocation list, all real.
const LEAF: &str = include_str!("../certificates/user.pem");
const AUTHORITY: &str = include_str!("../certificates/authority.pem");
const LIST: &str = include_str!("../certificates/revocation-list.pem");

/// A user's certificate and its authority, which signed no answer but that it revoked it, or knows nothing of it.
const REVOKED: &str = include_str!("../certificates/ocsp-user.pem");
const RESPONDER: &str = include_str!("../certificates/ocsp-authority.pem");

/// DER behind one byte that says what it is: `u` the user's certificate, `i` one that came with it, `a` the authority,
/// `l` the revocation list. Everything else is real, and a certificate is accepted only if it is the real one.
pub fn certificate(data: &[u8]) {
    let Some((what, der)) = data.split_first() else { return };
    let real = read(LEAF);
    let (mut leaf, mut intermediates) = (real.to_vec(), Vec::new());
    let (mut authority, mut list) = (AUTHORITY.to_owned(), LIST.to_owned());
    match what {
        b'u' => leaf = der.to_vec(),
        b'i' => intermediates.push(der.to_vec()),
        b'a' => authority = pem("CERTIFICATE", der),
        _ => list = pem("X509 CRL", der),
    }
    let _ = authority_names([authority.as_str()]);
    let peer = PeerCertificate { leaf, intermediates };
    if let Some(about) = describe(&peer) {
        assert!(about.serial.bytes().all(|byte| byte == b':' || byte.is_ascii_hexdigit()), "{}", about.serial);
    }
    let name = RegisteredName::subject("CN=aoi-cert").expect("one attribute as RFC 4514 writes it");
    let _ = check_name(&peer.leaf, &name);
    let _ = check_name(&peer.leaf, &RegisteredName::dns("client.example").expect("letters and a dot"));
    assert!(check_key(&peer.leaf, &KeySet::default()).is_err(), "a key of nobody");
    let now = Timestamp::from_seconds(NOW);
    if let Ok(found) = verify_user_certificate(&peer.leaf, &peer.intermediates, &authority, Some(&list), now) {
        assert_eq!(found, Fingerprint::of(&real), "a forged certificate was accepted");
    }
}

/// An OCSP response to a question about a revoked certificate. Whatever it is, it does not say that it is good.
pub fn ocsp_answer(data: &[u8]) {
    let (user, authority) = (read(REVOKED), read(RESPONDER));
    let question = Question::new(&user, &authority, [7; NONCE_BYTES]).expect("two certificates, as they were issued");
    let now = Timestamp::from_seconds(NOW);
    if let Ok(answer) = question.read(data, None, now) {
        assert!(answer.status != Status::Good && answer.until > now, "a forged answer was accepted: {answer:?}");
    }
}

/// A registered subject as text. One that the real certificate has is that certificate's own, however it is spelled.
pub fn distinguished_name(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(name) = RegisteredName::subject(text) else { return };
    let real = read(LEAF);
    if check_name(&real, &name).is_ok() {
        assert_eq!(text.split_once('=').map(|(kind, _)| kind.trim()).map(is_common_name), Some(true), "{text:?}");
    }
}

/// A certificate of this crate, which no input changes.
fn read(pem: &'static str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a file of this crate, as `openssl` wrote it")
}

fn is_common_name(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("CN") || kind == "2.5.4.3"
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = Base64::encode_string(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
