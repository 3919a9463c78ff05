//! Rotating the institution's keys while it signs and partners keep the key set as long as they may.

use renkei_domain::time::Timestamp;
use renkei_oauth::jose::{Jws, KeySet};
use renkei_server::signing::rotation::{LEAD_SECONDS, Rotation, RotationError, TRAIL_SECONDS};
use renkei_server::signing::{self, SIGNED_SECONDS_MAX};
use renkei_store::Store;
use renkei_testing::{FreshStore, SystemRandom, aoi, fresh_postgres, fresh_sqlite, midori, seed};
use serde_json::json;

use crate::support::{Bank, START};

/// How far the clock of the second node is behind, in seconds.
const BEHIND: i64 = 20;

fn rotation(bank: &Bank) -> Rotation<'_> {
    static AOI: std::sync::LazyLock<renkei_domain::institution::InstitutionCode> = std::sync::LazyLock::new(aoi);
    Rotation {
        store: &bank.app.store,
        keys: &bank.app.keys,
        institution: &AOI,
        operator: "sato",
        now: bank.now(),
        random: &SystemRandom,
    }
}

async fn sign(bank: &Bank) -> String {
    let claims = json!({ "exp": bank.now().seconds() + SIGNED_SECONDS_MAX });
    signing::sign(&bank.app, &aoi(), "oauth-authz-resp+jwt", &claims, bank.now()).await.unwrap()
}

fn kid(jwt: &str) -> String {
    Jws::parse(jwt).unwrap().header.key_id.unwrap()
}

/// A partner that reads the key set only when what it kept is too old.
struct Verifier {
    kept: Option<(Timestamp, KeySet)>,
}

impl Verifier {
    async fn verifies(&mut self, bank: &Bank, now: Timestamp, jwt: &str) -> bool {
        let fresh = self.kept.as_ref().is_some_and(|(until, _)| now < *until);
        if !fresh {
            let answer = bank.get("/1001/jwks").await;
            let age = answer.header("cache-control").split("max-age=").nth(1).unwrap().parse().unwrap();
            self.kept = Some((now.plus_seconds(age), KeySet::parse(answer.text.as_bytes()).unwrap()));
        }
        let (_, keys) = self.kept.as_ref().unwrap();
        keys.verify(&Jws::parse(jwt).unwrap()).is_ok()
    }
}

