//! One connection to PostgreSQL: to the one server that may write, listened to for what it says beside its answers, and
//! thrown away when it can't be trusted any more.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::ClientWrapper;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::{AsyncMessage, Config, Connection};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::StoreError;
use super::leads::{self, Leads, Timeline};
use super::{describe, translate};

/// For a connection to be made to a server, its session set up included.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the other servers are waited for once one that writes has answered: an old leader may not know yet that it
/// has been followed. Servers that follow answer as fast as the one that leads.
const OTHERS: Duration = Duration::from_millis(250);
/// How long what was sent may stay unacknowledged, and how long a silent server is waited for before it is asked for a
/// sign of life: a machine that vanished is noticed within about twice this time.
const LINK_DEAD: Duration = Duration::from_secs(5);
/// What every session begins with. A commit waits for the standby, whatever the server's default is, unless the default
/// is stronger. Locks of a node that vanished, or waits for one, end.
const SESSION: &str = "SELECT set_config('synchronous_commit', 'on', false) \
     WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply'); \
     SET lock_timeout = '8s'; SET idle_in_transaction_session_timeout = '60s'; SET application_name = 'renkei'";

/// Said of a server once another leads.
const FOLLOWED: &str = "another server leads meanwhile";

/// Makes connections, and knows which of those made are not to be used any more.
pub(super) struct Wires {
    servers: Vec<Config>,
    tls: MakeRustlsConnect,
    /// Raised when a server failed or changed its part; connections from before are not used again.
    generation: Arc<AtomicU64>,
    leads: Leads,
    /// Looking at each server, where there are several; ended with this.
    looking: JoinSet<()>,
}

/// A connection.
pub(super) struct Wire {
    client: ClientWrapper,
    /// Whether the server said a warning since this was last taken back.
    warned: Arc<AtomicBool>,
    /// Whether somebody asked and did not wait for the answer.
    asked: AtomicBool,
    generation: Arc<AtomicU64>,
    born: u64,
    leads: Leads,
    /// The timeline its server wrote on when it was made.
    timeline: Timeline,
}

impl Wires {
    /// Connections to the servers this configuration names, one or several.
    pub(super) fn new(config: &Config, tls: MakeRustlsConnect) -> Wires {
        let servers = servers(config);
        Wires { servers, tls, generation: Arc::default(), leads: Leads::default(), looking: JoinSet::new() }
    }

    /// From now on looks at each server, where there are several.
    pub(super) fn watch_over_servers(&mut self) {
        if self.servers.len() > 1 {
            for server in &self.servers {
                let mut server = server.clone();
                server.target_session_attrs(TargetSessionAttrs::Any).application_name("renkei-watch");
                self.looking.spawn(leads::watch_over(server, self.tls.clone(), self.leads.clone()));
            }
        }
    }

    async fn connect(&self, server: &Config) -> Result<Wire, StoreError> {
        let late = |_| StoreError::Unavailable("no connection within 5 seconds".into());
        let born = self.generation.load(Ordering::Acquire);
        timeout(CONNECT, async {
            let (client, connection) = server.connect(self.tls.clone()).await.map_err(|error| translate(&error))?;
            let warned = Arc::new(AtomicBool::new(false));
            let listening = tokio::spawn(listen(connection, Arc::clone(&warned)));
            let client = ClientWrapper::new(client, listening);
            client.batch_execute(SESSION).await.map_err(|error| translate(&error))?;
            let timeline = leads::ask(&client).await?;
            let (generation, leads) = (Arc::clone(&self.generation), self.leads.clone());
            Ok(Wire { client, warned, asked: AtomicBool::new(false), generation, born, leads, timeline })
        })
        .await
        .map_err(late)?
    }
}

/// One configuration for each server: all are asked at the same time, so one that hangs keeps nobody from the leader.
fn servers(config: &Config) -> Vec<Config> {
    let count = config.get_hosts().len().max(config.get_hostaddrs().len());
    let one = |index: usize| {
        let mut server = Config::new();
        match config.get_hosts().get(index) {
            Some(Host::Tcp(name)) => drop(server.host(name)),
            Some(Host::Unix(path)) => drop(server.host_path(path)),
            None => {}
        }
        config.get_hostaddrs().get(index).map(|address| server.hostaddr(*address));
        let port = config.get_ports().get(index).or(config.get_ports().first());
        port.map(|port| server.port(*port));
        config.get_user().map(|user| server.user(user));
        config.get_password().map(|password| server.password(password));
        config.get_dbname().map(|name| server.dbname(name));
        config.get_options().map(|options| server.options(options));
        server.ssl_mode(config.get_ssl_mode());
        server.ssl_negotiation(config.get_ssl_negotiation());
        server.channel_binding(config.get_channel_binding());
        server.target_session_attrs(TargetSessionAttrs::ReadWrite);
        server.connect_timeout(CONNECT);
        server.tcp_user_timeout(LINK_DEAD);
        server.keepalives_idle(LINK_DEAD);
        server.keepalives_interval(LINK_DEAD);
        server.keepalives_retries(1);
        server
    };
    (0..count).map(one).collect()
}

