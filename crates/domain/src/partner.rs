//! Partners and their products: who may ask, and for what.

use serde::{Deserialize, Serialize};

use crate::operation::Operations;

/// Whether a partner or one of its products may act. Suspension keeps linkages and stops calls at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartnerState {
    /// May act.
    Active,
    /// Stopped for a time; linkages stay.
    Suspended,
    /// Over; its linkages have ended.
    Ended,
}

impl PartnerState {
    /// Every state there is.
    pub const ALL: [PartnerState; 3] = [PartnerState::Active, PartnerState::Suspended, PartnerState::Ended];

    /// How it stands in the registry file and in tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            PartnerState::Active => "active",
            PartnerState::Suspended => "suspended",
            PartnerState::Ended => "ended",
        }
    }

    /// The state of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<PartnerState> {
        PartnerState::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// What a product asks of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Offer {
    /// These and no others; the choice of operations is not shown.
    Fixed(Operations),
    /// The customer picks from these.
    Choice(Operations),
}

impl Offer {
    /// All operations it may lead to.
    #[must_use]
    pub fn operations(&self) -> &Operations {
        match self {
            Offer::Fixed(operations) | Offer::Choice(operations) => operations,
        }
    }

    /// The same offer, cut down to what one request asked for. An empty request asks for everything.
    #[must_use]
    pub fn narrowed(&self, asked: &Operations) -> Offer {
        if asked.is_empty() {
            return self.clone();
        }
        match self {
            Offer::Fixed(all) => Offer::Fixed(all.intersection(asked)),
            Offer::Choice(all) => Offer::Choice(all.intersection(asked)),
        }
    }
}
