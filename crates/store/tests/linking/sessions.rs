//! Browser sessions: the row stays, its secret does not.

use renkei_domain::id::UserId;
use renkei_domain::ticket::Ticket;
use renkei_store::sessions::{BrowserSession, Purpose};
use renkei_store::{Step, Store};
use renkei_testing::{aoi, midori, on_each_engine};
use uuid::Uuid;

use super::{NOW, new_id, new_ticket, winners};

/// Tests tell sessions apart by the hash they were given; the store does not look into it.
fn hash(mark: u8) -> [u8; 32] {
    [mark; 32]
}

async fn add(store: &Store, id: Uuid, ticket: &Ticket, purpose: Purpose) {
    let mut tx = store.begin(&aoi()).await.unwrap();
    tx.apply(Step::add_session(id, ticket, hash(1), purpose, None, NOW)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn find(store: &Store, ticket: &Ticket) -> Option<BrowserSession> {
    store.read(&aoi()).find_session(ticket, Purpose::Link).await.unwrap()
}

async fn rotate(store: &Store, session: &BrowserSession, ticket: &Ticket, mark: u8, user: UserId) -> bool {
    let mut tx = store.begin(&aoi()).await.unwrap();
    let step = Step::rotate_session(session, ticket, &hash(mark), user, NOW.plus_seconds(9));
    let rotated = tx.apply(step).await.unwrap() == 1;
    tx.commit().await.unwrap();
    rotated
}

on_each_engine! {
    async fn r_196_after_a_login_the_old_ticket_is_dead_and_the_session_the_same(store: Store) {
        let (id, before, after, user) = (new_id(), new_ticket(), new_ticket(), UserId(new_id()));
        add(&store, id, &before, Purpose::Link).await;
        let session = find(&store, &before).await.unwrap();
        assert_eq!((session.id, session.hash, session.user), (id, hash(1), None));
        assert!(rotate(&store, &session, &after, 2, user).await);
        assert!(find(&store, &before).await.is_none());
        let session = find(&store, &after).await.unwrap();
        assert_eq!((session.id, session.hash, session.user), (id, hash(2), Some(user)));
        assert_eq!((session.created_at, session.used_at), (NOW, NOW.plus_seconds(9)));
    }

    async fn of_many_logins_at_once_in_one_browser_one_wins(store: Store) {
        let before = new_ticket();
        add(&store, new_id(), &before, Purpose::Link).await;
        let session = find(&store, &before).await.unwrap();
        let won = winners(12, |number| {
            let (store, session) = (store.clone(), session.clone());
            let mark = u8::try_from(number + 2).unwrap();
            async move { rotate(&store, &session, &new_ticket(), mark, UserId(new_id())).await }
        })
        .await;
        assert_eq!(won, 1);
    }

    async fn an_ended_session_is_found_no_more_and_never_rotates(store: Store) {
        let (id, ticket) = (new_id(), new_ticket());
        add(&store, id, &ticket, Purpose::Link).await;
        let session = find(&store, &ticket).await.unwrap();
        let mut tx = store.begin(&aoi()).await.unwrap();
        assert!(tx.end_session(id, NOW).await.unwrap());
        assert!(!tx.end_session(id, NOW).await.unwrap(), "ended twice");
        tx.commit().await.unwrap();
        assert!(find(&store, &ticket).await.is_none());
        assert!(!rotate(&store, &session, &new_ticket(), 2, UserId(new_id())).await);
    }

    async fn a_session_is_good_for_its_purpose_only(store: Store) {
        let ticket = new_ticket();
        add(&store, new_id(), &ticket, Purpose::My).await;
        assert!(find(&store, &ticket).await.is_none());
        assert!(store.read(&aoi()).find_session(&ticket, Purpose::My).await.unwrap().is_some());
    }

    async fn using_a_session_begins_its_idle_time_anew(store: Store) {
        let (id, ticket) = (new_id(), new_ticket());
        add(&store, id, &ticket, Purpose::Link).await;
        let mut tx = store.begin(&aoi()).await.unwrap();
        tx.touch_session(id, NOW.plus_seconds(60)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(find(&store, &ticket).await.unwrap().used_at, NOW.plus_seconds(60));
    }

    async fn r_228_a_session_is_of_one_institution(store: Store) {
        let (id, ticket) = (new_id(), new_ticket());
        add(&store, id, &ticket, Purpose::Link).await;
        let session = find(&store, &ticket).await.unwrap();
        let mut elsewhere = store.begin(&midori()).await.unwrap();
        assert!(elsewhere.find_session(&ticket, Purpose::Link).await.unwrap().is_none());
        let step = Step::rotate_session(&session, &new_ticket(), &hash(2), UserId(new_id()), NOW);
        assert_eq!(elsewhere.apply(step).await.unwrap(), 0);
        assert!(!elsewhere.end_session(id, NOW).await.unwrap());
        elsewhere.commit().await.unwrap();
        assert!(find(&store, &ticket).await.is_some());
    }
}
