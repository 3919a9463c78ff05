//! Whether a user's certificate is good at this moment, by everything the institution has registered to tell.
//!
//! A certificate is revoked when the revocation list or the OCSP responder says so. The list is always asked and must be
//! in force, whatever the responder says: it also speaks of the certificates in between. When the responder says nothing
//! that counts, the list alone decides if it is fresh; the authority signed that too, and customers should not be shut
//! out by an outage of one server. With an older list nobody gets in, since whoever can keep the responder from
//! answering could then use a certificate for as long as the list's authority takes to write the next one.

use renkei_domain::time::Timestamp;
use renkei_store::StoreError;
use renkei_store::institutions::Institution;
use rustls_pki_types::CertificateRevocationListDer;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use super::ocsp::Status;
use super::{CertificateRefusal, Fingerprint, PeerCertificate, authorities, responder, revocation_lists, verify_chain};
use crate::app::App;

/// How old a revocation list may be to do without the responder, in seconds.
pub const FRESH_LIST_SECONDS: i64 = 86_400;

/// Which certificate, and whose it has to be.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The institution that is logged in to.
    pub institution: &'a Institution,
    /// Its authority's certificates, PEM.
    pub authority: &'a str,
    /// What the browser showed.
    pub peer: &'a PeerCertificate,
}

/// Whether the certificate is good, and which it is; if not, the first reason found.
///
/// # Errors
/// [`StoreError`] when the revocation list can't be read.
pub async fn check(
    app: &App,
    asked: &Asked<'_>,
    now: Timestamp,
) -> Result<Result<Fingerprint, CertificateRefusal>, StoreError> {
    let list = app.store.read(&asked.institution.code).find_user_crl().await?;
    Ok(check_with(app, asked, list.as_deref(), now).await)
}

async fn check_with(
    app: &App,
    asked: &Asked<'_>,
    list: Option<&str>,
    now: Timestamp,
) -> Result<Fingerprint, CertificateRefusal> {
    let Asked { institution, authority, peer } = asked;
    let lists = revocation_lists(list)?;
    let verified = verify_chain(&peer.leaf, &peer.intermediates, &authorities(authority)?, Some(&lists), now)?;
    if let Some(url) = institution.user_ocsp.as_deref() {
        let question = responder::Asked { url, leaf: &peer.leaf, issuer: &verified.issuer, lists: &lists };
        match responder::status(app, question, now).await {
            Some(Status::Good) => {}
            Some(Status::Revoked) => return Err(CertificateRefusal::Revoked),
            Some(Status::Unknown) => return Err(CertificateRefusal::OcspUnknown),
            None if has_fresh_list(&lists, &verified.issuer, now) => {}
            None => return Err(CertificateRefusal::OcspUnavailable),
        }
    }
    Ok(Fingerprint::of(&peer.leaf))
}

/// Whether a list of this issuer was written a short time ago.
fn has_fresh_list(lists: &[CertificateRevocationListDer<'static>], issuer: &[u8], now: Timestamp) -> bool {
    let Ok((_, issuer)) = X509Certificate::from_der(issuer) else { return false };
    let oldest = now.plus_seconds(-FRESH_LIST_SECONDS).seconds();
    lists.iter().filter_map(|der| CertificateRevocationList::from_der(der).ok()).any(|(_, list)| {
        list.issuer().as_raw() == issuer.subject().as_raw() && list.last_update().timestamp() >= oldest
    })
}
