//! What a request writes: everything at once, when it is known how the request ends.
//!
//! Its first claims use up the assertion and the proof: what was used before, here or on any other node, goes no further.

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::time::Timestamp;
use renkei_oauth::client_auth::INVALID_CLIENT;
use renkei_oauth::dpop::{self, Proof};
use renkei_oauth::error::OAuthError;
use renkei_oauth::replay::Replay;
use renkei_store::{Ended, Step, Unit};

use super::{Call, Client, Denial, Refusal};

/// What a request of an authenticated caller is about to write.
pub struct Act {
    unit: Unit,
    /// What the caller is told, by the number of the claim that does not hold.
    lost: Vec<Option<OAuthError>>,
}

impl Act {
    /// Adds something written if every claim holds, after what was added before.
    pub fn then(&mut self, step: Step) {
        self.unit.then(step);
    }

    /// Adds something written if the claim added last does not hold.
    pub fn otherwise(&mut self, step: Step) {
        self.unit.otherwise(step);
    }

    /// Adds a new row written if every claim holds, at which nothing else looks that is written with it.
    pub fn add(&mut self, row: Step) {
        self.unit.add(row);
    }
}

impl Call {
    /// Begins what a client's request writes.
    pub fn begin(&self, client: &Client, proof: Option<&Proof>) -> Act {
        self.begin_as(client.actor(), client.assertion.as_ref(), proof)
    }

    pub(super) fn begin_as(&self, actor: Actor, assertion: Option<&Replay>, proof: Option<&Proof>) -> Act {
        let mut act = Act { unit: Unit::new(&self.institution), lost: Vec::new() };
        let assertion = assertion.map(|replay| (replay, INVALID_CLIENT, "assertion already used"));
        let proof = proof.map(|proof| (&proof.replay, dpop::REPLAYED, "proof already used"));
        for (replay, error, why) in assertion.into_iter().chain(proof) {
            act.unit.claim_replay(&replay.digest, Timestamp::from_seconds(replay.remember_until), self.now);
            self.on_loss(&mut act, Record::refused(actor.clone(), Action::ClientRefused, why), Some(error));
        }
        act
    }

    /// Adds a conditional write that must change one row. What is recorded if it does not, and what the caller is told
    /// then; nothing is told where that is none of its business.
    pub fn claim(&self, act: &mut Act, step: Step, loss: Record, error: Option<OAuthError>) {
        act.unit.claim(step);
        self.on_loss(act, loss, error);
    }

    fn on_loss(&self, act: &mut Act, record: Record, error: Option<OAuthError>) {
        act.unit.record_loss(&record.in_request(&self.request_id), self.now, self.app.random.as_ref());
        act.lost.push(error);
    }

    /// Writes it all with this record of what is done.
    ///
    /// # Errors
    /// What belongs to the first claim that does not hold; a failure of the store, and nothing has happened then.
    pub async fn commit(&self, mut act: Act, record: Record) -> Result<(), Refusal> {
        act.unit.record(&record.in_request(&self.request_id), self.now, self.app.random.as_ref());
        match self.app.store.leave(act.unit).await? {
            Ended::Done => Ok(()),
            Ended::Lost(number) => act.lost.get(number).copied().flatten().map_or(Ok(()), |error| Err(error.into())),
        }
    }

    /// Refuses a client what it asked for. What was to be used up is, and nothing else that was added is written; after
    /// a failure on this side nothing has happened at all.
    pub async fn deny(&self, act: Act, client: &Client, action: Action, denial: Denial) -> Refusal {
        let (error, why, reason) = match denial {
            Denial::Refused { error, why, reason } => (error, why, reason),
            Denial::Fault(fault) => return fault.into(),
        };
        let act = Act { unit: act.unit.with_claims_only(), lost: act.lost };
        match self.commit(act, client.refused(action, why)).await {
            Err(refusal) => refusal,
            Ok(()) => match reason {
                Some(reason) => Refusal::Linkage(error, reason),
                None => error.into(),
            },
        }
    }
}
