//! Pushed requests and codes: found by their whole ticket, claimed once.

use renkei_domain::ticket::Ticket;
use renkei_domain::token::CODE_SECONDS;
use renkei_store::codes::{Code, RequestFacts};
use renkei_store::{Step, Store};
use renkei_testing::seed::{self, KAKEIBO};
use renkei_testing::{aoi, midori, on_each_engine};

use super::{DAY, NOW, new_ticket, two_institutions, winners};

async fn push(store: &Store) -> Ticket {
    let ticket = new_ticket();
    let mut tx = store.begin(&aoi()).await.unwrap();
    tx.apply(Step::add_request(&ticket, KAKEIBO, "{}".into(), NOW.plus_seconds(300))).await.unwrap();
    tx.commit().await.unwrap();
    ticket
}

/// The same row, another secret: what somebody has who saw only the first part.
fn forged(ticket: &Ticket) -> Ticket {
    Ticket::new(ticket.id(), &[0; 32])
}

async fn add_code(store: &Store) -> (Ticket, Code) {
    let (who, _) = two_institutions(store).await;
    let period = (NOW, NOW.plus_seconds(180 * DAY));
    let linkage = seed::linkage(store, &aoi(), &who, &[], period).await;
    let ticket = new_ticket();
    let code = Code {
        id: ticket.id(),
        linkage,
        client_id: KAKEIBO.into(),
        redirect_uri: "https://kakeibo.example/back".into(),
        code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(),
        dpop_jkt: Some("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I".into()),
        request: RequestFacts { signed: true, answer_signed: false },
        scope: "balances transactions".into(),
        detailed: false,
        expires_at: NOW.plus_seconds(CODE_SECONDS),
    };
    let mut tx = store.begin(&aoi()).await.unwrap();
    tx.apply(Step::add_code(&ticket, &code)).await.unwrap();
    tx.commit().await.unwrap();
    (ticket, code)
}

on_each_engine! {
    async fn r_065_a_request_is_open_until_the_very_instant_it_expires(store: Store) {
        let ticket = push(&store).await;
        let request = store.read(&aoi()).find_request(&ticket).await.unwrap().unwrap();
        assert!(request.is_open(NOW.plus_seconds(299)));
        assert!(!request.is_open(NOW.plus_seconds(300)));
        assert_eq!((request.client_id.as_str(), request.body.as_str()), (KAKEIBO, "{}"));
    }

    async fn a_011_of_many_who_complete_a_request_one_does(store: Store) {
        let ticket = push(&store).await;
        let won = winners(20, |_| {
            let (store, id) = (store.clone(), ticket.id());
            async move {
                let mut tx = store.begin(&aoi()).await.unwrap();
                let claimed = tx.claim_request(id, NOW).await.unwrap();
                tx.commit().await.unwrap();
                claimed
            }
        })
        .await;
        assert_eq!(won, 1);
        let request = store.read(&aoi()).find_request(&ticket).await.unwrap().unwrap();
        assert!(!request.is_open(NOW));
    }

    async fn whoever_lost_the_race_and_concedes_reads_what_the_winner_wrote(store: Store) {
        for _ in 0..20 {
            let ticket = push(&store).await;
            let saw = winners(8, |_| {
                let (store, ticket) = (store.clone(), ticket.clone());
                async move {
                    let mut tx = store.begin(&aoi()).await.unwrap();
                    if tx.claim_request(ticket.id(), NOW).await.unwrap() {
                        tx.commit().await.unwrap();
                        return true;
                    }
                    tx.concede().await.unwrap();
                    let request = store.read(&aoi()).find_request(&ticket).await.unwrap().unwrap();
                    !request.is_open(NOW)
                }
            })
            .await;
            assert_eq!(saw, 8);
        }
    }

    async fn what_was_written_before_conceding_is_taken_back(store: Store) {
        let ticket = push(&store).await;
        let mut tx = store.begin(&aoi()).await.unwrap();
        assert!(tx.claim_request(ticket.id(), NOW).await.unwrap());
        tx.concede().await.unwrap();
        assert!(store.read(&aoi()).find_request(&ticket).await.unwrap().unwrap().is_open(NOW));
    }

    async fn a_014_half_a_ticket_finds_nothing(store: Store) {
        let ticket = push(&store).await;
        assert_eq!(store.read(&aoi()).find_request(&forged(&ticket)).await.unwrap(), None);
        assert_eq!(store.read(&aoi()).find_request(&new_ticket()).await.unwrap(), None);
    }

    async fn r_229_a_request_is_of_one_institution(store: Store) {
        two_institutions(&store).await;
        let ticket = push(&store).await;
        assert!(store.read(&aoi()).find_request_and_product(ticket.id()).await.unwrap().is_some());
        let mut elsewhere = store.begin(&midori()).await.unwrap();
        assert_eq!(elsewhere.find_request(&ticket).await.unwrap(), None);
        assert_eq!(elsewhere.find_request_and_product(ticket.id()).await.unwrap(), None);
        assert!(!elsewhere.claim_request(ticket.id(), NOW).await.unwrap());
        elsewhere.commit().await.unwrap();
        assert!(store.read(&aoi()).find_request(&ticket).await.unwrap().unwrap().is_open(NOW));
    }

    async fn r_097_of_many_who_redeem_a_code_one_does(store: Store) {
        let (ticket, code) = add_code(&store).await;
        assert_eq!(store.read(&aoi()).find_code(&ticket).await.unwrap(), Some(code.clone()));
        let won = winners(50, |_| {
            let (store, id) = (store.clone(), code.id);
            async move {
                let mut tx = store.begin(&aoi()).await.unwrap();
                let claimed = tx.apply(Step::claim_code(id, NOW)).await.unwrap() == 1;
                tx.commit().await.unwrap();
                claimed
            }
        })
        .await;
        assert_eq!(won, 1);
    }

    async fn a_004_a_code_is_found_by_the_whole_of_it_at_its_institution_only(store: Store) {
        let (ticket, code) = add_code(&store).await;
        assert_eq!(store.read(&aoi()).find_code(&forged(&ticket)).await.unwrap(), None);
        let mut elsewhere = store.begin(&midori()).await.unwrap();
        assert_eq!(elsewhere.find_code(&ticket).await.unwrap(), None);
        assert_eq!(elsewhere.apply(Step::claim_code(code.id, NOW)).await.unwrap(), 0);
    }
}
