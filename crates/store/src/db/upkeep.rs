//! What concerns the database as a whole.

use super::{Engine, Store, StoreError};
use crate::examine::Looked;

impl Store {
    /// Which engine this is, for messages: `SQLite` or `PostgreSQL`.
    #[must_use]
    pub fn engine_name(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite(_) => "SQLite",
            Engine::Postgres(_) => "PostgreSQL",
        }
    }

    /// Looks the whole file through while it is in use, for minutes if it is large. `None` on PostgreSQL, whose server
    /// does that itself. Blocks the thread; ends soon after `stopped` says so, and tells nothing of the rest then.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if the file is so damaged that it can't even be read; any other if it could not be looked at.
    pub fn look_through(
        &self,
        stopped: impl Fn() -> bool + Clone + Send + 'static,
    ) -> Result<Option<Looked>, StoreError> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.look_through(stopped).map(Some),
            Engine::Postgres(_) => Ok(None),
        }
    }

    /// Lets the engine take note of what its tables hold now: after much was loaded at once. Plans made while tables were
    /// empty can be a hundred times too slow, and PostgreSQL makes new ones only once it has looked again, which it does by
    /// itself a minute or two later. On SQLite there is nothing to do: its plans don't depend on what tables hold.
    ///
    /// # Errors
    /// [`StoreError`]. Tables that are another role's are left out without one.
    pub async fn renew_statistics(&self) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(engine) => engine.analyze().await,
        }
    }
}
