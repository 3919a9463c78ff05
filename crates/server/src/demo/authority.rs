//! The demo's certificate authorities: one for its own TLS, one for each institution's users, one for partners.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, RevocationReason,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use renkei_domain::time::Day;
use rustls_pki_types::PrivatePkcs8KeyDer;

use super::files;
use crate::certificates::partners::PartnerFiles;
use crate::commands::CommandError;
use crate::listener::tls::TlsFiles;

/// How long the demo's certificates and lists are in force: as long as anybody keeps a demo's folder.
const YEARS: i32 = 10;
/// Names the demo's own server answers to.
const SERVER_NAMES: [&str; 3] = ["127.0.0.1", "localhost", "::1"];

/// Where a certificate and its key are.
#[derive(Debug, Clone)]
pub struct UserCertificate {
    /// PEM.
    pub certificate: PathBuf,
    /// PEM, PKCS#8.
    pub key: PathBuf,
}

/// A user's certificate to be made.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The login id, which is also the file's name.
    pub login_id: &'a str,
    /// Whether it is on the revocation list.
    pub revoked: bool,
}

/// Makes the authority of the demo's own TLS and a server certificate, unless they are there.
///
/// # Errors
/// When a file can't be written or a certificate not be made.
pub fn server(folder: &Path, today: Day) -> Result<(PathBuf, TlsFiles), CommandError> {
    let ca = folder.join("ca.pem");
    let files = TlsFiles { certificate: folder.join("server.pem"), key: folder.join("server.key") };
    if ca.exists() {
        return Ok((ca, files));
    }
    let authority = Authority::new("Renkei demo", today).map_err(unmade)?;
    let key = KeyPair::generate().map_err(unmade)?;
    let mut params = CertificateParams::new(SERVER_NAMES.map(String::from)).map_err(unmade)?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    authority.date(&mut params);
    let certificate = params.signed_by(&key, &authority.issuer).map_err(unmade)?;
    files::write(&files.certificate, certificate.pem().as_bytes())?;
    files::write(&files.key, key.serialize_pem().as_bytes())?;
    files::write(&ca, authority.issuer.pem().as_bytes())?;
    Ok((ca, files))
}

/// Makes an institution's authority (`user-ca.pem`), its revocation list (`user-crl.pem`) and its users' certificates in
/// this folder, unless they are there.
///
/// # Errors
/// When a file can't be written or a certificate not be made.
pub fn users(folder: &Path, name: &str, wanted: &[Wanted<'_>], today: Day) -> Result<(), CommandError> {
    let ca = folder.join("user-ca.pem");
    if ca.exists() {
        return Ok(());
    }
    let authority = Authority::new(name, today).map_err(unmade)?;
    let mut revoked = Vec::new();
    for (serial, user) in (1_u64..).zip(wanted) {
        let key = KeyPair::generate().map_err(unmade)?;
        let certificate = authority.user(user.login_id, serial, &key).map_err(unmade)?;
        let files = user_files(folder, user.login_id);
        files::write(&files.certificate, certificate.pem().as_bytes())?;
        files::write(&files.key, key.serialize_pem().as_bytes())?;
        if user.revoked {
            revoked.push(SerialNumber::from(serial));
        }
    }
    files::write(&folder.join("user-crl.pem"), authority.list(revoked).map_err(unmade)?.as_bytes())?;
    files::write(&ca, authority.issuer.pem().as_bytes())
}

/// A partner product's certificate to be made.
#[derive(Debug, Clone)]
pub struct PartnerWanted<'a> {
    /// The product, which is also the file's name and the first label of its DNS name.
    pub name: &'a str,
    /// Its key.
    pub pkcs8: Vec<u8>,
    /// Whether it issues its certificate itself.
    pub self_signed: bool,
}

