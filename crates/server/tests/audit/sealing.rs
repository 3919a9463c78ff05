//! What sealing does with records that are in time, late, many, or sealed by somebody else.

use renkei_audit_trail::entry::Entry;
use renkei_audit_trail::tile::read_bundle;
use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::id::{AuditId, time_ordered};
use renkei_domain::time::Timestamp;
use renkei_server::audit::AuditFault;
use renkei_server::audit::sealer::SWEEP_RECORDS;
use renkei_store::Store;
use renkei_store::audit_sealing::{FIRST_ID, Unsealed};
use renkei_testing::{SystemRandom, aoi, midori, on_each_engine, seed};

use crate::Node;

async fn entries(store: &Store) -> Vec<Entry> {
    let (mut all, mut read) = (Vec::new(), store.read(&aoi()));
    while let batches = read.list_batches(all.len() as u64 / 256 * 256).await.unwrap()
        && batches.last().is_some_and(|last| last.size > all.len() as u64)
    {
        for batch in batches {
            let (entries, whole) = read_bundle(&batch.entries);
            whole.unwrap();
            all.extend(entries.into_iter().map(|entry| Entry::decode(entry).unwrap()));
        }
    }
    all
}

on_each_engine! {
    async fn i_11_each_record_is_sealed_once_and_what_is_exported_verifies(store: Store) {
        let node = Node::over(store);
        let mut sealer = node.sealer();
        assert_eq!(node.pass(&mut sealer).await.unwrap(), 0);
        node.sealed(&mut sealer, 700).await;
        let exported = node.export("export").await.unwrap().unwrap();
        assert_eq!((exported.before, exported.size), (0, 700));
        let report = node.verify("export").await.unwrap();
        assert_eq!((report.size, report.removed, report.origin.as_str()), (700, 0, "link.example/1001/audit"));
        let entries = entries(&node.store).await;
        assert_eq!(entries.len(), 700);
        assert!(entries.is_sorted_by_key(|entry| entry.id));
        assert!(entries.iter().all(|entry| entry.node.as_deref() == Some("node-a") && entry.at < entry.sealed_at));
    }

    async fn r_235_an_export_is_added_to_with_what_is_new(store: Store) {
        let node = Node::over(store);
        let mut sealer = node.sealer();
        for count in [1, 254, 1, 1, 300, 1_500] {
            node.sealed(&mut sealer, count).await;
            node.forward(60);
            node.pass(&mut sealer).await.unwrap();
            node.export("export").await.unwrap().unwrap();
            node.verify("export").await.unwrap();
        }
        let report = node.verify("export").await.unwrap();
        assert_eq!((report.size, node.export("export").await.unwrap().unwrap().before), (2_057, 2_057));
        assert!(report.checkpoints >= 7, "{report:?}");
    }

    async fn a_record_that_becomes_visible_late_comes_later_in_the_trail(store: Store) {
        let node = Node::over(store);
        let mut sealer = node.sealer();
        let record = Record::done(Actor::Visitor, Action::FlowOpened);
        let began = renkei_domain::time::Clock::now(&node.clock);
        node.sealed(&mut sealer, 10).await;
        // Two transactions that began before: one only just, one a minute ago.
        for at in [renkei_domain::time::Clock::now(&node.clock).plus_seconds(-2), began.plus_seconds(-50)] {
            let mut late = node.store.begin(&aoi()).await.unwrap();
            late.record(&record, at, &SystemRandom).await.unwrap();
            late.commit().await.unwrap();
        }
        node.record(3).await;
        node.forward(60);
        let mut sealed = 0;
        while let more @ 1.. = node.pass(&mut sealer).await.unwrap() {
            sealed += more;
        }
        assert_eq!(sealed, 5);
        let entries = entries(&node.store).await;
        assert_eq!(entries.len(), 15);
        assert_eq!(entries[10..].iter().filter(|entry| entry.action == "flow_opened").count(), 2);
        node.forward(60);
        node.pass(&mut sealer).await.unwrap();
        node.export("export").await.unwrap();
        assert_eq!(node.verify("export").await.unwrap().size, 15);
    }

    async fn i_11_more_late_records_than_are_looked_at_at_once_are_sealed_by_one_pass(store: Store) {
        let node = Node::over(store);
        let mut sealer = node.sealer();
        // Records in time, and so close to each other, one for each millisecond, that late ones come between.
        let (record, began) = (Record::done(Actor::Visitor, Action::FlowOpened), node.now());
        let at = |number: i64| Timestamp(began.0 + number * 1_000);
        let write = async |odd: i64| {
            let mut tx = node.store.begin(&aoi()).await.unwrap();
            for number in 0..700 {
                tx.record(&record, at(2 * number + odd), &SystemRandom).await.unwrap();
            }
            tx.commit().await.unwrap();
        };
        node.forward(3);
        write(1).await;
        assert_eq!(node.pass(&mut sealer).await.unwrap(), 700);
        write(0).await;
        assert_eq!(node.pass(&mut sealer).await.unwrap(), 700);
        let entries = entries(&node.store).await;
        let times: Vec<i64> = entries.iter().map(|entry| (entry.at - began.0) / 1_000).collect();
        let expected: Vec<i64> = (0..700).map(|number| 2 * number + 1).chain((0..700).map(|number| 2 * number)).collect();
        assert_eq!(times, expected);
    }

    async fn i_11_a_record_that_becomes_visible_weeks_late_is_sealed_too(store: Store) {
        let node = Node::over(store);
        let mut sealer = node.sealer();
        let began = renkei_domain::time::Clock::now(&node.clock);
        // More than the walk looks at in one go.
        node.sealed(&mut sealer, u64::from(SWEEP_RECORDS) + 100).await;
        node.forward(30 * 86_400);
        node.sealed(&mut sealer, 10).await;
        let record = Record::done(Actor::Visitor, Action::FlowOpened);
        for at in [began.plus_seconds(-1), began.plus_seconds(3), began.plus_seconds(86_400)] {
            let mut late = node.store.begin(&aoi()).await.unwrap();
            late.record(&record, at, &SystemRandom).await.unwrap();
            late.commit().await.unwrap();
        }
        node.forward(120);
        assert_eq!(node.pass(&mut sealer).await.unwrap(), 0, "it looks two days back");
        let until = AuditId(time_ordered(node.now(), &[0; 10]));
        let backlog = async || node.store.read(&aoi()).unsealed(FIRST_ID, until, 100).await.unwrap();
        let expected = Unsealed { count: 3, oldest: Some(began.plus_seconds(-1)) };
        assert_eq!(backlog().await, expected);
        // The first walk begins anywhere, the second at the beginning.
        for _ in 0..2 {
            while !node.look_back(&mut sealer).await.unwrap() {}
        }
        assert_eq!(backlog().await, Unsealed::default());
        node.forward(60);
        node.pass(&mut sealer).await.unwrap();
        node.export("export").await.unwrap();
        assert_eq!(node.verify("export").await.unwrap().size, u64::from(SWEEP_RECORDS) + 113);
        assert!(node.look_back(&mut node.sealer()).await.unwrap(), "another node leaves it to who has the lease");
    }

    async fn one_statement_tells_in_which_institutions_something_is_new(store: Store) {
        for code in [aoi(), midori()] {
            seed::institution(&store, &code, "{}").await;
        }
        let node = Node::over(store);
        let mut sealer = node.sealer();
        let fresh = async || {
            let all = node.store.read_all().list_fresh().await.unwrap();
            assert_eq!(all.iter().map(|(code, _)| code.clone()).collect::<Vec<_>>(), [aoi(), midori()]);
            all.into_iter().filter(|(_, is_fresh)| *is_fresh).map(|(code, _)| code).collect::<Vec<_>>()
        };
        assert_eq!(fresh().await, []);
        assert!(!sealer.expects_late_ones(node.now()));
        node.record(2).await;
        assert_eq!(fresh().await, [aoi()]);
        node.pass(&mut sealer).await.unwrap();
        assert_eq!(fresh().await, []);
        assert!(sealer.expects_late_ones(node.now()), "nothing tells of one that comes below the newest");
        node.forward(60);
        assert!(!sealer.expects_late_ones(node.now()));
        node.record(1).await;
        assert_eq!(fresh().await, [aoi()]);
    }

    async fn a_checkpoint_is_signed_each_minute_and_each_thousand_entries(store: Store) {
        let node = Node::over(store);
        let mut sealer = node.sealer();
        let sizes = async || {
            let signed = node.store.read(&aoi()).list_signed_checkpoints(0, 100).await.unwrap();
            signed.iter().map(|one| one.checkpoint.size).collect::<Vec<_>>()
        };
        node.record(5).await;
        node.pass(&mut sealer).await.unwrap();
        node.record(5).await;
        node.pass(&mut sealer).await.unwrap();
        assert_eq!(sizes().await, [5], "the first at once, the next after a minute");
        node.forward(60);
        node.pass(&mut sealer).await.unwrap();
        assert_eq!(sizes().await, [5, 10]);
        node.forward(600);
        node.pass(&mut sealer).await.unwrap();
        assert_eq!(sizes().await, [5, 10], "nothing new, nothing signed");
        node.record(1_000).await;
        node.pass(&mut sealer).await.unwrap();
        assert_eq!(sizes().await, [5, 10, 1_010]);
    }

    async fn a_sealer_rests_once_all_is_signed_until_it_looks_for_what_came_late(store: Store) {
        let node = Node::over(store);
        let mut sealer = node.sealer();
        assert!(!sealer.rests(node.now()), "it has not looked");
        node.sealed(&mut sealer, 5).await;
        node.pass(&mut sealer).await.unwrap();
        assert!(sealer.rests(node.now()));
        node.record(5).await;
        assert_eq!(node.pass(&mut sealer).await.unwrap(), 5);
        assert!(!sealer.rests(node.now()), "these are signed within a minute");
        node.forward(60);
        assert!(!sealer.rests(node.now()));
        node.pass(&mut sealer).await.unwrap();
        assert!(sealer.rests(node.now()));
        node.forward(-1);
        assert!(!sealer.rests(node.now()), "a clock that was put right does not keep it resting");
        node.forward(61);
        assert!(!sealer.rests(node.now()), "what came late is looked for");
    }

    async fn institutions_have_trails_of_their_own(store: Store) {
        let node = Node::over(store);
        let mut sealer = node.sealer();
        let mut tx = node.store.begin(&midori()).await.unwrap();
        tx.record(&Record::done(Actor::System, Action::FlowOpened), crate::START, &SystemRandom).await.unwrap();
        tx.commit().await.unwrap();
        node.sealed(&mut sealer, 3).await;
        assert_eq!(node.store.read(&midori()).trail_size().await.unwrap(), 0);
        assert!(entries(&node.store).await.iter().all(|entry| entry.institution == "1001"));
    }

    async fn two_nodes_that_seal_at_once_make_one_trail(store: Store) {
        let node = Node::over(store);
        let (mut first, mut second) = (node.sealer(), node.sealer());
        let mut sealed = 0;
        for round in 0..20 {
            node.record(40).await;
            // Now and then the lease has run out, as after a node that hung: then both are at it.
            node.forward(if round % 3 == 0 { 11 } else { 1 });
            let (a, b) = tokio::join!(node.pass(&mut first), node.pass(&mut second));
            sealed += a.unwrap() + b.unwrap();
        }
        node.forward(70);
        sealed += node.pass(&mut first).await.unwrap();
        node.forward(70);
        sealed += node.pass(&mut second).await.unwrap();
        assert_eq!(sealed, 800);
        node.export("export").await.unwrap();
        assert_eq!(node.verify("export").await.unwrap().size, 800);
    }

    async fn two_sealers_without_a_lease_between_them_still_make_one_trail(store: Store) {
        let node = Node::over(store);
        let mut sealers = [node.sealer(), node.sealer()];
        for _ in 0..10 {
            node.record(30).await;
            // The lease is nobody's at each of these instants, whoever had it.
            node.forward(11);
            let [first, second] = &mut sealers;
            let (a, b) = tokio::join!(node.pass(first), node.pass(second));
            assert_eq!(a.unwrap() + b.unwrap(), 30);
        }
        node.forward(60);
        node.pass(&mut sealers[0]).await.unwrap();
        node.export("export").await.unwrap();
        assert_eq!(node.verify("export").await.unwrap().size, 300);
    }

    async fn f_29_what_was_about_to_be_signed_is_signed_as_it_was(store: Store) {
        let node = Node::over(store);
        let mut sealer = node.sealer();
        node.sealed(&mut sealer, 10).await;
        // A node went down after it made the checkpoint durable and before it signed.
        node.record(10).await;
        node.pass(&mut sealer).await.unwrap();
        let trail = renkei_server::audit::trail::Trail::load(&mut node.store.read(&aoi())).await.unwrap().unwrap();
        let origin = "link.example/1001/audit".to_owned();
        let checkpoint = renkei_audit_trail::checkpoint::Checkpoint { origin, size: 20, root: trail.root() };
        let mut tx = node.store.begin(&aoi()).await.unwrap();
        tx.add_checkpoint(&checkpoint, crate::START).await.unwrap();
        tx.commit().await.unwrap();
        node.record(1).await;
        node.forward(20);
        let mut other = node.sealer();
        node.pass(&mut other).await.unwrap();
        let signed = node.store.read(&aoi()).list_signed_checkpoints(0, 100).await.unwrap();
        assert!(signed.iter().any(|one| one.checkpoint == checkpoint), "{signed:?}");
        node.forward(60);
        node.pass(&mut other).await.unwrap();
        node.export("export").await.unwrap();
        assert_eq!(node.verify("export").await.unwrap().size, 21);
    }

    async fn f_10_a_node_does_not_sign_what_does_not_go_on_from_what_it_signed(store: Store) {
        let node = Node::over(store);
        let mut sealer = node.sealer();
        node.sealed(&mut sealer, 300).await;
        node.export("export").await.unwrap();
        // The rows of before come back: the last entries and all that was signed of them are gone.
        for sql in [
            "DELETE FROM audit WHERE institution = ?1",
            "DELETE FROM audit_positions WHERE institution = ?1",
            "DELETE FROM audit_batches WHERE institution = ?1",
            "DELETE FROM audit_tiles WHERE institution = ?1",
            "DELETE FROM audit_checkpoints WHERE institution = ?1",
            "DELETE FROM audit_signatures WHERE institution = ?1",
        ] {
            crate::tampering::with_every_right(&node.store, sql).await;
        }
        for count in [10, 400] {
            node.record(count).await;
            node.forward(60);
            let mut restarted = node.sealer();
            let fault = node.pass(&mut restarted).await.unwrap_err();
            assert!(matches!(fault, AuditFault::Forked(_)), "{fault}");
            let signed = node.store.read(&aoi()).list_signed_checkpoints(0, 100).await.unwrap();
            assert_eq!(signed, [], "nothing is signed that contradicts the file beside the database");
            let fault = node.export("export").await.unwrap_err();
            assert!(matches!(fault, AuditFault::Forked(_)), "{fault}");
        }
        assert_eq!(node.verify("export").await.unwrap().size, 300, "what was exported before is as it was");
    }
}
