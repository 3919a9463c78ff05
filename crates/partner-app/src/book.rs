//! What the site remembers: linkages, the accounts behind them, and the flows under way.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use renkei_client::{Account, AccountState, Balance, Grant, Linkage, Mark, Pending, Reason, Transaction};
use serde::{Deserialize, Serialize};

use crate::config::StartError;

/// A flow that nobody came back from is forgotten after this many seconds. The institution's own limit
/// is shorter.
const WAITING_SECONDS_MAX: u64 = 3_600;
/// The most flows remembered at once; the oldest gives way.
const WAITING_MAX: usize = 64;

/// Everything, in the order it came.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Book {
    pub(crate) linkages: Vec<Linked>,
    waiting: Vec<Waiting>,
    done: Vec<Done>,
    accounts_numbered: u32,
}

/// A linkage (API連携) as the site sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Linked {
    /// Counts from 1 and is never given twice.
    pub(crate) number: u32,
    /// The shop's slug of institution and product.
    pub(crate) slug: String,
    pub(crate) grant: Grant,
    /// What the institution said about it last.
    pub(crate) detail: Option<Linkage>,
    /// Set when it is over.
    pub(crate) ended: Option<Reason>,
    pub(crate) linked_at: u64,
    pub(crate) last_sync: Option<Sync>,
    pub(crate) accounts_etag: Option<String>,
    pub(crate) accounts: Vec<Kept>,
}

/// How a synchronisation went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sync {
    pub(crate) at: u64,
    /// The transactions that were new.
    pub(crate) new: usize,
    /// Why it didn't go through, with the seconds to wait if the institution named them.
    pub(crate) trouble: Option<Trouble>,
}

/// What stood in the way of a synchronisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trouble {
    pub(crate) reason: Reason,
    pub(crate) retry_after: Option<u64>,
}

/// An account with what has been read of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Counts from 1 over all linkages.
    pub(crate) number: u32,
    pub(crate) account: Account,
    pub(crate) balance: Option<Balance>,
    pub(crate) balance_etag: Option<String>,
    pub(crate) mark: Option<Mark>,
    /// The tag of an empty page at `mark`.
    pub(crate) feed_etag: Option<String>,
    /// In posting order.
    pub(crate) transactions: Vec<Transaction>,
    pub(crate) last_sync: Option<Sync>,
}

impl Linked {
    /// When the linkage ends, in seconds since 1970: as the institution told with the linkage, else as it
    /// told with the last token.
    pub(crate) fn ends_at(&self) -> Option<u64> {
        let told = self.detail.as_ref().and_then(|detail| detail.ends_at.parse::<jiff::Timestamp>().ok());
        told.and_then(|end| u64::try_from(end.as_second()).ok()).or_else(|| self.grant.ends_at())
    }
}

impl Kept {
    /// Why the account can't be read at present, as the institution lists it.
    pub(crate) fn unavailable(&self) -> Option<&Reason> {
        match &self.account.state {
            AccountState::Available => None,
            AccountState::Unavailable(reason) => Some(reason),
        }
    }

    /// The balance before the first transaction: what is left when all of them are taken off the proven
    /// closing balance.
    pub(crate) fn opening_balance(&self) -> i64 {
        let closing = self.mark.as_ref().map_or(0, |mark| mark.balance);
        self.transactions.iter().fold(closing, |rest, line| rest.saturating_sub(line.signed_amount()))
    }

    /// The newest balance known: the one inquired, else the one the transactions prove.
    pub(crate) fn current_balance(&self) -> Option<i64> {
        let inquired = self.balance.as_ref().map(|balance| balance.book_balance);
        inquired.or_else(|| self.mark.as_ref().map(|mark| mark.balance))
    }
}

/// A flow under way, for one browser.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) slug: String,
    /// The hash of the session that began it.
    browser: String,
    begun_at: u64,
    pub(crate) pending: Pending,
}

/// A flow that led to a linkage. Its browser may come back a second time: a double click at the institution
/// sends it here twice.
#[derive(Debug, Serialize, Deserialize)]
struct Done {
    state: String,
    browser: String,
    begun_at: u64,
    linkage: u32,
}

