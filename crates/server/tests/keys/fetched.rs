//! A partner that publishes its keys at an address of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use renkei_oauth::jose::SigningKey;
use renkei_server::partner_keys::{self, ATTEMPT_SECONDS, GRACE_SECONDS, KEPT_SECONDS_MAX, KEPT_SECONDS_MIN};
use renkei_store::Store;
use renkei_testing::{FreshStore, aoi, fresh_postgres, fresh_sqlite, seed};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::key_host::{Answer, Authority, HOST, KeyHost, LONG, Names, OTHER_HOST, URI, jwks, outbound};
use crate::support::{Bank, Partner, new_key};

const NO_KEYS: &str = r#"{"keys":[]}"#;
const INVALID_CLIENT: (u16, &str) = (401, "invalid_client");

/// A bank and the server kakeibo's keys are at.
pub struct Scene {
    pub bank: Bank,
    pub kakeibo: Partner,
    pub host: KeyHost,
    pub other: KeyHost,
    pub authority: Authority,
    pub names: Names,
    pub fresh: FreshStore,
}

impl Scene {
    pub async fn open() -> Scene {
        Scene::over(fresh_sqlite().await).await
    }

    async fn over(fresh: FreshStore) -> Scene {
        let (authority, names) = (Authority::new(), Names::default());
        let host = KeyHost::open(&authority, HOST, Answer::status("404 Not Found")).await;
        names.set(HOST, &[&[host.address]]);
        let other = KeyHost::open(&authority, OTHER_HOST, Answer::status("404 Not Found")).await;
        names.set(OTHER_HOST, &[&[other.address]]);
        let bank = node(&fresh.store, &authority, &names, &[host.address, other.address]).await;
        let kakeibo = bank.join(&aoi()).await;
        host.answers(Answer::keys(&[&kakeibo.key]));
        at_address(&bank, &kakeibo.client_id, URI).await;
        Scene { bank, kakeibo, host, other, authority, names, fresh }
    }

    pub async fn push(&self) -> (u16, String) {
        self.push_by(&self.kakeibo.key).await
    }

    pub async fn push_by(&self, key: &Arc<SigningKey>) -> (u16, String) {
        let kid = key.to_public_jwk().key_id;
        let draft = self.kakeibo.push().signed_by(key).assertion_header(json!({ "kid": kid }));
        let answer = draft.send().await;
        (answer.status, answer.refusal().1.to_owned())
    }

    async fn another_node(&self) -> (Bank, Partner) {
        let bank = node(&self.fresh.store, &self.authority, &self.names, &[self.host.address]).await;
        let kakeibo = Partner { address: bank.address.clone(), ..self.kakeibo.clone() };
        (bank, kakeibo)
    }
}

async fn node(store: &Store, authority: &Authority, names: &Names, allowed: &[SocketAddr]) -> Bank {
    Bank::reaching(store.clone(), |clock| outbound(authority, names, allowed, clock, LONG)).await
}

