//! API連携認証: one walk through the linkage screens.
//!
//! ```text
//!            ┌──────────── operations fixed ─────────────┐
//!  Login ────┤                                           ├─► Pins ◄──► PinResults ─┐
//!            └─► Operations ─────────────────────────────┘                         │
//!                      └── every account has its PIN ──────────────────────────────┤
//!                                                                                  ▼
//!                                    Consented ◄── Permission ◄── (Existing, if linked already)
//!  from any open stage: ─► Closed (declined, timed out, …)
//! ```
//!
//! Each stage holds what is known by then and nothing else. `advance` is the only place that decides the order of
//! screens; a screen is never remembered and never chosen by a page. Two facts are not here on purpose: the number of
//! tries (starting over must not refill them) and PINs in force (they belong to the account).

mod clock;
mod footing;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::customer::Person;
use crate::id::{AccountId, ConsentId, LinkageId};
use crate::operation::Operations;
use crate::partner::Offer;
use crate::pin::{PinOutcome, StagedPins};
pub use clock::FlowClock;
pub use footing::Footing;

/// A flow ends this long after it was opened.
pub const FLOW_SECONDS: i64 = 15 * 60;
/// A flow may be extended once, by this much.
pub const EXTENSION_SECONDS: i64 = 10 * 60;
/// A flow ends this long after its last use.
pub const IDLE_SECONDS: i64 = 5 * 60;

/// How far the customer has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// Nobody has logged in.
    Login,
    /// 認可業務選択: the customer picks from what the product offers.
    Operations {
        /// Who logged in, and what is known of their accounts.
        begun: Begun,
        /// What may be picked.
        offered: Operations,
    },
    /// 照会用暗証番号登録.
    Pins {
        /// What is settled so far.
        draft: Draft,
    },
    /// 照会用暗証番号登録結果.
    PinResults {
        /// What is settled so far.
        draft: Draft,
        /// What became of each row of the form just sent.
        outcomes: Vec<(AccountId, PinOutcome)>,
    },
    /// The user has a linkage with this product already: renew it, or add another?
    Existing {
        /// What is settled so far.
        draft: Draft,
    },
    /// 情報アクセス許可.
    Permission {
        /// What is settled so far.
        draft: Draft,
    },
    /// Permission given; the code is on its way to the partner.
    Consented {
        /// The linkage begun or renewed.
        linkage: LinkageId,
        /// The act of permission.
        consent: ConsentId,
    },
    /// Over without a permission.
    Closed {
        /// Why.
        why: Closed,
    },
}

/// Who began this flow, and what was found of them at login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Who logged in. Only the same person may finish.
    pub person: Person,
    /// Inquiry accounts whose PIN is in force.
    pub ready: BTreeSet<AccountId>,
    /// Inquiry accounts without a usable PIN.
    pub missing: BTreeSet<AccountId>,
    /// Linkages of this user with this product that could be renewed.
    pub existing: Vec<LinkageId>,
    /// The linkage the partner named to be renewed.
    pub named: Option<LinkageId>,
}

/// What the walk has gathered once the operations are settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Who, and what was found at login.
    pub begun: Begun,
    /// What the permission will be asked for.
    pub operations: Operations,
    /// PINs entered in this flow: in force only with the permission, gone with the flow otherwise.
    pub staged: StagedPins,
    /// Which linkage this renews; `None` begins a new one. Meaningful from the permission on.
    pub renews: Option<LinkageId>,
}

/// Why a flow ended without a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// The customer left on some screen.
    Cancelled,
    /// The customer refused the permission.
    Declined,
    /// Too late.
    TimedOut,
    /// Somebody else logged in in the same browser.
    UserChanged,
    /// The certificate somebody logged in with is no longer good.
    CertificateLapsed,
    /// The customer's contract, the user or the partner may not link.
    NotAllowed,
    /// The partner or the institution asks for a certificate login, and the customer has none.
    LoginNotMet,
    /// The partner named a linkage that this user can't renew.
    GrantNotYours,
    /// The same request was answered in another browser: the partner gets no second answer.
    AnsweredElsewhere,
}

