//! What it does to other partners when one with many linkages is stopped everywhere at once, and when that is in force.

use std::cell::Cell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use renkei_domain::partner::PartnerState;
use renkei_store::Store;

use crate::load::{self, Figures};
use crate::partner::Partner;
use crate::people::institution;
use crate::sample::Used;
use crate::side::{PRODUCT, Served, Side, page};
use crate::stage::Engine;
use crate::walk::{self, Walker};
use crate::wire::Wire;
use crate::{Problem, people};

/// Of the linkages so many read.
const USED: i64 = 500;
/// Entries of the account that the other partner reads.
const HISTORY: i64 = 1_000;
/// The other partner's product.
const OTHER: &str = "test-es256-fixed";
/// What the stopped partner is called.
const LARGE: &str = "large";
/// Into the second half of a round, the partner is stopped.
const STOPPED_AFTER: Duration = Duration::from_secs(1);

/// What `renkei-bench suspend` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The engine
    #[arg(long, value_enum, default_value = "sqlite")]
    engine: Engine,
    /// Linkages of the partner that is stopped
    #[arg(long, default_value_t = 100_000)]
    linkages: i64,
    /// Rounds
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each half of a round takes
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Where data folders are made
    #[arg(long, value_name = "DIR", default_value = "/tmp")]
    folder: PathBuf,
}

/// Stops the partner again and again, prints.
///
/// # Errors
/// When anything does not go as it should.
pub async fn run(args: Args) -> Result<(), Problem> {
    let mut side = Side::set(args.engine, &args.folder).await?;
    side.grow(0, (0, args.linkages), USED.min(args.linkages)).await?;
    people::post(&side.store, side.looker.account, HISTORY).await?;
    let client = side.stage.client(PRODUCT)?.client_id;
    set_apart(&side.store, &client).await?;
    side.settle().await?;
    let served = side.serve().await?;
    let other = Partner::signing(&side.stage, OTHER)?;
    let mut walkers = [Walker::new(side.looker.clone())];
    walk::walk(&served.meter(), &served.door, &other, &mut walkers, true).await?;
    let refresh_token = walkers.map(|walker| walker.refresh_token).concat();
    let account = side.looker.account;
    let mut reader = Used { account, refresh_token, token: String::new(), tag: String::new() };
    println!("{}: a partner with {} linkages", args.engine.name(), args.linkages);
    for number in 1..=args.rounds {
        side.prepare(&served).await?;
        reader.token = other.refresh(&mut Wire::connect(&served.door).await?, &reader.refresh_token).await?;
        let round = Round { side: &side, served: &served, other: &other, reader: &reader };
        let lasting = Duration::from_secs(args.seconds);
        let (before, _) = round.half(lasting, None).await?;
        let (after, took) = round.half(lasting, Some(STOPPED_AFTER)).await?;
        set_state(&side.store, PartnerState::Active).await?;
        println!(
            "  round {number}: in force after {:.1} ms, and nothing was read from then on; the other partner's half / 99 of \
             100: {:.2} / {:.2} ms before, {:.2} / {:.2} ms meanwhile",
            took.as_secs_f64() * 1e3,
            before.p50_millis,
            before.p99_millis,
            after.p50_millis,
            after.p99_millis,
        );
    }
    Ok(())
}

struct Round<'a> {
    side: &'a Side,
    served: &'a Served,
    other: &'a Partner,
    reader: &'a Used,
}

impl Round<'_> {
    /// Both partners read; one is stopped after a while, if at all. Gives the figures of the other, and how long the stop
    /// took.
    async fn half(&self, lasting: Duration, stop: Option<Duration>) -> Result<(Figures, Duration), Problem> {
        let Round { side, served, other, reader } = self;
        let stopped: Cell<Option<Instant>> = Cell::new(None);
        let reads = async |wire: &mut Wire| {
            let (one, begun) = (side.next(&side.used)?, Instant::now());
            let answer = side.signing.try_to_read(wire, &one.token, &page(one), None).await?;
            match stopped.get() {
                Some(since) if begun > since && answer.status == 200 => Err("a stopped partner read".into()),
                Some(_) => Ok(()),
                None if stop.is_some() && answer.status != 200 => Ok(()),
                None => answer.expect(200).map(drop),
            }
        };
        let others = async |wire: &mut Wire| other.read(wire, &reader.token, &page(reader), None).await.map(drop);
        let stopping = async {
            let Some(after) = stop else { return Ok(Duration::ZERO) };
            tokio::time::sleep(after).await;
            let begun = Instant::now();
            set_state(&side.store, PartnerState::Suspended).await?;
            stopped.set(Some(Instant::now()));
            Ok::<_, Problem>(begun.elapsed())
        };
        let meter = served.meter();
        let (reads, others, took) = tokio::join!(
            load::drive(&meter, &served.door, lasting, reads),
            load::drive(&meter, &served.door, lasting, others),
            stopping
        );
        reads?;
        Ok((others?, took?))
    }
}

/// Gives the client a partner of its own.
async fn set_apart(store: &Store, client_id: &str) -> Result<(), Problem> {
    let mut read = store.read(&institution()?);
    let products = read.list_products().await?;
    let mut product = products.into_iter().find(|own| own.client_id == client_id).ok_or("no such product")?;
    LARGE.clone_into(&mut product.partner.key);
    let mut tx = store.begin(&institution()?).await?;
    tx.save_partner(&product.partner).await?;
    tx.save_product(&product).await?;
    Ok(tx.commit().await?)
}

/// As a registry that is applied does it.
async fn set_state(store: &Store, state: PartnerState) -> Result<(), Problem> {
    let partners = store.read(&institution()?).list_partners().await?;
    let mut partner = partners.into_iter().find(|own| own.key == LARGE).ok_or("no such partner")?;
    partner.state = state;
    let mut tx = store.begin(&institution()?).await?;
    tx.save_partner(&partner).await?;
    Ok(tx.commit().await?)
}
