//! A bank whose partners may connect with certificates, and what they connect with.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rcgen::{
    Certificate, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType, date_time_ymd,
};
use renkei_domain::partner::{AuthMethod, SenderConstraint, TlsSubject};
use renkei_server::certificates::partners::{PartnerFiles, PartnerTrust};
use renkei_server::http::connection::PartnerDoor;
use renkei_server::http::partner_router;
use renkei_server::http::proxy::{Proxies, behind};
use renkei_server::listener::tls::ClientCertificates;
use renkei_server::listener::{self, Limits, Transport};
use renkei_store::partners::Product;
use renkei_testing::aoi;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::authority::Authority;
use crate::support::{Answer, Bank, Draft, Partner};

/// The address partners know the listener for certificates by.
pub const PARTNER_ORIGIN: &str = "https://partners.example";
pub const REVOKED_SERIAL: u64 = crate::authority::REVOKED_SERIAL;

/// A bank with the partner kakeibo at 1001, and the listener for certificates.
pub struct MtlsBank {
    pub bank: Bank,
    pub kakeibo: Partner,
    /// Whose certificates `tls_client_auth` goes by.
    pub authority: Authority,
    /// Where the listener for certificates really is.
    pub door: String,
    pub trust: Arc<ArcSwap<PartnerTrust>>,
    pub folder: tempfile::TempDir,
    _stop: watch::Sender<bool>,
}

/// A certificate with its key.
pub struct Identity {
    pub certificate: Certificate,
    pub key: KeyPair,
}

impl MtlsBank {
    pub async fn open() -> MtlsBank {
        MtlsBank::over(Bank::open_with(Some(PARTNER_ORIGIN)).await).await
    }

    /// With these proxies in front of the listener for certificates.
    pub async fn behind(proxies: Proxies) -> MtlsBank {
        MtlsBank::with(Bank::open_with(Some(PARTNER_ORIGIN)).await, proxies).await
    }

    /// With this bank behind it.
    pub async fn over(bank: Bank) -> MtlsBank {
        MtlsBank::with(bank, Proxies::default()).await
    }

    async fn with(bank: Bank, proxies: Proxies) -> MtlsBank {
        let kakeibo = bank.join(&aoi()).await;
        let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
        let trust = Arc::new(ArcSwap::from_pointee(trust(&authority, &folder)));
        let (stop, stopped) = watch::channel(false);
        let files = Authority::new().server(folder.path(), in_force);
        let config = files.load("localhost", &ClientCertificates::Asked(vec![]), bank.now()).unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = format!("https://localhost:{}", socket.local_addr().unwrap().port());
        let extension = PartnerDoor { origin: PARTNER_ORIGIN.into(), trust: Arc::clone(&trust) };
        let router = partner_router(Arc::clone(&bank.app), extension);
        let router = behind(router, Arc::clone(&bank.app), Arc::new(proxies));
        let transport = Transport::Tls(Arc::new(ArcSwap::from_pointee(config)));
        tokio::spawn(listener::serve(socket, transport, router, Limits::STANDARD, stopped));
        MtlsBank { bank, kakeibo, authority, door, trust, folder, _stop: stop }
    }

    /// With kakeibo registered for `tls_client_auth` by this name, its tokens bound to certificates.
    pub async fn with_name(subject: TlsSubject) -> MtlsBank {
        let bank = MtlsBank::open().await;
        bank.register_name(subject).await;
        bank
    }

    /// Registers kakeibo for `tls_client_auth` by this name, its tokens bound to certificates.
    pub async fn register_name(&self, subject: TlsSubject) {
        let change = |product: &mut Product| {
            product.auth_method = AuthMethod::TlsClientAuth;
            product.sender_constraint = SenderConstraint::Mtls;
            product.tls_subject = Some(subject);
        };
        self.register(change).await;
    }

    /// With kakeibo registered by the DNS name of [`MtlsBank::identity`].
    pub async fn with_certificates() -> MtlsBank {
        MtlsBank::with_name(TlsSubject::SanDns("partner.kakeibo.example".into())).await
    }

