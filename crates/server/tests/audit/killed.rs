//! A node that is killed while it seals and signs, again and again.

use std::process::{Command, Stdio};
use std::time::Duration;

use renkei_server::audit::sealer::CHECKPOINT_SECONDS;
use renkei_store::{Store, StoreConfig};
use renkei_testing::{aoi, fresh_sqlite};

use crate::Node;

/// Names the database of the child that is going to be killed.
const DATABASE: &str = "RENKEI_TEST_SEAL_UNTIL_KILLED";
/// How often it is killed, where another number is wanted.
const KILLS: &str = "RENKEI_TEST_KILLS";

/// Not a test of its own: the process that the next one kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seals_until_killed() {
    let Ok(path) = std::env::var(DATABASE) else { return };
    let folder = std::path::PathBuf::from(&path);
    let store = Store::open(&StoreConfig::Sqlite { path: folder.join("renkei.db") }).await.unwrap();
    let node = Node::over(store);
    let anchors = folder.join("anchors");
    // The clock goes on from one life to the next.
    let newest = node.store.read(&aoi()).newest_sealed().await.unwrap();
    let began = newest.map_or(crate::START, |id| renkei_domain::id::made_at(id.0));
    node.forward(crate::START.seconds_until(began) + 20);
    let mut sealer = node.sealer();
    loop {
        node.record(7).await;
        node.forward(CHECKPOINT_SECONDS);
        sealer.pass(&node.tools(&anchors)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_29_a_sealer_that_is_killed_at_any_instant_never_signs_two_roots_for_one_size() {
    let fresh = fresh_sqlite().await;
    let StoreConfig::Sqlite { path } = &fresh.config else { return };
    let folder = path.parent().unwrap();
    let kills: u64 = std::env::var(KILLS).ok().map_or(12, |number| number.parse().unwrap());
    let node = Node::over(fresh.store.clone());
    let mut held: Vec<String> = Vec::new();
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["killed::seals_until_killed", "--exact", "--nocapture"])
            .env(DATABASE, folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Some time while it works: the number of the kill decides when.
        tokio::time::sleep(Duration::from_millis(150 + (kill * 37) % 211)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let signed = node.store.read(&aoi()).list_signed_checkpoints(0, u32::MAX).await.unwrap();
        if let Some(newest) = signed.last() {
            let lines = newest.signatures.join("\n");
            held.push(format!("{}\n{lines}\n", newest.checkpoint));
        }
    }
    assert!(held.len() as u64 >= kills / 2, "{} of {kills} lives signed something", held.len());
    // The last life of all seals what is left; every checkpoint that was ever let out is of this one trail.
    let newest = node.store.read(&aoi()).newest_sealed().await.unwrap().unwrap();
    node.forward(crate::START.seconds_until(renkei_domain::id::made_at(newest.0)) + 3_600);
    let anchors = folder.join("anchors");
    let mut sealer = node.sealer();
    node.record(1).await;
    while sealer.pass(&node.tools(&anchors)).await.unwrap() > 0 {}
    node.forward(CHECKPOINT_SECONDS);
    sealer.pass(&node.tools(&anchors)).await.unwrap();
    node.export("export").await.unwrap();
    let trust = renkei_audit_verify::Trust { held, ..node.trust().await };
    let report = renkei_audit_verify::verify(&node.path("export"), &trust).unwrap();
    let count = "SELECT COUNT(*) FROM audit WHERE institution = ?1";
    let records: i64 = node.store.read(&aoi()).row(count, &[]).await.unwrap().unwrap().get(0).unwrap();
    assert_eq!(report.size, u64::try_from(records).unwrap(), "each record once");
    eprintln!("{kills} kills, {} entries, {} checkpoints", report.size, report.checkpoints);
}
