//! Client authentication by certificate (RFC 8705 §2).

use base64ct::{Base64UrlUnpadded, Encoding as _};
use rcgen::{DnType, ExtendedKeyUsagePurpose, SerialNumber, date_time_ymd};
use renkei_domain::partner::{AuthMethod, SenderConstraint, TlsSubject};
use renkei_oauth::jose::Jwk;
use serde_json::json;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::authority::Authority;
use crate::bank::{Identity, MtlsBank, REVOKED_SERIAL, bare, issue};
use crate::support::{Answer, Draft, Partner};

const INVALID_CLIENT: (u16, &str) = (401, "invalid_client");

/// A push by certificate alone.
pub fn push(partner: &Partner) -> Draft {
    bare(partner.push(), &partner.client_id)
}

pub async fn push_with(bank: &MtlsBank, identity: &Identity) -> Answer {
    push(&bank.at_door(Some(identity))).send().await
}

/// A JWK set with the keys of these certificates.
pub fn jwks(identities: &[&Identity]) -> String {
    let keys = identities.iter().map(|own| {
        let (_, certificate) = X509Certificate::from_der(own.certificate.der()).unwrap();
        Jwk::of_certificate(&certificate).unwrap().to_json()
    });
    json!({ "keys": keys.collect::<Vec<_>>() }).to_string()
}

#[tokio::test]
async fn r_033_a_certificate_with_the_registered_name_of_each_kind_authenticates_and_another_does_not() {
    let subjects = [
        (TlsSubject::SubjectDn("CN=kakeibo,O=Kakeibo\\, Inc.,C=JP".into()), "CN=kakeibo,O=Kakeibo,C=JP"),
        (TlsSubject::SanDns("Partner.kakeibo.example".into()), "kakeibo.example"),
        (TlsSubject::SanUri("https://kakeibo.example/client".into()), "https://kakeibo.example/Client"),
        (TlsSubject::SanIp("192.0.2.7".into()), "192.0.2.8"),
        (TlsSubject::SanIp("2001:DB8:0::7".into()), "::ffff:192.0.2.7"),
        (TlsSubject::SanEmail("api@kakeibo.example".into()), "API@kakeibo.example"),
    ];
    let bank = MtlsBank::with_certificates().await;
    let identity = bank.identity();
    for (subject, other) in subjects {
        bank.register(|product| product.tls_subject = Some(subject.clone())).await;
        assert_eq!(push_with(&bank, &identity).await.status, 201, "{subject:?}");
        let other = match subject {
            TlsSubject::SubjectDn(_) => TlsSubject::SubjectDn(other.into()),
            TlsSubject::SanDns(_) => TlsSubject::SanDns(other.into()),
            TlsSubject::SanUri(_) => TlsSubject::SanUri(other.into()),
            TlsSubject::SanIp(_) => TlsSubject::SanIp(other.into()),
            TlsSubject::SanEmail(_) => TlsSubject::SanEmail(other.into()),
        };
        bank.register(|product| product.tls_subject = Some(other.clone())).await;
        assert_eq!(push_with(&bank, &identity).await.refusal(), INVALID_CLIENT, "{other:?}");
    }
    assert_eq!(bank.bank.recorded("client_refused", "refused", "the certificate has another name").await, 6);
}

