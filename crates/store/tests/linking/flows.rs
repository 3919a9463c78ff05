//! Flows: saved only by whoever saw their last state.

use renkei_domain::flow::{Closed, FlowClock, Stage};
use renkei_domain::id::{FlowId, LinkageId, UserId};
use renkei_domain::linkage::EndedBy;
use renkei_store::flows::Flow;
use renkei_store::sessions::Purpose;
use renkei_store::{Ended, Step, Store, Unit};
use renkei_testing::seed::KAKEIBO;
use renkei_testing::{aoi, midori, on_each_engine};
use uuid::Uuid;

use super::{NOW, new_id, new_ticket, two_institutions, winners};

fn flow(request: Uuid, session: Uuid) -> Flow {
    let (stage, clock) = (Stage::Login, FlowClock::opened(NOW));
    Flow { id: FlowId(new_id()), request, session, stage, version: 0, clock, permitted_at: None }
}

async fn add(store: &Store, flow: &Flow) {
    let mut tx = store.begin(&aoi()).await.unwrap();
    tx.apply(Step::add_flow(flow).unwrap()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn save(store: &Store, flow: &Flow) -> bool {
    let mut tx = store.begin(&aoi()).await.unwrap();
    let saved = tx.save_flow(flow).await.unwrap();
    tx.commit().await.unwrap();
    saved
}

on_each_engine! {
    async fn a_flow_comes_back_as_it_was_saved(store: Store) {
        let mut flow = flow(new_id(), new_id());
        add(&store, &flow).await;
        assert_eq!(store.read(&aoi()).find_flow(flow.id).await.unwrap(), Some(flow.clone()));
        flow.stage = Stage::Closed { why: Closed::Declined };
        flow.clock = flow.clock.extended(NOW.plus_seconds(7)).unwrap();
        flow.permitted_at = Some(NOW);
        assert!(save(&store, &flow).await);
        flow.version += 1;
        assert_eq!(store.read(&aoi()).find_flow(flow.id).await.unwrap(), Some(flow));
    }

    async fn a_flow_is_saved_only_at_the_version_it_was_read_at(store: Store) {
        let flow = flow(new_id(), new_id());
        add(&store, &flow).await;
        let closed = Flow { stage: Stage::Closed { why: Closed::Cancelled }, ..flow.clone() };
        assert!(save(&store, &closed).await);
        assert!(!save(&store, &flow).await, "an older version came back");
        let kept = store.read(&aoi()).find_flow(flow.id).await.unwrap().unwrap();
        assert_eq!((kept.stage, kept.version), (closed.stage, 1));
    }

    async fn of_many_saves_of_one_version_one_wins(store: Store) {
        let flow = flow(new_id(), new_id());
        add(&store, &flow).await;
        let won = winners(20, |_| {
            let (store, flow) = (store.clone(), flow.clone());
            async move { save(&store, &flow).await }
        })
        .await;
        assert_eq!(won, 1);
        assert_eq!(store.read(&aoi()).find_flow(flow.id).await.unwrap().unwrap().version, 1);
    }

    async fn looking_at_a_flow_keeps_its_version_and_never_sets_its_clock_back(store: Store) {
        let flow = flow(new_id(), new_id());
        add(&store, &flow).await;
        for (at, used_at) in [(60, 60), (30, 60)] {
            let mut tx = store.begin(&aoi()).await.unwrap();
            tx.apply(Step::touch_flow(flow.id, NOW.plus_seconds(at))).await.unwrap();
            tx.commit().await.unwrap();
            let kept = store.read(&aoi()).find_flow(flow.id).await.unwrap().unwrap();
            assert_eq!((kept.version, kept.clock.used_at), (0, NOW.plus_seconds(used_at)));
        }
    }

    async fn a_unit_that_loses_a_later_claim_leaves_request_flow_and_session_as_they_were(store: Store) {
        let (who, _) = two_institutions(&store).await;
        let (pushed, cookie, session) = (new_ticket(), new_ticket(), new_id());
        let kept = flow(pushed.id(), session);
        add(&store, &kept).await;
        let mut unit = Unit::new(&aoi());
        unit.add(Step::add_request(&pushed, KAKEIBO, "{}".into(), NOW.plus_seconds(60)));
        unit.add(Step::add_session(session, &cookie, [1; 32], Purpose::Link, Some(who.user), NOW));
        assert_eq!(store.leave(unit).await.unwrap(), Ended::Done);
        let found = store.read(&aoi()).find_session(&cookie, Purpose::Link).await.unwrap().unwrap();

        let next = Flow { stage: Stage::Closed { why: Closed::Cancelled }, permitted_at: Some(NOW), ..kept.clone() };
        let mut unit = Unit::new(&aoi());
        unit.claim(Step::claim_request(pushed.id(), NOW));
        unit.claim(Step::rotate_session(&found, &new_ticket(), &[2; 32], UserId(new_id()), NOW.plus_seconds(9)));
        unit.claim(Step::save_flow(&next).unwrap());
        unit.claim(Step::end_linkage(LinkageId(new_id()), EndedBy::Partner, NOW));
        unit.otherwise(Step::put_back_request(pushed.id()));
        unit.otherwise(Step::put_back_session(&found, &[2; 32]));
        unit.otherwise(Step::put_back_flow(&kept).unwrap());
        assert_eq!(store.leave(unit).await.unwrap(), Ended::Lost(3));
        let mut read = store.read(&aoi());
        assert!(read.find_request(&pushed).await.unwrap().unwrap().is_open(NOW));
        assert_eq!(read.find_flow(kept.id).await.unwrap(), Some(kept));
        assert!(read.find_session(&cookie, Purpose::Link).await.unwrap().is_some_and(|session| session == found));
    }

    async fn r_203_a_request_has_one_flow_in_each_browser(store: Store) {
        let (request, one, other) = (new_id(), new_id(), new_id());
        let (first, second) = (flow(request, one), flow(request, other));
        add(&store, &first).await;
        add(&store, &second).await;
        let mut read = store.read(&aoi());
        assert_eq!(read.find_flow_of_request(request, one).await.unwrap(), Some(first.clone()));
        assert_eq!(read.find_flow_of_request(request, other).await.unwrap(), Some(second));
        assert_eq!(read.find_flow_of_request(new_id(), one).await.unwrap(), None);
        assert_eq!(read.list_open_flows(one).await.unwrap(), std::slice::from_ref(&first));
        let ended = Flow { stage: Stage::Closed { why: Closed::TimedOut }, ..first };
        assert!(save(&store, &ended).await);
        assert_eq!(store.read(&aoi()).list_open_flows(one).await.unwrap(), []);
    }

    async fn r_229_another_institution_neither_sees_nor_saves_a_flow(store: Store) {
        let flow = flow(new_id(), new_id());
        add(&store, &flow).await;
        let mut elsewhere = store.begin(&midori()).await.unwrap();
        assert_eq!(elsewhere.find_flow(flow.id).await.unwrap(), None);
        assert_eq!(elsewhere.find_flow_of_request(flow.request, flow.session).await.unwrap(), None);
        assert_eq!(elsewhere.list_open_flows(flow.session).await.unwrap(), []);
        assert!(!elsewhere.save_flow(&flow).await.unwrap());
        elsewhere.apply(Step::touch_flow(flow.id, NOW.plus_seconds(60))).await.unwrap();
        elsewhere.commit().await.unwrap();
        assert_eq!(store.read(&aoi()).find_flow(flow.id).await.unwrap(), Some(flow));
    }
}
