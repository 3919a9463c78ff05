//! The objects of the product as each would behave alone: a linkage, a code, the counter of an inquiry PIN.

use crate::history::{Act, Event, Said};
use crate::linear::{Model, Timed};

/// What was asked of an object and answered, or not.
pub type Op = (Act, Said, String);

/// Operations of these events, in time. What was not done and is known not to be is no operation; but a try at a PIN is
/// counted before it is looked at, so one that was put off may have been counted.
pub fn operations<'e>(events: impl IntoIterator<Item = &'e Event>) -> Vec<Timed<Op>> {
    let told = events.into_iter().filter(|event| event.said != Said::Failed || event.act == Act::Pin);
    told.map(|event| {
        let said = if event.said == Said::Failed { Said::Unknown } else { event.said };
        let end = event.end.filter(|_| !matches!(said, Said::Unknown | Said::Silent));
        Timed { begin: event.begin, end, op: (event.act, said, event.note.clone()) }
    })
    .collect()
}

/// A linkage (連携): begun once, ended once.
pub struct Linkage;

/// What a linkage is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkageState {
    /// Not permitted yet.
    Absent,
    /// In force.
    Live,
    /// Over.
    Ended,
}

impl Model for Linkage {
    type State = LinkageState;
    type Op = Op;

    fn initial(&self) -> LinkageState {
        LinkageState::Absent
    }

    fn after(&self, state: &LinkageState, (act, said, note): &Op) -> Vec<LinkageState> {
        use LinkageState::{Absent, Ended, Live};
        let when = |holds: bool, next: LinkageState| if holds { vec![next] } else { Vec::new() };
        let open = matches!(said, Said::Unknown | Said::Silent);
        match act {
            // The second half of a double click gets the first one's answer.
            Act::Permit => when(*state != Ended, Live),
            Act::Revoke if open || *said == Said::Done => match state {
                Live | Ended => vec![Ended],
                Absent => Vec::new(),
            },
            Act::Redeem | Act::Refresh | Act::Read if *said == Said::Done => when(*state == Live, Live),
            Act::Redeem | Act::Refresh | Act::Read if is_end(note) => when(*state == Ended, Ended),
            // Anything else says nothing about the linkage.
            _ => vec![*state],
        }
    }
}

/// Whether a refusal says that the linkage is over.
fn is_end(note: &str) -> bool {
    note.contains("ended_by_partner")
}

/// A code: redeemed once.
pub struct Code;

impl Model for Code {
    type State = bool;
    type Op = Op;

    fn initial(&self) -> bool {
        false
    }

    fn after(&self, used: &bool, (_, said, note): &Op) -> Vec<bool> {
        match said {
            Said::Done => {
                if *used {
                    Vec::new()
                } else {
                    vec![true]
                }
            }
            Said::Unknown | Said::Silent => vec![true],
            Said::Refused if note == "invalid_grant" => {
                if *used {
                    vec![true]
                } else {
                    Vec::new()
                }
            }
            // For something else, which may have spent it.
            Said::Refused if !*used => vec![false, true],
            _ => vec![*used],
        }
    }
}

/// The counter of an inquiry PIN: so many verdicts, then a lock.
pub struct PinCounter {
    /// Wrong tries until it is locked.
    pub limit: u32,
}

impl Model for PinCounter {
    type State = u32;
    type Op = Op;

    fn initial(&self) -> u32 {
        0
    }

    fn after(&self, failures: &u32, (_, said, note): &Op) -> Vec<u32> {
        let locked = *failures >= self.limit;
        match (said, note.as_str()) {
            // Counted or not, and what came of it unknown.
            (Said::Unknown | Said::Silent, _) => {
                if locked {
                    vec![*failures]
                } else {
                    vec![failures + 1, *failures, 0]
                }
            }
            (_, "wrong") => {
                if locked {
                    Vec::new()
                } else {
                    vec![failures + 1]
                }
            }
            (_, "right") => {
                if locked {
                    Vec::new()
                } else {
                    vec![0]
                }
            }
            // Not looked at; or the wrong try that locked it, or one before, told when it was locked already.
            (_, "locked") => vec![if locked { *failures } else { failures + 1 }],
            _ => vec![*failures],
        }
    }
}