/// Moves the keys of a product from the registry to the address.
pub async fn at_address(bank: &Bank, client_id: &str, uri: &str) {
    let mut tx = bank.app.store.begin(&aoi()).await.unwrap();
    let update = "UPDATE products SET jwks = ?3, jwks_uri = ?4 WHERE institution = ?1 AND client_id = ?2";
    tx.execute(update, renkei_store::params![client_id, NO_KEYS, uri]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn on_each_engine(test: impl AsyncFn(Scene)) {
    test(Scene::over(fresh_sqlite().await).await).await;
    if let Some(fresh) = fresh_postgres().await {
        test(Scene::over(fresh).await).await;
    }
}

#[tokio::test]
async fn r_036_keys_at_an_address_are_read_once_with_a_request_that_says_nothing_of_us() {
    on_each_engine(async |scene| {
        for _ in 0..3 {
            assert_eq!(scene.push().await.0, 201);
        }
        let heads = scene.host.heads();
        let [head] = heads.as_slice() else { panic!("{heads:?}") };
        let mut lines: Vec<_> = head.trim_end().lines().map(str::to_ascii_lowercase).collect();
        assert_eq!(lines.remove(0), "get /jwks http/1.1");
        lines.sort_unstable();
        let expected = [
            "accept-encoding: identity",
            "accept: application/json, application/jwk-set+json",
            "connection: close",
            "host: keys.kakeibo.example",
            "user-agent: renkei",
        ];
        assert_eq!(lines, expected);
        let records = scene.bank.app.store.read(&aoi()).list_audit(100).await.unwrap();
        assert_eq!(records.iter().filter(|record| record.action == "partner_keys_read").count(), 1);
    })
    .await;
}

#[tokio::test]
async fn r_024_the_server_must_show_a_certificate_for_its_name_from_a_trusted_authority_in_its_time() {
    let scene = Scene::open().await;
    let keys = Answer::keys(&[&scene.kakeibo.key]);
    let other = KeyHost::open(&scene.authority, "keys.other.example", keys.clone()).await;
    let untrusted = KeyHost::open(&Authority::new(), HOST, keys.clone()).await;
    let (authority, host) = (&scene.authority, HOST);
    let expired = KeyHost::with_certificate(authority, host, keys.clone(), |certificate| {
        certificate.not_after = rcgen::date_time_ymd(2027, 1, 14);
    });
    let future = KeyHost::with_certificate(authority, host, keys, |certificate| {
        certificate.not_before = rcgen::date_time_ymd(2027, 1, 17);
    });
    for (what, server) in
        [("other name", other), ("untrusted", untrusted), ("expired", expired.await), ("future", future.await)]
    {
        let fresh = fresh_sqlite().await;
        scene.names.set(HOST, &[&[server.address]]);
        let bank = node(&fresh.store, &scene.authority, &scene.names, &[server.address]).await;
        let kakeibo = bank.join(&aoi()).await;
        at_address(&bank, &kakeibo.client_id, URI).await;
        let signed = Partner { key: scene.kakeibo.key.clone(), ..kakeibo };
        assert_eq!(signed.push().send().await.refusal(), INVALID_CLIENT, "{what}");
        assert_eq!(server.hits(), 0, "{what}: the request was sent");
    }
}

#[tokio::test]
async fn a_new_key_is_known_as_soon_as_it_is_used_and_the_old_one_counts_while_it_is_published() {
    let scene = Scene::open().await;
    let next = new_key();
    assert_eq!(scene.push().await.0, 201);
    scene.host.answers(Answer::keys(&[&scene.kakeibo.key, &next]));
    scene.bank.clock.forward(ATTEMPT_SECONDS);
    assert_eq!(scene.push_by(&next).await.0, 201);
    assert_eq!(scene.push().await.0, 201, "the old key is still published");
    scene.host.answers(Answer::keys(&[&next]));
    scene.bank.clock.forward(KEPT_SECONDS_MIN);
    assert_eq!(scene.push().await, (401, "invalid_client".into()), "the old key was withdrawn");
    assert_eq!(scene.push_by(&next).await.0, 201);
    assert_eq!(scene.host.hits(), 3);
}

#[tokio::test]
async fn r_078_a_new_key_is_known_as_soon_as_a_request_object_is_signed_with_it() {
    let scene = Scene::open().await;
    let next = new_key();
    let signed = json!({ "kid": next.to_public_jwk().key_id });
    let push = || scene.kakeibo.push_object(&scene.kakeibo.request_object().by(&next).header(signed.clone()).sign());
    assert_eq!(push().send().await.refusal().0, 400);
    scene.host.answers(Answer::keys(&[&scene.kakeibo.key, &next]));
    scene.bank.clock.forward(ATTEMPT_SECONDS);
    assert_eq!(push().send().await.status, 201);
    assert_eq!(scene.host.hits(), 2);
}

#[tokio::test]
async fn a_look_at_what_is_known_makes_no_request() {
    let scene = Scene::open().await;
    let product = scene.bank.app.store.read(&aoi()).find_product(&scene.kakeibo.client_id).await.unwrap().unwrap();
    let known = async || partner_keys::known(&scene.bank.app, &aoi(), &product).await.unwrap();
    assert!(known().await.is_empty());
    assert_eq!(scene.host.hits(), 0);
    assert_eq!(scene.push().await.0, 201);
    scene.bank.clock.forward(KEPT_SECONDS_MAX);
    assert!(!known().await.is_empty());
    assert_eq!(scene.host.hits(), 1);
}

#[tokio::test]
async fn a_stranger_who_names_unknown_keys_makes_one_request_a_minute_at_most() {
    let scene = Scene::open().await;
    let stranger = new_key();
    assert_eq!(scene.push().await.0, 201);
    for _ in 0..30 {
        assert_eq!(scene.push_by(&stranger).await.0, 401);
    }
    assert_eq!(scene.host.hits(), 1, "the keys were read a moment ago");
    scene.bank.clock.forward(ATTEMPT_SECONDS);
    for _ in 0..30 {
        let kid = format!("kid-{}", crate::support::partner::jti());
        let draft = scene.kakeibo.push().signed_by(&stranger).assertion_header(json!({ "kid": kid }));
        assert_eq!(draft.send().await.refusal(), INVALID_CLIENT);
    }
    assert_eq!(scene.host.hits(), 2);
    assert_eq!(scene.push().await.0, 201);
}

#[tokio::test]
async fn an_unknown_client_makes_no_request_at_all() {
    let scene = Scene::open().await;
    let unknown = json!({ "iss": "nobody", "sub": "nobody" });
    assert_eq!(scene.kakeibo.push().claims(unknown).send().await.refusal(), INVALID_CLIENT);
    assert_eq!((scene.host.hits(), scene.names.asked()), (0, 0));
}

#[tokio::test]
async fn a_suspended_product_makes_no_request_at_all() {
    let scene = Scene::open().await;
    scene.bank.change("UPDATE products SET state = 'suspended' WHERE institution = ?1").await;
    assert_eq!(scene.push().await.0, 401);
    assert_eq!(scene.host.hits(), 0);
}

#[tokio::test]
async fn how_long_keys_are_kept_is_what_the_server_says_within_limits() {
    for (header, kept) in [
        ("", KEPT_SECONDS_MIN),
        ("Cache-Control: no-store\r\n", KEPT_SECONDS_MIN),
        ("Cache-Control: max-age=1\r\n", KEPT_SECONDS_MIN),
        ("Cache-Control: public, max-age=1200, must-revalidate\r\n", 1_200),
        ("Cache-Control: max-age=1200\r\nCache-Control: MAX-AGE=\"600\"\r\n", 600),
        ("Cache-Control: max-age=99999999999999999999\r\n", KEPT_SECONDS_MIN),
        ("Cache-Control: max-age=9999999999\r\n", KEPT_SECONDS_MAX),
    ] {
        let scene = Scene::open().await;
        scene.host.answers(Answer::keys_with(header, &jwks(&[&scene.kakeibo.key])));
        assert_eq!(scene.push().await.0, 201);
        scene.bank.clock.forward(kept - 1);
        assert_eq!((scene.push().await.0, scene.host.hits()), (201, 1), "{header}");
        scene.bank.clock.forward(1);
        assert_eq!((scene.push().await.0, scene.host.hits()), (201, 2), "{header}");
    }
}

#[tokio::test]
async fn an_outage_of_the_partner_is_survived_for_a_day_and_no_longer() {
    let scene = Scene::open().await;
    assert_eq!(scene.push().await.0, 201);
    scene.host.answers(Answer::status("500 Internal Server Error"));
    scene.bank.clock.forward(KEPT_SECONDS_MIN);
    assert_eq!(scene.push().await.0, 201);
    assert_eq!(scene.push().await.0, 201);
    assert_eq!(scene.host.hits(), 2, "a failure stands for a minute");
    scene.bank.clock.forward(GRACE_SECONDS - 1);
    assert_eq!(scene.push().await.0, 201);
    scene.bank.clock.forward(1);
    assert_eq!(scene.push().await.0, 401);
    scene.host.answers(Answer::keys(&[&scene.kakeibo.key]));
    scene.bank.clock.forward(ATTEMPT_SECONDS);
    assert_eq!(scene.push().await.0, 201);
}

#[tokio::test]
async fn a_restart_and_another_node_go_by_the_keys_that_were_read() {
    on_each_engine(async |scene| {
        assert_eq!(scene.push().await.0, 201);
        scene.host.answers(Answer::status("503 Service Unavailable"));
        let (_restarted, kakeibo) = scene.another_node().await;
        assert_eq!(kakeibo.push().send().await.status, 201);
        assert_eq!(scene.host.hits(), 1);
        // What one node learns, the other knows.
        let next = new_key();
        scene.host.answers(Answer::keys(&[&next]));
        scene.bank.clock.forward(KEPT_SECONDS_MIN);
        assert_eq!(scene.push_by(&next).await.0, 201);
        assert_eq!(kakeibo.push().send().await.status, 401, "the old key was withdrawn");
        assert_eq!(scene.host.hits(), 2);
    })
    .await;
}

#[tokio::test]
async fn requests_at_once_wait_for_one_reading() {
    let scene = Scene::open().await;
    let gate = Arc::new(Semaphore::new(0));
    let keys = Answer::keys(&[&scene.kakeibo.key]);
    scene.host.answers(Answer::After(gate.clone(), Box::new(keys)));
    let pushes: Vec<_> = (0..20).map(|_| tokio::spawn(scene.kakeibo.push().send())).collect();
    scene.host.arrival().await;
    gate.add_permits(20);
    for push in pushes {
        assert_eq!(push.await.unwrap().status, 201);
    }
    assert_eq!(scene.host.hits(), 1);
}

#[tokio::test]
async fn a_slow_partner_delays_neither_others_nor_those_of_its_requests_that_can_do_with_the_old_keys() {
    let scene = Scene::open().await;
    let chobo = scene.bank.join_product("chobo").await;
    assert_eq!(scene.push().await.0, 201);
    let gate = Arc::new(Semaphore::new(0));
    let keys = Answer::keys(&[&scene.kakeibo.key]);
    scene.host.answers(Answer::After(gate.clone(), Box::new(keys)));
    scene.bank.clock.forward(KEPT_SECONDS_MIN);
    let waiting = tokio::spawn(scene.kakeibo.push().send());
    scene.host.arrival().await;
    scene.host.arrival().await;
    assert_eq!(chobo.push().send().await.status, 201);
    assert_eq!(scene.push().await.0, 201);
    assert!(!waiting.is_finished());
    gate.add_permits(1);
    assert_eq!(waiting.await.unwrap().status, 201);
}

#[tokio::test]
async fn a_linkage_that_ends_while_keys_are_read_gives_no_token_any_more() {
    on_each_engine(async |scene| {
        let held = scene.bank.linked(&scene.kakeibo).await;
        let gate = Arc::new(Semaphore::new(0));
        let keys = Answer::keys(&[&scene.kakeibo.key]);
        scene.host.answers(Answer::After(gate.clone(), Box::new(keys)));
        scene.bank.clock.forward(KEPT_SECONDS_MIN);
        let refresh = tokio::spawn(scene.kakeibo.refresh(&held.refresh).send());
        scene.host.arrival().await;
        scene.host.arrival().await;
        scene.bank.change("UPDATE linkages SET ended_at = 1, ended_by = 'customer' WHERE institution = ?1").await;
        scene.bank.clock.forward(1);
        gate.add_permits(1);
        assert_eq!(refresh.await.unwrap().refusal(), (400, "invalid_grant"));
    })
    .await;
}

#[tokio::test]
async fn who_hangs_up_does_not_use_up_the_attempt() {
    let scene = Scene::open().await;
    let gate = Arc::new(Semaphore::new(0));
    let keys = Answer::keys(&[&scene.kakeibo.key]);
    scene.host.answers(Answer::After(gate.clone(), Box::new(keys)));
    let hasty = tokio::spawn(scene.kakeibo.push().send());
    scene.host.arrival().await;
    hasty.abort();
    assert!(hasty.await.unwrap_err().is_cancelled());
    gate.add_permits(1);
    assert_eq!(scene.push().await.0, 201);
    assert_eq!(scene.host.hits(), 1);
}

#[tokio::test]
async fn keys_of_an_earlier_address_are_nobodys() {
    let scene = Scene::open().await;
    assert_eq!(scene.push().await.0, 201);
    scene.bank.change("UPDATE products SET jwks_uri = 'https://new.kakeibo.example/' WHERE institution = ?1").await;
    assert_eq!(scene.push().await.0, 401, "the new address does not resolve");
    scene
        .bank
        .change("UPDATE products SET jwks_uri = 'https://keys.kakeibo.example/jwks' WHERE institution = ?1")
        .await;
    assert_eq!(scene.push().await.0, 201);
    assert_eq!(scene.host.hits(), 2);
}

#[tokio::test]
async fn r_016_keys_under_one_kid_are_told_apart_by_kind_use_algorithm_and_curve() {
    let scene = Scene::open().await;
    let mut own = scene.kakeibo.key.to_public_jwk().to_json();
    let kid = own["kid"].clone();
    let mut set = vec![
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }),
        json!({ "kty": "EC", "crv": "P-384", "kid": kid, "x": "AA", "y": "AA" }),
    ];
    let mut encrypting = new_key().to_public_jwk().to_json();
    encrypting["kid"] = kid.clone();
    encrypting["use"] = "enc".into();
    encrypting.as_object_mut().unwrap().remove("alg");
    let mut second = new_key().to_public_jwk().to_json();
    second["kid"] = kid;
    own["key_ops"] = json!(["verify"]);
    set.extend([encrypting, second, own]);
    scene.host.answers(Answer::keys_with("", &json!({ "keys": set })));
    assert_eq!(scene.push().await.0, 201);
    assert_eq!(scene.push_by(&new_key()).await.0, 401);
}

#[tokio::test]
async fn seeded_products_keep_their_keys_in_the_registry() {
    let scene = Scene::open().await;
    let inline = Partner::new(&scene.bank, &aoi(), "inline");
    seed::product(&scene.bank.app.store, &aoi(), "inline", &inline.jwks()).await;
    scene.bank.change("UPDATE products SET jwks_uri = NULL WHERE institution = ?1 AND client_id = 'inline'").await;
    assert_eq!(inline.push().send().await.status, 201);
    assert_eq!(scene.host.hits(), 0);
}
