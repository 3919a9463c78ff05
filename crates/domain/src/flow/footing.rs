//! What every step of a walk stands on, looked at anew each time.

use super::Closed;

/// What a request of a flow finds out before its screen is shown or its form is looked at, each time anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footing {
    /// The partner was given its answer, by another flow of the same request.
    pub answered: bool,
    /// Its time is over.
    pub timed_out: bool,
    /// Somebody else has logged in in this browser.
    pub other_person: bool,
    /// The contract, the user, the partner or its product may not link any more, or nothing is left to permit.
    pub may_not_link: bool,
    /// Somebody guesses at the login this walk began with, and it is locked.
    pub held_back: bool,
    /// The certificate it began with is no longer good.
    pub certificate_lapsed: bool,
}

impl Footing {
    /// Why the flow ends here; `None`: it may go on.
    #[must_use]
    pub fn why_not(self) -> Option<Closed> {
        let whys = [
            (self.answered, Closed::AnsweredElsewhere),
            (self.timed_out, Closed::TimedOut),
            (self.other_person, Closed::UserChanged),
            (self.may_not_link, Closed::NotAllowed),
            (self.held_back, Closed::NotAllowed),
            (self.certificate_lapsed, Closed::CertificateLapsed),
        ];
        whys.into_iter().find_map(|(holds, why)| holds.then_some(why))
    }
}
