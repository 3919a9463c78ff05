//! `renkei serve`: answer partners and customers until told to stop.

pub mod door;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use renkei_domain::time::Timestamp;
use renkei_oauth::client_auth::{MAX_AHEAD_SECONDS, MAX_LIFETIME_SECONDS};
use renkei_store::Store;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::CommandError;
use super::data::{Data, DataArgs};
use crate::app::App;
use crate::audit::service::keep_sealed;
use crate::audit::witness::keep_witnessed;
use crate::ballast;
use crate::damage;
use crate::http;
use crate::keys::follow::{Followed, follow};
use crate::retention;
use crate::shared_clock;
use crate::{statistics, traces};
use door::doors;

/// How often counted refusals are looked through for those that are due as a record.
const COUNTED_EVERY: Duration = Duration::from_secs(15);

/// What `renkei serve` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
}

/// Serves until SIGTERM or SIGINT, then lets running requests finish.
///
/// # Errors
/// When the configuration is refused, something it names can't be used, or an address can't be listened on.
pub async fn run(args: Args) -> Result<(), CommandError> {
    let mut signals = StopSignals::catch()?;
    let (data, config) = args.data.open_to_serve().await?;
    if damage::is_small(&args.data.data) {
        damage::look(&data.store).await?;
    }
    refuse_empty(&data.store).await?;
    if let Some(wait) = after_restore(&data).await? {
        tracing::warn!(
            seconds = wait.as_secs(),
            "restored a moment ago: waiting until what partners signed before has run out"
        );
        tokio::select! {
            () = sleep(wait) => {}
            () = signals.wait() => return Ok(()),
        }
    }
    if let Some(wait) = until_clock_is_right(&data).await? {
        tracing::warn!(
            seconds = wait.as_secs(),
            "the clock is behind what was recorded: waiting until it has caught up, or what is over would be alive again"
        );
        tokio::select! {
            () = sleep(wait) => {}
            () = signals.wait() => return Ok(()),
        }
    }
    let file = Followed { path: args.data.master_key_path(), hsm: data.hsm.clone() };
    let anchors = args.data.anchors();
    let data_folder = args.data.data.clone();
    let app = Arc::new(data.into_app(config.site(), config.limits.factor));
    app.memory.readiness.name(format!("{}:{}", host_name(), config.listen.port()));
    for institution in app.store.read_all().list_institutions().await? {
        app.memory.metrics.know(&institution.code);
    }
    let (say_stop, stop) = watch::channel(false);
    let mut tasks = JoinSet::new();
    for door in doors(&config, &app) {
        door.open(&app, &stop, &mut tasks).await?;
    }
    if let Some(traces) = &config.traces {
        tasks.spawn(traces::export(Arc::clone(&app), traces.endpoint.clone(), stop.clone()));
    }
    if app.store.engine_name() == "SQLite" {
        tasks.spawn(ballast::keep(Arc::clone(&app), data_folder, stop.clone()));
    }
    if app.store.engine_name() != "SQLite" {
        tasks.spawn(shared_clock::keep(Arc::clone(&app), stop.clone()));
    }
    tasks.spawn(damage::look_aside(Arc::clone(&app), args.data.data.clone(), stop.clone()));
    tasks.spawn(statistics::keep(Arc::clone(&app), stop.clone()));
    tasks.spawn(keep_counted(Arc::clone(&app), stop.clone()));
    tasks.spawn(retention::keep_swept(Arc::clone(&app), stop.clone()));
    tasks.spawn(follow(Arc::clone(&app), file, stop.clone()));
    tasks.spawn(keep_sealed(Arc::clone(&app), anchors, stop.clone()));
    if let Some(witness) = config.witness().map_err(CommandError::Setup)? {
        tasks.spawn(keep_witnessed(Arc::clone(&app), witness, stop.clone()));
    }
    tracing::info!(origin = config.origin, store = app.store.engine_name(), "serving");
    let spent = tokio::select! {
        () = signals.wait() => None,
        why = app.store.until_spent() => Some(why),
    };
    if let Some(why) = spent {
        // Nobody is let in any more, and whoever is inside gets an answer; nothing can be written.
        app.memory.readiness.drain();
        say_stop.send_replace(true);
        while tasks.join_next().await.is_some() {}
        return Err(CommandError::Unavailable(format!("{why}; what stands is read at the next start")));
    }
    // First nobody is sent here any more, then nobody is let in, then whoever is inside is finished with.
    app.memory.readiness.drain();
    tracing::info!("draining: not ready any more");
    app.memory.readiness.until_told(app.now()).await;
    tracing::info!("stopping: no new connections, running requests finish");
    say_stop.send_replace(true);
    while tasks.join_next().await.is_some() {}
    Ok(())
}

/// Writes what was refused and only counted into the audit trail, now and then and at the end.
pub async fn keep_counted(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    loop {
        let stopping = tokio::select! {
            () = sleep(COUNTED_EVERY) => false,
            _ = stop.wait_for(|stop| *stop) => true,
        };
        if let Err(error) = http::limits::write_counted(&app, stopping).await {
            tracing::error!(%error, "refusals that were counted could not be recorded");
        }
        if stopping {
            return;
        }
    }
}

/// How long to wait after a restore. Which assertions were used up since the backup is not in it, so one could be used
/// again until it runs out.
async fn after_restore(data: &Data) -> Result<Option<Duration>, CommandError> {
    let mut latest = None;
    for institution in data.store.read_all().list_institutions().await? {
        latest = latest.max(data.store.read(&institution.code).find_epoch().await?.map(|epoch| epoch.began_at));
    }
    let now = data.clock.now();
    let until = latest.map(|at| at.plus_seconds(MAX_LIFETIME_SECONDS + MAX_AHEAD_SECONDS));
    Ok(until.filter(|until| *until > now).map(|until| Duration::from_secs(now.seconds_until(until).unsigned_abs() + 1)))
}

/// How far the clock is behind the newest record. Another node's clock, or this one's before it was set back, has been
/// there already: what ended by time must not be alive again.
async fn until_clock_is_right(data: &Data) -> Result<Option<Duration>, CommandError> {
    let now = data.clock.now();
    let mut newest = now;
    for institution in data.store.read_all().list_institutions().await? {
        let records = data.store.read(&institution.code).list_audit(1).await?;
        newest = records.iter().map(|record| record.at).fold(newest, Timestamp::max);
    }
    let behind = u64::try_from(newest.0 - now.0).unwrap_or_default();
    Ok((behind > 0).then(|| Duration::from_micros(behind)))
}

/// What this machine calls itself.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// Without an institution every request would be answered with 404, which nobody sets up on purpose.
async fn refuse_empty(store: &Store) -> Result<(), CommandError> {
    if store.read_all().list_institutions().await?.is_empty() {
        let message = "there is no institution to serve: describe one with `renkei apply` first";
        return Err(CommandError::Setup(message.into()));
    }
    Ok(())
}

/// The signals that end a server, caught from when this is made, so that none is missed.
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Catches SIGTERM and SIGINT from now on.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn catch() -> Result<StopSignals, CommandError> {
        let failed = |error: io::Error| CommandError::Unavailable(format!("signals can't be caught: {error}"));
        Ok(StopSignals {
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
        })
    }

    /// Returns when one of them has come.
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
