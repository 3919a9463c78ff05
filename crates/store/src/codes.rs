//! Authorization codes: redeemed once.

use renkei_domain::id::LinkageId;
use renkei_domain::ticket::Ticket;
use renkei_domain::time::Timestamp;
use uuid::Uuid;

use crate::ticket;
use crate::{Session, Step, StoreError, params, values};

/// What is remembered of how a request was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestFacts {
    /// The client had signed it.
    pub signed: bool,
    /// The answer to it was signed.
    pub answer_signed: bool,
}

/// What a code stands for and is bound to. The institution is its row's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// First part of its ticket.
    pub id: Uuid,
    /// The linkage that was permitted.
    pub linkage: LinkageId,
    /// The only client that can redeem it.
    pub client_id: String,
    /// Where it was sent.
    pub redirect_uri: String,
    /// What the verifier must hash to, with `S256`.
    pub code_challenge: String,
    /// Thumbprint of the key that must be used with it, if the request named one.
    pub dpop_jkt: Option<String>,
    /// How the request it answers came, and how it was answered.
    pub request: RequestFacts,
    /// What was permitted: scope words.
    pub scope: String,
    /// Whether it was asked for in detail (RFC 9396): then answers tell the details.
    pub detailed: bool,
    /// It is worthless from this instant on.
    pub expires_at: Timestamp,
}

impl Session {
    /// The code of this ticket, redeemed or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_code(&mut self, ticket: &Ticket) -> Result<Option<Code>, StoreError> {
        let select = "SELECT hash, code_id, linkage_id, client_id, redirect_uri, code_challenge, dpop_jkt, scope, \
             expires_at, request_signed, answer_signed, detailed FROM codes WHERE institution = ?1 AND code_id = ?2";
        let Some(mut row) = self.row(select, params![ticket.id()]).await? else { return Ok(None) };
        if !ticket::is(ticket, &row.get(0)?) {
            return Ok(None);
        }
        Ok(Some(Code {
            id: row.get(1)?,
            linkage: row.get(2)?,
            client_id: row.get(3)?,
            redirect_uri: row.get(4)?,
            code_challenge: row.get(5)?,
            dpop_jkt: row.get(6)?,
            scope: row.get(7)?,
            expires_at: row.get(8)?,
            request: RequestFacts { signed: row.get::<i64>(9)? != 0, answer_signed: row.get::<i64>(10)? != 0 },
            detailed: row.get::<i64>(11)? != 0,
        }))
    }
}

impl Step {
    /// Adds the code of a permission. Its `id` is the ticket's.
    #[must_use]
    pub fn add_code(ticket: &Ticket, code: &Code) -> Step {
        let insert = "INSERT INTO codes (institution, code_id, hash, linkage_id, client_id, redirect_uri, \
             code_challenge, dpop_jkt, scope, expires_at, request_signed, answer_signed, detailed) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
        let values = values![
            ticket.id(),
            ticket::hash(ticket),
            code.linkage,
            code.client_id.clone(),
            code.redirect_uri.clone(),
            code.code_challenge.clone(),
            code.dpop_jkt.clone(),
            code.scope.clone(),
            code.expires_at,
            i64::from(code.request.signed),
            i64::from(code.request.answer_signed),
            i64::from(code.detailed),
        ];
        Step::new(insert, values)
    }

    /// Redeems a code. Changes nothing when it was redeemed before. Whose it is and whether it has expired is checked
    /// first, on what [`Session::find_code`] gave: none of that ever changes.
    #[must_use]
    pub fn claim_code(id: Uuid, now: Timestamp) -> Step {
        let update = "UPDATE codes SET redeemed_at = ?2 \
             WHERE institution = ?1 AND code_id = ?3 AND redeemed_at IS NULL";
        Step::new(update, values![now, id])
    }
}
