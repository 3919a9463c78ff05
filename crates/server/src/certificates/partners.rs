//! Whose certificates partners may authenticate with (`tls_client_auth`): authorities of their own, which no institution's
//! users have, so that neither kind of certificate can ever stand in for the other.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use renkei_domain::partner::TlsSubject;
use renkei_domain::time::Timestamp;
use renkei_oauth::client_auth::name::{NameFault, RegisteredName};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use webpki::{BorrowedCertRevocationList, anchor_from_trusted_cert};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{CertificateRefusal, PeerCertificate, verify_chain};
use crate::keys::sha256;
use crate::listener::tls::{TlsError, read_certificates};
use crate::sync::Mutex;

/// The authorities of partners' certificates with their revocation lists.
#[derive(Debug, Clone, Default)]
pub struct PartnerTrust {
    authorities: Vec<CertificateDer<'static>>,
    lists: Option<Vec<CertificateRevocationListDer<'static>>>,
    verdicts: Arc<Verdicts>,
}

/// What was verified in the present second. Certificates and lists count in seconds, so it can't be otherwise for the
/// same certificate with the same authorities and lists.
#[derive(Debug, Default)]
struct Verdicts(Mutex<Recent>);

#[derive(Debug, Default)]
struct Recent {
    second: i64,
    verdicts: HashMap<[u8; 32], Verdict>,
}

type Verdict = Result<(), CertificateRefusal>;

/// Verdicts kept of one second; more are made anew.
const RECENT_MAX: usize = 1_024;

/// Where an installation has them, both PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartnerFiles {
    /// The authorities; without it no chain is trusted.
    pub ca: Option<PathBuf>,
    /// Their revocation lists; without it revocation is not asked about.
    pub crl: Option<PathBuf>,
}

impl PartnerFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError::File`]: unreadable, or not what they should be.
    pub fn read(&self) -> Result<PartnerTrust, TlsError> {
        let authorities = self.ca.as_deref().map(read_authorities).transpose()?.unwrap_or_default();
        let lists = self.crl.as_deref().map(read_revocation_lists).transpose()?;
        Ok(PartnerTrust { authorities, lists, verdicts: Arc::default() })
    }
}

fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let authorities = read_certificates(path)?;
    let usable = |der: &CertificateDer<'_>| {
        let is_ca = X509Certificate::from_der(der).is_ok_and(|(_, certificate)| certificate.is_ca());
        is_ca && anchor_from_trusted_cert(der).is_ok()
    };
    if authorities.iter().all(usable) { Ok(authorities) } else { Err(unfit(path, "it must hold authorities alone")) }
}

fn read_revocation_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let pem = fs::read(path).map_err(|error| unfit(path, &error.to_string()))?;
    let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&pem).collect();
    let lists = lists.map_err(|error| unfit(path, &error.to_string()))?;
    let usable = |list: &CertificateRevocationListDer<'_>| BorrowedCertRevocationList::from_der(list.as_ref()).is_ok();
    let good = !lists.is_empty() && lists.iter().all(usable);
    if good { Ok(lists) } else { Err(unfit(path, "it must hold revocation lists in PEM")) }
}

fn unfit(path: &Path, reason: &str) -> TlsError {
    TlsError::File { path: path.to_owned(), reason: reason.to_owned() }
}

impl PartnerTrust {
    /// Whether one of the authorities stands behind the certificate now, for client authentication.
    ///
    /// # Errors
    /// [`CertificateRefusal`], the first reason found.
    pub fn verify(&self, peer: &PeerCertificate, now: Timestamp) -> Result<(), CertificateRefusal> {
        self.verdicts.of(digest_of(peer), now.seconds(), || {
            verify_chain(&peer.leaf, &peer.intermediates, &self.authorities, self.lists.as_deref(), now).map(|_| ())
        })
    }

    /// Whether one of these authorities is also among `users`, by its key, or one is issued by another: then a
    /// certificate of one kind could be taken for the other.
    #[must_use]
    pub fn meets(&self, users: &[CertificateDer<'_>]) -> bool {
        let own: Vec<_> = self.authorities.iter().filter_map(|der| Authority::read(der)).collect();
        let users: Vec<_> = users.iter().filter_map(|der| Authority::read(der)).collect();
        own.iter().any(|own| users.iter().any(|user| own.meets(user)))
    }
}

impl Verdicts {
    /// What was found in this second, or what is found now.
    fn of(&self, key: [u8; 32], second: i64, find: impl FnOnce() -> Verdict) -> Verdict {
        let known = || {
            let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            recent.verdicts.get(&key).copied().filter(|_| recent.second == second)
        };
        if let Some(verdict) = known() {
            return verdict;
        }
        let verdict = find();
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.second != second || recent.verdicts.len() >= RECENT_MAX {
            *recent = Recent { second, verdicts: HashMap::new() };
        }
        recent.verdicts.insert(key, verdict);
        verdict
    }
}

/// Of all certificates that were shown, each with its length.
fn digest_of(peer: &PeerCertificate) -> [u8; 32] {
    let all = std::iter::once(&peer.leaf).chain(&peer.intermediates);
    let bytes = all.flat_map(|der| (der.len() as u64).to_be_bytes().into_iter().chain(der.iter().copied()));
    sha256(&bytes.collect::<Vec<u8>>())
}

/// What of an authority's certificate tells it from others.
struct Authority<'a> {
    key: &'a [u8],
    subject: &'a [u8],
    issuer: &'a [u8],
}

impl<'a> Authority<'a> {
    fn read(der: &'a CertificateDer<'_>) -> Option<Authority<'a>> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let tbs = certificate.tbs_certificate;
        Some(Authority { key: tbs.subject_pki.raw, subject: tbs.subject.as_raw(), issuer: tbs.issuer.as_raw() })
    }

    fn meets(&self, other: &Authority<'_>) -> bool {
        self.key == other.key || self.issuer == other.subject || other.issuer == self.subject
    }
}

/// The name a product is registered under, ready for comparing.
///
/// # Errors
/// [`NameFault`], which registration refuses.
pub fn registered_name(subject: &TlsSubject) -> Result<RegisteredName, NameFault> {
    match subject {
        TlsSubject::SubjectDn(name) => RegisteredName::subject(name),
        TlsSubject::SanDns(name) => RegisteredName::dns(name),
        TlsSubject::SanUri(name) => RegisteredName::uri(name),
        TlsSubject::SanIp(name) => RegisteredName::ip(name),
        TlsSubject::SanEmail(name) => RegisteredName::email(name),
    }
}

#[cfg(test)]
mod tests;
