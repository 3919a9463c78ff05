//! Refresh tokens and access tokens. They hold no permission of their own: each names a linkage, and an access token
//! the refresh token it came with, so that one row ended ends all that hangs on it, at the next use.

use renkei_domain::id::{AccountId, LinkageId};
use renkei_domain::partner::SenderConstraint;
use renkei_domain::ticket::Ticket;
use renkei_domain::time::Timestamp;
use renkei_domain::token::Binding;
use uuid::Uuid;

use crate::db::{Row, to_json};
use crate::linkages::{self, Linkage};
use crate::ticket;
use crate::{Session, Step, StoreError, kept, params, values};

/// A refresh token. It lives as long as its linkage and is not rotated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// First part of its ticket.
    pub id: Uuid,
    /// The linkage it is for.
    pub linkage: LinkageId,
    /// The only client that can use it.
    pub client_id: String,
    /// The code it came from.
    pub code: Uuid,
    /// What was permitted with it: scope words.
    pub scope: String,
    /// Whether that was asked for in detail (RFC 9396): then answers tell the details.
    pub detailed: bool,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// An access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// First part of its ticket.
    pub id: Uuid,
    /// The linkage it is for.
    pub linkage: LinkageId,
    /// The only client that can use it.
    pub client_id: String,
    /// The refresh token it came with.
    pub refresh: Uuid,
    /// What it may do: scope words.
    pub scope: String,
    /// The only accounts it is for, out of those of its linkage; `None`: all of them.
    pub accounts: Option<Vec<AccountId>>,
    /// What it is bound to.
    pub binding: Binding,
    /// It is worthless from this instant on.
    pub expires_at: Timestamp,
    /// When it, or the refresh token it came with, was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Session {
    /// The access token of this ticket with its linkage, as they stand now: one statement, or what one found under the
    /// version that its institution still has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_access_token(&mut self, ticket: &Ticket) -> Result<Option<(AccessToken, Linkage)>, StoreError> {
        let select = const_format::concatcp!(
            "SELECT ",
            linkages::FIELDS,
            // A refresh token comes of a code that was redeemed.
            "COALESCE(l.taken_at, r.issued_at), t.hash, t.token_id, t.client_id, t.refresh_id, t.scope, t.bound_by, t.bound_to, t.expires_at, \
             COALESCE(t.revoked_at, r.revoked_at), t.accounts, ",
            kept::VERSION,
            " FROM access_tokens t \
             JOIN refresh_tokens r ON r.institution = t.institution AND r.token_id = t.refresh_id \
             JOIN linkages l ON l.institution = t.institution AND l.linkage_id = t.linkage_id ",
            linkages::JOINS,
            " WHERE t.institution = ?1 AND t.token_id = ?2"
        );
        if let Some(held) = self.recall(|known| &known.access_tokens, ticket.id()).await? {
            return Ok(held.of(ticket));
        }
        let Some(mut row) = self.row(select, params![ticket.id()]).await? else { return Ok(None) };
        let version = row.get(linkages::FIELD_COUNT + 10)?;
        let held = read_access_token(&mut row)?;
        Ok(self.keep(|known| &known.access_tokens, ticket.id(), version, held).of(ticket))
    }

    /// Looks an access token up anew the next time: its linkage was noted as read, which makes no new version.
    pub fn forget_access_token(&self, id: Uuid) {
        self.forget(|known| &known.access_tokens, id);
    }

    /// The refresh token of this ticket, revoked or not, with its linkage.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_refresh_token(&mut self, ticket: &Ticket) -> Result<Option<(RefreshToken, Linkage)>, StoreError> {
        let select = const_format::concatcp!(
            "SELECT ",
            linkages::FIELDS,
            "COALESCE(l.taken_at, t.issued_at), t.hash, t.token_id, t.client_id, t.code_id, t.scope, t.revoked_at, t.detailed, ",
            kept::VERSION,
            " FROM refresh_tokens t \
             JOIN linkages l ON l.institution = t.institution AND l.linkage_id = t.linkage_id ",
            linkages::JOINS,
            " WHERE t.institution = ?1 AND t.token_id = ?2"
        );
        if let Some(held) = self.recall(|known| &known.refresh_tokens, ticket.id()).await? {
            return Ok(held.of(ticket));
        }
        let Some(mut row) = self.row(select, params![ticket.id()]).await? else { return Ok(None) };
        let version = row.get(linkages::FIELD_COUNT + 7)?;
        let held = read_refresh_token(&mut row)?;
        Ok(self.keep(|known| &known.refresh_tokens, ticket.id(), version, held).of(ticket))
    }
}

/// A token with its linkage, for whoever has its ticket.
pub(crate) struct Held<T> {
    hash: [u8; 32],
    found: (T, Linkage),
}

