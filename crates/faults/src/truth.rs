//! What stands in the end: the rows that the history is held against.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use renkei_store::{Session, Store, StoreError};

use crate::partner::INSTITUTION;
use crate::{Trouble, trouble};

/// How long the rows are waited for after the last fault.
const TRIES: u32 = 240;
const PAUSE: Duration = Duration::from_millis(500);
const LINKAGES: &str = "SELECT linkage_id, ended_by, ends_at FROM linkages WHERE institution = ?1";

/// A linkage as it stands.
#[derive(Debug, Clone, Default)]
pub struct LinkageRow {
    /// Who ended it.
    pub ended_by: Option<String>,
    /// When its consent ends, in microseconds since 1970; `None`: not looked at.
    pub ends_at: Option<i64>,
    /// Its accounts.
    pub accounts: BTreeSet<String>,
}

/// A record of the audit trail.
#[derive(Debug, Clone)]
pub struct RecordRow {
    /// The request it belongs to.
    pub request_id: String,
    /// What was done.
    pub action: String,
    /// done or refused.
    pub outcome: String,
    /// What it was done to.
    pub object: String,
    /// Reason or particulars.
    pub detail: String,
}

/// Everything that is looked at.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    /// By identifier.
    pub linkages: BTreeMap<String, LinkageRow>,
    /// Codes: the linkage of each, and whether it was redeemed.
    pub codes: BTreeMap<String, (String, bool)>,
    /// How many refresh tokens came of each code.
    pub tokens: BTreeMap<String, usize>,
    /// Accounts with a registered PIN.
    pub pins: BTreeSet<String>,
    /// The audit trail.
    pub records: Vec<RecordRow>,
    /// Its sealed part: places in the trail, and the request whose act each is of.
    pub sealed: Vec<(i64, String)>,
    /// Whether clocks jumped or went apart: then records of one instant to another have no order by time.
    pub clocks_differ: bool,
    /// When the history began, in microseconds since 1970.
    pub began_at: i64,
}

impl Truth {
    /// Reads it, as soon as it can be read.
    ///
    /// # Errors
    /// When it can't be read for two minutes.
    pub async fn read(store: &Store) -> Result<Truth, Trouble> {
        let institution = INSTITUTION.parse().map_err(trouble("the institution's code"))?;
        let mut tries = 0;
        loop {
            tries += 1;
            match read_all(&mut store.read(&institution)).await {
                Ok(truth) => return Ok(truth),
                Err(StoreError::Unavailable(_)) if tries < TRIES => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(format!("the rows: {error}")),
            }
        }
    }
}

async fn read_all(read: &mut Session) -> Result<Truth, StoreError> {
    let mut truth = Truth::default();
    for mut row in read.rows(LINKAGES, &[]).await? {
        let id = row.get(0)?;
        let linkage = LinkageRow { ended_by: row.get(1)?, ends_at: Some(row.get(2)?), accounts: BTreeSet::new() };
        truth.linkages.insert(id, linkage);
    }
    let accounts = "SELECT linkage_id, account_id FROM linkage_accounts WHERE institution = ?1";
    for mut row in read.rows(accounts, &[]).await? {
        let linkage: String = row.get(0)?;
        truth.linkages.entry(linkage).or_default().accounts.insert(row.get(1)?);
    }
    let codes = "SELECT code_id, linkage_id, redeemed_at FROM codes WHERE institution = ?1";
    for mut row in read.rows(codes, &[]).await? {
        let code: String = row.get(0)?;
        truth.codes.insert(code, (row.get(1)?, row.get::<Option<i64>>(2)?.is_some()));
    }
    for mut row in read.rows("SELECT code_id FROM refresh_tokens WHERE institution = ?1", &[]).await? {
        *truth.tokens.entry(row.get(0)?).or_default() += 1;
    }
    for mut row in read.rows("SELECT account_id FROM pins WHERE institution = ?1", &[]).await? {
        truth.pins.insert(row.get(0)?);
    }
    for record in read.list_audit(i32::MAX as u32).await? {
        truth.records.push(RecordRow {
            request_id: record.request_id.unwrap_or_default(),
            action: record.action,
            outcome: record.outcome,
            object: record.object.unwrap_or_default(),
            detail: record.detail.unwrap_or_default(),
        });
    }
    let sealed = "SELECT p.position, a.request_id FROM audit_positions p \
         LEFT JOIN audit a ON a.institution = p.institution AND a.audit_id = p.audit_id \
         WHERE p.institution = ?1 ORDER BY p.position";
    for mut row in read.rows(sealed, &[]).await? {
        truth.sealed.push((row.get(0)?, row.get::<Option<String>>(1)?.unwrap_or_default()));
    }
    Ok(truth)
}
