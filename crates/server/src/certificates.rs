//! 電子証明書: is the certificate a browser showed one that this institution's authority stands behind, now?
//!
//! The listener for certificate login asks every browser for a certificate and checks only that the browser holds its
//! key; it can't know yet which institution is meant. That is known once the path is read, so the chain is verified
//! here, per login and against that institution's authority alone. The revocation list is read at each login: a
//! certificate revoked since the connection began is refused at the next one, and no list is hashed in handshakes.
//!
//! Certificates of [`partners`] are judged by the same rules against authorities of their own. Of [`users`]' certificates
//! the authority's OCSP responder is asked besides, where an institution has registered one.

pub mod ocsp;
pub mod partners;
pub mod responder;
pub mod users;

use std::time::Duration;

use renkei_domain::time::Timestamp;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor, UnixTime};
use webpki::{
    BorrowedCertRevocationList, CertRevocationList, EndEntityCert, Error, ExpirationPolicy, KeyUsage,
    RevocationCheckDepth, RevocationOptions, RevocationOptionsBuilder, UnknownStatusPolicy, anchor_from_trusted_cert,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::keys::sha256;

/// What the browser at the other end of a TLS connection showed, DER. It has proved that it holds the leaf's key;
/// nothing else about it has been checked. An extension of each request on a listener that asks for certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// The certificate whose key signed the handshake: the only one that says who it is.
    pub leaf: Vec<u8>,
    /// Whatever came with it, for building a chain.
    pub intermediates: Vec<Vec<u8>>,
}

impl PeerCertificate {
    /// The leaf and what came with it, DER one after another: how a session keeps it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let intermediates = self.intermediates.iter().flatten().copied();
        self.leaf.iter().copied().chain(intermediates).collect()
    }

    /// What [`PeerCertificate::to_bytes`] wrote.
    #[must_use]
    pub fn from_bytes(mut bytes: &[u8]) -> Option<PeerCertificate> {
        let mut chain = Vec::new();
        while !bytes.is_empty() {
            let (rest, _) = X509Certificate::from_der(bytes).ok()?;
            let (certificate, _) = bytes.split_at_checked(bytes.len() - rest.len())?;
            chain.push(certificate.to_vec());
            bytes = rest;
        }
        let mut chain = chain.into_iter();
        Some(PeerCertificate { leaf: chain.next()?, intermediates: chain.collect() })
    }
}

/// Which certificate it is: SHA-256 of its DER, lower-case hex. What users are registered by, so that no reading of
/// names inside a certificate decides who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of a certificate in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Fingerprint {
        Fingerprint(sha256(certificate).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The fingerprint written as 64 hex digits in any letter case, with or without colons between bytes.
    #[must_use]
    pub fn read(text: &str) -> Option<Fingerprint> {
        let digits = text.replace(':', "").to_ascii_lowercase();
        let whole = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        whole.then_some(Fingerprint(digits))
    }

    /// 64 hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a certificate is refused. Whoever shows it gets one answer for all of them; the audit trail has the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.word())]
pub enum CertificateRefusal {
    /// On the authority's revocation list.
    Revoked,
    /// Its validity is over.
    Expired,
    /// Its validity has not begun.
    NotYetValid,
    /// Not issued by a trusted authority: another issuer, a broken signature, a chain that may not issue it.
    WrongIssuer,
    /// Not meant for client authentication.
    WrongUsage,
    /// There is no revocation list of its issuer that is in force and rightly signed, so nobody can say whether it was
    /// revoked.
    CrlStale,
    /// The authority's OCSP responder knows no such certificate.
    OcspUnknown,
    /// The responder gave no answer that counts, and the revocation list is too old to go by it alone.
    OcspUnavailable,
    /// Not a certificate, or one that breaks the rules of RFC 5280.
    Malformed,
}

impl CertificateRefusal {
    /// The reason as the audit trail has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            CertificateRefusal::Revoked => "revoked",
            CertificateRefusal::Expired => "expired",
            CertificateRefusal::NotYetValid => "not_yet_valid",
            CertificateRefusal::WrongIssuer => "wrong_issuer",
            CertificateRefusal::WrongUsage => "wrong_usage",
            CertificateRefusal::CrlStale => "crl_stale",
            CertificateRefusal::OcspUnknown => "ocsp_unknown",
            CertificateRefusal::OcspUnavailable => "ocsp_unavailable",
            CertificateRefusal::Malformed => "malformed",
        }
    }
}

