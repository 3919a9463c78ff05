//! A database file that is not as it was written: looked for at every start, before anybody is shown what is in it.

use std::path::PathBuf;
use std::sync::Arc;

use renkei_store::examine::{Facts, Looked};
use renkei_store::{Store, StoreError};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::app::App;
use crate::commands::CommandError;

/// Up to this size a file is looked through before the first request, in bytes: a second or so. A larger one is served
/// meanwhile.
const AT_ONCE: u64 = 16 << 20;

/// Whether the file is small enough to be looked through at once.
#[must_use]
pub fn is_small(data: &std::path::Path) -> bool {
    std::fs::metadata(data.join("renkei.db")).is_ok_and(|file| file.len() <= AT_ONCE)
}

/// Looks through it.
///
/// # Errors
/// What is damaged.
pub async fn look(store: &Store) -> Result<(), CommandError> {
    let Facts::Sqlite { damage, .. } = store.examine().await? else { return Ok(()) };
    damage.first().map_or(Ok(()), |first| Err(CommandError::Setup(told(first))))
}

fn told(damage: &str) -> String {
    format!("the database file is damaged: {damage}; keep the file and restore the last backup")
}

/// Looks through a large file while requests are served; damage ends the process.
pub async fn look_aside(app: Arc<App>, data: PathBuf, stop: watch::Receiver<bool>) {
    if app.store.engine_name() != "SQLite" || is_small(&data) {
        return;
    }
    let store = app.store.clone();
    // It reads the whole file, which no other task should have to wait for.
    let watched = stop.clone();
    let stopped = move || *watched.borrow();
    let Ok(found) = spawn_blocking(move || store.look_through(stopped)).await else { return };
    match found {
        Ok(Some(Looked { damage, left_out })) => {
            if let Some(first) = damage.first() {
                app.store.give_up(&told(first)).await;
            } else if !left_out.is_empty() && !*stop.borrow() {
                let tables = left_out.join(", ");
                tracing::warn!(
                    tables,
                    "too much is written to look these tables through for damage: run renkei doctor"
                );
            }
        }
        Ok(None) => {}
        Err(StoreError::Unusable(damage)) => app.store.give_up(&told(&damage)).await,
        Err(error) => tracing::warn!(%error, "the database file could not be looked through for damage"),
    }
}
