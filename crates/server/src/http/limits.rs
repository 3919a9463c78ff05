//! How much anybody may ask for: every rate limit of the installation, with its figures, in one place.
//!
//! Each budget belongs to one party: a partner product, a linkage, an institution, a source address. Nobody's flood is
//! taken out of another's budget. What a party used up is remembered on each node, in a table of fixed size.

mod refusals;
mod table;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::{MICROS_PER_SECOND, Timestamp};
use renkei_screens::Ending;

pub use refusals::{Refusals, count_guess, record_refusal, record_stranger, write_counted};
use table::Table;

use super::bare::Bare;
use super::browser::set;
use super::source::Source;
use crate::app::App;

/// What a party may ask for: so many requests in a row however fast, then so many a second on and on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// What it is called in the answer's header fields.
    pub name: &'static str,
    /// Requests in a row.
    pub in_a_row: u32,
    /// Requests a second after that.
    pub per_second: u32,
}

/// Requests a product may push. With [`REQUEST_SECONDS`] this bounds how many of its requests are open: a flood fills
/// neither the store nor another product's share.
///
/// [`REQUEST_SECONDS`]: renkei_domain::token::REQUEST_SECONDS
pub const PRODUCT_PUSHES: Budget = Budget { name: "product-par", in_a_row: 2_000, per_second: 100 };
/// Codes and refresh tokens a product may exchange.
pub const PRODUCT_TOKENS: Budget = Budget { name: "product-token", in_a_row: 4_000, per_second: 200 };
/// Tokens a product, or a resource server, may revoke or ask about, and grants a product may.
pub const PRODUCT_TOKEN_CARE: Budget = Budget { name: "product-token-care", in_a_row: 4_000, per_second: 400 };
/// Reads of account data by one product, over all its linkages.
pub const PRODUCT_READS: Budget = Budget { name: "product-api", in_a_row: 10_000, per_second: 500 };
/// Refreshes of one linkage: an access token lives minutes, so a program that needs more is broken.
pub const LINKAGE_TOKENS: Budget = Budget { name: "linkage-token", in_a_row: 120, per_second: 1 };
/// Reads of one linkage: a company's accounts, page after page, after a long pause.
pub const LINKAGE_READS: Budget = Budget { name: "linkage-api", in_a_row: 2_000, per_second: 20 };
/// Requests pushed at one institution by all products together; bounds what is open in total.
pub const INSTITUTION_PUSHES: Budget = Budget { name: "institution-par", in_a_row: 10_000, per_second: 500 };
/// Codes, refreshes, revocations, introspections and grant management of one institution.
pub const INSTITUTION_TOKENS: Budget = Budget { name: "institution-token", in_a_row: 20_000, per_second: 1_000 };
/// Reads at one institution.
pub const INSTITUTION_READS: Budget = Budget { name: "institution-api", in_a_row: 40_000, per_second: 2_000 };
/// Pages of one institution.
pub const INSTITUTION_PAGES: Budget = Budget { name: "institution-pages", in_a_row: 20_000, per_second: 500 };
/// Pages for one source: a whole office behind one address walks through linkages, a guesser of links does not get far.
pub const SOURCE_PAGES: Budget = Budget { name: "source-pages", in_a_row: 1_500, per_second: 20 };
/// Requests of one source to partner endpoints that did not authenticate. Beyond these its credentials are no longer
/// looked at, so that bad signatures cost no processor.
pub const SOURCE_STRANGERS: Budget = Budget { name: "source-unauthenticated", in_a_row: 1_000, per_second: 20 };

/// Every budget there is.
const BUDGETS: [&Budget; 12] = [
    &PRODUCT_PUSHES,
    &PRODUCT_TOKENS,
    &PRODUCT_TOKEN_CARE,
    &PRODUCT_READS,
    &LINKAGE_TOKENS,
    &LINKAGE_READS,
    &INSTITUTION_PUSHES,
    &INSTITUTION_TOKENS,
    &INSTITUTION_READS,
    &INSTITUTION_PAGES,
    &SOURCE_PAGES,
    &SOURCE_STRANGERS,
];

/// Whose budget it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Party<'a> {
    /// A partner product, or a resource server, at an institution.
    Product(&'a InstitutionCode, &'a str),
    /// A linkage.
    Linkage(&'a InstitutionCode, renkei_domain::id::LinkageId),
    /// An institution.
    Institution(&'a InstitutionCode),
    /// Where requests come from.
    Source(Prefix),
}

/// The part of an address that one party holds: the whole of an IPv4 address, a /64 of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix(IpAddr);

impl Prefix {
    /// The prefix of a source. Without one, all are the same party: too strict rather than not at all.
    #[must_use]
    pub fn of(source: Option<&Source>) -> Prefix {
        match source.map(|source| source.0.to_canonical()) {
            None => Prefix(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)),
            Some(IpAddr::V4(address)) => Prefix(IpAddr::V4(address)),
            Some(IpAddr::V6(address)) => {
                let mut segments = address.segments();
                segments.iter_mut().skip(4).for_each(|segment| *segment = 0);
                Prefix(IpAddr::V6(segments.into()))
            }
        }
    }
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

/// A budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// The budget's name.
    name: &'static str,
    /// Its size in a row.
    quota: u32,
    /// In how many seconds an untouched budget is full again.
    window_seconds: u32,
    /// Seconds until the next request is taken.
    pub wait_seconds: u32,
}