    /// Changes kakeibo's registration.
    pub async fn register(&self, change: impl FnOnce(&mut Product)) {
        let mut product =
            self.bank.app.store.read(&aoi()).find_product(&self.kakeibo.client_id).await.unwrap().unwrap();
        change(&mut product);
        let mut tx = self.bank.app.store.begin(&aoi()).await.unwrap();
        tx.save_product(&product).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// A certificate of the partners' authority that is kakeibo's by every one of its names.
    pub fn identity(&self) -> Identity {
        self.identity_with(|_| ())
    }

    pub fn identity_with(&self, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        issue(Some(&self.authority), change)
    }

    /// Kakeibo as it connects to the listener for certificates, showing this one.
    pub fn at_door(&self, identity: Option<&Identity>) -> Partner {
        let chain = identity.map(|own| (vec![own.certificate.der().to_vec()], own.key.serialize_der()));
        self.at_door_showing(chain)
    }

    pub fn at_door_showing(&self, chain: Option<(Vec<Vec<u8>>, Vec<u8>)>) -> Partner {
        Partner { address: self.door.clone(), http: http_client(chain), ..self.kakeibo.clone() }
    }

    /// A read of the account list with this token over the connection of `partner`.
    pub async fn read(&self, partner: &Partner, authorization: &str) -> Answer {
        let url = format!("{}/1001/api/v1/accounts", partner.address);
        Answer::to(partner.http.get(url).header("authorization", authorization)).await
    }
}

/// What a client registered for certificates sends: its `client_id`, and neither assertion nor proof.
pub fn bare(draft: Draft, client_id: &str) -> Draft {
    draft.without_assertion().without_proof().with("client_id", client_id)
}

/// Names and dates of kakeibo's certificate.
fn kakeibo(params: &mut CertificateParams) {
    in_force(params);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "JP");
    params.distinguished_name.push(DnType::OrganizationName, "Kakeibo, Inc.");
    params.distinguished_name.push(DnType::CommonName, "kakeibo");
    params.subject_alt_names = vec![
        SanType::DnsName("partner.kakeibo.example".try_into().unwrap()),
        SanType::URI("https://kakeibo.example/client".try_into().unwrap()),
        SanType::IpAddress("192.0.2.7".parse().unwrap()),
        SanType::IpAddress("2001:db8::7".parse().unwrap()),
        SanType::Rfc822Name("api@kakeibo.example".try_into().unwrap()),
    ];
}

/// In force whenever these tests happen.
pub fn in_force(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2028, 12, 31);
}

/// A certificate of this authority, or one that is self-signed.
pub fn issue(authority: Option<&Authority>, change: impl FnOnce(&mut CertificateParams)) -> Identity {
    let mut params = CertificateParams::new(vec![]).unwrap();
    kakeibo(&mut params);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = match authority {
        Some(authority) => params.signed_by(&key, &authority.issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    Identity { certificate, key }
}

/// A subject alternative name extension of these octets.
pub fn raw_alternative_names(der: Vec<u8>) -> CustomExtension {
    CustomExtension::from_oid_content(&[2, 5, 29, 17], der)
}

/// The authority and its revocation list as files, read as the program reads them.
pub fn trust(authority: &Authority, folder: &tempfile::TempDir) -> PartnerTrust {
    let files = PartnerFiles {
        ca: Some(folder.path().join("partner-ca.pem")),
        crl: Some(folder.path().join("partner-crl.pem")),
    };
    std::fs::write(files.ca.as_ref().unwrap(), authority.issuer.pem()).unwrap();
    let list = authority.list(|list| list.next_update = date_time_ymd(2028, 1, 1));
    std::fs::write(files.crl.as_ref().unwrap(), list).unwrap();
    files.read().unwrap()
}

/// A client that shows this chain, the leaf first, and holds this key. It takes any server for the right one: the tests
/// are about the other direction.
pub fn http_client(chain: Option<(Vec<Vec<u8>>, Vec<u8>)>) -> reqwest::Client {
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    builder.tls_backend_preconfigured(tls(chain)).build().unwrap()
}

pub fn tls(chain: Option<(Vec<Vec<u8>>, Vec<u8>)>) -> ClientConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody));
    let mut config = builder.with_no_client_auth();
    if let Some((chain, key)) = chain {
        // Not by way of the builder, which would look whether certificate and key are in order.
        let key = aws_lc_rs::sign::any_supported_type(&PrivateKeyDer::try_from(key).unwrap()).unwrap();
        let shown = CertifiedKey::new(chain.into_iter().map(CertificateDer::from).collect(), key);
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(shown));
    }
    config
}

#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            leaf,
            signature,
            &aws_lc_rs::default_provider().signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            leaf,
            signature,
            &aws_lc_rs::default_provider().signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