impl Closed {
    /// The machine-readable reason, for the partner and the audit trail.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Closed::Cancelled => "cancelled",
            Closed::Declined => "declined",
            Closed::TimedOut => "timed_out",
            Closed::UserChanged => "user_changed",
            Closed::CertificateLapsed => "certificate_lapsed",
            Closed::NotAllowed => "not_allowed",
            Closed::LoginNotMet => "login_not_met",
            Closed::GrantNotYours => "grant_not_yours",
            Closed::AnsweredElsewhere => "answered_elsewhere",
        }
    }
}

/// What can happen. Time, and what core banking answered, arrive as events too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody logged in; the product offers this.
    LoggedIn(Begun, Offer),
    /// These operations were picked.
    OperationsChosen(Operations),
    /// The PIN form was sent: these were accepted, and this became of each row.
    PinsTried(StagedPins, Vec<(AccountId, PinOutcome)>),
    /// Go on without registering (more) PINs.
    PinsSkipped,
    /// Back to the form for more.
    MorePins,
    /// The results were confirmed.
    PinsConfirmed,
    /// Renew this one, or begin a new one.
    RenewalChosen(Option<LinkageId>),
    /// The permission was given; only [`Draft::permit`] makes the proof.
    Permitted(Permit, LinkageId, ConsentId),
    /// The flow ended.
    Closed(Closed),
}

/// The event does not fit the stage: a stale tab, a double click, a forged form. Show the current screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("out of turn")]
pub struct OutOfTurn;

/// Which page belongs to a stage. Total on purpose: a new stage does not compile until it has a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Screen {
    /// Step 1.
    Login,
    /// Step 2.
    Operations,
    /// Step 3.
    Pins,
    /// Step 4.
    Results,
    /// Between 4 and 5: renew or add.
    Existing,
    /// Step 5.
    Permission,
    /// After the end.
    Ended,
}

impl Screen {
    /// The last part of the screen's path.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Screen::Login => "login",
            Screen::Operations => "operations",
            Screen::Pins => "pins",
            Screen::Results => "results",
            Screen::Existing => "existing",
            Screen::Permission => "permission",
            Screen::Ended => "ended",
        }
    }
}

impl Stage {
    /// The whole flow. Every order of screens is decided here and nowhere else.
    ///
    /// # Errors
    /// [`OutOfTurn`] when the event does not fit; the stage is unchanged then.
    pub fn advance(&self, event: Event) -> Result<Stage, OutOfTurn> {
        use Event as E;
        use Stage as S;
        match (self.clone(), event) {
            (S::Login, E::LoggedIn(begun, _)) if !begun.can_inquire() => Ok(S::Closed { why: Closed::NotAllowed }),
            (S::Login, E::LoggedIn(begun, Offer::Choice(offered))) if !offered.is_empty() => {
                Ok(S::Operations { begun, offered })
            }
            (S::Login, E::LoggedIn(begun, Offer::Fixed(fixed))) if !fixed.is_empty() => {
                Ok(Draft::new(begun, fixed).first_screen())
            }
            (S::Operations { begun, offered }, E::OperationsChosen(chosen))
                if !chosen.is_empty() && chosen.is_subset(&offered) =>
            {
                Ok(Draft::new(begun, chosen).first_screen())
            }
            (S::Pins { mut draft }, E::PinsTried(pins, outcomes)) if draft.may_stage(&pins) => {
                draft.staged.extend(pins);
                Ok(S::PinResults { draft, outcomes })
            }
            (S::Pins { draft }, E::PinsSkipped) if draft.has_usable() => Ok(draft.last_screens()),
            (S::PinResults { draft, .. }, E::MorePins) => Ok(S::Pins { draft }),
            (S::PinResults { draft, .. }, E::PinsConfirmed) if draft.has_usable() => Ok(draft.last_screens()),
            (S::Existing { mut draft }, E::RenewalChosen(choice)) if draft.may_renew(choice) => {
                draft.renews = choice;
                Ok(S::Permission { draft })
            }
            (S::Permission { draft }, E::Permitted(permit, linkage, consent)) if permit.fits(&draft, linkage) => {
                Ok(S::Consented { linkage, consent })
            }
            (stage, E::Closed(why)) if stage.is_open() => Ok(S::Closed { why }),
            _ => Err(OutOfTurn),
        }
    }

