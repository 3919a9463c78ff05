//! What a linkage flow keeps: flows, sessions, guards, requests and codes, linkages, PINs. Each on both engines, with
//! two institutions, of which midori must never notice what happens at aoi.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test file"
)]

mod flows;
mod guards;
mod linkages;
mod pins;
mod requests;
mod retention;
mod sessions;

use std::future::Future;

use renkei_domain::id::time_ordered;
use renkei_domain::ticket::Ticket;
use renkei_domain::time::Timestamp;
use renkei_store::{Random, Store};
use renkei_testing::seed::{self, Who};
use renkei_testing::{SystemRandom, aoi, midori};
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const DAY: i64 = 86_400;

fn new_id() -> Uuid {
    let random: &dyn Random = &SystemRandom;
    time_ordered(NOW, &random.bytes())
}

fn new_ticket() -> Ticket {
    let random: &dyn Random = &SystemRandom;
    Ticket::new(new_id(), &random.bytes())
}

/// Two institutions with the partner kakeibo, and a user of the same login id at each.
async fn two_institutions(store: &Store) -> (Who, Who) {
    for institution in [aoi(), midori()] {
        seed::institution(store, &institution, "{\"keys\":[]}").await;
    }
    (seed::customer(store, &aoi(), "hanako").await, seed::customer(store, &midori(), "hanako").await)
}

/// Runs the same attempt many times at once and counts how often it succeeded.
async fn winners<F>(attempts: usize, attempt: impl Fn(usize) -> F) -> usize
where
    F: Future<Output = bool> + Send + 'static,
{
    let running: Vec<_> = (0..attempts).map(|number| tokio::spawn(attempt(number))).collect();
    let mut won = 0;
    for one in running {
        won += usize::from(one.await.unwrap());
    }
    won
}