/// What a certificate says of itself, as the browser's own dialogue shows it: for people to recognise it by, not for
/// deciding anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its serial number, hex.
    pub serial: String,
    /// When it ends.
    pub valid_until: Timestamp,
}

/// Reads what a certificate says of itself; `None` when it can't be read.
#[must_use]
pub fn describe(peer: &PeerCertificate) -> Option<About> {
    let (_, certificate) = x509_parser::parse_x509_certificate(&peer.leaf).ok()?;
    let valid_until = Timestamp::from_seconds(certificate.validity().not_after.timestamp());
    Some(About { serial: certificate.raw_serial_as_string(), valid_until })
}

/// Whether this certificate is one of the institution's authority, in force now and meant for logging in. No responder
/// is asked.
///
/// `institution_ca_pem` holds the authority's certificate, or several while it changes them. `crl_pem` must hold a
/// revocation list in force of each authority in the chain; without one nobody gets in.
///
/// # Errors
/// [`CertificateRefusal`], the first reason found.
pub fn verify_user_certificate(
    leaf: &[u8],
    intermediates: &[Vec<u8>],
    institution_ca_pem: &str,
    crl_pem: Option<&str>,
    now: Timestamp,
) -> Result<Fingerprint, CertificateRefusal> {
    let lists = revocation_lists(crl_pem)?;
    verify_chain(leaf, intermediates, &authorities(institution_ca_pem)?, Some(&lists), now)?;
    Ok(Fingerprint::of(leaf))
}

/// A certificate that was verified.
struct Verified {
    /// Who signed it, DER.
    issuer: CertificateDer<'static>,
}

/// Whether one of the authorities stands behind this certificate, now and for client authentication. Without `lists`
/// nothing is said about revocation; with them, each authority in the chain must have one in force.
fn verify_chain(
    leaf: &[u8],
    intermediates: &[Vec<u8>],
    authorities: &[CertificateDer<'_>],
    lists: Option<&[CertificateRevocationListDer<'static>]>,
    now: Timestamp,
) -> Result<Verified, CertificateRefusal> {
    let leaf_der = CertificateDer::from(leaf);
    let certificate = EndEntityCert::try_from(&leaf_der).map_err(|error| refusal(&error))?;
    check_usage(leaf)?;
    let anchors: Vec<_> = authorities.iter().filter_map(|der| anchor_from_trusted_cert(der).ok()).collect();
    let intermediates: Vec<CertificateDer<'_>> =
        intermediates.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let lists = lists.map(parse_lists).transpose()?;
    let lists: Option<Vec<&CertRevocationList<'_>>> = lists.as_ref().map(|lists| lists.iter().collect());
    let revocation = lists.as_ref().map(|lists| revocation(lists)).transpose()?;
    let at = UnixTime::since_unix_epoch(Duration::from_millis(now.millis()));
    let algorithms = default_provider().signature_verification_algorithms.all;
    let usage = KeyUsage::client_auth();
    let verified = certificate.verify_for_usage(algorithms, &anchors, &intermediates, at, usage, revocation, None);
    let path = verified.map_err(|error| refusal(&error))?;
    let issuer = match path.intermediate_certificates().next() {
        Some(issuer) => Some(issuer.der().into_owned()),
        None => authorities.iter().find(|der| is_anchor(der, path.anchor())).map(|der| der.clone().into_owned()),
    };
    Ok(Verified { issuer: issuer.ok_or(CertificateRefusal::WrongIssuer)? })
}

fn is_anchor(authority: &CertificateDer<'_>, anchor: &TrustAnchor<'_>) -> bool {
    anchor_from_trusted_cert(authority).is_ok_and(|known| known == *anchor)
}

/// Every certificate of the chain is looked up, an issuer without a list is no excuse, and a list must be in force.
fn revocation<'a>(lists: &'a [&'a CertRevocationList<'a>]) -> Result<RevocationOptions<'a>, CertificateRefusal> {
    let options = RevocationOptionsBuilder::new(lists).map_err(|_| CertificateRefusal::CrlStale)?;
    Ok(options
        .with_depth(RevocationCheckDepth::Chain)
        .with_status_policy(UnknownStatusPolicy::Deny)
        .with_expiration_policy(ExpirationPolicy::Enforce)
        .build())
}

