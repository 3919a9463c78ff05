//! What a node remembers between requests: parsed keys, and who used up how much of a budget. Nothing that decides who
//! may do what; it is empty at each start, and each node has its own.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

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
use crate::sync::{Mutex, RwLock};
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
        keys_of(&self.key_sets, (institution.clone(), client_id.to_owned()), jwks)
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

fn keys_of(key_sets: &RwLock<KeySets>, place: Place, jwks: &str) -> Result<Arc<KeySet>, Fault> {
    let known = key_sets.read().unwrap_or_else(PoisonError::into_inner);
    if let Some((text, keys)) = known.get(&place)
        && text == jwks
    {
        return Ok(Arc::clone(keys));
    }
    drop(known);
    let keys = KeySet::parse(jwks.as_bytes())
        .map_err(|fault| Fault::Defect(format!("the keys of client {}: {fault}", place.1)))?;
    let keys = Arc::new(keys);
    let mut known = key_sets.write().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= KEY_SETS_MAX {
        known.clear();
    }
    known.insert(place, (jwks.to_owned(), Arc::clone(&keys)));
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use renkei_testing::explore::{Explored, Thread, explore};
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

    /// The keys a client registered first, and those it has now.
    fn text(of: usize) -> String {
        let one = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"KID","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
        one.replace("KID", &format!("kakeibo-{of}"))
    }

    /// Requests that read the row before and after the client changed its keys.
    fn two_texts<W: Sync + Default>(keys: impl Fn(&W, &str) -> Arc<KeySet> + Sync) -> Explored {
        let (texts, keys) = ([text(0), text(1)], &keys);
        let ask = |world: &W, which: usize| {
            let known = keys(world, &texts[which]);
            assert!(known.has_key_id(&format!("kakeibo-{which}")), "keys of another text");
        };
        let before = |world: &W| [0, 0].into_iter().for_each(|which| ask(world, which));
        let after = |world: &W| [1, 1].into_iter().for_each(|which| ask(world, which));
        let threads: [Thread<'_, W>; 3] = [&before, &after, &after];
        explore(2, W::default, &threads, |_| Ok(()))
    }

    #[test]
    fn f_33_keys_of_a_client_are_those_of_the_very_text_that_was_read() {
        // Without the rest of what a node remembers, which takes long to set up.
        type World = RwLock<KeySets>;
        let place = || (aoi(), "kakeibo".to_owned());
        two_texts(|world: &World, text| keys_of(world, place(), text).unwrap()).expect_right("keys of a client");
    }

    #[test]
    fn f_33_control_keys_apart_from_their_text_are_found() {
        #[derive(Default)]
        struct Torn(RwLock<String>, RwLock<Option<Arc<KeySet>>>);
        two_texts(|world: &Torn, text| {
            if *world.0.read().unwrap() == text
                && let Some(keys) = &*world.1.read().unwrap()
            {
                return Arc::clone(keys);
            }
            let keys = Arc::new(KeySet::parse(text.as_bytes()).unwrap());
            *world.0.write().unwrap() = text.to_owned();
            *world.1.write().unwrap() = Some(Arc::clone(&keys));
            keys
        })
        .expect_wrong("keys apart from their text");
    }
}
