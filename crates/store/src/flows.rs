//! Flows: short-lived state, stored whole, changed only if nobody changed it meanwhile.

use renkei_domain::flow::{FlowClock, Stage};
use renkei_domain::id::FlowId;
use renkei_domain::time::Timestamp;
use uuid::Uuid;

use crate::db::{Row, to_json};
use crate::{Session, Step, StoreError, Tx, params, values};

/// One walk through the screens, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// Its identifier, part of its address.
    pub id: FlowId,
    /// The pushed request it answers.
    pub request: Uuid,
    /// The browser session that opened it.
    pub session: Uuid,
    /// How far it has come.
    pub stage: Stage,
    /// Counts up with every step.
    pub version: i64,
    /// Its clocks.
    pub clock: FlowClock,
    /// When the permission was given.
    pub permitted_at: Option<Timestamp>,
}

const COLUMNS: &str = "SELECT flow_id, request_id, session_id, body, version, deadline_at, used_at, extended, \
     permitted_at \
     FROM flows WHERE institution = ?1";

impl Session {
    /// The flow of this identifier.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_flow(&mut self, id: FlowId) -> Result<Option<Flow>, StoreError> {
        let select = const_format::concatcp!(COLUMNS, " AND flow_id = ?2");
        self.row(select, params![id]).await?.map(read).transpose()
    }

    /// The flow that a browser session opened for a request, newest first if it did so more than once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_flow_of_request(&mut self, request: Uuid, session: Uuid) -> Result<Option<Flow>, StoreError> {
        let select =
            const_format::concatcp!(COLUMNS, " AND request_id = ?2 AND session_id = ?3 ORDER BY flow_id DESC LIMIT 1");
        self.row(select, params![request, session]).await?.map(read).transpose()
    }

    /// All flows of a browser session that are not over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_open_flows(&mut self, session: Uuid) -> Result<Vec<Flow>, StoreError> {
        let select = const_format::concatcp!(COLUMNS, " AND session_id = ?2 AND stage NOT IN ('consented', 'closed')");
        self.rows(select, params![session]).await?.into_iter().map(read).collect()
    }
}

impl Tx {
    /// Saves the next state of a flow if it is still at the version it was read at. `false`: somebody else was first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_flow(&mut self, flow: &Flow) -> Result<bool, StoreError> {
        Ok(self.apply(Step::save_flow(flow)?).await? == 1)
    }
}

impl Step {
    /// Adds a flow.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn add_flow(flow: &Flow) -> Result<Step, StoreError> {
        let insert = "INSERT INTO flows \
             (institution, flow_id, request_id, session_id, stage, body, version, opened_at, deadline_at, used_at, \
             extended) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        let values = values![
            flow.id,
            flow.request,
            flow.session,
            flow.stage.word(),
            to_json(&flow.stage)?,
            flow.version,
            flow.clock.used_at,
            flow.clock.deadline_at,
            flow.clock.used_at,
            i64::from(flow.clock.extended),
        ];
        Ok(Step::new(insert, values))
    }

    /// Saves the next state of a flow. Changes nothing unless it is still at the version it was read at.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn save_flow(flow: &Flow) -> Result<Step, StoreError> {
        Step::set_flow(flow, flow.version, flow.version.saturating_add(1))
    }

    /// Puts a flow back as it was before the same unit saved its next state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_back_flow(flow: &Flow) -> Result<Step, StoreError> {
        Step::set_flow(flow, flow.version.saturating_add(1), flow.version)
    }

    /// Gives a flow this state if it is at one version, and with it the other.
    fn set_flow(flow: &Flow, from: i64, to: i64) -> Result<Step, StoreError> {
        let update = "UPDATE flows SET stage = ?2, body = ?3, version = ?4, deadline_at = ?5, used_at = ?6, \
             extended = ?7, permitted_at = ?8, session_id = ?9 WHERE institution = ?1 AND flow_id = ?10 AND version = ?11";
        let values = values![
            flow.stage.word(),
            to_json(&flow.stage)?,
            to,
            flow.clock.deadline_at,
            flow.clock.used_at,
            i64::from(flow.clock.extended),
            flow.permitted_at,
            flow.session,
            flow.id,
            from,
        ];
        Ok(Step::new(update, values))
    }

    /// Notes that a flow was looked at: its idle time begins anew. The version stays, so open forms stay valid.
    #[must_use]
    pub fn touch_flow(id: FlowId, now: Timestamp) -> Step {
        let update = "UPDATE flows SET used_at = ?2 WHERE institution = ?1 AND flow_id = ?3 AND used_at < ?2";
        Step::new(update, values![now, id])
    }
}

fn read(mut row: Row) -> Result<Flow, StoreError> {
    Ok(Flow {
        id: row.get(0)?,
        request: row.get(1)?,
        session: row.get(2)?,
        stage: row.json(3)?,
        version: row.get(4)?,
        clock: FlowClock { deadline_at: row.get(5)?, used_at: row.get(6)?, extended: row.get::<i64>(7)? != 0 },
        permitted_at: row.get(8)?,
    })
}
