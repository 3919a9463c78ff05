//! The audit trail as evidence: sealing, signing, exporting, and what an offline verifier finds.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test file"
)]

mod killed;
mod many;
mod sealing;
mod tampering;
mod witnessed;

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use renkei_audit_verify::{Fault, Report, Trust, verify};
use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::time::{Clock, Timestamp};
use renkei_server::audit::AuditFault;
use renkei_server::audit::export::{Exported, export};
use renkei_server::audit::sealer::{Sealer, Tools};
use renkei_server::keys::Keys;
use renkei_store::Store;
use renkei_testing::{SystemRandom, aoi};
use tempfile::TempDir;

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
const HOST: &str = "link.example";

pub struct ManualClock(AtomicI64);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// A node that writes records and seals them.
pub struct Node {
    pub store: Store,
    pub keys: Keys,
    pub clock: ManualClock,
    pub folder: TempDir,
}

impl Node {
    pub fn over(store: Store) -> Node {
        renkei_store::audit::name_node("node-a");
        Node {
            store,
            keys: Keys::from_master(&[7; 32]).unwrap(),
            clock: ManualClock(AtomicI64::new(START.0)),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn tools<'a>(&'a self, anchors: &'a Path) -> Tools<'a> {
        Tools { store: &self.store, keys: &self.keys, clock: &self.clock, random: &SystemRandom, host: HOST, anchors }
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub fn sealer(&self) -> Sealer {
        Sealer::new(aoi(), &self.tools(self.folder.path()))
    }

    pub async fn pass(&self, sealer: &mut Sealer) -> Result<u64, AuditFault> {
        let anchors = self.path("anchors");
        sealer.pass(&self.tools(&anchors)).await
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub async fn look_back(&self, sealer: &mut Sealer) -> Result<bool, AuditFault> {
        let anchors = self.path("anchors");
        sealer.look_back(&self.tools(&anchors)).await
    }

    pub fn forward(&self, seconds: i64) {
        self.clock.0.store(self.clock.now().plus_seconds(seconds).0, Ordering::SeqCst);
    }

    /// Writes records, a millisecond apart.
    pub async fn record(&self, count: u64) {
        let mut tx = self.store.begin(&aoi()).await.unwrap();
        for number in 0..count {
            self.clock.0.fetch_add(1_000, Ordering::SeqCst);
            let record = Record::done(Actor::Product("kakeibo".into()), Action::BalanceRead)
                .on(format!("account {number}"))
                .with("balance")
                .in_request("request");
            tx.record(&record, self.clock.now(), &SystemRandom).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// Records, seals and signs, so that a checkpoint stands at the new size.
    pub async fn sealed(&self, sealer: &mut Sealer, count: u64) {
        self.record(count).await;
        self.forward(60);
        assert_eq!(self.pass(sealer).await.unwrap(), count);
    }

    pub async fn export(&self, name: &str) -> Result<Option<Exported>, AuditFault> {
        export(&self.store, &aoi(), &self.path(name)).await
    }

    pub async fn trust(&self) -> Trust {
        let keys = self.store.read(&aoi()).list_audit_keys().await.unwrap();
        Trust { keys: keys.iter().map(|key| key.verifier.parse().unwrap()).collect(), ..Trust::default() }
    }

    pub async fn verify(&self, name: &str) -> Result<Report, Fault> {
        verify(&self.path(name), &self.trust().await)
    }
}
