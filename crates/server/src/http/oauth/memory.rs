//! What these endpoints remember between requests: parsed keys, and how fast each client pushes. Nothing that decides
//! who may do what; it is empty at each start, and each node has its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::{MICROS_PER_SECOND, Timestamp};
use renkei_oauth::jose::{KeySet, SigningKey};

use crate::error::Fault;

/// Key sets kept; when more are in use all are forgotten and read anew.
const KEY_SETS_MAX: usize = 4_096;
/// Signing keys of institutions kept open; when more are in use all are forgotten and opened anew.
const SIGNING_KEYS_MAX: usize = 1_024;

/// Requests a client may push in a row, however fast.
const PUSHES_IN_A_ROW: i64 = 2_000;
/// Requests a client may push each second on and on. With [`REQUEST_SECONDS`] this bounds how many of its requests are
/// open: a flood fills neither the store nor another client's share.
///
/// [`REQUEST_SECONDS`]: renkei_domain::token::REQUEST_SECONDS
const PUSHES_PER_SECOND: i64 = 100;
/// Microseconds that one pushed request uses up.
const MICROS_PER_PUSH: i64 = MICROS_PER_SECOND / PUSHES_PER_SECOND;

/// A client, wherever it is one.
type Place = (InstitutionCode, String);

/// Key sets by institution and `client_id`, each with the text it was read from.
type KeySets = HashMap<Place, (String, Arc<KeySet>)>;

/// What is remembered. Empty at start.
#[derive(Default)]
pub struct Memory {
    key_sets: RwLock<KeySets>,
    /// Private keys by institution and `kid`. Which of them signs is not decided here.
    signing_keys: RwLock<HashMap<Place, Arc<SigningKey>>>,
    /// By client, the instant until which its pushes are paid for. One entry for each client that authenticated.
    pushes: Mutex<HashMap<Place, Timestamp>>,
}

impl Memory {
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

    /// Counts a request pushed by an authenticated client.
    ///
    /// # Errors
    /// How many seconds to wait when it pushes too fast; this request is not counted then.
    pub fn count_push(&self, institution: &InstitutionCode, client_id: &str, now: Timestamp) -> Result<(), u32> {
        let mut pushes = self.pushes.lock().unwrap_or_else(PoisonError::into_inner);
        let paid_until = pushes.entry((institution.clone(), client_id.to_owned())).or_insert(now);
        let next = Timestamp(now.max(*paid_until).0.saturating_add(MICROS_PER_PUSH));
        let over = next.0.saturating_sub(now.0).saturating_sub(PUSHES_IN_A_ROW * MICROS_PER_PUSH);
        if over <= 0 {
            *paid_until = next;
            return Ok(());
        }
        Err(u32::try_from(over.div_euclid(MICROS_PER_SECOND)).unwrap_or(0).saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use renkei_testing::{aoi, midori};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn r_072_a_017_a_flood_is_slowed_down_and_hurts_no_other_client() {
        let memory = Memory::default();
        for _ in 0..PUSHES_IN_A_ROW {
            assert_eq!(memory.count_push(&aoi(), "kakeibo", NOW), Ok(()));
        }
        assert_eq!(memory.count_push(&aoi(), "kakeibo", NOW), Err(1));
        assert_eq!(memory.count_push(&aoi(), "chobo", NOW), Ok(()));
        assert_eq!(memory.count_push(&midori(), "kakeibo", NOW), Ok(()));
        let later = NOW.plus_seconds(1);
        for _ in 0..PUSHES_PER_SECOND {
            assert_eq!(memory.count_push(&aoi(), "kakeibo", later), Ok(()));
        }
        assert_eq!(memory.count_push(&aoi(), "kakeibo", later), Err(1));
    }

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
