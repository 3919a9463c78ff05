//! Everything that can go wrong, told apart so that a partner can tell its user what to do.

use serde::{Deserialize, Serialize};

/// Why the institution gives no data, as the code of its problem bodies (RFC 9457, member `error`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Reason {
    /// The linkage period (認可期間) is over: renew.
    LinkageExpired,
    /// The customer stopped the linkage at the institution.
    EndedByCustomer,
    /// The partner revoked it.
    EndedByPartner,
    /// The institution's staff stopped it.
    EndedByInstitution,
    /// No inquiry PIN (照会用暗証番号) is registered for the account.
    PinMissing,
    /// The inquiry PIN was changed at the branch; the customer has to register the new one.
    PinStale,
    /// The business banking contract is suspended.
    ContractSuspended,
    /// The business banking contract is over.
    ContractEnded,
    /// The user who gave the permission is suspended.
    UserSuspended,
    /// The user who gave the permission is no longer one.
    UserRemoved,
    /// The institution suspended the partner; linkages stay and come back with it.
    PartnerSuspended,
    /// The institution no longer works with the partner.
    PartnerEnded,
    /// The user may no longer inquire on the account, or it was closed.
    AccountUnavailable,
    /// The institution demands a stronger login than the one behind the linkage: renew (RFC 9470).
    LoginTooWeak,
    /// The institution is closed for now; [`Problem::retry_after`] says for how long.
    Maintenance,
    /// The core banking system gives no answer.
    CoreUnreachable,
    /// Any other code, as it was sent.
    Other(String),
}

/// The reasons with a code that is known beforehand.
static KNOWN: [(Reason, &str); 16] = [
    (Reason::LinkageExpired, "linkage_expired"),
    (Reason::EndedByCustomer, "ended_by_customer"),
    (Reason::EndedByPartner, "ended_by_partner"),
    (Reason::EndedByInstitution, "ended_by_institution"),
    (Reason::PinMissing, "pin_missing"),
    (Reason::PinStale, "pin_stale"),
    (Reason::ContractSuspended, "contract_suspended"),
    (Reason::ContractEnded, "contract_ended"),
    (Reason::UserSuspended, "user_suspended"),
    (Reason::UserRemoved, "user_removed"),
    (Reason::PartnerSuspended, "partner_suspended"),
    (Reason::PartnerEnded, "partner_ended"),
    (Reason::AccountUnavailable, "account_unavailable"),
    (Reason::LoginTooWeak, "insufficient_user_authentication"),
    (Reason::Maintenance, "maintenance"),
    (Reason::CoreUnreachable, "core_unreachable"),
];

impl Reason {
    /// The code on the wire.
    #[must_use]
    pub fn code(&self) -> &str {
        if let Self::Other(code) = self {
            return code;
        }
        KNOWN.iter().find(|(reason, _)| reason == self).map_or("", |(_, code)| code)
    }

    /// Whether the linkage is over, so that only a permission given anew can bring it back.
    #[must_use]
    pub fn ends_linkage(&self) -> bool {
        matches!(
            self,
            Self::LinkageExpired
                | Self::EndedByCustomer
                | Self::EndedByPartner
                | Self::EndedByInstitution
                | Self::ContractEnded
                | Self::UserRemoved
                | Self::PartnerEnded
        )
    }

    /// Whether trying again later, without anybody doing anything, may succeed.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Maintenance | Self::CoreUnreachable)
    }
}

impl From<String> for Reason {
    fn from(code: String) -> Self {
        let known = KNOWN.iter().find(|(_, known)| *known == code);
        known.map_or(Self::Other(code), |(reason, _)| reason.clone())
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.code().to_owned()
    }
}

/// An answer of the institution that is not a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// Why, as a code.
    pub reason: Reason,
    /// The institution's words for people, often Japanese.
    pub detail: Option<String>,
    /// Seconds to wait before the next try, from `Retry-After`.
    pub retry_after: Option<u64>,
}

/// The customer came back without a code (RFC 6749 section 4.1.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code: `access_denied`, `temporarily_unavailable`, …
    pub error: String,
    /// The institution's closer description, ASCII.
    pub description: Option<String>,
}

/// What is wrong with a page of transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofFault {
    /// Opening balance and lines do not give the closing balance.
    #[error("opening balance and lines do not give the closing balance")]
    Sum,
    /// The stated count is not the number of lines.
    #[error("the stated count is not the number of lines")]
    Count,
    /// A sequence number is missing or repeated.
    #[error("a sequence number is missing or repeated")]
    Sequence,
    /// The page does not open with the balance the last one closed with.
    #[error("the page does not open where the last one closed")]
    Opening,
    /// An amount is negative.
    #[error("an amount is negative")]
    Amount,
}

/// Why a call of this library did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer came, or only half of one.
    #[error("no answer from the institution: {0}")]
    Network(String),
    /// The answer is longer than this library accepts.
    #[error("the answer is too large")]
    TooLarge,
    /// The answer is not what the protocol says; names the part that is not.
    #[error("the answer can't be read: {0}")]
    Unreadable(&'static str),
    /// An address is neither https nor on this machine.
    #[error("{0} is neither https nor loopback")]
    Insecure(String),
    /// The metadata, the answer, the pending request or the grant belongs to another issuer (RFC 9207).
    #[error("issuer {found} where {expected} was expected")]
    Issuer {
        /// The issuer this client speaks to.
        expected: String,
        /// The other one; empty when none was named.
        found: String,
    },
    /// The `state` in the answer is not the one this browser was sent out with.
    #[error("the state in the answer is not the one sent")]
    State,
    /// The key given by the partner's configuration can't sign.
    #[error("the key can't be used: {0}")]
    Key(&'static str),
    /// The random source gave nothing.
    #[error("no randomness")]
    Random,
    /// The customer came back without a code.
    #[error("the linkage was not permitted: {}", .0.error)]
    Refused(Refusal),
    /// The institution answered with a problem.
    #[error("the institution answered {} {}", .0.status, .0.reason.code())]
    Problem(Problem),
    /// A page of transactions does not add up; nothing of it should be stored.
    #[error("the page of transactions is not sound: {0}")]
    Proof(#[from] ProofFault),
}

impl Error {
    /// The address is left out: it can name an account.
    pub(crate) fn network(error: reqwest::Error) -> Self {
        Self::Network(error.without_url().to_string())
    }

    /// The institution's coded reason, when it gave one.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Problem(problem) => Some(&problem.reason),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_reason_keeps_its_code_there_and_back() {
        for (reason, code) in &KNOWN {
            assert_eq!((reason.code(), &Reason::from((*code).to_owned())), (*code, reason));
        }
        assert_eq!(Reason::from("new_one".to_owned()).code(), "new_one");
    }
}
