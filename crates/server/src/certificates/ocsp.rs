//! The messages of OCSP (RFC 6960 in the profile of RFC 5019): a question about one certificate, and an answer that counts
//! only when it was signed for its issuer, is about this certificate, and is in force.
//!
//! Everything here is arithmetic on bytes. [`super::responder`] sends and remembers.

use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use renkei_domain::time::Timestamp;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, RevocationOptions, anchor_from_trusted_cert};
use x509_cert::der::asn1::{AnyRef, BitStringRef, ContextSpecific, ObjectIdentifier, OctetString};
use x509_cert::der::{self, Decode, Encode, Reader, SliceReader, TagNumber};
use x509_cert::ext::Extension;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_ocsp::{
    CertId, CertStatus, OcspGeneralizedTime, OcspRequest, OcspResponse, OcspResponseStatus, Request, ResponderId,
    ResponseData, SingleResponse, TbsRequest, Version, ext::Nonce,
};
use x509_parser::prelude::{FromDer, X509Certificate};

/// What a question is sent as.
pub const REQUEST_TYPE: &str = "application/ocsp-request";
/// What an answer comes as.
pub const RESPONSE_TYPE: &str = "application/ocsp-response";
/// Bytes of a question's nonce (RFC 9654 §2.1).
pub const NONCE_BYTES: usize = 32;
/// How far the responder's clock may be ahead of ours, in seconds.
const AHEAD_SECONDS: i64 = 300;
/// How long an answer counts that does not say until when, in seconds (RFC 6960 §2.4: newer ones may be had at any time).
const UNDATED_SECONDS: i64 = 300;
/// Certificates of an answer that are looked at: a responder sends its own, and perhaps its authority's.
const CERTIFICATES_MAX: usize = 4;

/// id-pkix-ocsp-basic (RFC 6960 §4.2.1).
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
/// id-pkix-ocsp-nonce (RFC 6960 §4.4.1).
const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");
/// id-sha1. Of the CertID's hashes nothing hangs on collisions: they name an authority that is known already, and every
/// responder knows this one (RFC 5019 §2.1.1).
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
/// id-kp-OCSPSigning, the octets of the identifier.
const OCSP_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 9];

/// Why an answer counts for nothing. The certificate it is about is then as unknown as before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// No OCSP response, or not a basic one.
    #[error("it is no OCSP response that can be read: {0}")]
    Malformed(String),
    /// The responder says that it can't answer.
    #[error("the responder answers {0:?}")]
    Status(OcspResponseStatus),
    /// Signed by neither the issuer nor somebody it authorized, or with another key.
    #[error("it is not signed by the certificate's issuer, nor by a responder that it authorized")]
    Signer,
    /// About other certificates.
    #[error("it is not about the certificate that was asked about")]
    Other,
    /// The answer to another question.
    #[error("its nonce is not the question's")]
    Nonce,
    /// Of the future, or no longer in force.
    #[error("it is not in force now")]
    Stale,
    /// It has a critical extension that is not known here.
    #[error("it has a critical extension that is not known")]
    Critical,
    /// The question can't be written: the certificate or its issuer can't be read.
    #[error("the certificate or its issuer can't be read")]
    Unreadable,
}

impl From<der::Error> for AnswerFault {
    fn from(error: der::Error) -> AnswerFault {
        AnswerFault::Malformed(error.kind().to_string())
    }
}

/// What a responder says of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked,
    /// The responder knows no such certificate.
    Unknown,
}

/// An answer that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// What it says.
    pub status: Status,
    /// Until when it is in force.
    pub until: Timestamp,
}

/// A question about one certificate.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    issuer: &'a [u8],
    about: CertId,
    nonce: Nonce,
}

impl<'a> Question<'a> {
    /// A question about this certificate of this issuer, both DER; the nonce is random and never used again.
    ///
    /// # Errors
    /// [`AnswerFault::Unreadable`].
    pub fn new(leaf: &[u8], issuer: &'a [u8], nonce: [u8; NONCE_BYTES]) -> Result<Question<'a>, AnswerFault> {
        let unreadable = |_| AnswerFault::Unreadable;
        let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_| AnswerFault::Unreadable)?;
        let (_, authority) = X509Certificate::from_der(issuer).map_err(|_| AnswerFault::Unreadable)?;
        let hash =
            |bytes: &[u8]| OctetString::new(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref()).map_err(unreadable);
        let algorithm = AlgorithmIdentifierOwned { oid: SHA1, parameters: Some(AnyRef::NULL.into()) };
        let about = CertId {
            hash_algorithm: algorithm,
            issuer_name_hash: hash(authority.subject().as_raw())?,
            issuer_key_hash: hash(&authority.public_key().subject_public_key.data)?,
            serial_number: serial_number(leaf.raw_serial()).map_err(unreadable)?,
        };
        let nonce = Nonce(OctetString::new(nonce).map_err(unreadable)?);
        Ok(Question { issuer, about, nonce })
    }