pub(crate) type HeldAccessToken = Held<AccessToken>;
pub(crate) type HeldRefreshToken = Held<RefreshToken>;

impl<T: Clone> Held<T> {
    fn of(&self, ticket: &Ticket) -> Option<(T, Linkage)> {
        ticket::is(ticket, &self.hash).then(|| self.found.clone())
    }
}

fn read_access_token(row: &mut Row) -> Result<HeldAccessToken, StoreError> {
    let at = linkages::FIELD_COUNT;
    let linkage = linkages::read_fields(row)?;
    let token = AccessToken {
        id: row.get(at + 1)?,
        linkage: linkage.id,
        client_id: row.get(at + 2)?,
        refresh: row.get(at + 3)?,
        scope: row.get(at + 4)?,
        binding: Binding::new(row.word(at + 5, SenderConstraint::from_word)?, row.get(at + 6)?),
        expires_at: row.get(at + 7)?,
        revoked_at: row.get(at + 8)?,
        accounts: read_accounts(row, at + 9)?,
    };
    Ok(Held { hash: row.get(at)?, found: (token, linkage) })
}

fn read_refresh_token(row: &mut Row) -> Result<HeldRefreshToken, StoreError> {
    let at = linkages::FIELD_COUNT;
    let linkage = linkages::read_fields(row)?;
    let token = RefreshToken {
        id: row.get(at + 1)?,
        linkage: linkage.id,
        client_id: row.get(at + 2)?,
        code: row.get(at + 3)?,
        scope: row.get(at + 4)?,
        revoked_at: row.get(at + 5)?,
        detailed: row.get::<i64>(at + 6)? != 0,
    };
    Ok(Held { hash: row.get(at)?, found: (token, linkage) })
}

impl Step {
    /// Adds a refresh token. Its `id` is the ticket's.
    #[must_use]
    pub fn add_refresh_token(ticket: &Ticket, token: &RefreshToken, now: Timestamp) -> Step {
        let insert = "INSERT INTO refresh_tokens \
             (institution, token_id, hash, linkage_id, client_id, code_id, scope, issued_at, detailed) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let (client_id, scope, detailed) = (token.client_id.clone(), token.scope.clone(), i64::from(token.detailed));
        let hash = ticket::hash(ticket);
        Step::new(insert, values![ticket.id(), hash, token.linkage, client_id, token.code, scope, now, detailed])
    }

    /// Adds an access token. Its `id` is the ticket's.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn add_access_token(ticket: &Ticket, token: &AccessToken) -> Result<Step, StoreError> {
        let insert = "INSERT INTO access_tokens \
             (institution, token_id, hash, linkage_id, client_id, refresh_id, scope, bound_by, bound_to, expires_at, \
             accounts) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        let values = values![
            ticket.id(),
            ticket::hash(ticket),
            token.linkage,
            token.client_id.clone(),
            token.refresh,
            token.scope.clone(),
            token.binding.constraint().word(),
            token.binding.thumbprint().to_owned(),
            token.expires_at,
            token.accounts.as_ref().map(to_json).transpose()?,
        ];
        Ok(Step::new(insert, values))
    }

    /// Revokes every refresh token of a linkage, and with them their access tokens.
    #[must_use]
    pub fn revoke_tokens_of_linkage(linkage: LinkageId, now: Timestamp) -> Step {
        let update = "UPDATE refresh_tokens SET revoked_at = ?2 \
             WHERE institution = ?1 AND linkage_id = ?3 AND revoked_at IS NULL";
        Step::new(update, values![now, linkage])
    }

    /// Revokes what a code was exchanged for.
    #[must_use]
    pub fn revoke_tokens_of_code(code: Uuid, now: Timestamp) -> Step {
        let update = "UPDATE refresh_tokens SET revoked_at = ?2 \
             WHERE institution = ?1 AND code_id = ?3 AND revoked_at IS NULL";
        Step::new(update, values![now, code])
    }

    /// Revokes one access token and nothing else. Changes nothing when it was revoked before.
    #[must_use]
    pub fn revoke_access_token(id: Uuid, now: Timestamp) -> Step {
        let update = "UPDATE access_tokens SET revoked_at = ?2 \
             WHERE institution = ?1 AND token_id = ?3 AND revoked_at IS NULL";
        Step::new(update, values![now, id])
    }
}

fn read_accounts(row: &mut Row, column: usize) -> Result<Option<Vec<AccountId>>, StoreError> {
    let text: Option<String> = row.get(column)?;
    let read = |text: String| {
        serde_json::from_str(&text).map_err(|_| StoreError::Corrupt { column, found: "no list of accounts".into() })
    };
    text.map(read).transpose()
}