    /// The stage with the linkages the user has with the product now, in the place of those found at login. One that
    /// has come into being since, by a walk in another tab, leads back to the question whether to renew it. Looked at
    /// anew at every step; nothing but a step stores it.
    #[must_use]
    pub fn with_existing(self, now: Vec<LinkageId>) -> Stage {
        use Stage as S;
        if self.begun().is_none_or(|begun| begun.named.is_some()) {
            return self;
        }
        match self {
            S::Operations { begun, offered } => S::Operations { begun: Begun { existing: now, ..begun }, offered },
            S::Pins { draft } => S::Pins { draft: draft.with_existing(now) },
            S::PinResults { draft, outcomes } => S::PinResults { draft: draft.with_existing(now), outcomes },
            S::Existing { draft } => draft.with_existing(now).last_screens(),
            S::Permission { draft } if draft.misses_one_of(&now) => S::Existing { draft: draft.with_existing(now) },
            other => other,
        }
    }

    /// What was found at login, while the flow is open.
    fn begun(&self) -> Option<&Begun> {
        match self {
            Stage::Operations { begun, .. } => Some(begun),
            Stage::Pins { draft }
            | Stage::PinResults { draft, .. }
            | Stage::Existing { draft }
            | Stage::Permission { draft } => Some(&draft.begun),
            Stage::Login | Stage::Consented { .. } | Stage::Closed { .. } => None,
        }
    }

    /// Whether the flow can still go on.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !matches!(self, Stage::Consented { .. } | Stage::Closed { .. })
    }

    /// The page that belongs to this stage.
    #[must_use]
    pub fn screen(&self) -> Screen {
        match self {
            Stage::Login => Screen::Login,
            Stage::Operations { .. } => Screen::Operations,
            Stage::Pins { .. } => Screen::Pins,
            Stage::PinResults { .. } => Screen::Results,
            Stage::Existing { .. } => Screen::Existing,
            Stage::Permission { .. } => Screen::Permission,
            Stage::Consented { .. } | Stage::Closed { .. } => Screen::Ended,
        }
    }

    /// Who logged in, once somebody has and while the flow is open.
    #[must_use]
    pub fn person(&self) -> Option<&Person> {
        self.begun().map(|begun| &begun.person)
    }

    /// The word that stands for the stage in tables and in the printed transition table.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Stage::Login => "login",
            Stage::Operations { .. } => "operations",
            Stage::Pins { .. } => "pins",
            Stage::PinResults { .. } => "pin_results",
            Stage::Existing { .. } => "existing",
            Stage::Permission { .. } => "permission",
            Stage::Consented { .. } => "consented",
            Stage::Closed { .. } => "closed",
        }
    }
}

impl Begun {
    /// Whether the user may inquire on at least one account; without that nobody can link.
    #[must_use]
    pub fn can_inquire(&self) -> bool {
        !self.ready.is_empty() || !self.missing.is_empty()
    }
}

impl Draft {
    fn new(begun: Begun, operations: Operations) -> Draft {
        let renews = begun.named;
        Draft { begun, operations, staged: StagedPins::new(), renews }
    }

    /// The PIN screens are for accounts without a PIN; with none left they are not shown.
    fn first_screen(self) -> Stage {
        if self.begun.missing.is_empty() { self.last_screens() } else { Stage::Pins { draft: self } }
    }