#[tokio::test]
async fn r_033_r_057_each_certificate_that_is_not_in_order_has_its_own_reason_and_one_answer() {
    let bank = MtlsBank::with_certificates().await;
    let stranger = Authority::new();
    let refused = [
        ("certificate: wrong_issuer", issue(Some(&stranger), |_| ())),
        ("certificate: wrong_issuer", issue(None, |_| ())),
        ("certificate: expired", bank.identity_with(|params| params.not_after = date_time_ymd(2026, 12, 1))),
        ("certificate: not_yet_valid", bank.identity_with(|params| params.not_before = date_time_ymd(2028, 1, 1))),
        (
            "certificate: wrong_usage",
            bank.identity_with(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        ),
        ("certificate: wrong_usage", bank.identity_with(|params| params.extended_key_usages.clear())),
        (
            "certificate: revoked",
            bank.identity_with(|params| params.serial_number = Some(SerialNumber::from(REVOKED_SERIAL))),
        ),
        ("the certificate has another name", bank.identity_with(|params| params.subject_alt_names.clear())),
    ];
    let without = push(&bank.at_door(None)).send().await;
    let unknown = push(&bank.at_door(Some(&bank.identity()))).with("client_id", "nobody").send().await;
    assert_eq!((without.refusal(), &without.text), (INVALID_CLIENT, &unknown.text));
    for (reason, identity) in refused {
        let before = bank.bank.recorded("client_refused", "refused", reason).await;
        let answer = push_with(&bank, &identity).await;
        assert_eq!((answer.refusal(), &answer.text), (INVALID_CLIENT, &unknown.text), "{reason}");
        assert_eq!(bank.bank.recorded("client_refused", "refused", reason).await, before + 1, "{reason}");
    }
    assert_eq!(bank.bank.recorded("client_refused", "refused", "no client certificate").await, 1);
    assert_eq!(push_with(&bank, &bank.identity()).await.status, 201);
}

#[tokio::test]
async fn r_033_a_revocation_list_out_of_force_lets_nobody_in_and_none_asks_nobody() {
    let bank = MtlsBank::with_certificates().await;
    let list = bank.authority.list(|list| list.next_update = date_time_ymd(2026, 12, 1));
    std::fs::write(bank.folder.path().join("partner-crl.pem"), list).unwrap();
    let ca = Some(bank.folder.path().join("partner-ca.pem"));
    let crl = Some(bank.folder.path().join("partner-crl.pem"));
    let files = renkei_server::certificates::partners::PartnerFiles { ca, crl };
    bank.trust.store(std::sync::Arc::new(files.read().unwrap()));
    assert_eq!(push_with(&bank, &bank.identity()).await.refusal(), INVALID_CLIENT);
    assert_eq!(bank.bank.recorded("client_refused", "refused", "certificate: crl_stale").await, 1);
    let files = renkei_server::certificates::partners::PartnerFiles { crl: None, ..files };
    bank.trust.store(std::sync::Arc::new(files.read().unwrap()));
    assert_eq!(push_with(&bank, &bank.identity()).await.status, 201);
}

#[tokio::test]
async fn r_034_a_self_signed_certificate_is_known_by_its_registered_key_and_by_nothing_else() {
    let bank = MtlsBank::open().await;
    let (first, second, stranger) = (issue(None, |_| ()), issue(None, |_| ()), issue(None, |_| ()));
    bank.register(|product| {
        product.auth_method = AuthMethod::SelfSignedTlsClientAuth;
        product.sender_constraint = SenderConstraint::Mtls;
        product.jwks = jwks(&[&first, &second]);
    })
    .await;
    for own in [&first, &second] {
        assert_eq!(push_with(&bank, own).await.status, 201);
    }
    // The same key in a certificate of other names and dates, and one of the partners' authority for another key.
    let mut params = rcgen::CertificateParams::new(vec!["elsewhere.example".into()]).unwrap();
    params.not_after = date_time_ymd(2020, 1, 1);
    let renewed = Identity { certificate: params.self_signed(&first.key).unwrap(), key: first.key };
    assert_eq!(push_with(&bank, &renewed).await.status, 201);
    for other in [&stranger, &bank.identity()] {
        assert_eq!(push_with(&bank, other).await.refusal(), INVALID_CLIENT);
    }
    assert_eq!(bank.bank.recorded("client_refused", "refused", "the certificate's key is not registered").await, 2);
}

/// A certificate with a key on P-384, and the key as a member of a set.
fn on_p384(authority: Option<&Authority>) -> (Identity, serde_json::Value) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let point = key.public_key_raw();
    let part = |octets: &[u8]| Base64UrlUnpadded::encode_string(octets);
    let jwk = json!({ "kty": "EC", "crv": "P-384", "kid": "p384", "x": part(&point[1..49]), "y": part(&point[49..]) });
    let mut params = rcgen::CertificateParams::new(vec!["partner.kakeibo.example".into()]).unwrap();
    crate::bank::in_force(&mut params);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = match authority {
        Some(authority) => params.signed_by(&key, &authority.issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    (Identity { certificate, key }, jwk)
}

#[tokio::test]
async fn r_033_r_034_a_certificate_s_key_may_be_on_p_384_and_signs_nothing_else() {
    let bank = MtlsBank::with_certificates().await;
    let (named, _) = on_p384(Some(&bank.authority));
    assert_eq!(push_with(&bank, &named).await.status, 201);
    let ((own, jwk), (stranger, _)) = (on_p384(None), on_p384(None));
    let set = json!({ "keys": [jwk] }).to_string();
    bank.register(|product| {
        product.auth_method = AuthMethod::SelfSignedTlsClientAuth;
        product.tls_subject = None;
        product.jwks.clone_from(&set);
    })
    .await;
    assert_eq!(push_with(&bank, &own).await.status, 201);
    assert_eq!(push_with(&bank, &stranger).await.refusal(), INVALID_CLIENT);
    // Of what verifies signatures the set holds nothing.
    assert!(renkei_oauth::jose::KeySet::parse(set.as_bytes()).unwrap().is_empty());
}

#[tokio::test]
async fn r_032_a_client_has_one_method_and_every_other_valid_one_fails_for_it() {
    let bank = MtlsBank::with_certificates().await;
    let identity = bank.identity();
    let at_door = bank.at_door(Some(&identity));
    assert_eq!(bank.kakeibo.push().send().await.refusal(), INVALID_CLIENT, "an assertion of a registered key");
    bank.register(|product| {
        product.auth_method = AuthMethod::SelfSignedTlsClientAuth;
        product.tls_subject = None;
    })
    .await;
    assert_eq!(push(&at_door).send().await.refusal(), INVALID_CLIENT, "a name under a trusted authority");
    bank.register(|product| product.auth_method = AuthMethod::PrivateKeyJwt).await;
    assert_eq!(push(&at_door).send().await.refusal(), INVALID_CLIENT, "a certificate");
    assert_eq!(at_door.push().send().await.status, 201, "an assertion, over whatever connection");
}

#[tokio::test]
async fn r_054_a_041_a_certificate_and_another_method_at_once_are_refused() {
    let bank = MtlsBank::with_certificates().await;
    let chobo = bank.bank.join_product("chobo").await;
    let at_door = bank.at_door(Some(&bank.identity()));
    let basic = push(&at_door).header("authorization", "Basic a2FrZWlibzpzZWNyZXQ=");
    assert_eq!(basic.send().await.refusal(), INVALID_CLIENT);
    assert_eq!(push(&at_door).and("client_secret", "s").send().await.refusal(), INVALID_CLIENT);
    assert_eq!(at_door.push().send().await.refusal(), INVALID_CLIENT, "its own assertion besides");
    let of_another = at_door.push().asserting(&chobo.assertion().sign());
    assert_eq!(of_another.clone().and("client_id", &at_door.client_id).send().await.refusal(), INVALID_CLIENT);
    assert_eq!(
        of_another.send().await.refusal(),
        INVALID_CLIENT,
        "the certificate is kakeibo's, the assertion chobo's"
    );
    let reason = "more than one authentication method";
    assert_eq!(bank.bank.recorded("client_refused", "refused", reason).await, 4);
    let plain = bank.at_door(None).push().asserting(&chobo.assertion().sign());
    assert_eq!(plain.send().await.status, 201, "chobo without a certificate of somebody else");
}

#[tokio::test]
async fn r_137_a_059_a_certificate_appended_to_the_chain_identifies_nobody() {
    let bank = MtlsBank::with_certificates().await;
    let victim = bank.identity();
    let thief = bank.identity_with(|params| {
        params.subject_alt_names.clear();
        params.distinguished_name.push(DnType::CommonName, "thief");
    });
    let chain = vec![thief.certificate.der().to_vec(), victim.certificate.der().to_vec()];
    let posing = bank.at_door_showing(Some((chain, thief.key.serialize_der())));
    assert_eq!(push(&posing).send().await.refusal(), INVALID_CLIENT);
    // The victim's certificate first, without its key, is no handshake at all.
    let chain = vec![victim.certificate.der().to_vec(), thief.certificate.der().to_vec()];
    let posing = bank.at_door_showing(Some((chain, thief.key.serialize_der())));
    let request = push(&posing).request();
    assert!(request.send().await.is_err());
}

#[tokio::test]
async fn r_136_a_058_the_main_listener_takes_no_certificate_by_any_way() {
    let bank = MtlsBank::with_certificates().await;
    let text = bank.identity().certificate.pem().replace('\n', "");
    for name in ["client-cert", "x-ssl-client-cert", "x-forwarded-client-cert"] {
        let answer = push(&bank.kakeibo).header(name, &text).send().await;
        assert_eq!(answer.refusal(), INVALID_CLIENT, "{name}");
        let answer = push(&bank.at_door(None)).header(name, &text).send().await;
        assert_eq!(answer.refusal(), INVALID_CLIENT, "{name}");
    }
}
