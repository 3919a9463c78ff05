//! The history: for every request what was meant, when it went out, what came back and when. 履歴。

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::{Trouble, trouble};

/// What a failed commit is called on our pages; nothing else tells it from another failure.
const UNKNOWN_PAGE: &str = "処理が完了したかどうかを確認できません";

/// What was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Pushing a request.
    Push,
    /// Coming with a pushed request that decides nothing yet; the key is its `request_uri`.
    Open,
    /// A page or form of the flow that decides nothing.
    Step,
    /// A login by password.
    Login,
    /// Trying an inquiry PIN; the key is its account.
    Pin,
    /// 許可; the key is the code it gave.
    Permit,
    /// Refusing, at the last screen; the key is the user.
    Deny,
    /// Redeeming a code; the key is the code.
    Redeem,
    /// A new access token; the key is the linkage.
    Refresh,
    /// Reading accounts; the key is the linkage.
    Read,
    /// Ending the linkage from the partner's side; the key is the linkage.
    Revoke,
    /// Ending an access token from the partner's side; the key is the linkage, which goes on.
    EndToken,
    /// A request that was answered before, byte for byte, once more.
    Replay,
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// Done.
    Done,
    /// No: a rule forbids it. It stays undone.
    Refused,
    /// Not now (503): nothing happened.
    Failed,
    /// Nobody can tell (503, and says so).
    Unknown,
    /// Nothing, or nothing whole.
    Silent,
    /// A failure of the program (500).
    Broken,
}

impl Said {
    /// What an answer of this status and body comes to.
    #[must_use]
    pub fn of(status: u16, body: &str) -> Said {
        let unknown = [r#""outcome":"unknown""#, r#""error":"outcome_unknown""#, UNKNOWN_PAGE];
        match status {
            503 if unknown.iter().any(|mark| body.contains(mark)) => Said::Unknown,
            503 => Said::Failed,
            // The request's time was over; what it had begun may still come about.
            408 => Said::Silent,
            500.. => Said::Broken,
            400.. => Said::Refused,
            _ => Said::Done,
        }
    }
}

/// One request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// Its number.
    pub id: usize,
    /// What was meant.
    pub act: Act,
    /// What it was about.
    pub key: String,
    /// When it went out, in microseconds since the history began.
    pub begin: u64,
    /// How far the clock of whoever answered was ahead of this machine's at least, in microseconds: of the one node, or of
    /// every node where any of them may have answered.
    #[serde(default)]
    pub ahead: u64,
    /// When the answer was there; `None`: never.
    pub end: Option<u64>,
    /// What came back.
    pub said: Said,
    /// Reason or particulars of the answer.
    pub note: String,
    /// The identifier the answer carried.
    pub request_id: Option<String>,
    /// Facts that the checker needs, by name.
    pub facts: BTreeMap<String, String>,
}

impl Event {
    /// When it went out by the clock of whoever answered, the one furthest behind where that is not known, in microseconds
    /// since the history began. Nodes' clocks never go back, so neither does a node's here.
    #[must_use]
    pub const fn by_clock(&self) -> u64 {
        self.begin.saturating_add(self.ahead)
    }

    /// When its answer was there, by the same clock.
    #[must_use]
    pub fn end_by_clock(&self) -> Option<u64> {
        Some(self.end?.saturating_add(self.ahead))
    }

    /// Whether it may have had an effect that nobody was told of.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.said, Said::Unknown | Said::Silent)
    }

    /// A fact, or nothing.
    #[must_use]
    pub fn fact(&self, name: &str) -> &str {
        self.facts.get(name).map_or("", String::as_str)
    }
}

/// A history being written; also to a file, each intent before it goes out, for whoever looks into a failure.
pub struct History {
    start: Instant,
    /// When it began by this machine's clock, in microseconds since 1970.
    pub began_at: i64,
    ahead: AtomicU64,
    events: Mutex<Vec<Event>>,
    file: Option<Mutex<BufWriter<File>>>,
}

impl History {
    /// A new one, with a file beside it if one is named.
    ///
    /// # Errors
    /// When the file can't be made.
    pub fn new(file: Option<&Path>) -> Result<History, Trouble> {
        let file = file.map(File::create).transpose().map_err(trouble("the history's file"))?;
        Ok(History {
            start: Instant::now(),
            began_at: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX)),
            ahead: AtomicU64::new(0),
            events: Mutex::default(),
            file: file.map(|file| Mutex::new(BufWriter::new(file))),
        })
    }

    /// Microseconds since it began.
    #[must_use]
    pub fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// From now on the clock of every node is this much ahead of this machine's, or more: they never go back.
    pub fn put_forward(&self, seconds: u64) {
        self.ahead.fetch_max(seconds.saturating_mul(1_000_000), Ordering::AcqRel);
    }

    /// Notes an intent; until its end it is an event without an answer.
    pub fn begin(&self, act: Act, key: &str) -> usize {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let event = Event {
            id: events.len(),
            act,
            key: key.to_owned(),
            begin: self.now(),
            ahead: self.ahead.load(Ordering::Acquire),
            end: None,
            said: Said::Silent,
            note: String::new(),
            request_id: None,
            facts: BTreeMap::new(),
        };
        self.write(&event);
        events.push(event);
        events.len() - 1
    }

    /// Notes what came of it.
    pub fn change(&self, id: usize, change: impl FnOnce(&mut Event)) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(event) = events.get_mut(id) {
            change(event);
            self.write(event);
        }
    }

    fn write(&self, event: &Event) {
        if let (Some(file), Ok(line)) = (&self.file, serde_json::to_string(event)) {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            // The file is for reading later; the check does not need it.
            let _ = writeln!(file, "{line}").and_then(|()| file.flush());
        }
    }

    /// All events so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
