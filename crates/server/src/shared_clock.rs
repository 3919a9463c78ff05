//! One clock for all nodes: that of the database server that writes. Two nodes' machines may disagree by half a minute,
//! and a code that one of them issued must not live half a minute longer at the other.

use std::sync::Arc;
use std::time::Duration;

use renkei_store::{Store, StoreError};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::app::App;
use crate::system::SystemClock;

/// How often it is asked.
const EVERY: Duration = Duration::from_secs(1);
/// For its answer.
const ANSWER: Duration = Duration::from_secs(2);

/// Asks it once, where there is one.
///
/// # Errors
/// When it does not answer: then the clock goes on as it went.
pub async fn look(store: &Store) -> Result<(), StoreError> {
    let no_answer = |_| StoreError::Unavailable("the server did not tell its time".into());
    if let Some(told) = timeout(ANSWER, store.shared_clock()).await.map_err(no_answer)?? {
        SystemClock::follow(told);
    }
    Ok(())
}

/// Asks it again and again.
pub async fn keep(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    loop {
        let stopping = tokio::select! {
            () = sleep(EVERY) => false,
            _ = stop.wait_for(|stop| *stop) => true,
        };
        if stopping {
            return;
        }
        // Whoever needs the store finds out by itself that it does not answer.
        let _ = look(&app.store).await;
    }
}
