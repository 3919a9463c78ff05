//! What a node remembers between requests: parsed keys, and who used up how much of a budget. Nothing that decides who
//! may do what; it is empty at each start, and each node has its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use renkei_domain::institution::InstitutionCode;
use renkei_oauth::jose::{KeySet, SigningKey};

use crate::certificates::responder::Responders;
use crate::error::Fault;
use crate::http::limits::Limits;
use crate::http::places::Places;
use crate::http::second_look::Looks;
use crate::metrics::Metrics;
use crate::passwords::Hashing;
use crate::readiness::Readiness;
use crate::traces::Traces;

/// Key sets kept; when more are in use all are forgotten and read anew.
const KEY_SETS_MAX: usize = 4_096;
/// Signing keys of institutions kept open; when more are in use all are forgotten and opened anew.
const SIGNING_KEYS_MAX: usize = 1_024;

/// A client, wherever it is one.
type Place = (InstitutionCode, String);

/// Key sets by institution and `client_id`, each with the text it was read from.
type KeySets = HashMap<Place, (String, Arc<KeySet>)>;

/// Held while something is on its way.
type Flight = tokio::sync::Mutex<()>;

/// What is remembered. Empty at start.
#[derive(Default)]
pub struct Memory {
    key_sets: RwLock<KeySets>,
    /// Private keys by institution and `kid`. Which of them signs is not decided here.
    signing_keys: RwLock<HashMap<Place, Arc<SigningKey>>>,
    /// What everybody has used up of what they may ask for.
    pub limits: Limits,
    /// How many requests are worked on at a time.
    pub places: Places,
    /// Whether this node wants requests.
    pub readiness: Readiness,
    /// What was answered so far, for whom and how fast.
    pub metrics: Metrics,
    /// Where traces go.
    pub traces: Traces,
    /// The passwords that are looked at.
    pub hashing: Hashing,
    /// What OCSP responders said of users' certificates.
    pub responders: Responders,
    /// Which certificates of sessions were looked at lately.
    pub looks: Looks,
    /// By client, whether its keys are being read; only those that somebody waits for or reads.
    key_flights: Mutex<HashMap<Place, Arc<Flight>>>,
}

impl Memory {
    /// Nothing remembered, and budgets of so many times their figures.
    #[must_use]
    pub fn of_size(factor: u32) -> Memory {
        Memory { limits: Limits::times(factor), ..Memory::default() }
    }

    /// The parsed keys of a client. A text that differs from the remembered one is parsed anew.
    ///
    /// # Errors
    /// [`Fault::Defect`] when the registered text can't be parsed, which registration refuses.
    pub fn keys(&self, institution: &InstitutionCode, client_id: &str, jwks: &str) -> Result<Arc<KeySet>, Fault> {
        let place = (institution.clone(), client_id.to_owned());
        let known = self.key_sets.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((text, keys)) = known.get(&place)
            && text == jwks
        {
            return Ok(Arc::clone(keys));
        }
        drop(known);
        let keys = KeySet::parse(jwks.as_bytes())
            .map_err(|fault| Fault::Defect(format!("the keys of client {client_id}: {fault}")))?;
        let keys = Arc::new(keys);
        let mut known = self.key_sets.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEY_SETS_MAX {
            known.clear();
        }
        known.insert(place, (jwks.to_owned(), Arc::clone(&keys)));
        Ok(keys)
    }

    /// The signing key of this `kid`, opened when it is not known yet.
    ///
    /// # Errors
    /// Those of `open`; nothing is remembered then.
    pub fn signing_key(
        &self,
        institution: &InstitutionCode,
        kid: &str,
        open: impl FnOnce() -> Result<SigningKey, Fault>,
    ) -> Result<Arc<SigningKey>, Fault> {
        let place = (institution.clone(), kid.to_owned());
        let known = self.signing_keys.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known.get(&place) {
            return Ok(Arc::clone(key));
        }
        drop(known);
        let key = Arc::new(open()?);
        let mut known = self.signing_keys.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= SIGNING_KEYS_MAX {
            known.clear();
        }
        known.insert(place, Arc::clone(&key));
        Ok(key)
    }

    /// Whoever reads a client's keys at its address holds this lock, so that others of this node can wait for them.
    pub fn key_flight(&self, institution: &InstitutionCode, client_id: &str) -> Arc<Flight> {
        let place = (institution.clone(), client_id.to_owned());
        let mut flights = self.key_flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        Arc::clone(flights.entry(place).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use renkei_testing::{aoi, midori};

    #[test]
    fn keys_are_parsed_anew_exactly_when_their_text_changed() {
        let memory = Memory::default();
        let empty = r#"{"keys":[]}"#;
        let first = memory.keys(&aoi(), "kakeibo", empty).unwrap();
        assert!(Arc::ptr_eq(&first, &memory.keys(&aoi(), "kakeibo", empty).unwrap()));
        assert!(!Arc::ptr_eq(&first, &memory.keys(&midori(), "kakeibo", empty).unwrap()));
        assert!(!Arc::ptr_eq(&first, &memory.keys(&aoi(), "kakeibo", r#"{"keys": []}"#).unwrap()));
        assert!(memory.keys(&aoi(), "kakeibo", "no JSON").is_err());
    }
}
