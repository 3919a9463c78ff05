//! Who leads: each promotion begins a new timeline of the database, so of two servers that both take themselves for the
//! leader the one on the newer timeline does. Whoever was on an older one has been followed by another, and what it says
//! may be out of date.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::StoreError;
use super::translate;

/// Asked of each server this often, over a connection of its own: a node stops believing an old leader about this long
/// after another one leads.
const LOOK: Duration = Duration::from_secs(1);
/// For the answer, a new connection included.
const ANSWER: Duration = Duration::from_secs(5);
/// The timeline a server writes on; nothing where it follows another.
const OWN: &str = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_walfile_name(pg_current_wal_insert_lsn()) END";

/// What a server says that can't answer this.
const UNTOLD: [SqlState; 3] =
    [SqlState::UNDEFINED_FUNCTION, SqlState::FEATURE_NOT_SUPPORTED, SqlState::INSUFFICIENT_PRIVILEGE];

/// A timeline's number; 0 is none.
pub(super) type Timeline = u32;

/// The newest timeline on which a server was seen to write, as long as this process lives.
#[derive(Clone)]
pub(super) struct Leads(Arc<watch::Sender<Timeline>>);

impl Default for Leads {
    fn default() -> Leads {
        Leads(Arc::new(watch::Sender::new(0)))
    }
}

impl Leads {
    /// Takes note of a server that writes on this timeline. Refuses one that has been followed by another.
    pub(super) fn take_note(&self, timeline: Timeline) -> Result<(), StoreError> {
        let newer = self.0.send_if_modified(|newest| {
            let newer = timeline > *newest;
            *newest = timeline.max(*newest);
            newer
        });
        if newer && timeline > 1 {
            tracing::info!(timeline, "a server of PostgreSQL leads on a new timeline");
        }
        self.check(timeline)
    }

    /// Whether what a server on this timeline says counts.
    pub(super) fn check(&self, timeline: Timeline) -> Result<(), StoreError> {
        let newest = *self.0.borrow();
        if timeline == newest {
            return Ok(());
        }
        Err(StoreError::Unavailable(format!("the server is on timeline {timeline}, and another led on {newest}")))
    }

    /// Returns once a server on this timeline has been followed by another.
    pub(super) async fn followed(&self, timeline: Timeline) {
        let mut seen = self.0.subscribe();
        // The sender lives as long as this value.
        let _ = seen.wait_for(|newest| *newest > timeline).await;
    }
}

/// The number in the name of a file of the write-ahead log.
fn timeline_of(file: &str) -> Option<Timeline> {
    Timeline::from_str_radix(file.get(..8)?, 16).ok()
}

/// Asks a server which timeline it writes on; 0 where it follows another.
pub(super) async fn ask(client: &Client) -> Result<Timeline, StoreError> {
    let answers = match client.simple_query(OWN).await {
        Ok(answers) => answers,
        // An engine like PostgreSQL that has no timelines, or tells nobody: all its servers count alike.
        Err(error) if error.code().is_some_and(|code| UNTOLD.contains(code)) => return Ok(1),
        Err(error) => return Err(translate(&error)),
    };
    let told = answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => Some(row.get(0).map_or(Some(0), timeline_of)),
        _ => None,
    });
    told.flatten().ok_or_else(|| StoreError::Unavailable("the server does not tell its timeline".into()))
}

/// Looks at a server again and again, whether it leads or not. Ends only by being ended.
pub(super) async fn watch_over(server: Config, tls: MakeRustlsConnect, leads: Leads) {
    let mut client: Option<Client> = None;
    let mut told = false;
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let asked = timeout(ANSWER, async {
            let known = match client.take() {
                Some(known) => known,
                None => {
                    let (new, link) = server.connect(tls.clone()).await.map_err(|error| translate(&error))?;
                    tokio::spawn(link);
                    new
                }
            };
            let timeline = ask(&known).await?;
            Ok::<_, StoreError>((known, timeline))
        });
        match asked.await {
            Ok(Ok((known, timeline))) => {
                client = Some(known);
                let doubt = if timeline == 0 { None } else { leads.take_note(timeline).err() };
                if let Some(error) = doubt.as_ref().filter(|_| !told) {
                    tracing::error!(%error, "a server takes itself for the leader and is not believed");
                }
                told = doubt.is_some();
            }
            // Whoever needs it says so; a server that is away is asked less often.
            Ok(Err(_)) | Err(_) => sleep(LOOK).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f_16_a_server_counts_until_another_leads_on_a_newer_timeline() {
        let leads = Leads::default();
        assert!(leads.take_note(1).is_ok());
        assert!(leads.take_note(2).is_ok());
        assert!(leads.check(1).is_err());
        assert!(leads.take_note(1).is_err());
        assert!(leads.check(2).is_ok());
    }

    #[test]
    fn f_16_a_timeline_is_read_in_hexadecimal() {
        assert_eq!(timeline_of("0000001A0000000000000004"), Some(26));
        assert_eq!(timeline_of("nonsense"), None);
        assert_eq!(timeline_of(""), None);
    }
}
