//! Nodes that serve from this store: a row each, by which a node finds out whether it can write.

use renkei_domain::time::Timestamp;

use crate::params;
use crate::{Store, StoreError};

impl Store {
    /// Notes that a node is there, durably.
    ///
    /// # Errors
    /// [`StoreError`]: then nothing else could be made durable either.
    pub async fn note_node(&self, node: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin_all().await?;
        let note = "INSERT INTO nodes (node, seen_at) VALUES (?1, ?2) \
             ON CONFLICT (node) DO UPDATE SET seen_at = excluded.seen_at";
        tx.execute(note, params![node, now]).await?;
        tx.commit().await
    }
}