impl Over {
    /// Says how long to wait, and of which budget: `Retry-After` (RFC 9110 §10.2.3), `RateLimit` and `RateLimit-Policy`
    /// (draft-ietf-httpapi-ratelimit-headers).
    #[must_use]
    pub fn tell(&self, mut response: Response) -> Response {
        let Over { name, quota, window_seconds, wait_seconds } = self;
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*wait_seconds));
        set(&mut response, RATE_LIMIT_POLICY, &format!("\"{name}\";q={quota};w={window_seconds}"));
        set(&mut response, RATE_LIMIT, &format!("\"{name}\";r=0;t={wait_seconds}"));
        response
    }
}

const RATE_LIMIT: header::HeaderName = header::HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: header::HeaderName = header::HeaderName::from_static("ratelimit-policy");

/// Takes each page out of the budgets of its source and its institution, before anything is looked up for it.
pub async fn pages(State(app): State<Arc<App>>, bare: Bare, request: Request, next: Next) -> Response {
    let now = app.now();
    let source = Prefix::of(request.extensions().get());
    let institution = bare.here.split('/').nth(1).and_then(|segment| segment.parse::<InstitutionCode>().ok());
    let limits = &app.memory.limits;
    let room = limits.take(Party::Source(source), &SOURCE_PAGES, now).and_then(|()| match &institution {
        Some(code) => limits.take(Party::Institution(code), &INSTITUTION_PAGES, now),
        None => Ok(()),
    });
    let Err(over) = room else { return next.run(request).await };
    over.tell(bare.end(Ending::TooManyRequests, StatusCode::TOO_MANY_REQUESTS, None))
}

/// What everybody has used up of their budgets. Lives as long as the process.
pub struct Limits {
    /// Every budget is this many times its figures: more for larger machines, and for load tests.
    factor: u32,
    /// Sources are strangers' to choose, so they have a table of their own: however many there are, no product's entry
    /// makes room for them.
    sources: Table,
    parties: Table,
    /// Requests each budget had no room for, in the order of [`BUDGETS`].
    refused: [AtomicU64; BUDGETS.len()],
    /// Which refusals are recorded one by one.
    pub refusals: Refusals,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::times(1)
    }
}

impl Limits {
    /// Budgets of so many times their figures, untouched.
    #[must_use]
    pub fn times(factor: u32) -> Limits {
        Limits {
            factor: factor.max(1),
            sources: Table::default(),
            parties: Table::default(),
            refused: Default::default(),
            refusals: Refusals::default(),
        }
    }

    /// Takes one request out of a party's budget.
    ///
    /// # Errors
    /// [`Over`] when the budget is used up; nothing is taken then.
    pub fn take(&self, party: Party<'_>, budget: &Budget, now: Timestamp) -> Result<(), Over> {
        let pace = self.pace(budget);
        self.table(party).take(&(party, budget.name), &pace, now).map_err(|wait| self.over(budget, &pace, wait))
    }

    /// Requests that budgets had no room for, by the budget's name.
    pub fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        BUDGETS.iter().zip(&self.refused).map(|(budget, count)| (budget.name, count.load(Ordering::Relaxed)))
    }

    /// Whether a party's budget has room for one more; nothing is taken.
    ///
    /// # Errors
    /// [`Over`].
    pub fn look(&self, party: Party<'_>, budget: &Budget, now: Timestamp) -> Result<(), Over> {
        let pace = self.pace(budget);
        self.table(party).look(&(party, budget.name), &pace, now).map_err(|wait| self.over(budget, &pace, wait))
    }

    fn table(&self, party: Party<'_>) -> &Table {
        match party {
            Party::Source(_) => &self.sources,
            Party::Product(..) | Party::Linkage(..) | Party::Institution(_) => &self.parties,
        }
    }

    fn pace(&self, budget: &Budget) -> table::Pace {
        let per_second = i64::from(budget.per_second.saturating_mul(self.factor).max(1));
        let each_micros = (MICROS_PER_SECOND / per_second).max(1);
        let in_a_row = i64::from(budget.in_a_row.saturating_mul(self.factor));
        table::Pace { each_micros, room_micros: in_a_row.saturating_mul(each_micros) }
    }

    fn over(&self, budget: &Budget, pace: &table::Pace, wait_micros: i64) -> Over {
        let count = BUDGETS.iter().zip(&self.refused).find(|(known, _)| known.name == budget.name);
        if let Some((_, count)) = count {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Over {
            name: budget.name,
            quota: u32::try_from(pace.room_micros / pace.each_micros).unwrap_or(u32::MAX),
            window_seconds: seconds(pace.room_micros),
            wait_seconds: seconds(wait_micros),
        }
    }
}

/// Whole seconds, rounded up, at least one.
fn seconds(micros: i64) -> u32 {
    let whole = micros.saturating_add(MICROS_PER_SECOND - 1) / MICROS_PER_SECOND;
    u32::try_from(whole).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests;
