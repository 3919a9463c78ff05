//! Linkages and the acts of permission they rest on.

use renkei_domain::customer::{ContractState, LoginMethod, Person, UserState};
use renkei_domain::id::{AccountId, ConsentId, CustomerId, LinkageId, UserId};
use renkei_domain::linkage::{EndedBy, Facts, PermittedOperation};
use renkei_domain::partner::{PartnerState, Profile};
use renkei_domain::time::Timestamp;
use renkei_domain::token::CODE_SECONDS;

use crate::db::{Row, to_json};
use crate::{Session, Step, StoreError, Tx, params, values};

/// A linkage with everything that decides whether it may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linkage {
    /// `grant_id` on the wire; stays through renewals.
    pub id: LinkageId,
    /// The product it is for.
    pub client_id: String,
    /// Whose permission it rests on.
    pub user: UserId,
    /// For whom the user acts.
    pub customer: CustomerId,
    /// What is permitted, until when.
    pub operations: Vec<PermittedOperation>,
    /// First permission.
    pub begun_at: Timestamp,
    /// Last permission.
    pub renewed_at: Timestamp,
    /// How the user had logged in who gave it.
    pub login_method: LoginMethod,
    /// When.
    pub login_at: Timestamp,
    /// When its first code was redeemed. `None`: no code was yet, and unless one is, it lapses.
    pub taken_at: Option<Timestamp>,
    /// The weakest login whose linkages the institution lets partners read.
    pub minimum_login: LoginMethod,
    /// Whether the institution demands a nonce in every proof.
    pub dpop_nonces: bool,
    /// What its product has to sign and is sent signed.
    pub profile: Profile,
    /// When it was ended, if it was.
    pub ended_at: Option<Timestamp>,
    /// Last read of account data, to the hour.
    pub last_read_at: Option<Timestamp>,
    /// What decides whether it may be used.
    pub facts: Facts,
}

impl Linkage {
    /// Whether no code of it was redeemed in the time there was for it: then it is as if it had never been. Time decides
    /// that at every use; nothing has to be swept. One that was ended before has ended.
    #[must_use]
    pub fn has_lapsed(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && !is_taken_in_time(self.taken_at, self.renewed_at, now)
    }

    /// Whether the login its permission rests on is as strong as the institution asks for (RFC 9470).
    #[must_use]
    pub fn login_suffices(&self) -> bool {
        self.login_method == LoginMethod::Certificate || self.minimum_login == LoginMethod::Password
    }
}

/// Whether a code was redeemed, or still can be.
fn is_taken_in_time(taken_at: Option<Timestamp>, renewed_at: Timestamp, now: Timestamp) -> bool {
    taken_at.is_some() || now < renewed_at.plus_seconds(CODE_SECONDS)
}

/// As much of a linkage as tells whether it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its identifier.
    pub id: LinkageId,
    /// The product it is with.
    pub client_id: String,
    /// When it was ended, if it was.
    pub ended_at: Option<Timestamp>,
    ends_at: Timestamp,
    renewed_at: Timestamp,
    taken_at: Option<Timestamp>,
}

impl Standing {
    /// Whether it neither ended nor lapsed. Its period may be over: then it can still be renewed.
    #[must_use]
    pub fn stands(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && is_taken_in_time(self.taken_at, self.renewed_at, now)
    }
}

/// Whose linkages are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Those this user permitted.
    User(UserId),
    /// Those with the products of the partner of this key.
    Partner(String),
}

/// 同意: one act of permission with its evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Its identifier.
    pub id: ConsentId,
    /// The linkage it began or renewed.
    pub linkage: LinkageId,
    /// Who gave it.
    pub user: UserId,
    /// How they had logged in.
    pub method: LoginMethod,
    /// When.
    pub given_at: Timestamp,
    /// The terms agreed to.
    pub terms_version: String,
    /// Word for word what the screen showed.
    pub shown_text: String,
    /// SHA-256 of it.
    pub shown_hash: [u8; 32],
    /// The accounts left ticked.
    pub accounts: Vec<AccountId>,
}

/// When the first code of a linkage `l` was redeemed, if one was. Before it was noted on the linkage, and on nodes of older
/// versions, only the first refresh token tells.
pub(crate) const TAKEN_AT: &str = "COALESCE(l.taken_at, (SELECT MIN(f.issued_at) FROM refresh_tokens f \
     WHERE f.institution = l.institution AND f.linkage_id = l.linkage_id))";
