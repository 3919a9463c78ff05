//! What these endpoints remember between requests to do less work: parsed keys. Losing it changes no answer.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use renkei_domain::institution::InstitutionCode;
use renkei_oauth::jose::KeySet;

use crate::error::Fault;

/// Key sets kept; when more are in use all are forgotten and read anew.
const KEY_SETS_MAX: usize = 4_096;

/// Key sets by institution and `client_id`, each with the text it was read from.
type KeySets = HashMap<(InstitutionCode, String), (String, Arc<KeySet>)>;

/// What is remembered. Empty at start.
#[derive(Default)]
pub struct Memory {
    key_sets: RwLock<KeySets>,
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
}
