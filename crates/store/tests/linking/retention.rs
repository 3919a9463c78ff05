//! Retention: what is dead goes, and nothing else, in slices, whoever sweeps beside.

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::guard::{LOGIN, PIN};
use renkei_domain::linkage::EndedBy;
use renkei_domain::pin::SealedPin;
use renkei_domain::ticket::Ticket;
use renkei_domain::time::Timestamp;
use renkei_store::guards::Subject;
use renkei_store::guesses::{Guess, count_guess};
use renkei_store::retention::{CLASSES, Class, SLICE_ROWS, Sweep};
use renkei_store::sessions::Purpose;
use renkei_store::{Step, Store};
use renkei_testing::{SystemRandom, aoi, midori, on_each_engine, seed};
use uuid::Uuid;

use super::{DAY, NOW, new_id, new_ticket, two_institutions};

const HOUR: i64 = 3_600;

fn class(name: &str) -> &'static Class {
    CLASSES.iter().find(|class| class.name == name).unwrap()
}

/// A whole walk; tells how many rows went in each of its steps.
async fn steps(store: &Store, name: &str, now: Timestamp) -> Vec<u64> {
    let mut sweep = Sweep::of(class(name));
    let mut deleted = Vec::new();
    loop {
        let swept = sweep.step(store, now, &SystemRandom).await.unwrap();
        deleted.push(swept.deleted);
        if swept.is_end {
            return deleted;
        }
    }
}

async fn walk(store: &Store, name: &str, now: Timestamp) -> u64 {
    steps(store, name, now).await.into_iter().sum()
}

async fn count(store: &Store, sql: &'static str) -> i64 {
    store.read_all().row(sql, &[]).await.unwrap().unwrap().get(0).unwrap()
}