impl Book {
    /// Reads the book, or begins an empty one when there is no file yet.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, StartError> {
        let Some(path) = path else { return Ok(Self::default()) };
        match fs::read(path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the book beside the old one and puts it in its place, so that a crash leaves one of the two.
    pub(crate) fn save(&self, path: &Path) -> io::Result<()> {
        let beside = path.with_extension("new");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&beside)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    }

    pub(crate) fn linkage(&self, number: u32) -> Option<&Linked> {
        self.linkages.iter().find(|linked| linked.number == number)
    }

    pub(crate) fn linkage_mut(&mut self, number: u32) -> Option<&mut Linked> {
        self.linkages.iter_mut().find(|linked| linked.number == number)
    }

    /// The account with this number, and its linkage.
    pub(crate) fn account(&self, number: u32) -> Option<(&Linked, &Kept)> {
        self.linkages
            .iter()
            .find_map(|linked| Some((linked, linked.accounts.iter().find(|kept| kept.number == number)?)))
    }

    /// Remembers a flow until its browser comes back.
    pub(crate) fn wait(&mut self, slug: &str, browser: String, pending: Pending, now: u64) {
        self.waiting.retain(|waiting| waiting.begun_at.saturating_add(WAITING_SECONDS_MAX) > now);
        self.done.retain(|done| done.begun_at.saturating_add(WAITING_SECONDS_MAX) > now);
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.remove(0);
        }
        self.waiting.push(Waiting { slug: slug.to_owned(), browser, begun_at: now, pending });
    }

    /// Takes out the flow with this `state`, if this very browser began it. Whatever comes of it, it is
    /// not there a second time.
    pub(crate) fn claim(&mut self, state: &str, browser: &str) -> Option<Waiting> {
        let place =
            self.waiting.iter().position(|waiting| waiting.pending.state() == state && waiting.browser == browser)?;
        Some(self.waiting.remove(place))
    }

    /// Remembers to which linkage a claimed flow led.
    pub(crate) fn finish(&mut self, claimed: &Waiting, linkage: u32) {
        if self.done.len() >= WAITING_MAX {
            self.done.remove(0);
        }
        let state = claimed.pending.state().to_owned();
        let (browser, begun_at) = (claimed.browser.clone(), claimed.begun_at);
        self.done.push(Done { state, browser, begun_at, linkage });
    }

    /// The linkage to which the flow with this `state` led, if this very browser walked it.
    pub(crate) fn led_to(&self, state: &str, browser: &str) -> Option<u32> {
        self.done.iter().find(|done| done.state == state && done.browser == browser).map(|done| done.linkage)
    }

    /// Keeps a grant: a renewal goes to the linkage it renews, with all that was read of it; any other
    /// becomes a linkage of its own. Gives the linkage's number.
    pub(crate) fn keep(&mut self, slug: &str, grant: Grant, now: u64) -> u32 {
        let renewed =
            self.linkages.iter_mut().find(|linked| linked.slug == slug && linked.grant.grant_id() == grant.grant_id());
        if let Some(linked) = renewed {
            linked.grant = grant;
            linked.ended = None;
            // A renewal may change the period and the accounts; what was told before could hide that.
            linked.detail = None;
            linked.accounts_etag = None;
            return linked.number;
        }
        let number = self.linkages.last().map_or(1, |last| last.number.saturating_add(1));
        self.linkages.push(Linked {
            number,
            slug: slug.to_owned(),
            grant,
            detail: None,
            ended: None,
            linked_at: now,
            last_sync: None,
            accounts_etag: None,
            accounts: Vec::new(),
        });
        number
    }

    /// Puts a synchronised linkage back, numbering the accounts that are new to it.
    pub(crate) fn put_back(&mut self, mut linked: Linked) {
        for kept in linked.accounts.iter_mut().filter(|kept| kept.number == 0) {
            self.accounts_numbered = self.accounts_numbered.saturating_add(1);
            kept.number = self.accounts_numbered;
        }
        if let Some(place) = self.linkage_mut(linked.number) {
            *place = linked;
        }
    }
}