/// Drives a connection, and notes a warning before whoever asked gets the answer it belongs to.
async fn listen<S, T>(mut connection: Connection<S, T>, warned: Arc<AtomicBool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = std::future::poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) => {
                if notice.parsed_severity() == Some(Severity::Warning) {
                    warned.store(true, Ordering::Release);
                    tracing::warn!(code = notice.code().code(), notice = notice.message(), "PostgreSQL warns");
                }
            }
            Ok(_) => {}
            Err(error) => return tracing::debug!(error = describe(&error), "a connection to PostgreSQL ended"),
        }
    }
}

impl Manager for Wires {
    type Type = Wire;
    type Error = StoreError;

    async fn create(&self) -> Result<Wire, StoreError> {
        let mut attempts: FuturesUnordered<_> = self.servers.iter().map(|server| self.connect(server)).collect();
        let mut failure = StoreError::Unavailable("no server is named".into());
        let mut found: Option<Wire> = None;
        loop {
            let next = match found {
                None => attempts.next().await,
                Some(_) => timeout(OTHERS, attempts.next()).await.unwrap_or_default(),
            };
            match next {
                Some(Ok(wire)) if found.as_ref().is_none_or(|found| found.timeline < wire.timeline) => {
                    found = Some(wire)
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => failure = error,
                None => break,
            }
        }
        let wire = found.ok_or(failure)?;
        self.leads.take_note(wire.timeline)?;
        Ok(wire)
    }

    async fn recycle(&self, wire: &mut Wire, _: &Metrics) -> RecycleResult<StoreError> {
        if wire.is_sound() { Ok(()) } else { Err(RecycleError::message("not to be used any more")) }
    }
}

impl Wire {
    fn is_sound(&self) -> bool {
        self.is_current() && !self.asked.load(Ordering::Acquire)
    }

    /// Whether its server is trusted still, and there.
    pub(super) fn is_current(&self) -> bool {
        let born_since = self.born == self.generation.load(Ordering::Acquire);
        born_since && !self.client.is_closed() && self.leads.check(self.timeline).is_ok()
    }

    /// Waits for what was asked over this connection. Where the answer is not waited for, or tells that the server is
    /// gone or does not write any more, the connection is used by nobody else, nor are those made before. Once another
    /// server leads, what this one says does not count.
    pub(super) async fn ask<T>(
        &self,
        asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        self.asked.store(true, Ordering::Release);
        let answer = tokio::select! {
            biased;
            () = self.leads.followed(self.timeline) => return Err(StoreError::Unavailable(FOLLOWED.into())),
            answer = asked => answer,
        };
        self.asked.store(false, Ordering::Release);
        answer.map_err(|error| {
            if tells_of_another_leader(&error) {
                self.distrust();
            }
            translate(&error)
        })
    }

    /// From now on nobody uses this connection, nor any made before now.
    pub(super) fn distrust(&self) {
        // Only once for all connections of a generation, or a new one would be thrown away for what an old one met.
        let next = self.born + 1;
        let _ = self.generation.compare_exchange(self.born, next, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Sends `COMMIT` and tells what is known then. Never cancels it: what is cancelled while it waits for a standby
    /// stands on this server and may be lost with it.
    pub(super) async fn commit(&self) -> Result<(), StoreError> {
        if self.client.is_closed() {
            return Err(StoreError::Unavailable("the connection ended before the commit".into()));
        }
        self.warned.store(false, Ordering::Release);
        self.asked.store(true, Ordering::Release);
        let answer = tokio::select! {
            biased;
            () = self.leads.followed(self.timeline) => return Err(StoreError::Unknown(FOLLOWED.into())),
            answer = self.client.batch_execute("COMMIT") => answer,
        };
        self.asked.store(false, Ordering::Release);
        match answer {
            Ok(()) if self.warned.load(Ordering::Acquire) => {
                Err(StoreError::Unknown("the server warned that the standby may not have it".into()))
            }
            Ok(()) => Ok(()),
            Err(error) if is_refusal(&error) => Err(translate(&error)),
            Err(error) => {
                self.distrust();
                Err(StoreError::Unknown(describe(&error)))
            }
        }
    }
}

/// Whether the server said that it took the transaction back. Anything else may have come after it was made durable.
fn is_refusal(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|error| {
        let unknown = [SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN, SqlState::TRANSACTION_RESOLUTION_UNKNOWN];
        error.parsed_severity() == Some(Severity::Error) && !unknown.contains(error.code())
    })
}

/// The connection ended, the server stops, or it has become one that does not write.
fn tells_of_another_leader(error: &tokio_postgres::Error) -> bool {
    let stops = |code: &SqlState| *code == SqlState::READ_ONLY_SQL_TRANSACTION || code.code().starts_with("57P0");
    error.code().map_or_else(|| error.is_closed(), stops)
}

impl Deref for Wire {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        &self.client
    }
}
