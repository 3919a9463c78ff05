//! Attempts to make the bank contact what it must not.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use base64ct::{Base64, Encoding as _};
use renkei_oauth::jose::MAX_KEY_SET_BYTES;
use renkei_server::outbound::{Document, HttpsUrl, Outbound, OutboundFault, Wanted};
use renkei_server::partner_keys::FetchFault;
use renkei_server::system::SystemClock;
use serde_json::json;

use crate::fetched::Scene;
use crate::key_host::{Answer, Authority, Canary, HOST, KeyHost, LONG, Names, URI, outbound};
use crate::support::new_key;

/// A way out that may reach these addresses on loopback and no others.
fn way(authority: &Authority, names: &Names, allowed: &[SocketAddr]) -> Outbound {
    outbound(authority, names, allowed, Arc::new(SystemClock), LONG)
}

async fn get(outbound: &Outbound, uri: &str) -> Result<Document, OutboundFault> {
    let url: HttpsUrl = uri.parse().unwrap();
    outbound.get(&url, Wanted { media_types: &["application/json"], bytes_max: MAX_KEY_SET_BYTES }).await
}

#[tokio::test]
async fn a_043_r_036_a_name_that_leads_to_a_special_address_is_not_contacted() {
    let (authority, names) = (Authority::new(), Names::default());
    let (v4, v6) = (Canary::at("127.0.0.1:0"), Canary::at("[::1]:0"));
    let way = way(&authority, &names, &[]);
    for (address, canary) in [
        ("127.0.0.1", &v4),
        ("127.0.0.2", &v4),
        ("0.0.0.0", &v4),
        ("::ffff:127.0.0.1", &v4),
        ("::ffff:0.0.0.0", &v4),
        ("::1", &v6),
        ("::", &v6),
        ("10.0.0.1", &v4),
        ("172.16.0.1", &v4),
        ("192.168.1.1", &v4),
        ("169.254.169.254", &v4),
        ("100.64.0.1", &v4),
        ("198.18.0.1", &v4),
        ("224.0.0.1", &v4),
        ("255.255.255.255", &v4),
        ("64:ff9b::7f00:1", &v6),
        ("2002:7f00:1::", &v6),
        ("fe80::1", &v6),
        ("fd00::1", &v6),
        ("ff02::1", &v6),
        ("2001:db8::1", &v6),
    ] {
        let address = SocketAddr::new(address.parse::<IpAddr>().unwrap(), canary.port());
        names.set(HOST, &[&[address]]);
        let fault = get(&way, URI).await.unwrap_err();
        assert!(matches!(fault, OutboundFault::Special { address: named, .. } if named == address), "{fault}");
    }
    assert!(!v4.sang() && !v6.sang());
}

#[tokio::test]
async fn a_043_the_canary_would_have_sung() {
    let (authority, names) = (Authority::new(), Names::default());
    let canary = Canary::at("127.0.0.1:0");
    let address = SocketAddr::new("127.0.0.1".parse().unwrap(), canary.port());
    names.set(HOST, &[&[address]]);
    let allowed = way(&authority, &names, &[address]);
    let url: HttpsUrl = URI.parse().unwrap();
    let wanted = Wanted { media_types: &["application/json"], bytes_max: 1 };
    let mut sang = false;
    tokio::select! {
        _ = allowed.get(&url, wanted) => {}
        () = async { while !canary.sang() { tokio::task::yield_now().await } } => sang = true,
    }
    assert!(sang);
}

#[tokio::test]
async fn a_043_one_special_address_among_good_ones_condemns_the_name() {
    let (authority, names) = (Authority::new(), Names::default());
    let host = KeyHost::open(&authority, HOST, Answer::keys(&[&new_key()])).await;
    let canary = Canary::at("127.0.0.1:0");
    let special = SocketAddr::new("127.0.0.1".parse().unwrap(), canary.port());
    let way = way(&authority, &names, &[host.address]);
    for addresses in [[host.address, special], [special, host.address]] {
        names.set(HOST, &[&addresses]);
        assert!(matches!(get(&way, URI).await, Err(OutboundFault::Special { .. })));
    }
    assert!(!canary.sang());
    assert_eq!(host.hits(), 0);
}

#[tokio::test]
async fn a_043_r_036_a_name_that_changes_between_check_and_connection_gains_nothing() {
    let (authority, names) = (Authority::new(), Names::default());
    let host = KeyHost::open(&authority, HOST, Answer::keys(&[&new_key()])).await;
    let canary = Canary::at("127.0.0.1:0");
    let special = SocketAddr::new("127.0.0.1".parse().unwrap(), canary.port());
    names.set(HOST, &[&[host.address], &[special]]);
    let way = way(&authority, &names, &[host.address]);
    get(&way, URI).await.unwrap();
    assert_eq!((names.asked(), host.hits()), (1, 1), "the name was asked for again");
    assert!(matches!(get(&way, URI).await, Err(OutboundFault::Special { .. })));
    assert_eq!((names.asked(), host.hits()), (2, 1));
    assert!(!canary.sang());
}

