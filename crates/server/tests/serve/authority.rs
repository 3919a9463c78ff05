//! An authority for tests: certificates of users and servers, and a revocation list.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
    date_time_ymd,
};
use renkei_domain::time::{Day, Timestamp};
use renkei_server::listener::tls::TlsFiles;

/// The serial number on every list.
pub const REVOKED_SERIAL: u64 = 666;

/// An authority, and what it issues: certificates of 2026 and a list of November.
pub struct Authority {
    /// Its own certificate and key.
    pub issuer: CertifiedIssuer<'static, KeyPair>,
}

/// Noon of the day all tests happen on.
pub fn today() -> Timestamp {
    "2026-11-22".parse::<Day>().unwrap().begins_at().plus_seconds(43_200)
}

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "Aoi certificates");
        Authority { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    /// A user's certificate in DER.
    pub fn user(&self, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        self.user_with_key(change).0
    }

    /// The same with its key.
    pub fn user_with_key(&self, change: impl FnOnce(&mut CertificateParams)) -> (Vec<u8>, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (self.user_of(&key, change), key)
    }

    /// A user's certificate for this key.
    pub fn user_of(&self, key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "user01");
        params.serial_number = Some(SerialNumber::from(7_u64));
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 12, 31);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        params.signed_by(key, &self.issuer).unwrap().der().to_vec()
    }

    /// A server's certificate for localhost and its key, as files in this folder.
    pub fn server(&self, folder: &Path, change: impl FnOnce(&mut CertificateParams)) -> TlsFiles {
        let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 12, 31);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let files = TlsFiles { certificate: folder.join("server.pem"), key: folder.join("server.key") };
        fs::write(&files.certificate, params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600)).unwrap();
        files
    }

    /// A revocation list in PEM.
    pub fn list(&self, change: impl FnOnce(&mut CertificateRevocationListParams)) -> String {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(REVOKED_SERIAL),
            revocation_time: date_time_ymd(2026, 11, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let mut params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 11, 20),
            next_update: date_time_ymd(2026, 12, 20),
            crl_number: SerialNumber::from(3_u64),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        change(&mut params);
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}
