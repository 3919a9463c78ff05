//! What was found by key is kept, and serves again as long as it holds.
//!
//! Whether a token or a client counts depends on many rows, any of which may have changed a moment ago. Whoever changes one
//! gives their institution another version in the same transaction (migration 0027), so what was found under a version is
//! what would be found now as long as the institution has that version. It is looked up at every use, where and when the
//! rows themselves would be: nothing that is kept is believed without it, no time has to pass and no node be told.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError};
#[cfg(not(test))]
use std::sync::{Mutex, MutexGuard};

use renkei_domain::id::AccountId;
#[cfg(test)]
use renkei_testing::explore::{Mutex, MutexGuard};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::db::{Param, Row};
use crate::institutions::Institution;
use crate::partners::Client;
use crate::resource_servers::ResourceServer;
use crate::tokens::{HeldAccessToken, HeldRefreshToken};
use crate::{Session, StoreError};

/// Findings of one kind that are kept; when there are more all are forgotten and looked up anew. About 1 KiB each.
const KEPT_MAX: usize = 4_096;
/// Accounts of a list that is kept; a longer one is looked up each time, so that few large customers fill no memory.
pub(crate) const LISTED_MAX: usize = 32;

/// The version of an institution, as a column of a statement that finds something to keep. It is of the same instant.
pub(crate) const VERSION: &str = "(SELECT v.version FROM state_versions v WHERE v.institution = ?1)";

/// One moment for several looks of the same request at the same institution, side by side: the version is looked up once
/// for all of them, by the first. Whoever looks again later takes a moment of its own.
#[derive(Clone, Default)]
pub struct Moment(Arc<OnceCell<Option<Vec<u8>>>>);

/// What is kept in this process, of all institutions.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) access_tokens: Shelf<Uuid, HeldAccessToken>,
    pub(crate) refresh_tokens: Shelf<Uuid, HeldRefreshToken>,
    pub(crate) clients: Shelf<String, Client>,
    pub(crate) institutions: Shelf<(), Institution>,
    pub(crate) resource_servers: Shelf<String, ResourceServer>,
    /// By access token.
    pub(crate) account_lists: Shelf<Uuid, Vec<AccountId>>,
    /// That the linkage of an access token gives an account.
    pub(crate) given_accounts: Shelf<(Uuid, AccountId), ()>,
}

/// Findings of one kind by institution and key.
pub(crate) struct Shelf<K, V>(Mutex<HashMap<(String, K), Kept<V>>>);

/// A finding with the version it was found under.
pub(crate) struct Kept<V> {
    version: Vec<u8>,
    pub(crate) found: Arc<V>,
}

impl<V> Kept<V> {
    /// Whether it was found under this version, which its institution has now.
    pub(crate) fn is_of(&self, version: &Option<Vec<u8>>) -> bool {
        version.as_ref() == Some(&self.version)
    }
}

impl<V> Clone for Kept<V> {
    fn clone(&self) -> Kept<V> {
        Kept { version: self.version.clone(), found: Arc::clone(&self.found) }
    }
}

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Shelf<K, V> {
        Shelf(Mutex::new(HashMap::new()))
    }
}

impl<K: Hash + Eq, V> Shelf<K, V> {
    fn get(&self, place: &(String, K)) -> Option<Kept<V>> {
        self.locked().get(place).cloned()
    }

    fn put(&self, place: (String, K), kept: Kept<V>) {
        let mut all = self.locked();
        let forgotten = if all.len() < KEPT_MAX { HashMap::new() } else { std::mem::take(&mut *all) };
        all.insert(place, kept);
        // To free thousands of findings takes milliseconds, in which nobody else should wait for the lock.
        drop(all);
        drop(forgotten);
    }

    fn forget(&self, place: &(String, K)) {
        self.locked().remove(place);
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<(String, K), Kept<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// What was found of this key, whether it still holds or not.
    pub(crate) fn kept<K: Hash + Eq, V>(&self, shelf: impl FnOnce(&Known) -> &Shelf<K, V>, key: K) -> Option<Kept<V>> {
        let (known, institution) = self.known()?;
        shelf(known).get(&(institution.to_owned(), key))
    }

    /// What was found of this key, if it still holds. `None`: it has to be looked up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn recall<K: Hash + Eq, V>(
        &mut self,
        shelf: impl FnOnce(&Known) -> &Shelf<K, V>,
        key: K,
    ) -> Result<Option<Arc<V>>, StoreError> {
        let Some(kept) = self.kept(shelf, key) else { return Ok(None) };
        let version = match self.moment() {
            Some(Moment(version)) => version.get_or_try_init(|| self.version()).await?.clone(),
            None => self.version().await?,
        };
        Ok(kept.is_of(&version).then_some(kept.found))
    }

    async fn version(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.row("SELECT version FROM state_versions WHERE institution = ?1", &[]).await?;
        row.map(|mut row| row.get(0)).transpose()
    }

    /// The row of a statement, and the [`VERSION`] in this column of it, which becomes that of the moment if it is the first.
    pub(crate) async fn row_of_moment(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        column: usize,
    ) -> Result<Option<(Row, Option<Vec<u8>>)>, StoreError> {
        let mut found = None;
        if let Some(Moment(version)) = self.moment() {
            let first = version.get_or_try_init(async || {
                let row = self.versioned_row(sql, params, column).await?;
                let version = row.as_ref().and_then(|(_, version)| version.clone());
                found = Some(row);
                Ok::<_, StoreError>(version)
            });
            first.await?;
        }
        match found {
            Some(row) => Ok(row),
            None => self.versioned_row(sql, params, column).await,
        }
    }

    async fn versioned_row(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        column: usize,
    ) -> Result<Option<(Row, Option<Vec<u8>>)>, StoreError> {
        let Some(mut row) = self.row(sql, params).await? else { return Ok(None) };
        let version = row.get(column)?;
        Ok(Some((row, version)))
    }

    /// Keeps what one statement found of this key, with its [`VERSION`]. Without a version nothing is kept.
    pub(crate) fn keep<K: Hash + Eq, V>(
        &self,
        shelf: impl FnOnce(&Known) -> &Shelf<K, V>,
        key: K,
        version: Option<Vec<u8>>,
        found: V,
    ) -> Arc<V> {
        let found = Arc::new(found);
        if let (Some((known, institution)), Some(version)) = (self.known(), version) {
            let kept = Kept { version, found: Arc::clone(&found) };
            shelf(known).put((institution.to_owned(), key), kept);
        }
        found
    }

    /// Forgets a key of which something was written that makes no new version.
    pub(crate) fn forget<K: Hash + Eq, V>(&self, shelf: impl FnOnce(&Known) -> &Shelf<K, V>, key: K) {
        if let Some((known, institution)) = self.known() {
            shelf(known).forget(&(institution.to_owned(), key));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