    /// The question as it is sent.
    ///
    /// # Errors
    /// [`AnswerFault::Malformed`] never happens with what [`Question::new`] made.
    pub fn to_der(&self) -> Result<Vec<u8>, AnswerFault> {
        let request = Request { req_cert: self.about.clone(), single_request_extensions: None };
        let nonce =
            Extension { extn_id: NONCE, critical: false, extn_value: OctetString::new(self.nonce.0.to_der()?)? };
        let tbs_request = TbsRequest {
            version: Version::V1,
            requestor_name: None,
            request_list: vec![request],
            request_extensions: Some(vec![nonce]),
        };
        Ok(OcspRequest { tbs_request, optional_signature: None }.to_der()?)
    }

    /// Reads the answer. `lists` are the authority's revocation lists in force: a responder's own certificate may stand
    /// on them.
    ///
    /// # Errors
    /// [`AnswerFault`], the first reason found.
    pub fn read(
        &self,
        answer: &[u8],
        lists: Option<RevocationOptions<'_>>,
        now: Timestamp,
    ) -> Result<Answer, AnswerFault> {
        let response = OcspResponse::from_der(answer)?;
        if response.response_status != OcspResponseStatus::Successful {
            return Err(AnswerFault::Status(response.response_status));
        }
        let bytes = response.response_bytes.ok_or_else(|| AnswerFault::Malformed("it is empty".into()))?;
        if bytes.response_type != BASIC {
            return Err(AnswerFault::Malformed("it is of another type".into()));
        }
        let signed = Signed::read(bytes.response.as_bytes())?;
        let data = ResponseData::from_der(signed.data)?;
        signed.check(&data.responder_id, self.issuer, lists, now)?;
        self.check_extensions(&data)?;
        let single = data.responses.iter().find(|single| single.cert_id == self.about).ok_or(AnswerFault::Other)?;
        if single.single_extensions.iter().flatten().any(|extension| extension.critical) {
            return Err(AnswerFault::Critical);
        }
        let until = in_force_until(single, now).ok_or(AnswerFault::Stale)?;
        let status = match single.cert_status {
            CertStatus::Good(_) => Status::Good,
            CertStatus::Revoked(_) => Status::Revoked,
            CertStatus::Unknown(_) => Status::Unknown,
        };
        Ok(Answer { status, until })
    }

    /// A responder may leave the nonce out (RFC 9654 §2.1), since it may answer everybody with what it signed before; one
    /// that sends another answers somebody else.
    fn check_extensions(&self, data: &ResponseData) -> Result<(), AnswerFault> {
        let ours = self.nonce.0.to_der()?;
        for extension in data.response_extensions.iter().flatten() {
            if extension.extn_id != NONCE && extension.critical {
                return Err(AnswerFault::Critical);
            }
            if extension.extn_id == NONCE && extension.extn_value.as_bytes() != ours {
                return Err(AnswerFault::Nonce);
            }
        }
        Ok(())
    }
}

fn serial_number(raw: &[u8]) -> der::Result<SerialNumber> {
    let length = u8::try_from(raw.len()).ok().filter(|length| *length < 0x80);
    let length = length.ok_or_else(|| der::Error::from(der::ErrorKind::Overlength))?;
    SerialNumber::from_der(&[&[0x02, length], raw].concat())
}

/// Until when what it says is in force; `None` when it is not now.
fn in_force_until(single: &SingleResponse, now: Timestamp) -> Option<Timestamp> {
    let begins = instant(&single.this_update)?;
    let until = match &single.next_update {
        Some(next) => instant(next)?,
        None => begins.plus_seconds(UNDATED_SECONDS),
    };
    (begins <= now.plus_seconds(AHEAD_SECONDS) && now < until).then_some(until)
}

