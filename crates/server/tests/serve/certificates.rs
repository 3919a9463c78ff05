//! Whose certificates open the door, and under which word each other one is refused.

use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SerialNumber, date_time_ymd};
use renkei_server::certificates::{CertificateRefusal, Fingerprint, verify_user_certificate};

use crate::authority::{Authority, REVOKED_SERIAL, today};

impl Authority {
    fn verify(&self, leaf: &[u8]) -> Result<Fingerprint, CertificateRefusal> {
        verify_user_certificate(leaf, &[], &self.issuer.pem(), Some(&self.list(|_| ())), today())
    }
}

#[test]
fn a_certificate_of_the_institution_names_its_holder_by_fingerprint() {
    let authority = Authority::new();
    let leaf = authority.user(|_| ());
    let fingerprint = authority.verify(&leaf).unwrap();
    assert_eq!(fingerprint, Fingerprint::of(&leaf));
    assert_eq!(fingerprint.as_str().len(), 64);
}

#[test]
fn r_138_a_revoked_certificate_is_refused() {
    let authority = Authority::new();
    let leaf = authority.user(|params| params.serial_number = Some(SerialNumber::from(REVOKED_SERIAL)));
    assert_eq!(authority.verify(&leaf), Err(CertificateRefusal::Revoked));
}

#[test]
fn r_138_an_expired_certificate_is_refused() {
    let authority = Authority::new();
    let leaf = authority.user(|params| params.not_after = date_time_ymd(2026, 11, 21));
    assert_eq!(authority.verify(&leaf), Err(CertificateRefusal::Expired));
}

#[test]
fn r_138_a_certificate_of_tomorrow_is_refused() {
    let authority = Authority::new();
    let leaf = authority.user(|params| params.not_before = date_time_ymd(2026, 11, 23));
    assert_eq!(authority.verify(&leaf), Err(CertificateRefusal::NotYetValid));
}

#[test]
fn r_138_a_certificate_of_another_authority_is_refused_even_under_the_same_name() {
    let authority = Authority::new();
    let namesake = Authority::new();
    assert_eq!(authority.verify(&namesake.user(|_| ())), Err(CertificateRefusal::WrongIssuer));
}

#[test]
fn r_138_a_certificate_for_other_uses_or_for_none_named_is_refused() {
    let authority = Authority::new();
    let server = authority.user(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    let unsaid = authority.user(|params| params.extended_key_usages = vec![]);
    let any = authority.user(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any]);
    let sealing = authority.user(|params| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment]);
    for leaf in [server, unsaid, any, sealing] {
        assert_eq!(authority.verify(&leaf), Err(CertificateRefusal::WrongUsage));
    }
}

#[test]
fn r_138_an_authority_is_not_a_user() {
    let authority = Authority::new();
    let leaf = authority.user(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert_eq!(authority.verify(&leaf), Err(CertificateRefusal::WrongUsage));
}

#[test]
fn r_138_without_a_list_in_force_nobody_gets_in() {
    let authority = Authority::new();
    let leaf = authority.user(|_| ());
    let old = authority.list(|params| params.next_update = date_time_ymd(2026, 11, 21));
    let forged = Authority::new().list(|_| ());
    let broken = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----";
    for list in [None, Some(""), Some(broken), Some(&old), Some(&forged)] {
        let verdict = verify_user_certificate(&leaf, &[], &authority.issuer.pem(), list, today());
        assert_eq!(verdict, Err(CertificateRefusal::CrlStale), "{list:?}");
    }
}

#[test]
fn r_139_what_is_not_a_certificate_is_refused() {
    let authority = Authority::new();
    let mut cut = authority.user(|_| ());
    cut.truncate(cut.len() - 1);
    for bytes in [&b""[..], b"user01", &cut] {
        assert_eq!(authority.verify(bytes), Err(CertificateRefusal::Malformed));
    }
}

#[test]
fn r_137_and_a_059_a_valid_certificate_beside_a_strangers_leaf_opens_nothing() {
    let authority = Authority::new();
    let victim = authority.user(|_| ());
    let stranger = Authority::new().user(|_| ());
    let list = authority.list(|_| ());
    let verdict = verify_user_certificate(&stranger, &[victim], &authority.issuer.pem(), Some(&list), today());
    assert_eq!(verdict, Err(CertificateRefusal::WrongIssuer));
}

#[test]
fn a_062_a_certificate_revoked_after_login_is_refused_at_the_next_look() {
    let authority = Authority::new();
    let leaf = authority.user(|params| params.serial_number = Some(SerialNumber::from(REVOKED_SERIAL)));
    let before = authority.list(|params| params.revoked_certs.clear());
    let look = |list: &str| verify_user_certificate(&leaf, &[], &authority.issuer.pem(), Some(list), today());
    assert!(look(&before).is_ok());
    assert_eq!(look(&authority.list(|_| ())), Err(CertificateRefusal::Revoked));
}
