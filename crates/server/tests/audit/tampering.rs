//! Somebody with every right in the database changes what happened. The verifier has the export and the public keys.

use std::path::Path;

use renkei_audit_trail::entry::Entry;
use renkei_audit_trail::tile::{put_entry, read_bundle};
use renkei_audit_verify::{Fault, Trust, verify};
use renkei_server::audit::signer;
use renkei_store::audit_removal::{Removal, remove_records};
use renkei_store::db::Param;
use renkei_store::rights::ONLY_GROWING;
use renkei_store::{Store, params};
use renkei_testing::{SystemRandom, aoi, on_each_engine};

use crate::Node;

/// Runs a statement as whoever owns the database: what keeps the program from it is taken away first.
pub async fn with_every_right(store: &Store, sql: &'static str) {
    with_every_right_and(store, sql, &[]).await;
}

async fn with_every_right_and(store: &Store, sql: &'static str, values: &[Param<'_>]) {
    let mut tx = store.begin_all().await.unwrap();
    for table in ONLY_GROWING {
        let walls = match store.engine_name() {
            "SQLite" => vec![format!("{table}_unchanged"), format!("{table}_undeleted")],
            _ => vec![format!("audit_only_grows ON {table}")],
        };
        for wall in walls {
            tx.execute(format!("DROP TRIGGER IF EXISTS {wall}").leak(), &[]).await.unwrap();
        }
    }
    tx.commit().await.unwrap();
    let mut tx = store.begin(&aoi()).await.unwrap();
    let changed = tx.execute(sql, values).await.unwrap();
    assert!(changed > 0, "{sql}");
    tx.commit().await.unwrap();
}

/// A trail of 600 entries with three checkpoints, and its newest checkpoint as a witness would hold it.
async fn trail(store: Store) -> (Node, String) {
    let node = Node::over(store);
    let mut sealer = node.sealer();
    for _ in 0..3 {
        node.sealed(&mut sealer, 200).await;
    }
    node.export("whole").await.unwrap();
    let held = std::fs::read_to_string(node.path("whole/checkpoint")).unwrap();
    node.verify("whole").await.unwrap();
    (node, held)
}

async fn fault(node: &Node) -> Fault {
    node.export("changed").await.unwrap();
    node.verify("changed").await.unwrap_err()
}

/// The record of the entry at this position.
async fn record_at(store: &Store, position: i64) -> String {
    let select = "SELECT audit_id FROM audit_positions WHERE institution = ?1 AND position = ?2";
    store.read(&aoi()).row(select, params![position]).await.unwrap().unwrap().get(0).unwrap()
}

/// Puts back the rows of when the trail had this size, on a machine that remembers nothing.
pub async fn put_back(node: &Node, size: i64) {
    for sql in [
        "DELETE FROM audit WHERE institution = ?1 AND audit_id IN (SELECT audit_id FROM audit_positions \
         WHERE institution = ?1 AND position >= ?2)",
        "DELETE FROM audit_positions WHERE institution = ?1 AND position >= ?2",
        "DELETE FROM audit_batches WHERE institution = ?1 AND first >= ?2",
        "DELETE FROM audit_tiles WHERE institution = ?1 AND level = 0 AND (tile_index + 1) * 256 > ?2",
        "DELETE FROM audit_checkpoints WHERE institution = ?1 AND size > ?2",
        "DELETE FROM audit_signatures WHERE institution = ?1 AND size > ?2",
    ] {
        with_every_right_and(&node.store, sql, params![size]).await;
    }
    with_every_right(&node.store, "DELETE FROM leases WHERE institution = ?1").await;
    std::fs::remove_dir_all(node.path("anchors")).unwrap();
}

/// Changes the entries of the batch that begins at this position.
async fn change_batch(store: &Store, first: u64, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let batches = store.read(&aoi()).list_batches(first / 256 * 256).await.unwrap();
    let batch = batches.into_iter().find(|batch| batch.first == first).unwrap();
    let mut entries: Vec<Vec<u8>> = read_bundle(&batch.entries).0.into_iter().map(<[u8]>::to_vec).collect();
    change(&mut entries);
    let mut bytes = Vec::new();
    entries.iter().for_each(|entry| put_entry(&mut bytes, entry));
    let update = "UPDATE audit_batches SET entries = ?3 WHERE institution = ?1 AND first = ?2";
    with_every_right_and(store, update, params![i64::try_from(first).unwrap(), &bytes]).await;
}