fn instant(time: &OcspGeneralizedTime) -> Option<Timestamp> {
    let seconds = time.0.to_unix_duration().as_secs();
    Some(Timestamp::from_seconds(i64::try_from(seconds).ok()?))
}

/// A BasicOCSPResponse with the octets that were signed.
struct Signed<'a> {
    data: &'a [u8],
    /// What stands in the AlgorithmIdentifier.
    algorithm: &'a [u8],
    signature: &'a [u8],
    certificates: Vec<CertificateDer<'static>>,
}

impl<'a> Signed<'a> {
    fn read(bytes: &'a [u8]) -> Result<Signed<'a>, AnswerFault> {
        let mut reader = SliceReader::new(bytes)?;
        let signed = reader.sequence(|inner| {
            let data = inner.tlv_bytes()?;
            let algorithm = AnyRef::decode(inner)?.value();
            let signature = BitStringRef::decode(inner)?.as_bytes();
            let signature = signature.ok_or_else(|| der::Error::from(der::ErrorKind::Failed))?;
            let sent = ContextSpecific::<Vec<AnyRef<'_>>>::decode_explicit(inner, TagNumber::N0)?;
            let sent = sent.map(|field| field.value).unwrap_or_default();
            let certificates = sent.iter().take(CERTIFICATES_MAX).map(Encode::to_der);
            let certificates: Vec<Vec<u8>> = certificates.collect::<der::Result<_>>()?;
            let certificates = certificates.into_iter().map(CertificateDer::from).collect();
            Ok(Signed { data, algorithm, signature, certificates })
        })?;
        reader.finish(signed).map_err(AnswerFault::from)
    }

    /// Whether the issuer signed it, or a responder whose certificate the issuer itself signed for this purpose
    /// (RFC 6960 §4.2.2.2).
    fn check(
        &self,
        id: &ResponderId,
        issuer: &[u8],
        lists: Option<RevocationOptions<'_>>,
        now: Timestamp,
    ) -> Result<(), AnswerFault> {
        let issuer = CertificateDer::from(issuer);
        if names(id, &issuer) {
            return if self.is_by(&issuer) { Ok(()) } else { Err(AnswerFault::Signer) };
        }
        let named = self.certificates.iter().find(|der| names(id, der)).ok_or(AnswerFault::Signer)?;
        if is_authorized(named, &issuer, lists, now) && self.is_by(named) { Ok(()) } else { Err(AnswerFault::Signer) }
    }

    fn is_by(&self, certificate: &CertificateDer<'_>) -> bool {
        let Ok(certificate) = EndEntityCert::try_from(certificate) else { return false };
        let algorithms = default_provider().signature_verification_algorithms.all;
        let mut fitting = algorithms.iter().filter(|known| known.signature_alg_id().as_ref() == self.algorithm);
        fitting.any(|known| certificate.verify_signature(*known, self.data, self.signature).is_ok())
    }
}

/// Whether this certificate is the one a responder names as its own.
fn names(id: &ResponderId, der: &CertificateDer<'_>) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return false };
    match id {
        ResponderId::ByName(name) => name.to_der().is_ok_and(|name| name == certificate.subject().as_raw()),
        ResponderId::ByKey(hash) => {
            let key = &certificate.public_key().subject_public_key.data;
            hash.as_bytes() == digest(&SHA1_FOR_LEGACY_USE_ONLY, key).as_ref()
        }
    }
}

/// Whether the issuer itself made this certificate for answering, and it is in force. Its revocation is looked up in the
/// issuer's list, whether or not it says that this is needless (id-pkix-ocsp-nocheck): the list is at hand.
fn is_authorized(
    responder: &CertificateDer<'_>,
    issuer: &CertificateDer<'_>,
    lists: Option<RevocationOptions<'_>>,
    now: Timestamp,
) -> bool {
    let (Ok(certificate), Ok(anchor)) = (EndEntityCert::try_from(responder), anchor_from_trusted_cert(issuer)) else {
        return false;
    };
    let at = UnixTime::since_unix_epoch(Duration::from_millis(now.millis()));
    let algorithms = default_provider().signature_verification_algorithms.all;
    let usage = KeyUsage::required(OCSP_SIGNING);
    certificate.verify_for_usage(algorithms, &[anchor], &[], at, usage, lists, None).is_ok()
}
