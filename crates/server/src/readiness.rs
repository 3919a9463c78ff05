//! Whether this node wants requests: what balancers in front of several nodes go by.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::Duration;

use renkei_domain::time::Timestamp;
use renkei_store::db::room::needed;
use tokio::time::{Instant, sleep, timeout};

use crate::app::App;
use crate::error::Fault;
use crate::signing;
use crate::system::SystemClock;
use crate::system::VERSION;

/// How long a good finding counts: however many ask, the store is asked once in this time.
const GOOD_MICROS: i64 = 1_000_000;
/// How long a bad one counts; shorter, so that a node is back as soon as it can be.
const BAD_MICROS: i64 = 200_000;
/// For the store to make a small write durable. A standby that hangs shows here.
const PROBE: Duration = Duration::from_secs(2);
/// Who asked within this time, in seconds, is told of the end before connections are refused.
const ASKED_SECONDS: i64 = 15;
/// So many answers "not ready" are given before connections are refused: balancers take a node out after two or three.
const NOTICES: u32 = 3;
/// The longest wait for those who are to be told.
const NOTICE: Duration = Duration::from_secs(8);
/// How far the node's clock may be ahead of the machine's before it is of no use to partners.
const AHEAD_MAX: Duration = Duration::from_secs(60);
/// How often it is looked whether they have been told.
const LOOK: Duration = Duration::from_millis(50);

/// Why a node is not ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is stopping: running requests finish, new ones belong elsewhere.
    Draining,
    /// No server that writes can be reached, or the file can't be read.
    StoreUnreachable,
    /// A small write was not durable in time: the disk is full, or no standby confirms.
    StoreNotWritable,
    /// The machine's clock was set back by more than partners' signatures bear; the node's own goes on from where it was.
    Clock,
    /// The institutions' signing keys can't be opened: this is not the master key that sealed them.
    Keys,
}

impl Reason {
    /// The word in the answer.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Reason::Draining => "draining",
            Reason::StoreUnreachable => "store_unreachable",
            Reason::StoreNotWritable => "store_not_writable",
            Reason::Clock => "clock",
            Reason::Keys => "keys",
        }
    }
}

/// What a node knows of itself.
#[derive(Default)]
pub struct Readiness {
    name: OnceLock<String>,
    draining: AtomicBool,
    told: AtomicU32,
    asked_at: AtomicI64,
    found: RwLock<Option<(Timestamp, Option<Reason>)>>,
    probing: tokio::sync::Mutex<()>,
}

impl Readiness {
    /// Names the node, once; its row in the store is its own then.
    pub fn name(&self, name: String) {
        let _ = self.name.set(name);
    }

    /// From now on it is not ready any more.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Waits until whoever asked lately knows that it is not ready, for a while at most. Returns at once when nobody
    /// asks: then there is no balancer that would have to be told.
    pub async fn until_told(&self, now: Timestamp) {
        let asked = Timestamp(self.asked_at.load(Ordering::Acquire));
        let until = Instant::now() + NOTICE;
        while now < asked.plus_seconds(ASKED_SECONDS)
            && self.told.load(Ordering::Acquire) < NOTICES
            && Instant::now() < until
        {
            sleep(LOOK).await;
        }
    }

    fn known(&self, now: Timestamp) -> Option<Option<Reason>> {
        let (at, found) = (*self.found.read().unwrap_or_else(PoisonError::into_inner))?;
        // A clock that was set back makes a finding old, not young.
        let counts = if found.is_none() { GOOD_MICROS } else { BAD_MICROS };
        (at <= now && now.0 < at.0.saturating_add(counts)).then_some(found)
    }
}

/// Why the node is not ready; `None`: it is.
pub async fn look(app: &App) -> Option<Reason> {
    let readiness = &app.memory.readiness;
    if readiness.draining.load(Ordering::Acquire) {
        readiness.told.fetch_add(1, Ordering::AcqRel);
        return Some(Reason::Draining);
    }
    readiness.asked_at.store(app.now().0, Ordering::Release);
    if let Some(found) = readiness.known(app.now()) {
        return found;
    }
    let Ok(_probing) = timeout(PROBE + PROBE, readiness.probing.lock()).await else {
        return Some(Reason::StoreNotWritable);
    };
    // Somebody else may have looked while this one waited.
    if let Some(found) = readiness.known(app.now()) {
        return found;
    }
    let found = probe(app).await;
    *readiness.found.write().unwrap_or_else(PoisonError::into_inner) = Some((app.now(), found));
    found
}

async fn probe(app: &App) -> Option<Reason> {
    if SystemClock::ahead() > AHEAD_MAX {
        return not_ready(Reason::Clock, "the machine's clock was set back: set it right and start again");
    }
    let institutions = match timeout(PROBE, app.store.read_all().list_institutions()).await {
        Ok(Ok(institutions)) => institutions,
        Ok(Err(error)) => return not_ready(Reason::StoreUnreachable, &error.to_string()),
        Err(_) => return not_ready(Reason::StoreUnreachable, "no answer in time"),
    };
    let name = app.memory.readiness.name.get().map_or("", String::as_str);
    match timeout(PROBE, needed(app.store.note_node(name, VERSION, app.now()))).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return not_ready(Reason::StoreNotWritable, &error.to_string()),
        Err(_) => return not_ready(Reason::StoreNotWritable, "no commit in time"),
    }
    let institution = institutions.first()?;
    match signing::key(app, &institution.code, app.now()).await {
        Err(Fault::Defect(reason)) => not_ready(Reason::Keys, &reason),
        // Without a key in force that institution can't sign, which is no reason to refuse the others.
        Ok(_) | Err(_) => None,
    }
}

fn not_ready(reason: Reason, why: &str) -> Option<Reason> {
    tracing::warn!(reason = reason.word(), why, "not ready");
    Some(reason)
}