on_each_engine! {
    async fn r_235_the_tables_of_the_trail_refuse_to_be_changed(store: Store) {
        let node = Node::over(store);
        node.sealed(&mut node.sealer(), 300).await;
        for table in ONLY_GROWING {
            for change in ["DELETE FROM {} WHERE institution = ?1", "UPDATE {} SET institution = ?1 WHERE institution = ?1"] {
                let mut tx = node.store.begin(&aoi()).await.unwrap();
                let refused = tx.execute(change.replace("{}", table).leak(), &[]).await.unwrap_err();
                assert!(refused.to_string().contains("only ever added to"), "{refused}");
            }
        }
    }

    async fn a_130_a_record_that_was_edited_is_found_by_its_index(store: Store) {
        let (node, _) = trail(store).await;
        let id = record_at(&node.store, 417).await;
        for update in [
            "UPDATE audit SET detail = 'nothing' WHERE institution = ?1 AND audit_id = ?2",
            "UPDATE audit SET detail = 'balance', outcome = 'refused' WHERE institution = ?1 AND audit_id = ?2",
            "UPDATE audit SET outcome = 'done', at = at - 1 WHERE institution = ?1 AND audit_id = ?2",
        ] {
            with_every_right_and(&node.store, update, params![&id]).await;
            let found = fault(&node).await;
            assert_eq!((found.index, found.before), (Some(417), None), "{update}: {found}");
            std::fs::remove_dir_all(node.path("changed")).unwrap();
        }
    }

    async fn a_130_a_record_that_was_deleted_is_found_by_its_index(store: Store) {
        let (node, _) = trail(store).await;
        let id = record_at(&node.store, 100).await;
        with_every_right_and(&node.store, "DELETE FROM audit WHERE institution = ?1 AND audit_id = ?2", params![&id]).await;
        assert_eq!(fault(&node).await.index, Some(100));
    }

    async fn a_record_that_was_deleted_by_law_says_so_in_the_trail(store: Store) {
        let (node, _) = trail(store).await;
        let now = renkei_domain::time::Clock::now(&node.clock);
        let removal = Removal { first: 100, last: 399, operator: "hanako", reason: "retention" };
        let removed = remove_records(&node.store, &aoi(), removal, now, &SystemRandom).await.unwrap();
        assert_eq!(removed, 300);
        let beyond = Removal { last: 600, ..removal };
        assert!(remove_records(&node.store, &aoi(), beyond, now, &SystemRandom).await.is_err());
        let mut tx = node.store.begin(&aoi()).await.unwrap();
        assert!(tx.execute("DELETE FROM audit WHERE institution = ?1", &[]).await.is_err(), "the wall is up again");
        drop(tx);
        node.forward(60);
        node.pass(&mut node.sealer()).await.unwrap();
        node.export("changed").await.unwrap();
        let report = node.verify("changed").await.unwrap();
        assert_eq!((report.size, report.removed), (601, 300));
    }

    async fn a_130_an_entry_that_was_edited_is_found_by_its_index(store: Store) {
        let (node, _) = trail(store).await;
        change_batch(&node.store, 200, |entries| {
            let mut entry = Entry::decode(&entries[7]).unwrap();
            entry.outcome = "refused".into();
            entries[7] = entry.encode();
        })
        .await;
        let found = fault(&node).await;
        assert_eq!((found.index, found.before), (Some(207), None), "{found}");
    }

    async fn a_130_entries_that_were_swapped_are_found_by_the_first(store: Store) {
        let (node, _) = trail(store).await;
        change_batch(&node.store, 200, |entries| entries.swap(20, 40)).await;
        assert_eq!(fault(&node).await.index, Some(220));
    }

    async fn a_130_an_entry_that_was_put_in_or_taken_out_is_found_by_its_index(store: Store) {
        let (node, _) = trail(store).await;
        change_batch(&node.store, 0, |entries| entries.insert(30, entries[29].clone())).await;
        assert_eq!(fault(&node).await.index, Some(30));
        std::fs::remove_dir_all(node.path("changed")).unwrap();
        change_batch(&node.store, 0, |entries| drop(entries.drain(30..32))).await;
        assert_eq!(fault(&node).await.index, Some(30));
    }

    /// Whoever can write everything but sign makes new entries, links and tiles that fit together. What was signed does not
    /// fit them, and the checkpoints before and after tell where.
    async fn a_130_a_trail_that_was_made_anew_does_not_fit_its_checkpoints(store: Store) {
        let (node, _) = trail(store).await;
        let id = record_at(&node.store, 230).await;
        let update = "UPDATE audit SET detail = 'nothing' WHERE institution = ?1 AND audit_id = ?2";
        with_every_right_and(&node.store, update, params![&id]).await;
        for sql in [
            "DELETE FROM audit_positions WHERE institution = ?1",
            "DELETE FROM audit_batches WHERE institution = ?1",
            "DELETE FROM audit_tiles WHERE institution = ?1",
            "DELETE FROM leases WHERE institution = ?1",
        ] {
            with_every_right(&node.store, sql).await;
        }
        // The sealer itself makes the forged trail, and refuses to sign it. Its times of sealing are others now, so all of
        // it is another trail.
        let refused = node.pass(&mut node.sealer()).await.unwrap_err();
        assert!(refused.to_string().contains("does not go on"), "{refused}");
        let found = fault(&node).await;
        assert_eq!((found.index, found.before), (Some(0), Some(200)), "{found}");
    }

    async fn a_130_a_tail_that_was_cut_off_is_found_by_a_checkpoint_held_elsewhere(store: Store) {
        let (node, held) = trail(store).await;
        for sql in [
            "DELETE FROM audit_positions WHERE institution = ?1 AND position >= 400",
            "DELETE FROM audit_batches WHERE institution = ?1 AND first >= 400",
            "DELETE FROM audit_tiles WHERE institution = ?1 AND tile_index >= 1",
            "DELETE FROM audit_checkpoints WHERE institution = ?1 AND size > 400",
            "DELETE FROM audit_signatures WHERE institution = ?1 AND size > 400",
        ] {
            with_every_right(&node.store, sql).await;
        }
        node.export("changed").await.unwrap();
        assert_eq!(node.verify("changed").await.unwrap().size, 400, "by itself it is a trail, of an earlier day");
        let trust = Trust { held: vec![held], ..node.trust().await };
        let found = verify(&node.path("changed"), &trust).unwrap_err();
        assert_eq!((found.index, found.before), (Some(400), Some(600)), "{found}");
    }

    async fn a_130_f_10_an_old_state_that_was_put_back_and_went_on_is_a_fork(store: Store) {
        let (node, held) = trail(store).await;
        put_back(&node, 400).await;
        node.sealed(&mut node.sealer(), 300).await;
        node.export("changed").await.unwrap();
        assert_eq!(node.verify("changed").await.unwrap().size, 700);
        let trust = Trust { held: vec![held], ..node.trust().await };
        let found = verify(&node.path("changed"), &trust).unwrap_err();
        assert_eq!((found.index, found.before), (Some(400), Some(600)), "{found}");
        assert!(node.export("whole").await.is_err(), "nor does it go on from the copy elsewhere");
    }

    async fn a_130_another_key_is_no_key_of_the_trail(store: Store) {
        let (node, _) = trail(store).await;
        let trust = node.trust().await;
        with_every_right(&node.store, "DELETE FROM audit_keys WHERE institution = ?1").await;
        with_every_right(&node.store, "DELETE FROM audit_signatures WHERE institution = ?1").await;
        std::fs::remove_dir_all(node.path("anchors")).unwrap();
        node.forward(60);
        node.pass(&mut node.sealer()).await.unwrap();
        node.export("changed").await.unwrap();
        let found = verify(&node.path("changed"), &trust).unwrap_err();
        assert!(found.to_string().contains("not signed by a key that was given"), "{found}");
    }

    async fn a_trail_begun_anew_is_verified_with_both_keys(store: Store) {
        let (node, _) = trail(store).await;
        let now = renkei_domain::time::Clock::now(&node.clock);
        let mut tx = node.store.begin(&aoi()).await.unwrap();
        let key = signer::begin_anew(&mut tx, &node.keys, &aoi(), now, &SystemRandom).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        assert_eq!(key.origin, format!("link.example/1001/audit-{}", now.seconds()));
        node.sealed(&mut node.sealer(), 5).await;
        node.export("whole").await.unwrap();
        let report = node.verify("whole").await.unwrap();
        assert_eq!((report.size, report.origin), (605, key.origin));
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_130_each_file_of_an_export_counts() {
    let fresh = renkei_testing::fresh_sqlite().await;
    let (node, _) = trail(fresh.store.clone()).await;
    let whole = node.path("whole");
    let mut tried = 0;
    for file in files(&whole).into_iter().filter(|file| !file.ends_with("keys")) {
        let bytes = std::fs::read(&file).unwrap();
        for at in [0, bytes.len() / 3, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            std::fs::write(&file, &changed).unwrap();
            assert!(node.verify("whole").await.is_err(), "{} at {at}", file.display());
            tried += 1;
        }
        std::fs::remove_file(&file).unwrap();
        assert!(node.verify("whole").await.is_err(), "{} away", file.display());
        std::fs::write(&file, &bytes).unwrap();
    }
    assert!(tried > 40, "{tried}");
    node.verify("whole").await.unwrap();
}
