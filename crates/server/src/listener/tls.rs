//! What a listener shows and accepts in a TLS handshake: certificate and key from files, TLS 1.3 before 1.2, and of 1.2
//! only what BCP 195 recommends (ECDHE with AES-GCM or ChaCha20-Poly1305). TLS 1.0 and 1.1 are not built in.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use renkei_domain::time::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use webpki::{EndEntityCert, anchor_from_trusted_cert};
use x509_parser::prelude::{FromDer, X509Certificate};

/// HTTP/2 in the handshake's protocol list (RFC 7301).
pub const ALPN_HTTP2: &[u8] = b"h2";
/// HTTP/1.1 there.
const ALPN_HTTP1: &[u8] = b"http/1.1";
/// Permission bits of anybody but the owner.
const OTHERS: u32 = 0o077;

/// Why a certificate and its key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key are readable but don't do together or for this address.
    #[error("the TLS certificate {}: {reason}", path.display())]
    Certificate {
        /// The certificate's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Where a listener's certificate chain and private key are, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, then its intermediates.
    pub certificate: PathBuf,
    /// Its private key; only its owner may read the file.
    pub key: PathBuf,
}

/// Whether a listener asks browsers for certificates.
#[derive(Debug, Clone)]
pub enum ClientCertificates {
    /// It does not.
    NotAsked,
    /// It asks, naming these authorities, and lets a browser without one in.
    Asked(Vec<DistinguishedName>),
}

impl TlsFiles {
    /// Reads the files and makes the configuration of a listener that answers as `host`.
    ///
    /// # Errors
    /// [`TlsError`]: unreadable files, a key that others may read or that belongs to another certificate, a certificate
    /// that is not for this host or not valid now.
    pub fn load(&self, host: &str, clients: &ClientCertificates, now: Timestamp) -> Result<ServerConfig, TlsError> {
        let chain = read_certificates(&self.certificate)?;
        let key = read_key(&self.key)?;
        self.check(&chain, host, now)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let builder = builder(provider).map_err(|error| self.unfit(error.to_string()))?;
        let builder = match clients {
            ClientCertificates::NotAsked => builder.with_no_client_auth(),
            ClientCertificates::Asked(hints) => {
                builder.with_client_cert_verifier(Arc::new(HolderOfKey { algorithms, hints: hints.clone() }))
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| self.unfit(explain(&error)))?;
        config.alpn_protocols = vec![ALPN_HTTP2.to_vec(), ALPN_HTTP1.to_vec()];
        if matches!(clients, ClientCertificates::Asked(_)) {
            // Every connection proves anew that it holds the key, instead of resuming somebody's earlier proof.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }

    fn check(&self, chain: &[CertificateDer<'_>], host: &str, now: Timestamp) -> Result<(), TlsError> {
        let leaf = chain.first().ok_or_else(|| self.unfit("the file holds no certificate"))?;
        let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| self.unfit("it can't be read"))?;
        let validity = parsed.validity();
        if validity.not_after.timestamp() < now.seconds() {
            return Err(self.unfit(format!("it expired on {}", validity.not_after)));
        }
        if validity.not_before.timestamp() > now.seconds() {
            return Err(self.unfit(format!("it is not valid before {}", validity.not_before)));
        }
        let name = ServerName::try_from(host).map_err(|_| self.unfit(format!("{host} is not a host name")))?;
        EndEntityCert::try_from(leaf)
            .and_then(|certificate| certificate.verify_is_valid_for_subject_name(&name))
            .map_err(|_| self.unfit(format!("it is not for {host}")))
    }

    fn unfit(&self, reason: impl Into<String>) -> TlsError {
        TlsError::Certificate { path: self.certificate.clone(), reason: reason.into() }
    }
}

type Builder = rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier>;

fn builder(provider: Arc<CryptoProvider>) -> Result<Builder, rustls::Error> {
    ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13, &TLS12])
}

fn explain(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => "the key belongs to another certificate".into(),
        other => other.to_string(),
    }
}

/// Certificates of a PEM file, at least one.
///
/// # Errors
/// [`TlsError::File`].
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |reason: String| TlsError::File { path: path.to_owned(), reason };
    let pem = fs::read(path).map_err(|error| failed(error.to_string()))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|error| failed(error.to_string()))?;
    if chain.is_empty() { Err(failed("it holds no certificate in PEM".into())) } else { Ok(chain) }
}

/// The private key of a PEM file that nobody but its owner may read.
///
/// # Errors
/// [`TlsError::File`].
pub fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let failed = |reason: String| TlsError::File { path: path.to_owned(), reason };
    let mode = fs::metadata(path).map_err(|error| failed(error.to_string()))?.permissions().mode();
    if mode & OTHERS != 0 {
        return Err(failed("others than its owner may read this private key; set its mode to 600".into()));
    }
    PrivateKeyDer::from_pem_file(path).map_err(|error| failed(format!("no private key in PEM: {error}")))
}

/// The names of the authorities in these PEM texts, which browsers use to offer fitting certificates. What can't be read
/// names nobody.
#[must_use]
pub fn authority_names<'a>(pems: impl IntoIterator<Item = &'a str>) -> Vec<DistinguishedName> {
    let certificates = pems.into_iter().flat_map(|pem| CertificateDer::pem_slice_iter(pem.as_bytes()).flatten());
    certificates
        .filter_map(|der| anchor_from_trusted_cert(&der).ok().map(|anchor| anchor.subject.as_ref().to_vec()))
        .map(|subject| DistinguishedName::in_sequence(&subject))
        .collect()
}

/// Asks for a certificate without requiring one, and checks that the browser holds its key. The chain is not looked at
/// here: the institution it has to belong to is known only once the request's path is read, and
/// [`crate::certificates::verify_user_certificate`] judges it then. No handler may take a
/// [`crate::certificates::PeerCertificate`] for more than the proof of a key.
#[derive(Debug)]
struct HolderOfKey {
    algorithms: WebPkiSupportedAlgorithms,
    hints: Vec<DistinguishedName>,
}

impl ClientCertVerifier for HolderOfKey {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, leaf, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, leaf, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
