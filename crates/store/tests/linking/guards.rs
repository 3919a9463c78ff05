//! Guess guards: never more verdicts than allowed, however many try at once.

use renkei_domain::guard::{Guard, GuardPolicy, LOGIN, Locked, PIN, PIN_USER};
use renkei_store::Store;
use renkei_store::guards::{Subject, count_try};
use renkei_testing::{aoi, midori, on_each_engine};

use super::{DAY, NOW, winners};

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
    tx.uncount_try(Subject::PinUser, "hanako").await.unwrap();
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
}
