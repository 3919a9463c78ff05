//! What the engine goes by when it plans a statement.

use super::{Engine, Store, StoreError};

impl Store {
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