/// Two nodes over one store; the clock of the second one is behind.
async fn two_nodes(store: &Store) -> [Bank; 2] {
    let nodes = [Bank::over(store.clone()).await, Bank::over(store.clone()).await];
    nodes[1].clock.forward(-BEHIND);
    seed::institution(store, &aoi(), r#"{"keys":[]}"#).await;
    rotation(&nodes[0]).announce().await.unwrap();
    nodes.iter().for_each(|node| node.clock.forward(BEHIND));
    nodes
}

/// Signs every seven seconds on both nodes for the time of several rotations. Each partner verifies each signature,
/// when it is made and when it is about to expire. `rotate` is asked at each step. Counted are the failures.
async fn run(nodes: &[Bank; 2], rotate: impl AsyncFn(&Bank, i64)) -> (usize, usize, usize) {
    let mut verifiers: Vec<Verifier> = (0..8).map(|_| Verifier { kept: None }).collect();
    let (mut verified, mut failed, mut signers) = (0, 0, std::collections::BTreeSet::new());
    let mut on_its_way = std::collections::VecDeque::new();
    for step in 0..600_i64 {
        rotate(&nodes[0], step).await;
        let now = nodes[0].now();
        for node in nodes {
            let jwt = sign(node).await;
            signers.insert(kid(&jwt));
            on_its_way.push_back((now, jwt));
        }
        let due = on_its_way.iter().filter(|(made, _)| {
            let age = made.seconds_until(now);
            age == 0 || age > SIGNED_SECONDS_MAX - 7
        });
        for (position, (_, jwt)) in due.enumerate() {
            // Not every partner comes at every step, so that their copies are of different ages.
            let count = verifiers.len();
            let verifier = &mut verifiers[(step as usize * 3 + position) % count];
            let ok = verifier.verifies(&nodes[position % 2], now, jwt).await;
            if ok { verified += 1 } else { failed += 1 }
        }
        on_its_way.retain(|(made, _)| made.seconds_until(now) <= SIGNED_SECONDS_MAX - 7);
        nodes.iter().for_each(|node| node.clock.forward(7));
    }
    (verified, failed, signers.len())
}

/// A rotation as the manual says it: announce, and give the old key its end, every thousand seconds or so.
async fn by_the_manual(bank: &Bank, step: i64) {
    if step % 150 == 20 {
        let old = kid(&sign(bank).await);
        rotation(bank).announce().await.unwrap();
        rotation(bank).retire(&old, None).await.unwrap();
    }
}

async fn on_each_engine(test: impl AsyncFn(FreshStore)) {
    test(fresh_sqlite().await).await;
    if let Some(fresh) = fresh_postgres().await {
        test(fresh).await;
    }
}

#[tokio::test]
async fn r_017_a_rotation_under_load_fails_no_partner_that_keeps_the_key_set_as_long_as_it_may() {
    on_each_engine(async |fresh| {
        let nodes = two_nodes(&fresh.store).await;
        let (verified, failed, signers) = run(&nodes, by_the_manual).await;
        assert_eq!((failed, signers), (0, 5));
        assert!(verified > 1_200, "{verified}");
        nodes[0].clock.forward(LEAD_SECONDS + TRAIL_SECONDS);
        let published = nodes[0].get("/1001/jwks").await.body["keys"].as_array().unwrap().len();
        assert_eq!(published, 1, "what retired is no longer published");
    })
    .await;
}

#[tokio::test]
async fn r_017_the_same_load_notices_a_key_that_signs_before_partners_can_know_it() {
    let fresh = fresh_sqlite().await;
    let nodes = two_nodes(&fresh.store).await;
    let hasty = async |bank: &Bank, step: i64| {
        if step % 150 == 20 {
            let mut tx = bank.app.store.begin(&aoi()).await.unwrap();
            let key = signing::new_key(&bank.app.keys, &aoi(), bank.now(), bank.now(), &SystemRandom).unwrap();
            tx.add_signing_key(&key).await.unwrap();
            tx.commit().await.unwrap();
        }
    };
    let (_, failed, _) = run(&nodes, hasty).await;
    assert!(failed > 0);
}

#[tokio::test]
async fn r_017_the_first_key_signs_at_once_and_a_second_waits_for_one_cache_period() {
    let (bank, _) = Bank::with_kakeibo().await;
    let first = rotation(&bank).announce().await.unwrap();
    assert_eq!(first.signs_from, START);
    let second = rotation(&bank).announce().await.unwrap();
    assert_eq!((second.announced_at, second.signs_from), (START, START.plus_seconds(LEAD_SECONDS)));
    assert_eq!(bank.recorded("signing_key_announced", "done", "signs_from=2027-01-15T17:00:00+09:00").await, 1);
    assert_eq!(bank.recorded("signing_key_announced", "done", "signs_from=2027-01-15T17:06:00+09:00").await, 1);
    let third = rotation(&bank).announce().await;
    assert!(matches!(third, Err(RotationError::Announced { kid, .. }) if kid == second.kid));
}

#[tokio::test]
async fn r_017_a_key_retires_no_earlier_than_what_it_signed_has_expired() {
    let (bank, _) = Bank::with_kakeibo().await;
    let first = rotation(&bank).announce().await.unwrap();
    assert!(matches!(rotation(&bank).retire(&first.kid, None).await, Err(RotationError::NoSuccessor)));
    let second = rotation(&bank).announce().await.unwrap();
    let earliest = second.signs_from.plus_seconds(TRAIL_SECONDS);
    let early = rotation(&bank).retire(&first.kid, Some(earliest.plus_seconds(-1))).await;
    assert!(matches!(early, Err(RotationError::TooEarly(at)) if at == earliest));
    assert_eq!(rotation(&bank).retire(&first.kid, None).await.unwrap(), earliest);
    let later = earliest.plus_seconds(3_600);
    assert_eq!(rotation(&bank).retire(&first.kid, Some(later)).await.unwrap(), later);
    let without_end = rotation(&bank).retire(&second.kid, Some(later)).await;
    assert!(matches!(without_end, Err(RotationError::NoSuccessor)));
    bank.clock.forward(START.seconds_until(later));
    assert!(matches!(rotation(&bank).retire(&first.kid, None).await, Err(RotationError::NoKey)));
    assert_eq!(kid(&sign(&bank).await), second.kid);
}

#[tokio::test]
async fn an_announced_key_that_is_not_wanted_ends_at_once_and_the_old_one_signs_on() {
    let (bank, _) = Bank::with_kakeibo().await;
    let first = rotation(&bank).announce().await.unwrap();
    let second = rotation(&bank).announce().await.unwrap();
    assert_eq!(rotation(&bank).retire(&second.kid, None).await.unwrap(), START);
    bank.clock.forward(LEAD_SECONDS);
    assert_eq!(kid(&sign(&bank).await), first.kid);
    // Once the old one has an end, the announced one is needed.
    let third = rotation(&bank).announce().await.unwrap();
    rotation(&bank).retire(&first.kid, None).await.unwrap();
    assert!(matches!(rotation(&bank).retire(&third.kid, None).await, Err(RotationError::NoSuccessor)));
}

#[tokio::test]
async fn a_compromised_key_is_out_at_once_on_every_node_and_another_signs() {
    let fresh = fresh_sqlite().await;
    let nodes = two_nodes(&fresh.store).await;
    let first = kid(&sign(&nodes[1]).await);
    let second = rotation(&nodes[0]).retire_compromised(&first).await.unwrap();
    for node in &nodes {
        assert_eq!(kid(&sign(node).await), second);
        let published = node.get("/1001/jwks").await;
        assert!(published.text.contains(&second) && !published.text.contains(&first), "{}", published.text);
    }
    let announced = rotation(&nodes[0]).announce().await.unwrap();
    assert_eq!(rotation(&nodes[0]).retire_compromised(&second).await.unwrap(), announced.kid, "the next comes forward");
    assert_eq!(kid(&sign(&nodes[1]).await), announced.kid);
    assert!(matches!(rotation(&nodes[0]).retire_compromised(&second).await, Err(RotationError::NoKey)));
}

#[tokio::test]
async fn keys_of_another_institution_are_out_of_reach() {
    let (bank, _, _) = Bank::with_two_institutions().await;
    let key = rotation(&bank).announce().await.unwrap();
    let (at_midori, nowhere) = (midori(), "1003".parse().unwrap());
    let other = Rotation { institution: &at_midori, ..rotation(&bank) };
    assert!(matches!(other.retire_compromised(&key.kid).await, Err(RotationError::NoKey)));
    assert!(matches!(other.retire(&key.kid, None).await, Err(RotationError::NoKey)));
    let none = Rotation { institution: &nowhere, ..rotation(&bank) };
    assert!(matches!(none.announce().await, Err(RotationError::NoInstitution)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_operators_at_once_never_leave_an_institution_without_a_key() {
    on_each_engine(async |fresh| {
        let nodes = two_nodes(&fresh.store).await;
        let first = kid(&sign(&nodes[0]).await);
        let next = rotation(&nodes[0]).announce().await.unwrap();
        let operators = [rotation(&nodes[0]), rotation(&nodes[1])];
        let (one, other) = tokio::join!(operators[0].retire(&first, None), operators[1].retire(&next.kid, None));
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        nodes.iter().for_each(|node| node.clock.forward(LEAD_SECONDS + TRAIL_SECONDS));
        sign(&nodes[0]).await;
    })
    .await;
}
