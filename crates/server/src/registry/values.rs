//! Checks of single values; each adds a problem where one is.

use std::fs;
use std::path::Path;

use renkei_domain::operation::Period;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use webpki::{BorrowedCertRevocationList, anchor_from_trusted_cert};

use super::check::period_limits;
use super::file::InstitutionTable;
use super::problem::TableProblems;
use crate::outbound::ResponderUrl;
use crate::texts::{check_line, check_paragraphs};

/// Most characters of a partner's or product's key.
const KEY_CHARS_MAX: usize = 63;
/// Most characters of a version of the terms.
const VERSION_CHARS_MAX: usize = 32;
/// Most bytes of a web address.
const WEB_ADDRESS_BYTES_MAX: usize = 1024;
/// Most characters of a domain name (RFC 1035 §2.3.4).
const DOMAIN_CHARS_MAX: usize = 253;
/// Most bytes of a file that the registry names. The longest are revocation lists.
const FILE_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// Most bytes of the certificates of an institution's authority. Every node keeps them in memory, for each institution.
const AUTHORITY_BYTES_MAX: usize = 64 * 1024;

pub(super) fn line(at: &mut TableProblems<'_>, key: &str, text: &str, most: usize) {
    at.take(key, check_line(text, most));
}

pub(super) fn paragraphs(at: &mut TableProblems<'_>, key: &str, text: &str, most: usize) {
    at.take(key, check_paragraphs(text, most));
}

pub(super) fn colour(at: &mut TableProblems<'_>, key: &str, text: &str) {
    let digits = text.strip_prefix('#').unwrap_or_default();
    if digits.len() != 6 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        at.add(key, "a colour is # and six hexadecimal digits, such as #14518b");
    }
}

pub(super) fn web_address(at: &mut TableProblems<'_>, key: &str, text: &str) {
    let host = text.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>".contains(&byte));
    if !plain || !is_domain(host) || text.len() > WEB_ADDRESS_BYTES_MAX {
        at.add(key, "it must be an https address in ASCII, such as https://www.example.jp/privacy");
    }
}

/// The address of an OCSP responder. Its answers are signed, so plain http will do, as most responders have it.
pub(super) fn responder(at: &mut TableProblems<'_>, key: &str, text: &str, has_authority: bool) {
    if !has_authority {
        at.add(key, "a responder needs its authority: give user_ca and user_crl");
    }
    at.take(key, text.parse::<ResponderUrl>());
}

pub(super) fn domain(at: &mut TableProblems<'_>, key: &str, text: &str) {
    if !is_domain(text) {
        at.add(key, "it must be a domain name in lower-case ASCII, such as example.jp");
    }
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= DOMAIN_CHARS_MAX && text.contains('.') && text.split('.').all(label)
}

pub(super) fn key(at: &mut TableProblems<'_>, key: &str, text: &str) {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.is_empty() || text.len() > KEY_CHARS_MAX || !text.bytes().all(allowed) {
        at.add(key, format!("it must be 1 to {KEY_CHARS_MAX} of the characters a to z, 0 to 9 and -"));
    }
}

/// A version stands in an address, so it is made of what needs no encoding there.
pub(super) fn version(at: &mut TableProblems<'_>, key: &str, text: &str) {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let dots = text.bytes().all(|byte| byte == b'.');
    if dots || text.len() > VERSION_CHARS_MAX || !text.bytes().all(allowed) {
        at.add(key, format!("it must be 1 to {VERSION_CHARS_MAX} letters, digits, dots, hyphens or underscores"));
    }
}

pub(super) fn word<T>(
    at: &mut TableProblems<'_>,
    key: &str,
    text: &str,
    known: impl Fn(&str) -> Option<T>,
    words: &[&str],
) -> Option<T> {
    let value = known(text);
    if value.is_none() {
        at.add(key, format!("{text:?} is not one of {}", words.join(", ")));
    }
    value
}

pub(super) fn period(at: &mut TableProblems<'_>, key: &str, days: i64) -> Option<u16> {
    let fitting = u16::try_from(days).ok().filter(|days| Period::DAYS_RANGE.contains(days));
    if fitting.is_none() {
        at.add(key, period_limits());
    }
    fitting
}

/// A text that stands in the registry or in a file of its own, and in one of them only.
pub(super) fn inline_or_file(
    at: &mut TableProblems<'_>,
    key: &str,
    inline: Option<&String>,
    file: Option<&String>,
    folder: &Path,
) -> Option<String> {
    match (inline, file) {
        (Some(text), None) => Some(text.clone()),
        (None, Some(name)) => file_text(at, &format!("{key}_file"), folder, name),
        (Some(_), Some(_)) => {
            at.add(key, format!("it is there twice: give {key} or {key}_file"));
            None
        }
        (None, None) => {
            at.add(key, format!("it is missing: give {key} or {key}_file"));
            None
        }
    }
}

/// The text of a file named in the registry, relative to the registry's own folder.
pub(super) fn file_text(at: &mut TableProblems<'_>, key: &str, folder: &Path, name: &str) -> Option<String> {
    let path = folder.join(name);
    let length = at.take(key, fs::metadata(&path).map_err(|error| format!("{name}: {error}")))?.len();
    if length > FILE_BYTES_MAX {
        at.add(key, format!("{name}: it is longer than {FILE_BYTES_MAX} bytes"));
        return None;
    }
    at.take(key, fs::read_to_string(&path).map_err(|error| format!("{name}: {error}")))
}

/// The authority of users' certificates and its revocation list: both or none, as without a list nobody could log in.
pub(super) fn authority(
    at: &mut TableProblems<'_>,
    folder: &Path,
    table: &InstitutionTable,
) -> (Option<String>, Option<String>) {
    match (&table.user_ca, &table.user_crl) {
        (None, None) => {}
        (Some(_), Some(_)) => {}
        (Some(_), None) => at.add("user_crl", "it is missing: certificate login needs the authority's revocation list"),
        (None, Some(_)) => at.add("user_ca", "it is missing: a revocation list needs its authority"),
    }
    let mut pem = |key: &str, name: Option<&String>, check: fn(&str) -> Result<(), &'static str>| {
        let text = file_text(at, key, folder, name?)?;
        at.take(key, check(&text)).map(|()| text)
    };
    (pem("user_ca", table.user_ca.as_ref(), check_ca), pem("user_crl", table.user_crl.as_ref(), check_crl))
}

fn check_ca(pem: &str) -> Result<(), &'static str> {
    if pem.len() > AUTHORITY_BYTES_MAX {
        return Err("the file is longer than 65536 bytes: give the authority's own certificates alone");
    }
    if pem.contains("PRIVATE KEY") {
        return Err("the file holds a private key, which has no business here");
    }
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().map_err(|_| "the file is not PEM")?;
    let usable = |certificate: &CertificateDer<'_>| anchor_from_trusted_cert(certificate).is_ok();
    if certificates.is_empty() || !certificates.iter().all(usable) {
        return Err("the file must hold certificates of an authority in PEM");
    }
    Ok(())
}

fn check_crl(pem: &str) -> Result<(), &'static str> {
    let lists: Vec<_> = CertificateRevocationListDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| "the file is not PEM")?;
    let usable = |list: &CertificateRevocationListDer<'_>| BorrowedCertRevocationList::from_der(list.as_ref()).is_ok();
    if lists.is_empty() || !lists.iter().all(usable) {
        return Err("the file must hold revocation lists in PEM");
    }
    Ok(())
}