/// What is read of a linkage, from `l` and what is joined to it, but for when it was taken.
pub(crate) const FIELDS: &str = "l.linkage_id, l.client_id, l.user_id, l.customer_id, l.operations, l.begun_at, \
     l.renewed_at, l.ends_at, l.ended_at, l.ended_by, l.last_read_at, c.contract, u.state, a.state, p.state, \
     l.login_method, l.login_at, i.minimum_login, i.dpop_nonces, p.profile, ";
/// How many columns that is, with when it was taken as the last.
pub(crate) const FIELD_COUNT: usize = 21;
/// What is joined to `linkages l` for them.
pub(crate) const JOINS: &str = "JOIN users u ON u.institution = l.institution AND u.user_id = l.user_id \
     JOIN customers c ON c.institution = l.institution AND c.customer_id = l.customer_id \
     JOIN products p ON p.institution = l.institution AND p.client_id = l.client_id \
     JOIN partners a ON a.institution = p.institution AND a.partner = p.partner \
     JOIN institutions i ON i.institution = l.institution";
const COLUMNS: &str =
    const_format::concatcp!("SELECT ", FIELDS, TAKEN_AT, " FROM linkages l ", JOINS, " WHERE l.institution = ?1");

impl Session {
    /// The linkage of this identifier.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_linkage(&mut self, id: LinkageId) -> Result<Option<Linkage>, StoreError> {
        let select = const_format::concatcp!(COLUMNS, " AND l.linkage_id = ?2");
        self.row(select, params![id]).await?.map(read).transpose()
    }

    /// Every linkage of a user, the one that ends first first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_linkages_of_user(&mut self, user: UserId) -> Result<Vec<Linkage>, StoreError> {
        let select = const_format::concatcp!(COLUMNS, " AND l.user_id = ?2");
        let rows = self.rows_by_key(select, params![user]).await?;
        let mut linkages: Vec<Linkage> = rows.into_iter().map(read).collect::<Result<_, _>>()?;
        linkages.sort_by_key(|linkage| (linkage.facts.ends_at, linkage.id));
        Ok(linkages)
    }

    /// Whether the linkages of a user stand, all that there ever were, the one that ends first first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_standings_of_user(&mut self, user: UserId) -> Result<Vec<Standing>, StoreError> {
        let select = const_format::concatcp!(
            "SELECT l.linkage_id, l.client_id, l.ended_at, l.ends_at, l.renewed_at, ",
            TAKEN_AT,
            " FROM linkages l WHERE l.institution = ?1 AND l.user_id = ?2"
        );
        let rows = self.rows_by_key(select, params![user]).await?;
        let read = |mut row: Row| {
            let (id, client_id, ended_at, ends_at) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(Standing { id, client_id, ended_at, ends_at, renewed_at: row.get(4)?, taken_at: row.get(5)? })
        };
        let mut standings = rows.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        standings.sort_by_key(|standing| (standing.ends_at, standing.id));
        Ok(standings)
    }

    /// Every linkage of a customer, whoever gave the permission: what its master user sees.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_linkages_of_customer(&mut self, customer: CustomerId) -> Result<Vec<Linkage>, StoreError> {
        let select = const_format::concatcp!(COLUMNS, " AND l.customer_id = ?2 ORDER BY l.ends_at, l.linkage_id");
        self.rows(select, params![customer]).await?.into_iter().map(read).collect()
    }

    /// The newest linkages of a user or of a partner, whatever has become of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_linkages(&mut self, whose: &Whose, limit: u32) -> Result<Vec<Linkage>, StoreError> {
        const NEWEST: &str = " ORDER BY l.linkage_id DESC LIMIT ?3";
        let rows = match whose {
            Whose::User(user) => {
                let select = const_format::concatcp!(COLUMNS, " AND l.user_id = ?2", NEWEST);
                self.rows(select, params![*user, limit]).await?
            }
            Whose::Partner(partner) => {
                let select = const_format::concatcp!(COLUMNS, " AND p.partner = ?2", NEWEST);
                self.rows(select, params![partner, limit]).await?
            }
        };
        rows.into_iter().map(read).collect()
    }

    /// The accounts of a linkage, as the last permission left them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_linkage_accounts(&mut self, id: LinkageId) -> Result<Vec<AccountId>, StoreError> {
        let select = "SELECT account_id FROM linkage_accounts WHERE institution = ?1 AND linkage_id = ?2";
        let rows = self.rows_by_key(select, params![id]).await?;
        let mut accounts: Vec<AccountId> = rows.into_iter().map(|mut row| row.get(0)).collect::<Result<_, _>>()?;
        accounts.sort();
        Ok(accounts)
    }

    /// The acts of permission behind a linkage, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_consents(&mut self, id: LinkageId) -> Result<Vec<Consent>, StoreError> {
        let select = "SELECT consent_id, linkage_id, user_id, method, given_at, terms_version, shown_text, shown_hash, \
             accounts FROM consents WHERE institution = ?1 AND linkage_id = ?2 ORDER BY consent_id DESC";
        self.rows(select, params![id]).await?.into_iter().map(read_consent).collect()
    }
}

