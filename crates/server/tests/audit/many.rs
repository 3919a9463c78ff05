//! What sealing, exporting and verifying many entries takes. The figures are printed; the long run is made by hand.

use std::time::Instant;

use renkei_store::Store;
use renkei_testing::on_each_engine;

use crate::Node;

/// How many entries, where another number is wanted: 1000000 for the figures in docs/audit.md.
const ENTRIES: &str = "RENKEI_TEST_SEALED_ENTRIES";

on_each_engine! {
    async fn i_11_a_long_trail_is_sealed_exported_and_verified(store: Store) {
        let entries: u64 = std::env::var(ENTRIES).ok().map_or(3_000, |number| number.parse().unwrap());
        let node = Node::over(store);
        for _ in 0..entries / 1_000 {
            node.record(1_000).await;
        }
        let mut sealer = node.sealer();
        let began = Instant::now();
        assert_eq!(node.pass(&mut sealer).await.unwrap(), entries);
        let sealed = began.elapsed();
        node.forward(60);
        node.pass(&mut sealer).await.unwrap();
        let began = Instant::now();
        node.export("export").await.unwrap();
        let exported = began.elapsed();
        let began = Instant::now();
        assert_eq!(node.verify("export").await.unwrap().size, entries);
        let engine = node.store.engine_name();
        eprintln!("{engine}: {entries} sealed {sealed:?}, exported {exported:?}, verified {:?}", began.elapsed());
        let began = Instant::now();
        assert_eq!(node.pass(&mut sealer).await.unwrap(), 0);
        eprintln!("{engine}: a pass with nothing to do {:?}", began.elapsed());
    }
}
