//! Who and what the tests of the flow speak of.

use std::collections::BTreeSet;

use renkei_domain::customer::{LoginMethod, Person};
use renkei_domain::flow::{Answers, Begun, Draft, Stage};
use renkei_domain::id::{AccountId, ConsentId, CustomerId, LinkageId, UserId};
use renkei_domain::operation::{Operation, Operations};
use renkei_domain::pin::{SealedPin, StagedPins};
use renkei_domain::time::Timestamp;
use uuid::Uuid;

pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// Digest of the text the permission screen shows.
pub const TEXT: [u8; 32] = [7; 32];

pub fn account(number: u128) -> AccountId {
    AccountId(Uuid::from_u128(0xacc0 + number))
}

pub fn linkage(number: u128) -> LinkageId {
    LinkageId(Uuid::from_u128(0x11a0 + number))
}

pub fn consent(number: u128) -> ConsentId {
    ConsentId(Uuid::from_u128(0xc0c0 + number))
}

pub fn user(number: u128) -> UserId {
    UserId(Uuid::from_u128(0x05e0 + number))
}

pub fn accounts(numbers: &[u128]) -> BTreeSet<AccountId> {
    numbers.iter().map(|number| account(*number)).collect()
}

pub fn person(number: u128) -> Person {
    Person { user: user(number), customer: CustomerId(Uuid::from_u128(number)), method: LoginMethod::Password, at: NOW }
}

/// Aoi's user, with these accounts whose PIN is in force and these without one.
pub fn begun(ready: &[u128], missing: &[u128]) -> Begun {
    Begun { person: person(1), ready: accounts(ready), missing: accounts(missing), existing: Vec::new(), named: None }
}

pub fn pins(numbers: &[u128]) -> StagedPins {
    numbers.iter().map(|number| (account(*number), SealedPin(vec![0]))).collect()
}

pub fn both() -> Operations {
    Operations::of(&Operation::ALL)
}

pub fn draft(begun: Begun) -> Draft {
    Draft { renews: begun.named, begun, operations: both(), staged: StagedPins::new() }
}

/// What a customer sends who leaves these ticked and the rest as it should be.
pub fn answers(numbers: &[u128]) -> Answers {
    Answers { accounts: accounts(numbers), intent_confirmed: true, text_seen: TEXT, text_now: TEXT }
}

/// The draft of a stage that has one.
pub fn draft_of(stage: &Stage) -> Option<&Draft> {
    match stage {
        Stage::Pins { draft }
        | Stage::PinResults { draft, .. }
        | Stage::Existing { draft }
        | Stage::Permission { draft } => Some(draft),
        Stage::Login | Stage::Operations { .. } | Stage::Consented { .. } | Stage::Closed { .. } => None,
    }
}
