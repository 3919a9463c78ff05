//! Guess guards: never more verdicts than allowed, however many try at once.

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::guard::{Guard, GuardPolicy, LOGIN, Locked, PIN, PIN_SPREAD, PIN_USER};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;
use renkei_store::guards::Subject;
use renkei_store::guesses::{Guess, Guessed, NotNow, Spread, count_guess};
use renkei_store::{Ended, Step, Store, StoreError, Unit};
use renkei_testing::{SystemRandom, aoi, midori, on_each_engine};

use super::{DAY, NOW, winners};

/// Counts a try at the guard of hanako's.
async fn count_try(
    store: &Store,
    institution: &InstitutionCode,
    subject: Subject,
    name: &str,
    policy: &GuardPolicy,
    now: Timestamp,
) -> Result<Result<Guard, Locked>, StoreError> {
    let guess = Guess { guards: &[(subject, name, policy)], spread: None };
    match count(store, institution, &guess, now).await? {
        Ok(_) => Ok(Ok(store.read(institution).find_guard(subject, name).await?)),
        Err(NotNow::Locked(locked)) => Ok(Err(locked)),
        Err(NotNow::Spread) => panic!("no spread was asked about"),
    }
}

async fn count(
    store: &Store,
    institution: &InstitutionCode,
    guess: &Guess<'_>,
    now: Timestamp,
) -> Result<Result<bool, NotNow>, StoreError> {
    let alarm = Record::refused(Actor::System, Action::GuessingNoticed, "logins");
    count_guess(store, institution, guess, &alarm, now, &SystemRandom).await
}

/// Whether one source's try at an identity is looked at; the inner `true`: it raised the alarm.
async fn spread(store: &Store, source: &str, subject: &str, now: Timestamp) -> Result<bool, NotNow> {
    let spread = Spread { kind: Guessed::Pin, source, subject, policy: &PIN_SPREAD };
    count(store, &aoi(), &Guess { guards: &[], spread: Some(spread) }, now).await.unwrap()
}

async fn alarms(store: &Store) -> usize {
    let records = store.read(&aoi()).list_audit(1_000).await.unwrap();
    records.iter().filter(|record| record.action == "guessing_noticed").count()
}

/// How many of so many tries at once get a verdict.
async fn verdicts(store: &Store, tries: usize, subject: Subject, policy: &'static GuardPolicy) -> usize {
    winners(tries, |_| {
        let store = store.clone();
        async move { count_try(&store, &aoi(), subject, "hanako", policy, NOW).await.unwrap().is_ok() }
    })
    .await
}

async fn guard(store: &Store, subject: Subject) -> Guard {
    store.read(&aoi()).find_guard(subject, "hanako").await.unwrap()
}

async fn clear(store: &Store, subject: Subject) -> bool {
    let mut tx = store.begin(&aoi()).await.unwrap();
    let cleared = tx.clear_guard(subject, "hanako").await.unwrap();
    tx.commit().await.unwrap();
    cleared
}

async fn take_back(store: &Store) {
    let mut tx = store.begin(&aoi()).await.unwrap();
    for step in Step::uncount_try(Subject::PinUser, "hanako") {
        tx.apply(step).await.unwrap();
    }
    tx.commit().await.unwrap();
}