/// Makes the authority of partners, its revocation list and their certificates, unless they are there.
///
/// # Errors
/// When a file can't be written or a certificate not be made.
pub fn partners(folder: &Path, wanted: &[PartnerWanted<'_>], today: Day) -> Result<(), CommandError> {
    let PartnerFiles { ca: Some(ca), crl: Some(crl) } = partner_files(folder) else { return Ok(()) };
    if ca.exists() {
        return Ok(());
    }
    let authority = Authority::new("Renkei demo partners", today).map_err(unmade)?;
    for own in wanted {
        let key = PrivatePkcs8KeyDer::from(own.pkcs8.as_slice());
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256).map_err(unmade)?;
        let certificate = authority.partner(own, &key).map_err(unmade)?;
        let files = product_files(folder, own.name);
        files::write(&files.certificate, certificate.pem().as_bytes())?;
        files::write(&files.key, key.serialize_pem().as_bytes())?;
    }
    files::write(&crl, authority.list(Vec::new()).map_err(unmade)?.as_bytes())?;
    files::write(&ca, authority.issuer.pem().as_bytes())
}

/// Where [`partners`] puts the authority and its list.
#[must_use]
pub fn partner_files(folder: &Path) -> PartnerFiles {
    PartnerFiles { ca: Some(folder.join("partner-ca.pem")), crl: Some(folder.join("partner-crl.pem")) }
}

/// Where [`partners`] puts a product's certificate.
#[must_use]
pub fn product_files(folder: &Path, name: &str) -> UserCertificate {
    let folder = folder.join("partners");
    UserCertificate { certificate: folder.join(format!("{name}.pem")), key: folder.join(format!("{name}.key")) }
}

/// Where [`users`] puts a user's certificate.
#[must_use]
pub fn user_files(folder: &Path, login_id: &str) -> UserCertificate {
    UserCertificate { certificate: folder.join(format!("{login_id}.pem")), key: folder.join(format!("{login_id}.key")) }
}

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    today: Day,
}

impl Authority {
    fn new(name: &str, today: Day) -> Result<Authority, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        date(&mut params, today);
        Ok(Authority { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)?, today })
    }

    fn date(&self, params: &mut CertificateParams) {
        date(params, self.today);
    }

    fn user(&self, login_id: &str, serial: u64, key: &KeyPair) -> Result<rcgen::Certificate, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, login_id);
        params.serial_number = Some(SerialNumber::from(serial));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.date(&mut params);
        params.signed_by(key, &self.issuer)
    }

    fn partner(&self, wanted: &PartnerWanted<'_>, key: &KeyPair) -> Result<rcgen::Certificate, rcgen::Error> {
        let mut params = CertificateParams::new(vec![format!("{}.client.example", wanted.name)])?;
        params.distinguished_name.push(DnType::CommonName, wanted.name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.date(&mut params);
        if wanted.self_signed { params.self_signed(key) } else { params.signed_by(key, &self.issuer) }
    }

    fn list(&self, serials: Vec<SerialNumber>) -> Result<String, rcgen::Error> {
        let [from, until] = in_force(self.today);
        let from = date_time_ymd(from.0, from.1, from.2);
        let revoked = serials.into_iter().map(|serial_number| RevokedCertParams {
            serial_number,
            revocation_time: from,
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: from,
            next_update: date_time_ymd(until.0, until.1, until.2),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer)?.pem()
    }
}

fn date(params: &mut CertificateParams, today: Day) {
    let [from, until] = in_force(today);
    params.not_before = date_time_ymd(from.0, from.1, from.2);
    params.not_after = date_time_ymd(until.0, until.1, until.2);
}

/// From yesterday, so that the beginning is past in every time zone: year, month and day of both ends.
fn in_force(today: Day) -> [(i32, u8, u8); 2] {
    let from = today.plus_days(-1).0;
    let (year, month) = (i32::from(from.year()), from.month().unsigned_abs());
    [(year, month, from.day().unsigned_abs()), (year + YEARS, month, 1)]
}

fn unmade(error: rcgen::Error) -> CommandError {
    CommandError::Unavailable(format!("a demo certificate could not be made: {error}"))
}
