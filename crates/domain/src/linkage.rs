//! API連携: a linkage, the standing link between a user, a partner product and the accounts chosen.
//!
//! What time decides is not stored: a linkage past its end is expired because `now` says so, not because a job marked
//! it. Every use asks [`standing`] and gets either leave or the one reason that counts most.

use serde::{Deserialize, Serialize};

use crate::customer::{ContractState, UserState};
use crate::operation::Operation;
use crate::partner::PartnerState;
use crate::time::Timestamp;

/// 認可解除: who ended a linkage before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The customer's user, or its master user, at the institution.
    Customer,
    /// The partner, by revoking its token.
    Partner,
    /// Staff of the institution, or the end of the partner's contract.
    Institution,
}

impl EndedBy {
    const ALL: [EndedBy; 3] = [EndedBy::Customer, EndedBy::Partner, EndedBy::Institution];

    /// How it stands in tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            EndedBy::Customer => "customer",
            EndedBy::Partner => "partner",
            EndedBy::Institution => "institution",
        }
    }

    /// The value of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<EndedBy> {
        EndedBy::ALL.into_iter().find(|by| by.word() == word)
    }
}

/// Why a linkage, or one of its accounts, can't be read now. Each has its own code, and tells what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The linkage period is over.
    LinkageExpired,
    /// Ended by the customer at the institution.
    EndedByCustomer,
    /// Ended by the partner.
    EndedByPartner,
    /// Ended by the institution.
    EndedByInstitution,
    /// The customer's business-banking contract is suspended.
    ContractSuspended,
    /// The customer's business-banking contract is over.
    ContractEnded,
    /// The user who gave the permission is suspended.
    UserSuspended,
    /// The user who gave the permission is no longer one.
    UserRemoved,
    /// The partner or its product is suspended.
    PartnerSuspended,
    /// The institution no longer works with the partner.
    PartnerEnded,
    /// No inquiry PIN is registered for the account.
    PinMissing,
    /// The registered inquiry PIN is no longer accepted.
    PinStale,
    /// The user may no longer inquire on the account, or it was closed.
    AccountUnavailable,
}

impl Reason {
    /// The machine-readable code, ASCII.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Reason::LinkageExpired => "linkage_expired",
            Reason::EndedByCustomer => "ended_by_customer",
            Reason::EndedByPartner => "ended_by_partner",
            Reason::EndedByInstitution => "ended_by_institution",
            Reason::ContractSuspended => "contract_suspended",
            Reason::ContractEnded => "contract_ended",
            Reason::UserSuspended => "user_suspended",
            Reason::UserRemoved => "user_removed",
            Reason::PartnerSuspended => "partner_suspended",
            Reason::PartnerEnded => "partner_ended",
            Reason::PinMissing => "pin_missing",
            Reason::PinStale => "pin_stale",
            Reason::AccountUnavailable => "account_unavailable",
        }
    }
}

/// Everything that decides whether a linkage may be used, as read in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Who ended it, if anybody did.
    pub ended_by: Option<EndedBy>,
    /// The instant its period ends.
    pub ends_at: Timestamp,
    /// The customer's contract.
    pub contract: ContractState,
    /// The user who gave the permission.
    pub user: UserState,
    /// The partner.
    pub partner: PartnerState,
    /// The partner's product.
    pub product: PartnerState,
}

/// Whether a linkage may be used now, and if not, the reason that counts most: an end before a suspension, what can't
/// be undone before what can.
///
/// # Errors
/// The [`Reason`].
pub fn standing(facts: &Facts, now: Timestamp) -> Result<(), Reason> {
    match facts.ended_by {
        Some(EndedBy::Customer) => return Err(Reason::EndedByCustomer),
        Some(EndedBy::Partner) => return Err(Reason::EndedByPartner),
        Some(EndedBy::Institution) => return Err(Reason::EndedByInstitution),
        None => {}
    }
    if facts.partner == PartnerState::Ended || facts.product == PartnerState::Ended {
        return Err(Reason::PartnerEnded);
    }
    if facts.contract == ContractState::Ended {
        return Err(Reason::ContractEnded);
    }
    if facts.user == UserState::Removed {
        return Err(Reason::UserRemoved);
    }
    if now >= facts.ends_at {
        return Err(Reason::LinkageExpired);
    }
    if facts.contract == ContractState::Suspended {
        return Err(Reason::ContractSuspended);
    }
    if facts.user == UserState::Suspended {
        return Err(Reason::UserSuspended);
    }
    if facts.partner == PartnerState::Suspended || facts.product == PartnerState::Suspended {
        return Err(Reason::PartnerSuspended);
    }
    Ok(())
}

/// How long one operation of a linkage is permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermittedOperation {
    /// What is permitted.
    pub operation: Operation,
    /// Until the instant this holds.
    pub ends_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    fn facts() -> Facts {
        Facts {
            ended_by: None,
            ends_at: NOW.plus_seconds(1),
            contract: ContractState::Active,
            user: UserState::Active,
            partner: PartnerState::Active,
            product: PartnerState::Active,
        }
    }

    #[test]
    fn a_linkage_ends_with_the_very_instant_of_its_end() {
        assert_eq!(standing(&facts(), NOW), Ok(()));
        assert_eq!(standing(&facts(), NOW.plus_seconds(1)), Err(Reason::LinkageExpired));
    }

    #[test]
    fn each_cause_has_its_own_reason() {
        let cases = [
            (Facts { ended_by: Some(EndedBy::Customer), ..facts() }, Reason::EndedByCustomer),
            (Facts { ended_by: Some(EndedBy::Partner), ..facts() }, Reason::EndedByPartner),
            (Facts { ended_by: Some(EndedBy::Institution), ..facts() }, Reason::EndedByInstitution),
            (Facts { contract: ContractState::Suspended, ..facts() }, Reason::ContractSuspended),
            (Facts { contract: ContractState::Ended, ..facts() }, Reason::ContractEnded),
            (Facts { user: UserState::Suspended, ..facts() }, Reason::UserSuspended),
            (Facts { user: UserState::Removed, ..facts() }, Reason::UserRemoved),
            (Facts { partner: PartnerState::Suspended, ..facts() }, Reason::PartnerSuspended),
            (Facts { product: PartnerState::Suspended, ..facts() }, Reason::PartnerSuspended),
            (Facts { product: PartnerState::Ended, ..facts() }, Reason::PartnerEnded),
        ];
        for (facts, reason) in cases {
            assert_eq!(standing(&facts, NOW), Err(reason));
        }
    }

    #[test]
    fn an_end_outranks_what_may_pass() {
        let both = Facts { ended_by: Some(EndedBy::Customer), contract: ContractState::Suspended, ..facts() };
        assert_eq!(standing(&both, NOW), Err(Reason::EndedByCustomer));
    }
}
