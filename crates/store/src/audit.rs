//! 監査証跡: every act and every read leaves one record, in the transaction of the act.

use std::borrow::Cow;
use std::sync::OnceLock;

use renkei_domain::audit::Record;
use renkei_domain::id::{AuditId, time_ordered};
use renkei_domain::time::Timestamp;

use crate::db::Param;
use crate::params;
use crate::{Random, Session, Step, StoreError, Tx};

/// A record as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its identifier.
    pub id: AuditId,
    /// When it was written.
    pub at: Timestamp,
    /// The actor's kind: user, visitor, product, resource_server, operator, system.
    pub actor_kind: String,
    /// The actor's identifier within its kind.
    pub actor: Option<String>,
    /// What was done.
    pub action: String,
    /// done or refused.
    pub outcome: String,
    /// What it was done to.
    pub object: Option<String>,
    /// Reason or particulars.
    pub detail: Option<String>,
    /// The request it belongs to.
    pub request_id: Option<String>,
}

impl Tx {
    /// Adds a record to this transaction: it stands exactly if what it tells of stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record(&mut self, record: &Record, now: Timestamp, random: &dyn Random) -> Result<(), StoreError> {
        self.count_record(record);
        self.execute(INSERT, &values(record, now, random)).await.map(|_| ())
    }
}

/// The row of a record.
pub(crate) fn row(record: &Record, now: Timestamp, random: &dyn Random) -> Step {
    Step::new(INSERT, values(record, now, random))
}

const INSERT: &str = "INSERT INTO audit \
     (institution, audit_id, at, actor_kind, actor, action, outcome, object, detail, request_id, node, salt) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

/// The node this process is.
static NODE: OnceLock<Box<str>> = OnceLock::new();

/// Says what the node is called that this process is: its audit records name it. The first word counts.
pub fn name_node(node: &str) {
    let _ = NODE.set(node.into());
}

/// The values of [`INSERT`].
fn values(record: &Record, now: Timestamp, random: &dyn Random) -> Vec<Param<'static>> {
    let id = AuditId(time_ordered(now, &random.bytes()));
    let salt: [u8; 16] = random.bytes();
    let (actor_kind, actor) = record.actor.parts();
    vec![
        Param::from(id),
        Param::from(now),
        Param::from(actor_kind),
        Param::from(actor),
        Param::from(record.action.word()),
        Param::from(record.outcome.word()),
        Param::from(record.object.clone()),
        Param::from(record.detail.clone()),
        Param::from(record.request_id.clone()),
        Param::from(NODE.get().map(|node| node.as_ref())),
        Param::Bytes(Cow::Owned(salt.to_vec())),
    ]
}

impl Session {
    /// The newest records, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_audit(&mut self, limit: u32) -> Result<Vec<StoredRecord>, StoreError> {
        let select = "SELECT audit_id, at, actor_kind, actor, action, outcome, object, detail, request_id \
             FROM audit WHERE institution = ?1 ORDER BY audit_id DESC LIMIT ?2";
        let rows = self.rows(select, params![limit]).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(StoredRecord {
                    id: row.get(0)?,
                    at: row.get(1)?,
                    actor_kind: row.get(2)?,
                    actor: row.get(3)?,
                    action: row.get(4)?,
                    outcome: row.get(5)?,
                    object: row.get(6)?,
                    detail: row.get(7)?,
                    request_id: row.get(8)?,
                })
            })
            .collect()
    }
}
