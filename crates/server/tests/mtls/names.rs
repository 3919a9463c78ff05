//! Names in certificates that were made to be misread.

use rcgen::string::BmpString;
use rcgen::{DnType, DnValue};
use renkei_domain::partner::TlsSubject;

use crate::bank::{MtlsBank, bare, raw_alternative_names};

const INVALID_CLIENT: (u16, &str) = (401, "invalid_client");

/// One name of a subject alternative name extension: context tag and octets.
fn general_name(tag: u8, octets: &[u8]) -> Vec<u8> {
    let name = [&[0x80 | tag, octets.len() as u8], octets].concat();
    [&[0x30, name.len() as u8], name.as_slice()].concat()
}

#[tokio::test]
async fn r_139_a_subject_that_only_looks_like_the_registered_one_is_another() {
    let bank = MtlsBank::with_name(TlsSubject::SubjectDn("CN=kakeibo,C=JP".into())).await;
    let subjects: Vec<Vec<(DnType, DnValue)>> = vec![
        vec![(DnType::CommonName, "kakeibo".into()), (DnType::CountryName, "JP".into())],
        vec![(DnType::CountryName, "JP".into()), (DnType::CommonName, "kakeibo\u{0}".into())],
        vec![(DnType::CountryName, "JP".into()), (DnType::CommonName, "kakeibo\u{0}.thief".into())],
        vec![(DnType::CountryName, "JP".into()), (DnType::CommonName, "kakeibo ".into())],
        vec![(DnType::CountryName, "JP".into()), (DnType::CommonName, "Kakeibo".into())],
        vec![(DnType::CountryName, "JP".into()), (DnType::CommonName, "ｋakeibo".into())],
        vec![
            (DnType::CountryName, "JP".into()),
            (DnType::CommonName, DnValue::BmpString(BmpString::try_from("kakeibo").unwrap())),
        ],
        vec![(DnType::CommonName, "kakeibo,C=JP".into())],
        vec![
            (DnType::CountryName, "JP".into()),
            (DnType::CommonName, "kakeibo".into()),
            (DnType::OrganizationalUnitName, "x".into()),
        ],
    ];
    let subject = |parts: Vec<(DnType, DnValue)>| {
        bank.identity_with(|params| {
            params.distinguished_name = rcgen::DistinguishedName::new();
            for (kind, value) in parts {
                params.distinguished_name.push(kind, value);
            }
        })
    };
    for parts in subjects {
        let about = format!("{parts:?}");
        let at_door = bank.at_door(Some(&subject(parts)));
        assert_eq!(bare(at_door.push(), &at_door.client_id).send().await.refusal(), INVALID_CLIENT, "{about}");
    }
    let right = vec![(DnType::CountryName, "JP".into()), (DnType::CommonName, "kakeibo".into())];
    let at_door = bank.at_door(Some(&subject(right)));
    assert_eq!(bare(at_door.push(), &at_door.client_id).send().await.status, 201);
}

#[tokio::test]
async fn r_139_an_alternative_name_that_only_looks_like_the_registered_one_is_another() {
    let bank = MtlsBank::with_name(TlsSubject::SanDns("partner.kakeibo.example".into())).await;
    let names = [
        general_name(2, b"partner.kakeibo.example\0.thief.example"),
        general_name(2, b"partner.kakeibo.example."),
        general_name(2, b"*.kakeibo.example"),
        general_name(2, b" partner.kakeibo.example"),
        general_name(2, b"partner.kakeibo.example\xc0\x80"),
        general_name(1, b"partner.kakeibo.example"),
        general_name(6, b"partner.kakeibo.example"),
        b"not even DER".to_vec(),
        Vec::new(),
    ];
    let shown = |der: Vec<u8>| {
        bank.identity_with(|params| {
            params.subject_alt_names.clear();
            params.custom_extensions = vec![raw_alternative_names(der)];
        })
    };
    for der in names {
        let about = String::from_utf8_lossy(&der).into_owned();
        let at_door = bank.at_door(Some(&shown(der)));
        // Some are refused in the handshake already.
        if let Ok(answer) = bare(at_door.push(), &at_door.client_id).request().send().await {
            assert_eq!(answer.status().as_u16(), 401, "{about:?}");
        }
    }
    let at_door = bank.at_door(Some(&shown(general_name(2, b"partner.kakeibo.example"))));
    assert_eq!(bare(at_door.push(), &at_door.client_id).send().await.status, 201);
}