/// The leaf must say that it is for client authentication; webpki would let one pass that says nothing.
fn check_usage(leaf: &[u8]) -> Result<(), CertificateRefusal> {
    let (_, certificate) = X509Certificate::from_der(leaf).map_err(|_| CertificateRefusal::Malformed)?;
    let extended = certificate.extended_key_usage().map_err(|_| CertificateRefusal::Malformed)?;
    let usage = certificate.key_usage().map_err(|_| CertificateRefusal::Malformed)?;
    let for_clients = extended.is_some_and(|extension| extension.value.client_auth);
    let may_sign = usage.is_none_or(|extension| extension.value.digital_signature());
    if for_clients && may_sign { Ok(()) } else { Err(CertificateRefusal::WrongUsage) }
}

fn authorities(pem: &str) -> Result<Vec<CertificateDer<'static>>, CertificateRefusal> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    read.map_err(|_| CertificateRefusal::WrongIssuer)
}

fn revocation_lists(pem: Option<&str>) -> Result<Vec<CertificateRevocationListDer<'static>>, CertificateRefusal> {
    let read: Result<Vec<_>, _> =
        CertificateRevocationListDer::pem_slice_iter(pem.unwrap_or_default().as_bytes()).collect();
    read.map_err(|_| CertificateRefusal::CrlStale)
}

fn parse_lists<'a>(
    ders: &'a [CertificateRevocationListDer<'static>],
) -> Result<Vec<CertRevocationList<'a>>, CertificateRefusal> {
    let parsed = ders.iter().map(|der| BorrowedCertRevocationList::from_der(der).map(CertRevocationList::Borrowed));
    parsed.collect::<Result<_, _>>().map_err(|_| CertificateRefusal::CrlStale)
}

fn refusal(error: &Error) -> CertificateRefusal {
    match error {
        Error::CertRevoked => CertificateRefusal::Revoked,
        Error::CertExpired { .. } => CertificateRefusal::Expired,
        Error::CertNotValidYet { .. } => CertificateRefusal::NotYetValid,
        Error::RequiredEkuNotFoundContext(_) | Error::CaUsedAsEndEntity | Error::EmptyEkuExtension => {
            CertificateRefusal::WrongUsage
        }
        Error::CrlExpired { .. }
        | Error::UnknownRevocationStatus
        | Error::InvalidCrlSignatureForPublicKey
        | Error::IssuerNotCrlSigner
        | Error::UnsupportedCrlSignatureAlgorithmContext(_)
        | Error::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => CertificateRefusal::CrlStale,
        Error::UnknownIssuer
        | Error::InvalidSignatureForPublicKey
        | Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | Error::EndEntityUsedAsCa
        | Error::NameConstraintViolation
        | Error::PathLenConstraintViolated
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumSignatureChecksExceeded => CertificateRefusal::WrongIssuer,
        _ => CertificateRefusal::Malformed,
    }
}
