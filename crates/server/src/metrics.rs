//! Counters of what this node answered, for whom and how fast.
//!
//! Every series there can be has its place from the start or from the day an institution or a product is first seen, so
//! counting a request is a few atomic additions and never makes a label. How many institutions and products are told apart
//! is limited; those beyond are counted together as `other`.

pub mod text;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::Duration;

use http::StatusCode;
use renkei_domain::institution::InstitutionCode;
use renkei_store::histogram::{Counts, Histogram};

/// Most institutions told apart by one node.
pub const INSTITUTIONS_MAX: usize = 256;
/// Most products of partners told apart by one node.
pub const PRODUCTS_MAX: usize = 1_024;
/// The label of whatever is not told apart.
pub const OTHER: &str = "other";
/// Institution codes there can be.
const CODES: usize = 10_000;
/// The place of what is not told apart.
const OTHERS: u16 = 0;

macro_rules! endpoints {
    ($($(#[$doc:meta])* $name:ident = $word:literal: $($path:literal)|*,)*) => {
        /// What a request was for: a closed list, so that no address a stranger makes up becomes a series.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Endpoint { $($(#[$doc])* $name,)* }

        impl Endpoint {
            /// Every endpoint there is.
            pub const ALL: &'static [Endpoint] = &[$(Endpoint::$name,)*];

            /// Its label.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Endpoint::$name => $word,)* }
            }

            /// That of a route, by the route's pattern.
            #[must_use]
            pub fn of(pattern: &str) -> Endpoint {
                match pattern { $($($path)|* => Endpoint::$name,)* _ => Endpoint::Other }
            }
        }
    };
}

endpoints! {
    /// Pushed authorization requests.
    Push = "par": "/{institution}/par",
    /// The token endpoint.
    Token = "token": "/{institution}/token",
    /// Token revocation.
    Revoke = "revoke": "/{institution}/revoke",
    /// Token introspection.
    Introspect = "introspect": "/{institution}/introspect",
    /// Grant management.
    Grants = "grants": "/{institution}/grants/{grant}" | "/{institution}/grants/{linkage}" | "/{institution}/grants/{grant_id}",
    /// The account list and single accounts.
    Accounts = "accounts": "/{institution}/api/v1/accounts" | "/{institution}/api/v1/accounts/{account}",
    /// Balances.
    Balances = "balances": "/{institution}/api/v1/accounts/{account}/balances",
    /// Transactions.
    Transactions = "transactions": "/{institution}/api/v1/accounts/{account}/transactions",
    /// The linkage itself, read by the partner.
    Linkage = "linkage": "/{institution}/api/v1/linkage",
    /// Metadata and key sets.
    Metadata = "metadata": "/{institution}/jwks" | "/.well-known/oauth-authorization-server/{institution}"
        | "/.well-known/oauth-protected-resource/{institution}/api/v1",
    /// Logins on the way to a permission, and those to look at linkages: they hash a password.
    Login = "login": "/{institution}/link/{flow}/login" | "/{institution}/my/login" | "/{institution}/link/{flow}/certificate"
        | "/{institution}/my/certificate",
    /// The other screens on the way to a permission.
    Permission = "permission": "/{institution}/authorize" | "/{institution}/link/{flow}/operations"
        | "/{institution}/link/{flow}/pins" | "/{institution}/link/{flow}/results" | "/{institution}/link/{flow}/existing"
        | "/{institution}/link/{flow}/permission" | "/{institution}/link/{flow}/cancel"
        | "/{institution}/link/{flow}/extend" | "/{institution}/link/{flow}/ended",
    /// The customer's own linkages.
    Linkages = "linkages": "/{institution}/my" | "/{institution}/my/linkages" | "/{institution}/my/linkages/{linkage}"
        | "/{institution}/my/linkages/{linkage}/stop" | "/{institution}/my/linkages/{linkage}/accounts"
        | "/{institution}/my/logout",
    /// Everything else.
    Other = "other": "",
}

/// Labels of status classes.
pub const STATUSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// The place of server errors in [`STATUSES`].
pub const FAILED: usize = 4;
const ENDPOINTS: usize = Endpoint::ALL.len();

/// Answers by endpoint and status class.
type Answers = [[AtomicU64; STATUSES.len()]; ENDPOINTS];

/// What one institution was asked.
#[derive(Debug)]
pub struct InstitutionSeries {
    /// Its code, or [`OTHER`].
    pub label: String,
    answers: Answers,
    latencies: [Histogram; ENDPOINTS],
}

/// What one product asked, once it had authenticated.
#[derive(Debug)]
pub struct ProductSeries {
    /// The institution.
    pub institution: String,
    /// Its `client_id` there, or [`OTHER`].
    pub label: String,
    answers: Answers,
}

fn count_of(answers: &Answers, endpoint: Endpoint, status: usize) -> u64 {
    answers.get(endpoint as usize).and_then(|row| row.get(status)).map_or(0, |count| count.load(Ordering::Relaxed))
}

fn count(answers: &Answers, endpoint: Endpoint, status: usize) {
    if let Some(count) = answers.get(endpoint as usize).and_then(|row| row.get(status)) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

impl InstitutionSeries {
    fn new(label: &str) -> InstitutionSeries {
        InstitutionSeries { label: label.to_owned(), answers: Answers::default(), latencies: Default::default() }
    }

    /// Answers of this status class.
    #[must_use]
    pub fn answers(&self, endpoint: Endpoint, status: usize) -> u64 {
        count_of(&self.answers, endpoint, status)
    }

    /// How long answers took.
    #[must_use]
    pub fn latency(&self, endpoint: Endpoint) -> Counts {
        self.latencies.get(endpoint as usize).map(Histogram::counts).unwrap_or_default()
    }
}

impl ProductSeries {
    /// Answers of this status class.
    #[must_use]
    pub fn answers(&self, endpoint: Endpoint, status: usize) -> u64 {
        count_of(&self.answers, endpoint, status)
    }
}

/// All counters of a node.
#[derive(Debug)]
pub struct Metrics {
    /// The place of each institution that is known, by its code as a number.
    places: Vec<AtomicU16>,
    institutions: Vec<OnceLock<Box<InstitutionSeries>>>,
    institutions_known: RwLock<usize>,
    product_places: RwLock<HashMap<InstitutionCode, HashMap<String, u16>>>,
    products: Vec<OnceLock<Box<ProductSeries>>>,
    /// Requests that wait for their answer.
    pub running: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let metrics = Metrics {
            places: (0..CODES).map(|_| AtomicU16::new(OTHERS)).collect(),
            institutions: (0..=INSTITUTIONS_MAX).map(|_| OnceLock::new()).collect(),
            institutions_known: RwLock::new(0),
            product_places: RwLock::default(),
            products: (0..=PRODUCTS_MAX).map(|_| OnceLock::new()).collect(),
            running: AtomicU64::new(0),
        };
        if let (Some(institutions), Some(products)) = (metrics.institutions.first(), metrics.products.first()) {
            let _ = institutions.set(Box::new(InstitutionSeries::new(OTHER)));
            let all = ProductSeries { institution: OTHER.into(), label: OTHER.into(), answers: Answers::default() };
            let _ = products.set(Box::new(all));
        }
        metrics
    }
}

impl Metrics {
    /// Tells an institution apart from now on, if there is room.
    pub fn know(&self, code: &InstitutionCode) {
        let Some(place) = code.as_str().parse::<usize>().ok().and_then(|code| self.places.get(code)) else { return };
        let mut known = self.institutions_known.write().unwrap_or_else(PoisonError::into_inner);
        if place.load(Ordering::Relaxed) != OTHERS || *known >= INSTITUTIONS_MAX {
            return;
        }
        let next = *known + 1;
        if let (Some(series), Ok(number)) = (self.institutions.get(next), u16::try_from(next)) {
            let _ = series.set(Box::new(InstitutionSeries::new(code.as_str())));
            place.store(number, Ordering::Release);
            *known = next;
        }
    }

    /// Whose path this is.
    #[must_use]
    pub fn place_of(&self, path: &str) -> u16 {
        let segment = path.strip_prefix("/.well-known/oauth-authorization-server/").or(path.strip_prefix('/'));
        let is_code = |code: &&str| code.len() == 4 && code.bytes().all(|byte| byte.is_ascii_digit());
        let digits = segment.and_then(|rest| rest.split('/').next()).filter(is_code);
        let code = digits.and_then(|code| code.parse::<usize>().ok());
        code.and_then(|code| self.places.get(code)).map_or(OTHERS, |place| place.load(Ordering::Acquire))
    }

    /// The place of a product that has authenticated; it is given one when it is first seen, if there is room.
    #[must_use]
    pub fn product(&self, institution: &InstitutionCode, client_id: &str) -> u16 {
        let places = self.product_places.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(institution).and_then(|clients| clients.get(client_id)) {
            return *place;
        }
        drop(places);
        let mut places = self.product_places.write().unwrap_or_else(PoisonError::into_inner);
        let next = places.values().map(HashMap::len).sum::<usize>() + 1;
        let (Some(series), Ok(place)) = (self.products.get(next), u16::try_from(next)) else { return OTHERS };
        let clients = places.entry(institution.clone()).or_default();
        if let Some(place) = clients.get(client_id) {
            return *place;
        }
        let new = ProductSeries {
            institution: institution.to_string(),
            label: client_id.to_owned(),
            answers: Answers::default(),
        };
        let _ = series.set(Box::new(new));
        clients.insert(client_id.to_owned(), place);
        place
    }

    /// Counts one answer.
    pub fn observe(&self, at: u16, product: Option<u16>, endpoint: Endpoint, status: StatusCode, took: Duration) {
        let status = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(series) = self.institutions.get(usize::from(at)).and_then(OnceLock::get) {
            count(&series.answers, endpoint, status);
            if let Some(latency) = series.latencies.get(endpoint as usize) {
                latency.observe(took);
            }
        }
        let product = product.and_then(|place| self.products.get(usize::from(place)));
        if let Some(series) = product.and_then(OnceLock::get) {
            count(&series.answers, endpoint, status);
        }
    }

    /// The label of a place among institutions.
    #[must_use]
    pub fn institution_label(&self, at: u16) -> &str {
        self.institutions.get(usize::from(at)).and_then(OnceLock::get).map_or(OTHER, |series| &series.label)
    }

    /// The label of a place among products.
    #[must_use]
    pub fn product_label(&self, place: u16) -> Option<&str> {
        self.products.get(usize::from(place)).and_then(OnceLock::get).map(|series| series.label.as_str())
    }

    /// The series of all institutions that are told apart, and of the others.
    pub fn institutions(&self) -> impl Iterator<Item = &InstitutionSeries> {
        self.institutions.iter().filter_map(OnceLock::get).map(Box::as_ref)
    }

    /// The same of products.
    pub fn products(&self) -> impl Iterator<Item = &ProductSeries> {
        self.products.iter().filter_map(OnceLock::get).map(Box::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(number: usize) -> InstitutionCode {
        format!("{number:04}").parse().unwrap()
    }

    #[test]
    fn institutions_beyond_the_limit_and_made_up_ones_are_counted_together() {
        let metrics = Metrics::default();
        for number in 0..INSTITUTIONS_MAX + 3 {
            metrics.know(&code(number));
            metrics.know(&code(number));
        }
        assert_eq!(metrics.institutions().count(), INSTITUTIONS_MAX + 1);
        assert_ne!(metrics.place_of("/0255/par"), OTHERS);
        for path in ["/0256/par", "/9999/par", "/12345/par", "/+255/par", "/", "", "/style.css", "/\u{ff11}/x"] {
            assert_eq!(metrics.place_of(path), OTHERS, "{path}");
        }
    }

    #[test]
    fn products_beyond_the_limit_are_counted_together() {
        let metrics = Metrics::default();
        let places: Vec<u16> =
            (0..PRODUCTS_MAX + 2).map(|number| metrics.product(&code(1), &format!("c{number}"))).collect();
        assert_eq!(places.iter().filter(|place| **place == OTHERS).count(), 2);
        assert_eq!(metrics.product(&code(1), "c0"), places[0]);
        assert_eq!(metrics.product(&code(2), "c0"), OTHERS);
    }
}