    /// Before the permission: the question whether to renew, where there is something to renew and none was named.
    fn last_screens(self) -> Stage {
        if self.begun.named.is_none() && !self.begun.existing.is_empty() {
            Stage::Existing { draft: self }
        } else {
            Stage::Permission { draft: self }
        }
    }

    fn with_existing(mut self, now: Vec<LinkageId>) -> Draft {
        self.begun.existing = now;
        self
    }

    /// Whether the customer was to begin a new linkage without having been asked about one of these. The linkage chosen
    /// to be renewed stays chosen, whatever else has come into being.
    #[must_use]
    pub fn misses_one_of(&self, now: &[LinkageId]) -> bool {
        let asked = |linkage| self.begun.existing.contains(linkage);
        self.begun.named.is_none() && self.renews.is_none() && !now.iter().all(asked)
    }

    /// Accounts that can be ticked at the permission: PIN in force, or entered in this flow.
    #[must_use]
    pub fn usable(&self) -> BTreeSet<AccountId> {
        self.begun.ready.iter().chain(self.staged.keys()).copied().collect()
    }

    fn has_usable(&self) -> bool {
        !self.begun.ready.is_empty() || !self.staged.is_empty()
    }

    /// PINs can be staged only for accounts that lack one.
    fn may_stage(&self, pins: &StagedPins) -> bool {
        pins.keys().all(|account| self.begun.missing.contains(account))
    }

    fn may_renew(&self, choice: Option<LinkageId>) -> bool {
        choice.is_none_or(|linkage| self.begun.existing.contains(&linkage))
    }

    /// Checks what the customer sent with 許可 and, if all of it holds, makes the proof that `advance` asks for.
    ///
    /// # Errors
    /// The first thing that does not hold, in the order of the screen.
    pub fn permit(&self, answers: &Answers) -> Result<Permit, NotPermitted> {
        if answers.accounts.is_empty() {
            return Err(NotPermitted::NoAccount);
        }
        if !answers.accounts.is_subset(&self.usable()) {
            return Err(NotPermitted::AccountNotUsable);
        }
        if answers.text_seen != answers.text_now {
            return Err(NotPermitted::TextChanged);
        }
        if !answers.intent_confirmed {
            return Err(NotPermitted::IntentNotConfirmed);
        }
        Ok(Permit { accounts: answers.accounts.clone(), renews: self.renews })
    }
}

/// What came with the permission form, and what it must agree with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// The accounts left ticked.
    pub accounts: BTreeSet<AccountId>,
    /// 意思確認: whether 「許可手続きを継続する」 was ticked.
    pub intent_confirmed: bool,
    /// Digest of the text the form was shown with: operations, accounts, period, terms, partner.
    pub text_seen: [u8; 32],
    /// Digest of the same text as it would be shown now.
    pub text_now: [u8; 32],
}

/// Proof that every condition of the permission held. Can't be made outside this module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    accounts: BTreeSet<AccountId>,
    renews: Option<LinkageId>,
}

impl Permit {
    /// The accounts the partner may read.
    #[must_use]
    pub fn accounts(&self) -> &BTreeSet<AccountId> {
        &self.accounts
    }

    fn fits(&self, draft: &Draft, linkage: LinkageId) -> bool {
        self.renews == draft.renews
            && self.accounts.is_subset(&draft.usable())
            && draft.renews.is_none_or(|renewed| renewed == linkage)
    }
}

/// Why a permission could not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPermitted {
    /// No account is ticked.
    #[error("no account is ticked")]
    NoAccount,
    /// A ticked account is not one of those offered.
    #[error("an account that was not offered is ticked")]
    AccountNotUsable,
    /// The terms, the period or the partner changed while the form was open.
    #[error("the text changed while the form was open")]
    TextChanged,
    /// 「許可手続きを継続する」 is not ticked.
    #[error("the intent is not confirmed")]
    IntentNotConfirmed,
}
