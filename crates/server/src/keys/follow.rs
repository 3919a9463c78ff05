//! Master keys while serving: a file that was changed is read again, and a key whose time has come takes over.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::sleep;

use super::hsm::Hsm;
use super::master::{MasterKeys, read_private};
use super::{KeyError, sha256};
use crate::app::App;

/// How often the file is looked at.
const EVERY: Duration = Duration::from_secs(60);

/// The file that is followed.
pub struct Followed {
    /// Where it is.
    pub path: PathBuf,
    /// The module that may have wrapped it.
    pub hsm: Option<Hsm>,
}

/// Follows the file, every minute and at SIGHUP, until told to stop. What can't be read is logged and changes nothing.
pub async fn follow(app: Arc<App>, file: Followed, mut stop: watch::Receiver<bool>) {
    let Ok(mut hang_up) = signal(SignalKind::hangup()) else { return };
    let mut known: Option<([u8; 32], MasterKeys)> = None;
    loop {
        tokio::select! {
            () = sleep(EVERY) => {}
            _ = hang_up.recv() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        if let Err(error) = look(&app, &file, &mut known) {
            tracing::error!(%error, "the master keys were not read again");
        }
    }
}

/// The module is asked only when the file has changed.
fn look(app: &App, file: &Followed, known: &mut Option<([u8; 32], MasterKeys)>) -> Result<(), KeyError> {
    let bytes = read_private(&file.path)?;
    let digest = sha256(&bytes);
    if known.as_ref().is_none_or(|(before, _)| *before != digest) {
        let masters = MasterKeys::parse(&bytes, file.hsm.as_ref()).map_err(|why| KeyError::file(&file.path, why))?;
        *known = Some((digest, masters));
    }
    let Some((_, masters)) = known else { return Ok(()) };
    let before = app.keys.current_generation();
    app.keys.take(masters, app.now())?;
    let now = app.keys.current_generation();
    if now != before {
        tracing::info!(generation = now, "values are sealed under another master key from now on");
    }
    Ok(())
}