impl Tx {
    /// Puts exactly these accounts into a linkage.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_linkage_accounts(
        &mut self,
        id: LinkageId,
        accounts: &[AccountId],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let known = self.list_linkage_accounts(id).await?;
        for step in Step::set_linkage_accounts(id, &known, accounts, now) {
            self.apply(step).await?;
        }
        // An account that is added makes no new version of what is kept, a write to its linkage does.
        let touch = "UPDATE linkages SET customer_id = customer_id WHERE institution = ?1 AND linkage_id = ?2";
        self.execute(touch, params![id]).await.map(|_| ())
    }

    /// Ends a linkage, if nobody has: of several who end it at once, one did. Its tokens die by reference.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_linkage(&mut self, id: LinkageId, by: EndedBy, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.apply(Step::end_linkage(id, by, now)).await? == 1)
    }
}

/// What a permission makes of a linkage.
#[derive(Debug, Clone, Copy)]
pub struct Permission<'a> {
    /// The linkage.
    pub id: LinkageId,
    /// The product it is for.
    pub client_id: &'a str,
    /// Who permits.
    pub person: &'a Person,
    /// What.
    pub operations: &'a [PermittedOperation],
    /// How many linkages the user had, whatever became of them, when it was looked what to ask about.
    pub known: usize,
    /// The accounts the linkage had then, in order.
    pub accounts: &'a [AccountId],
    /// The present instant.
    pub now: Timestamp,
}

fn count(many: usize) -> i64 {
    i64::try_from(many).unwrap_or(i64::MAX)
}

impl Step {
    /// Begins a linkage, unless the user has begun another one meanwhile. After [`Step::hold_user`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn add_linkage(permission: &Permission<'_>) -> Result<Step, StoreError> {
        let insert = "INSERT INTO linkages \
             (institution, linkage_id, client_id, user_id, customer_id, operations, begun_at, renewed_at, ends_at, \
             login_method, login_at) SELECT ?1, ?2, ?3, ?4, ?5, ?6, CAST(?7 AS BIGINT), CAST(?7 AS BIGINT), \
             CAST(?8 AS BIGINT), ?9, CAST(?10 AS BIGINT) \
             WHERE ?11 = (SELECT COUNT(*) FROM linkages o WHERE o.institution = ?1 AND o.user_id = ?4)";
        let Permission { id, client_id, person, operations, now, .. } = permission;
        let values = values![
            *id,
            (*client_id).to_owned(),
            person.user,
            person.customer,
            to_json(operations)?,
            *now,
            latest_end(operations),
            person.method.word(),
            person.at,
            count(permission.known),
        ];
        Ok(Step::new(insert, values))
    }

    /// Renews a linkage: the same identifier, a new period, whether or not the old one is over. Only the same user with
    /// the same product can, and not once it was ended on purpose, nor when the user has begun another one or has
    /// added accounts meanwhile. After [`Step::hold_user`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn renew_linkage(permission: &Permission<'_>) -> Result<Step, StoreError> {
        let update = "UPDATE linkages SET operations = ?2, renewed_at = ?3, ends_at = ?4, login_method = ?8, \
             login_at = ?9 \
             WHERE institution = ?1 AND linkage_id = ?5 AND client_id = ?6 AND user_id = ?7 AND ended_at IS NULL \
             AND ?10 = (SELECT COUNT(*) FROM linkages o WHERE o.institution = ?1 AND o.user_id = ?7) \
             AND ?11 = COALESCE((SELECT STRING_AGG(a.account_id, ' ' ORDER BY a.account_id) FROM linkage_accounts a \
             WHERE a.institution = ?1 AND a.linkage_id = ?5), '')";
        let Permission { id, client_id, person, operations, now, .. } = permission;
        let values = values![
            to_json(operations)?,
            *now,
            latest_end(operations),
            *id,
            (*client_id).to_owned(),
            person.user,
            person.method.word(),
            person.at,
            count(permission.known),
            permission.accounts.iter().map(AccountId::to_string).collect::<Vec<_>>().join(" "),
        ];
        Ok(Step::new(update, values))
    }

    /// Puts exactly these accounts into a linkage that has those.
    pub fn set_linkage_accounts(
        id: LinkageId,
        known: &[AccountId],
        accounts: &[AccountId],
        now: Timestamp,
    ) -> impl Iterator<Item = Step> {
        let delete = "DELETE FROM linkage_accounts WHERE institution = ?1 AND linkage_id = ?2 AND account_id = ?3";
        let insert = "INSERT INTO linkage_accounts (institution, linkage_id, account_id, added_at) \
             VALUES (?1, ?2, ?3, ?4)";
        let gone = known.iter().filter(|account| !accounts.contains(account));
        let new = accounts.iter().filter(|account| !known.contains(account));
        let gone = gone.map(move |account| Step::new(delete, values![id, account]));
        gone.chain(new.map(move |account| Step::new(insert, values![id, account, now])))
    }

    /// Adds an act of permission.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn add_consent(consent: &Consent) -> Result<Step, StoreError> {
        let insert = "INSERT INTO consents (institution, consent_id, linkage_id, user_id, method, given_at, \
             terms_version, shown_text, shown_hash, accounts) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let values = values![
            consent.id,
            consent.linkage,
            consent.user,
            consent.method.word(),
            consent.given_at,
            consent.terms_version.clone(),
            consent.shown_text.clone(),
            consent.shown_hash,
            to_json(&consent.accounts)?,
        ];
        Ok(Step::new(insert, values))
    }

    /// Ends a linkage. Changes nothing when somebody has.
    #[must_use]
    pub fn end_linkage(id: LinkageId, by: EndedBy, now: Timestamp) -> Step {
        let update = "UPDATE linkages SET ended_at = ?2, ended_by = ?3 \
             WHERE institution = ?1 AND linkage_id = ?4 AND ended_at IS NULL";
        Step::new(update, values![now, by.word(), id])
    }

    /// Notes that a code of a linkage was redeemed: from now on it does not lapse.
    #[must_use]
    pub fn take_linkage(id: LinkageId, now: Timestamp) -> Step {
        let update = "UPDATE linkages SET taken_at = ?2 \
             WHERE institution = ?1 AND linkage_id = ?3 AND taken_at IS NULL";
        Step::new(update, values![now, id])
    }
}

