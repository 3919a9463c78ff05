//! 備え: room on the disk that is given up when the disk is full, so that reads, introspection and the end of linkages go on.
//!
//! A file beside the database, only to be there. When a write finds the disk full it is emptied, and from then on what
//! gives more than it takes waits (`store::db::room`) until there is room to fill it again.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::app::App;
use crate::doctor::Disk;

/// How much: the log at its usual length, and rows of some thousand acts.
pub const BYTES: u64 = 24 << 20;
/// Room beyond it, without which it is not filled again: or the next write would empty it.
const MARGIN: u64 = 8 << 20;
/// How often it is looked whether there is room again.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Where it is.
#[must_use]
pub fn path(data: &Path) -> PathBuf {
    data.join("renkei.ballast")
}

/// Fills it, gives it up when the disk is full, and fills it again when there is room, until told to stop.
pub async fn keep(app: Arc<App>, data: PathBuf, mut stop: watch::Receiver<bool>) {
    loop {
        let filled = fill(&data);
        if filled.is_ok() && app.store.is_short() {
            tracing::info!("the disk has room again: everything is written again");
        }
        app.store.set_short(filled.is_err());
        match filled {
            Ok(()) => {
                tokio::select! {
                    () = app.store.until_full() => {}
                    _ = stop.wait_for(|stop| *stop) => return,
                }
                app.store.set_short(true);
                let given_up = File::options().write(true).open(path(&data)).and_then(|file| file.set_len(0));
                tracing::error!(?given_up, "THE DISK IS FULL: only reads, introspection, refreshes and ends go on");
            }
            Err(error) => {
                tracing::warn!(%error, "no room on the disk can be kept, so nothing new is begun");
                tokio::select! {
                    () = sleep(LOOK_EVERY) => {}
                    _ = stop.wait_for(|stop| *stop) => return,
                }
            }
        }
    }
}

fn fill(data: &Path) -> io::Result<()> {
    let mut file = File::options().write(true).create(true).truncate(false).open(path(data))?;
    if file.metadata()?.len() >= BYTES {
        return Ok(());
    }
    if Disk::of(data)?.free < BYTES + MARGIN {
        return Err(io::ErrorKind::StorageFull.into());
    }
    let filled = match fallocate(&file, FallocateFlags::empty(), 0, BYTES) {
        // Not every file system can set room aside without writing.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => (0..BYTES >> 20).try_for_each(|_| file.write_all(&[0; 1 << 20])),
        done => done.map_err(io::Error::from),
    };
    if filled.is_err() {
        // Half of it is no use to anybody.
        let _ = file.set_len(0);
    }
    filled
}