on_each_engine! {
    async fn a_100_of_64_guesses_at_once_exactly_five_get_a_verdict(store: Store) {
        assert_eq!(verdicts(&store, 64, Subject::Login, &LOGIN).await, 5);
        let guard = guard(&store, Subject::Login).await;
        assert_eq!(guard, Guard { failures: 5, locked_until: Some(NOW.plus_seconds(60)) });
    }

    async fn a_101_of_64_pins_at_once_exactly_three_get_a_verdict(store: Store) {
        assert_eq!(verdicts(&store, 64, Subject::Pin, &PIN).await, 3);
        assert_eq!(guard(&store, Subject::Pin).await.locked_until, Some(NOW.plus_seconds(DAY)));
        assert_eq!(guard(&store, Subject::Login).await, Guard::default(), "the login counts for itself");
    }

    async fn a_locked_guard_counts_nothing_and_opens_by_time(store: Store) {
        verdicts(&store, 5, Subject::Login, &LOGIN).await;
        let early = count_try(&store, &aoi(), Subject::Login, "hanako", &LOGIN, NOW.plus_seconds(59)).await.unwrap();
        assert_eq!(early, Err(Locked { until: Some(NOW.plus_seconds(60)) }));
        assert_eq!(guard(&store, Subject::Login).await.failures, 5);
        let later = count_try(&store, &aoi(), Subject::Login, "hanako", &LOGIN, NOW.plus_seconds(60)).await.unwrap();
        assert_eq!(later, Ok(Guard { failures: 6, locked_until: Some(NOW.plus_seconds(60 + 300)) }));
    }

    async fn a_cleared_guard_begins_anew(store: Store) {
        assert!(!clear(&store, Subject::Login).await, "there was nothing to clear");
        verdicts(&store, 5, Subject::Login, &LOGIN).await;
        assert!(clear(&store, Subject::Login).await);
        assert_eq!(verdicts(&store, 8, Subject::Login, &LOGIN).await, 5);
    }

    async fn r_219_a_right_try_takes_itself_back_and_no_failure(store: Store) {
        for _ in 0..40 {
            assert!(count_try(&store, &aoi(), Subject::PinUser, "hanako", &PIN_USER, NOW).await.unwrap().is_ok());
            take_back(&store).await;
        }
        assert_eq!(guard(&store, Subject::PinUser).await, Guard::default());
        verdicts(&store, 3, Subject::PinUser, &PIN_USER).await;
        take_back(&store).await;
        assert_eq!(guard(&store, Subject::PinUser).await, Guard { failures: 2, locked_until: None });
    }

    async fn r_229_a_guard_is_of_one_institution(store: Store) {
        verdicts(&store, 5, Subject::Login, &LOGIN).await;
        let elsewhere = count_try(&store, &midori(), Subject::Login, "hanako", &LOGIN, NOW).await.unwrap();
        assert_eq!(elsewhere, Ok(Guard { failures: 1, locked_until: None }));
        let mut tx = store.begin(&midori()).await.unwrap();
        assert!(tx.clear_guard(Subject::Login, "hanako").await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(guard(&store, Subject::Login).await.failures, 5);
    }

    async fn r_215_r_220_a_source_tries_a_hundred_identities_an_hour_and_no_more(store: Store) {
        let tries = winners(140, |number| {
            let store = store.clone();
            async move { spread(&store, "203.0.113.9", &format!("account-{number}"), NOW).await.is_ok() }
        });
        // From the hundredth vain try on the alarm lasts, and then three identities are all a source may try.
        assert_eq!(tries.await, 100);
        assert_eq!(alarms(&store).await, 1, "raised once");
        assert_eq!(spread(&store, "203.0.113.9", "one-more", NOW).await, Err(NotNow::Spread));
        let half = NOW.plus_seconds(1_800);
        assert_eq!(spread(&store, "203.0.113.9", "one-more", half).await, Err(NotNow::Spread));
        for number in 0..5 {
            let other = spread(&store, "198.51.100.1", &format!("account-{number}"), NOW).await;
            assert_eq!(other.is_ok(), number < 3, "an honest neighbour may still err thrice");
        }
        assert_eq!(spread(&store, "203.0.113.9", "one-more", NOW.plus_seconds(7_200)).await, Ok(false));
    }

    async fn r_220_what_turned_out_right_was_no_guess(store: Store) {
        for number in 0..300 {
            let subject = format!("account-{number}");
            assert_eq!(spread(&store, "203.0.113.9", &subject, NOW).await, Ok(false));
            let mut unit = Unit::new(&aoi());
            unit.prove_guess(Guessed::Pin, "203.0.113.9", &subject, NOW);
            assert_eq!(store.leave(unit).await.unwrap(), Ended::Done);
        }
        assert_eq!(alarms(&store).await, 0);
    }

    async fn guesses_of_hours_gone_by_are_forgotten(store: Store) {
        for hour in 0..30 {
            spread(&store, "203.0.113.9", "account", NOW.plus_seconds(hour * 3_600)).await.unwrap();
        }
        let select = "SELECT COUNT(*) FROM guesses WHERE institution = ?1";
        let rows: i64 = store.read(&aoi()).row(select, &[]).await.unwrap().unwrap().get(0).unwrap();
        assert_eq!(rows, 6, "three of this hour and three of the last");
    }

    async fn r_218_what_came_of_a_login_waits_while_its_guard_is_locked(store: Store) {
        let (session, code) = (uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2));
        let mut tx = store.begin(&aoi()).await.unwrap();
        tx.apply(Step::note_passed_guard(session, Subject::Login, "somebody")).await.unwrap();
        tx.apply(Step::note_passed_guard(session, Subject::Login, "hanako")).await.unwrap();
        tx.apply(Step::pass_on_guard(session, code)).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!store.read(&aoi()).is_held_back(code, NOW).await.unwrap());
        verdicts(&store, 5, Subject::Login, &LOGIN).await;
        for holder in [session, code] {
            assert!(store.read(&aoi()).is_held_back(holder, NOW).await.unwrap());
            assert!(!store.read(&aoi()).is_held_back(holder, NOW.plus_seconds(60)).await.unwrap());
            assert!(!store.read(&midori()).is_held_back(holder, NOW).await.unwrap());
        }
        let mut tx = store.begin(&aoi()).await.unwrap();
        tx.apply(Step::forget_passed_guard(session)).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!store.read(&aoi()).is_held_back(session, NOW).await.unwrap());
    }
}
