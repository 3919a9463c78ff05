//! Browser sessions: the row stays, its secret rotates at every login.

use renkei_domain::id::UserId;
use renkei_domain::ticket::Ticket;
use renkei_domain::time::Timestamp;
use uuid::Uuid;

use crate::{Session as Reads, Step, StoreError, Tx, params, values};

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Binds linkage flows to the browser that opened them.
    Link,
    /// Somebody is logged in to look at their linkages.
    My,
}

impl Purpose {
    const fn word(self) -> &'static str {
        match self {
            Purpose::Link => "link",
            Purpose::My => "my",
        }
    }
}

/// A browser session.
#[derive(Clone, PartialEq, Eq)]
pub struct BrowserSession {
    /// Stays while the secret rotates.
    pub id: Uuid,
    /// SHA-256 of the cookie's ticket.
    pub hash: [u8; 32],
    /// First part of that ticket.
    pub ticket: Uuid,
    /// Who logged in last.
    pub user: Option<UserId>,
    /// When it was last used.
    pub used_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// The certificate of the last login, DER, followed by what came with it; none after a password.
    pub certificate: Option<Vec<u8>>,
}

impl Reads {
    /// The open session of this ticket and purpose. The caller compares the hash, in constant time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_session(
        &mut self,
        ticket: &Ticket,
        purpose: Purpose,
    ) -> Result<Option<BrowserSession>, StoreError> {
        let select = "SELECT session_id, hash, user_id, used_at, created_at, certificate FROM sessions \
             WHERE institution = ?1 AND ticket_id = ?2 AND purpose = ?3 AND ended_at IS NULL";
        let row = self.row(select, params![ticket.id(), purpose.word()]).await?;
        row.map(|mut row| {
            Ok(BrowserSession {
                id: row.get(0)?,
                hash: row.get(1)?,
                ticket: ticket.id(),
                user: row.get(2)?,
                used_at: row.get(3)?,
                created_at: row.get(4)?,
                certificate: row.get(5)?,
            })
        })
        .transpose()
    }
}

impl Step {
    /// Adds a session whose cookie is this ticket.
    #[must_use]
    pub fn add_session(
        id: Uuid,
        ticket: &Ticket,
        hash: [u8; 32],
        purpose: Purpose,
        user: Option<UserId>,
        now: Timestamp,
    ) -> Step {
        let insert = "INSERT INTO sessions \
             (institution, session_id, hash, ticket_id, user_id, purpose, created_at, used_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        Step::new(insert, values![id, hash, ticket.id(), user, purpose.word(), now, now])
    }
}

impl Step {
    /// Gives a session a new secret and its user, if its present secret is still this one: of two logins at once in
    /// one browser, the second finds it gone. The certificate of a login before is forgotten.
    #[must_use]
    pub fn rotate_session(
        session: &BrowserSession,
        ticket: &Ticket,
        hash: &[u8; 32],
        user: UserId,
        now: Timestamp,
    ) -> Step {
        let update = "UPDATE sessions SET hash = ?2, ticket_id = ?3, user_id = ?4, used_at = ?5, certificate = NULL \
             WHERE institution = ?1 AND session_id = ?6 AND hash = ?7 AND ended_at IS NULL";
        Step::new(update, values![*hash, ticket.id(), user, now, session.id, session.hash])
    }

    /// Puts a session back as it was before the same unit gave it the secret of this hash.
    #[must_use]
    pub fn put_back_session(session: &BrowserSession, hash: &[u8; 32]) -> Step {
        let update = "UPDATE sessions SET hash = ?2, ticket_id = ?3, user_id = ?4, used_at = ?5, certificate = ?6 \
             WHERE institution = ?1 AND session_id = ?7 AND hash = ?8";
        let (certificate, used_at) = (session.certificate.clone(), session.used_at);
        let values = values![session.hash, session.ticket, session.user, used_at, certificate, session.id, *hash];
        Step::new(update, values)
    }

    /// Keeps the certificate somebody has logged in with, DER, followed by what came with it.
    #[must_use]
    pub fn keep_certificate(id: Uuid, certificate: Vec<u8>) -> Step {
        let update = "UPDATE sessions SET certificate = ?2 WHERE institution = ?1 AND session_id = ?3";
        Step::new(update, values![certificate, id])
    }
}

impl Tx {
    /// Notes that a session was used.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn touch_session(&mut self, id: Uuid, now: Timestamp) -> Result<(), StoreError> {
        let update = "UPDATE sessions SET used_at = ?2 WHERE institution = ?1 AND session_id = ?3";
        self.execute(update, params![now, id]).await.map(|_| ())
    }

    /// Ends a session; its cookie is worthless from the commit on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_session(&mut self, id: Uuid, now: Timestamp) -> Result<bool, StoreError> {
        let update = "UPDATE sessions SET ended_at = ?2, certificate = NULL \
             WHERE institution = ?1 AND session_id = ?3 AND ended_at IS NULL";
        self.claim(update, params![now, id]).await
    }
}