/// The latest end of the operations of a linkage is the end of the linkage.
fn latest_end(operations: &[PermittedOperation]) -> Timestamp {
    operations.iter().map(|operation| operation.ends_at).max().unwrap_or(Timestamp(0))
}

fn read(mut row: Row) -> Result<Linkage, StoreError> {
    read_fields(&mut row)
}

/// Reads [`FIELDS`] and when the linkage was taken, which stand first in the row.
pub(crate) fn read_fields(row: &mut Row) -> Result<Linkage, StoreError> {
    let ended_by = row.get::<Option<String>>(9)?.as_deref().map(EndedBy::from_word);
    Ok(Linkage {
        id: row.get(0)?,
        client_id: row.get(1)?,
        user: row.get(2)?,
        customer: row.get(3)?,
        operations: row.json(4)?,
        begun_at: row.get(5)?,
        renewed_at: row.get(6)?,
        login_method: row.word(15, LoginMethod::from_word)?,
        login_at: row.get(16)?,
        minimum_login: row.word(17, LoginMethod::from_word)?,
        dpop_nonces: row.get::<i64>(18)? != 0,
        profile: row.word(19, Profile::from_word)?,
        taken_at: row.get(20)?,
        ended_at: row.get(8)?,
        last_read_at: row.get(10)?,
        facts: Facts {
            ended_by: match ended_by {
                Some(None) => return Err(StoreError::Corrupt { column: 9, found: "an unknown word".into() }),
                Some(by) => by,
                None => None,
            },
            ends_at: row.get(7)?,
            contract: row.word(11, ContractState::from_word)?,
            user: row.word(12, UserState::from_word)?,
            partner: row.word(13, PartnerState::from_word)?,
            product: row.word(14, PartnerState::from_word)?,
        },
    })
}

fn read_consent(mut row: Row) -> Result<Consent, StoreError> {
    Ok(Consent {
        id: row.get(0)?,
        linkage: row.get(1)?,
        user: row.get(2)?,
        method: row.word(3, LoginMethod::from_word)?,
        given_at: row.get(4)?,
        terms_version: row.get(5)?,
        shown_text: row.get(6)?,
        shown_hash: row.get(7)?,
        accounts: row.json(8)?,
    })
}
