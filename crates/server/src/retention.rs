//! Sweeping while serving: what is dead goes in steps so small, and with pauses so long, that requests come between.

use std::sync::Arc;
use std::time::{Duration, Instant};

use renkei_store::StoreError;
use renkei_store::db::room::needed;
use renkei_store::retention::{CLASSES, Class, Sweep, rest_after};
use tokio::sync::{Mutex, watch};
use tokio::time::sleep;

use crate::app::App;

/// The longest wait for the first walk after the start.
const FIRST_WALK: Duration = Duration::from_secs(300);
/// The wait after a walk that failed: the store is away, or full.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(30);

/// Whose turn it is to take a step: whoever comes meanwhile waits for one at most.
#[derive(Debug, Default)]
pub struct Turn(Mutex<()>);

/// Sweeps every class until told to stop.
pub async fn keep_swept(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        // Deleting makes room.
        () = needed(sweep_all(&app)) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn sweep_all(app: &App) {
    let turn = Turn::default();
    futures_util::future::join_all(CLASSES.iter().map(|class| sweep(app, class, &turn))).await;
}

/// Walks through one class again and again. The first walk waits, too, so that a node that starts serves first, and
/// one that is restarted every day sweeps nevertheless.
async fn sweep(app: &App, class: &'static Class, turn: &Turn) {
    let every = Duration::from_secs(class.every_seconds.unsigned_abs());
    let mut wait = every.min(FIRST_WALK);
    loop {
        sleep(wait).await;
        wait = every;
        match walk(app, class, turn).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(table = class.name, deleted, "swept"),
            Err(error) => {
                tracing::warn!(table = class.name, %error, "could not be swept");
                wait = PAUSE_AFTER_FAILURE;
            }
        }
    }
}

/// One walk through the table of a class, from its beginning to its end, in turns with others. Tells how many rows went.
///
/// # Errors
/// [`StoreError`]; what went before is gone.
pub async fn walk(app: &App, class: &'static Class, turn: &Turn) -> Result<u64, StoreError> {
    let mut sweep = Sweep::of(class);
    let mut deleted = 0;
    loop {
        let mine = turn.0.lock().await;
        let begun = Instant::now();
        let swept = sweep.step(&app.store, app.now(), &*app.random).await?;
        drop(mine);
        deleted += swept.deleted;
        if swept.is_end {
            return Ok(deleted);
        }
        sleep(rest_after(begun.elapsed())).await;
    }
}