async fn replays(store: &Store, from: u32, many: u32, until: Timestamp) {
    for institution in [aoi(), midori()] {
        let mut tx = store.begin(&institution).await.unwrap();
        for number in from..from + many {
            let mut digest = [0; 32];
            digest[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
            assert!(tx.claim_replay(&digest, until, NOW).await.unwrap());
        }
        tx.commit().await.unwrap();
    }
}

async fn session(store: &Store, used_at: Timestamp) -> (Uuid, Ticket) {
    let (id, ticket) = (new_id(), new_ticket());
    let mut tx = store.begin(&aoi()).await.unwrap();
    tx.apply(Step::add_session(id, &ticket, [1; 32], Purpose::Link, None, used_at)).await.unwrap();
    tx.apply(Step::note_passed_guard(id, Subject::Login, "hanako")).await.unwrap();
    tx.commit().await.unwrap();
    (id, ticket)
}

async fn fail(store: &Store, subject: Subject, name: &str, tries: u32, now: Timestamp) {
    let policy = if subject == Subject::Pin { &PIN } else { &LOGIN };
    let alarm = Record::refused(Actor::System, Action::GuessingNoticed, "logins");
    let mut now = now;
    for _ in 0..tries {
        let guess = Guess { guards: &[(subject, name, policy)], spread: None };
        count_guess(store, &aoi(), &guess, &alarm, now, &SystemRandom).await.unwrap().unwrap();
        now = now.plus_seconds(DAY);
    }
}

on_each_engine! {
    async fn what_ran_out_goes_in_slices_and_what_did_not_stays(store: Store) {
        two_institutions(&store).await;
        replays(&store, 0, 290, NOW.plus_seconds(60)).await;
        replays(&store, 1_000, 20, NOW.plus_seconds(DAY)).await;
        assert_eq!(steps(&store, "replays", NOW.plus_seconds(120)).await, [0; 4], "a margin for clocks that differ");
        let deleted = steps(&store, "replays", NOW.plus_seconds(121)).await;
        assert_eq!(deleted.iter().sum::<u64>(), 580);
        assert!(deleted.len() == 4 && deleted.iter().all(|step| *step < SLICE_ROWS as u64), "some of each slice stay: {deleted:?}");
        assert_eq!(count(&store, "SELECT COUNT(*) FROM replays").await, 40);
    }

    async fn a_slice_goes_over_institutions_and_is_no_larger_than_it_may_be(store: Store) {
        two_institutions(&store).await;
        replays(&store, 0, 250, NOW).await;
        assert_eq!(steps(&store, "replays", NOW.plus_seconds(DAY)).await, [200, 200, 100]);
    }

    async fn what_came_before_the_slice_is_left_to_the_next_walk(store: Store) {
        two_institutions(&store).await;
        replays(&store, 0, 250, NOW).await;
        let mut sweep = Sweep::of(class("replays"));
        let now = NOW.plus_seconds(DAY);
        assert_eq!(sweep.step(&store, now, &SystemRandom).await.unwrap().deleted, 200);
        let mut tx = store.begin(&aoi()).await.unwrap();
        assert!(tx.claim_replay(&[0; 32], NOW, NOW).await.unwrap());
        tx.commit().await.unwrap();
        let mut rest = 0;
        while !{ let swept = sweep.step(&store, now, &SystemRandom).await.unwrap(); rest += swept.deleted; swept.is_end } {}
        assert_eq!((rest, walk(&store, "replays", now).await), (300, 1));
    }

    async fn where_nothing_is_dead_nothing_is_written(store: Store) {
        let (who, _) = two_institutions(&store).await;
        replays(&store, 0, 25, NOW.plus_seconds(DAY)).await;
        session(&store, NOW).await;
        let account = seed::account(&store, &aoi(), &who, "2000001").await;
        seed::linkage(&store, &aoi(), &who, &[account], (NOW, NOW.plus_seconds(DAY))).await;
        let before = store.work().done().1;
        for class in CLASSES {
            assert_eq!(walk(&store, class.name, NOW).await, 0, "{}", class.name);
        }
        assert_eq!(store.work().done().1, before);
    }

    async fn two_who_sweep_at_once_delete_each_row_once(store: Store) {
        two_institutions(&store).await;
        replays(&store, 0, 300, NOW).await;
        let now = NOW.plus_seconds(DAY);
        let sweep = || { let store = store.clone(); tokio::spawn(async move { walk(&store, "replays", now).await }) };
        let (first, second) = (sweep(), sweep());
        assert_eq!(first.await.unwrap() + second.await.unwrap(), 600);
        assert_eq!(count(&store, "SELECT COUNT(*) FROM replays").await, 0);
    }

    async fn two_who_sweep_at_once_leave_no_note_of_a_session_that_went(store: Store) {
        two_institutions(&store).await;
        let mut tx = store.begin(&aoi()).await.unwrap();
        for _ in 0..450 {
            let id = new_id();
            tx.apply(Step::add_session(id, &new_ticket(), [1; 32], Purpose::Link, None, NOW)).await.unwrap();
            tx.apply(Step::note_passed_guard(id, Subject::Login, "hanako")).await.unwrap();
        }
        tx.commit().await.unwrap();
        let sweep = || { let store = store.clone(); tokio::spawn(async move { walk(&store, "sessions", NOW.plus_seconds(DAY)).await }) };
        let sweepers = [sweep(), sweep(), sweep()];
        let mut deleted = 0;
        for sweeper in sweepers {
            deleted += sweeper.await.unwrap();
        }
        assert_eq!(deleted, 450);
        assert_eq!(count(&store, "SELECT COUNT(*) FROM passed_guards").await, 0);
    }

    async fn an_unused_session_goes_with_the_note_of_its_guard(store: Store) {
        two_institutions(&store).await;
        let (_, old) = session(&store, NOW).await;
        let (_, young) = session(&store, NOW.plus_seconds(2 * HOUR)).await;
        assert_eq!(walk(&store, "sessions", NOW.plus_seconds(13 * HOUR + 1)).await, 1);
        assert!(store.read(&aoi()).find_session(&old, Purpose::Link).await.unwrap().is_none());
        assert!(store.read(&aoi()).find_session(&young, Purpose::Link).await.unwrap().is_some());
        assert_eq!(count(&store, "SELECT COUNT(*) FROM passed_guards").await, 1);
    }

    async fn refresh_tokens_go_a_month_after_their_linkage_or_their_own_end(store: Store) {
        let (who, _) = two_institutions(&store).await;
        let ends = NOW.plus_seconds(100 * DAY);
        let (ended, expiring, open) = (
            seed::linkage(&store, &aoi(), &who, &[], (NOW, ends)).await,
            seed::linkage(&store, &aoi(), &who, &[], (NOW, NOW.plus_seconds(DAY))).await,
            seed::linkage(&store, &aoi(), &who, &[], (NOW, ends)).await,
        );
        let mut tx = store.begin(&aoi()).await.unwrap();
        for linkage in [ended, expiring, open, open] {
            let insert = "INSERT INTO refresh_tokens (institution, token_id, hash, linkage_id, client_id, code_id, scope, \
                 issued_at) VALUES (?1, ?2, ?3, ?4, 'c', 'code', '', 0)";
            tx.execute(insert, renkei_store::params![new_id(), &[0; 32], linkage]).await.unwrap();
        }
        tx.end_linkage(ended, EndedBy::Customer, NOW).await.unwrap();
        let revoke = "UPDATE refresh_tokens SET revoked_at = ?3 WHERE institution = ?1 AND linkage_id = ?2 \
             AND token_id = (SELECT MAX(token_id) FROM refresh_tokens WHERE linkage_id = ?2)";
        tx.execute(revoke, renkei_store::params![open, NOW.plus_seconds(2 * DAY)]).await.unwrap();
        tx.commit().await.unwrap();
        let mut gone = Vec::new();
        for day in [30, 31, 32, 33] {
            gone.push(walk(&store, "refresh_tokens", NOW.plus_seconds(day * DAY + 1)).await);
        }
        assert_eq!(gone, [1, 1, 1, 0]);
        assert_eq!(count(&store, "SELECT COUNT(*) FROM refresh_tokens").await, 1, "the one in force");
    }

    async fn pins_go_three_months_after_the_last_linkage_that_could_be_renewed_and_the_trail_says_so(store: Store) {
        let (who, _) = two_institutions(&store).await;
        let used = seed::account(&store, &aoi(), &who, "2000001").await;
        let unused = seed::account(&store, &aoi(), &who, "2000002").await;
        let mut tx = store.begin(&aoi()).await.unwrap();
        for account in [used, unused] {
            tx.apply(Step::register_pin(account, &SealedPin(vec![1; 32]), who.user, NOW)).await.unwrap();
        }
        tx.commit().await.unwrap();
        let day = |days| NOW.plus_seconds(days * DAY);
        seed::linkage(&store, &aoi(), &who, &[used, unused], (NOW, day(10))).await;
        seed::linkage(&store, &aoi(), &who, &[used], (NOW, day(180))).await;
        assert_eq!(walk(&store, "pins", day(100)).await, 0);
        assert_eq!(walk(&store, "pins", day(101)).await, 1);
        assert!(store.read(&aoi()).find_pin(used).await.unwrap().is_some());
        assert!(store.read(&aoi()).find_pin(unused).await.unwrap().is_none());
        let told = store.read(&aoi()).list_audit(1).await.unwrap().remove(0);
        assert_eq!((told.actor_kind.as_str(), told.action.as_str(), told.detail.as_deref()),
            ("system", "pins_deleted", Some("unused 1")));
    }

    async fn guards_of_logins_that_nobody_tries_go_and_those_that_staff_must_open_or_of_pins_stay(store: Store) {
        two_institutions(&store).await;
        fail(&store, Subject::Login, "nobody", 3, NOW).await;
        fail(&store, Subject::Login, "guessed", LOGIN.hard_stop, NOW.plus_seconds(-100 * DAY)).await;
        fail(&store, Subject::Pin, "account", 2, NOW).await;
        assert_eq!(walk(&store, "guards", NOW.plus_seconds(92 * DAY)).await, 0);
        assert_eq!(walk(&store, "guards", NOW.plus_seconds(92 * DAY + 1)).await, 1);
        let left = store.read(&aoi()).list_guards().await.unwrap();
        let left: Vec<&str> = left.iter().map(|guard| guard.subject.as_str()).collect();
        assert_eq!(left, ["guessed", "account"]);
    }
}
