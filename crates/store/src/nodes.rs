//! Nodes that serve from this store: a row each, by which a node finds out whether it can write.

use renkei_domain::time::Timestamp;

use crate::params;
use crate::{Store, StoreError};

/// A node as it was last heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its machine and port.
    pub name: String,
    /// When it last found that it can write; only who is asked whether it is ready looks.
    pub seen_at: Timestamp,
    /// The version it ran; none: one from before nodes told.
    pub version: Option<String>,
}

impl Store {
    /// Notes that a node of this version is there, durably.
    ///
    /// # Errors
    /// [`StoreError`]: then nothing else could be made durable either.
    pub async fn note_node(&self, node: &str, version: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin_all().await?;
        let note = "INSERT INTO nodes (node, seen_at, version) VALUES (?1, ?2, ?3) \
             ON CONFLICT (node) DO UPDATE SET seen_at = excluded.seen_at, version = excluded.version";
        tx.execute(note, params![node, now, version]).await?;
        tx.commit().await
    }

    /// Every node that was ever heard of, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_nodes(&self) -> Result<Vec<Node>, StoreError> {
        let rows = self.read_all().rows("SELECT node, seen_at, version FROM nodes ORDER BY node", &[]).await?;
        rows.into_iter()
            .map(|mut row| Ok(Node { name: row.get(0)?, seen_at: row.get(1)?, version: row.get(2)? }))
            .collect()
    }
}