#[tokio::test]
async fn a_043_r_036_no_redirect_is_followed() {
    let (authority, names) = (Authority::new(), Names::default());
    let canary = Canary::at("127.0.0.1:0");
    let host = KeyHost::open(&authority, HOST, Answer::status("200 OK")).await;
    names.set(HOST, &[&[host.address]]);
    let way = way(&authority, &names, &[host.address]);
    for status in ["301", "302", "303", "307", "308", "300", "304"] {
        for location in [format!("https://127.0.0.1:{}/", canary.port()), "file:///etc/passwd".into(), URI.into()] {
            host.answers(Answer::status(&format!("{status} Moved\r\nLocation: {location}")));
            let fault = get(&way, URI).await.unwrap_err();
            assert_eq!(fault, OutboundFault::Redirect(status.parse().unwrap()));
        }
    }
    assert_eq!(host.hits(), 21);
    assert!(!canary.sang());
}

#[tokio::test]
async fn r_036_only_the_port_of_https_is_contacted_unless_another_is_configured() {
    let names = Names::default();
    let way = way(&Authority::new(), &names, &[]);
    for port in [22, 25, 80, 5_432, 6_379, 8_443] {
        let fault = get(&way, &format!("https://{HOST}:{port}/")).await.unwrap_err();
        assert_eq!(fault, OutboundFault::Port(port));
    }
    assert_eq!(names.asked(), 0);
}

#[tokio::test]
async fn a_name_without_address_or_with_too_many_is_told() {
    let names = Names::default();
    let way = way(&Authority::new(), &names, &[]);
    assert!(matches!(get(&way, URI).await, Err(OutboundFault::Name { .. })));
    names.set(HOST, &[&[]]);
    assert!(matches!(get(&way, URI).await, Err(OutboundFault::Name { .. })));
    let many: Vec<SocketAddr> = (1..=17).map(|last| SocketAddr::from(([8, 8, 8, last], 443))).collect();
    names.set(HOST, &[&many]);
    assert!(matches!(get(&way, URI).await, Err(OutboundFault::Name { .. })));
}

#[tokio::test]
async fn a_043_an_address_that_slipped_into_the_registry_is_refused_when_it_is_used() {
    let canary = Canary::at("127.0.0.1:0");
    let port = canary.port();
    for uri in [
        format!("https://127.0.0.1:{port}/"),
        format!("https://0x7f000001:{port}/"),
        format!("https://user@127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}/"),
        "file:///etc/passwd".into(),
        "gopher://127.0.0.1/".into(),
    ] {
        let fault = renkei_server::partner_keys::fetch(&Outbound::default(), &uri).await.unwrap_err();
        assert!(matches!(fault, FetchFault::Url(_)), "{uri}: {fault}");
    }
    assert!(!canary.sang());
}

#[tokio::test]
async fn a_028_a_029_addresses_and_keys_in_headers_are_never_looked_at() {
    let scene = Scene::open().await;
    let canary = Canary::at("127.0.0.1:0");
    assert_eq!(scene.push().await.0, 201);
    let attacker = new_key();
    let own = format!("https://127.0.0.1:{}/jwks", canary.port());
    let certificate = Base64::encode_string(&scene.authority.certificate());
    for header in [
        json!({ "jku": own }),
        json!({ "x5u": own }),
        json!({ "jku": own, "x5u": own, "kid": null }),
        json!({ "jku": URI }),
        json!({ "x5c": [certificate] }),
        json!({ "jwk": attacker.to_public_jwk().to_json() }),
        json!({ "jwk": attacker.to_public_jwk().to_json(), "kid": null }),
        json!({ "kid": own }),
        json!({ "kid": "' OR 1=1 --" }),
        json!({ "kid": "../../keys/master.key" }),
        json!({ "kid": "\u{0}" }),
        json!({ "kid": "k".repeat(129) }),
        json!({ "kid": "🔑" }),
        json!({ "kid": ["a"] }),
        json!({ "kid": 1 }),
    ] {
        for draft in [scene.kakeibo.push(), scene.kakeibo.redeem("code"), scene.kakeibo.revoke("token")] {
            let answer = draft.signed_by(&attacker).assertion_header(header.clone()).send().await;
            assert_eq!(answer.refusal(), (401, "invalid_client"), "{header}");
        }
    }
    assert!(!canary.sang());
    assert_eq!(scene.host.hits(), 1, "nothing but the registered address was contacted, and that not again");
}
