//! A proxy in front of the partners' listener, and those who pose as one.

use base64ct::{Base64, Encoding as _};
use renkei_domain::partner::TlsSubject;
use renkei_server::certificates::Fingerprint;
use renkei_server::http::proxy::{Proxies, SourceHeader};

use crate::bank::{Identity, MtlsBank, bare, issue};
use crate::support::Draft;

const INVALID_CLIENT: (u16, &str) = (401, "invalid_client");

fn proxies(peers: &[&str], certificates: &[&Identity]) -> Proxies {
    let pins = certificates.iter().map(|own| Fingerprint::of(own.certificate.der()));
    Proxies {
        peers: peers.iter().map(|peer| peer.parse().unwrap()).collect(),
        certificates: pins.collect(),
        source_header: SourceHeader::XForwardedFor,
    }
}

async fn bank(proxies: Proxies) -> MtlsBank {
    let bank = MtlsBank::behind(proxies).await;
    bank.register_name(TlsSubject::SanDns("partner.kakeibo.example".into())).await;
    bank
}

/// What a proxy says of this certificate.
fn said(identity: &Identity) -> String {
    format!(":{}:", Base64::encode_string(identity.certificate.der()))
}

/// A push over the connection of whoever shows this certificate.
fn push(bank: &MtlsBank, shown: Option<&Identity>) -> Draft {
    let partner = bank.at_door(shown);
    bare(partner.push(), &partner.client_id)
}

#[tokio::test]
async fn r_023_what_a_listed_proxy_says_of_a_certificate_counts_as_if_it_were_shown_here() {
    let bank = bank(proxies(&["127.0.0.1", "::1"], &[])).await;
    let identity = bank.identity();
    assert_eq!(push(&bank, None).header("client-cert", &said(&identity)).send().await.status, 201);
    let stranger = issue(None, |_| ());
    let refused = push(&bank, None).header("client-cert", &said(&stranger)).send().await;
    assert_eq!(refused.refusal(), INVALID_CLIENT, "it is judged like one that is shown");
    // A token is bound to what the proxy says, and read with it and no other.
    let (_, code) = bank.bank.linkage_with_code().await;
    let at_door = bank.at_door(None);
    let redeem = bare(at_door.redeem(&code), &at_door.client_id).header("client-cert", &said(&identity));
    let access = redeem.send().await.text("access_token");
    let read = |said: String| {
        let request = at_door.http.get(format!("{}/1001/api/v1/accounts", bank.door));
        request.header("authorization", format!("Bearer {access}")).header("client-cert", said).send()
    };
    assert_eq!(read(said(&identity)).await.unwrap().status().as_u16(), 200);
    assert_eq!(read(said(&stranger)).await.unwrap().status().as_u16(), 401);
}

#[tokio::test]
async fn r_023_the_proxys_own_certificate_is_nobodys_and_what_it_garbles_is_refused() {
    let bank = bank(proxies(&["127.0.0.1", "::1"], &[])).await;
    let identity = bank.identity();
    // What the proxy itself shows is not the partner's, even if it were a partner's name.
    assert_eq!(push(&bank, Some(&identity)).send().await.refusal(), INVALID_CLIENT);
    for (name, value) in [
        ("client-cert", identity.certificate.pem().replace('\n', "")),
        ("client-cert", said(&identity).replace(':', "")),
        ("client-cert-chain", said(&identity)),
        ("x-forwarded-for", "somebody".to_owned()),
    ] {
        assert_eq!(push(&bank, None).header(name, &value).send().await.status, 400, "{name}");
    }
}

#[tokio::test]
async fn a_058_r_023_a_certificate_in_a_header_from_anybody_else_is_none_and_is_recorded() {
    let proxy = issue(None, |_| ());
    // Loopback is not listed, and the listed network is not where these come from.
    let bank = bank(proxies(&["192.0.2.0/24"], &[&proxy])).await;
    let identity = bank.identity();
    for shown in [None, Some(&proxy)] {
        for name in ["client-cert", "x-ssl-client-cert", "x-forwarded-client-cert"] {
            let answer = push(&bank, shown).header(name, &said(&identity)).send().await;
            assert_eq!(answer.refusal(), INVALID_CLIENT, "{name}");
        }
    }
    for name in ["client-cert", "x-ssl-client-cert", "x-forwarded-client-cert"] {
        assert_eq!(bank.bank.recorded("forwarding_ignored", "refused", name).await, 2, "{name}");
    }
    // The certificate of the connection still counts, whatever a header says besides.
    let posing = push(&bank, Some(&identity)).header("client-cert", &said(&proxy)).send().await;
    assert_eq!(posing.status, 201);
}
