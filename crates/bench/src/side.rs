//! One of the two installations that are compared: what it holds, who uses it, and every operation that is driven at it.

use std::cell::Cell;
use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use renkei_store::Store;

use crate::load::{self, Figures, Meter, Rest};
use crate::partner::{self, Partner};
use crate::people::{self, Person, RESOURCE_SERVER};
use crate::sample::{self, Used};
use crate::sign::Key;
use crate::stage::{Engine, INSTITUTION, Server, Stage};
use crate::walk::{self, Walker};
use crate::wire::{Door, Wire, get};
use crate::{Problem, bulk, cpu};

/// Entries of the account whose first and last pages are read.
const LONG_HISTORY: i64 = 100_000;
/// Characters of an account's identifier that stand in its marks.
const MARK_CHARS: usize = 8;
/// How long each operation is driven on the way to many requests.
const STRETCH: Duration = Duration::from_secs(5);
/// How long a server is looked at while nobody asks anything.
const REST: Duration = Duration::from_secs(4);
/// Every institution in turn is asked by this operation.
const EVERYWHERE: &str = "PAR, every institution in turn";
const PUSH: &str = "PAR";
const REFRESH: &str = "refresh";
const INTROSPECT: &str = "introspection";
const READ: &str = "100 transactions";
const FIRST_PAGE: &str = "first page of a long history";
const LAST_PAGE: &str = "last page of a long history";
const NOTHING_NEW: &str = "nothing new (304)";
const SCREEN: &str = "linkage screen (permission)";

/// Whose client all linkages are with.
pub const PRODUCT: &str = "test-es256-choice";
/// What is driven, in this order. What the last leaves to be sealed at each institution would fall on the others.
pub const OPERATIONS: [&str; 9] =
    [PUSH, REFRESH, INTROSPECT, READ, FIRST_PAGE, LAST_PAGE, NOTHING_NEW, SCREEN, EVERYWHERE];

/// An installation and those who use it.
pub struct Side {
    /// Its folder and its server.
    pub stage: Stage,
    /// Its rows.
    pub store: Store,
    asker: Key,
    /// The client that all linkages are with.
    pub signing: Partner,
    /// Whose account has a long history.
    reader: Used,
    /// Who looks at the permission.
    pub looker: Person,
    looking: Vec<Walker>,
    /// Linkages that are used.
    pub used: Vec<Used>,
    institutions: Vec<String>,
    /// Counts what is done, so that everybody's turn comes.
    turn: Cell<usize>,
}

/// What a server that is done with its start uses without a request, at most, in microseconds of the processor a second.
const QUIET_MICROS: f64 = 30_000.0;
/// A server that is not quiet by then is measured as it is.
const START_MAX: Duration = Duration::from_secs(1_200);

/// A running one.
pub struct Served {
    server: Server,
    /// Where it listens.
    pub door: Door,
    at_rest: Rest,
}

impl Served {
    /// Looks at what goes on without a request, once what belongs to the start is over, and takes that off from here on.
    /// A large file is looked through at the start, for minutes, in which nothing else can be measured. Tells how long
    /// that took, too.
    pub async fn rest(&mut self) -> (Rest, Duration) {
        let begun = Instant::now();
        let mut meter = self.meter();
        loop {
            tokio::time::sleep(REST).await;
            meter.rest(REST).await;
            self.at_rest = meter.at_rest;
            if self.at_rest.micros() < QUIET_MICROS || begun.elapsed() > START_MAX {
                return (self.at_rest, begun.elapsed());
            }
        }
    }

    /// The processes that count.
    #[must_use]
    pub fn meter(&self) -> Meter {
        Meter { at_rest: self.at_rest, ..self.server.meter() }
    }

    /// What it is resident with.
    ///
    /// # Errors
    /// When it has ended.
    pub fn memory_mib(&self) -> Result<f64, Problem> {
        cpu::memory_mib(self.meter().server)
    }

    /// How long it took from its start to its first answer, and how much processor time.
    #[must_use]
    pub const fn ready(&self) -> (Duration, Duration) {
        (self.server.ready_after, self.server.ready_with)
    }
}

impl Side {
    /// Sets it up, with an account that has a long history.
    ///
    /// # Errors
    /// When anything does not go as it should.
    pub async fn set(engine: Engine, folder: &Path) -> Result<Side, Problem> {
        let stage = Stage::set(engine, folder)?;
        let store = stage.store().await?;
        let [reader, looker] = <[Person; 2]>::try_from(people::add(&stage, &store, 2).await?).map_err(|_| "nobody")?;
        let asker = Key::generate()?;
        people::add_resource_server(&store, &asker).await?;
        let signing = Partner::signing(&stage, PRODUCT)?;
        people::post(&store, reader.account, LONG_HISTORY).await?;
        let mut side = Side {
            reader: Used {
                account: reader.account,
                refresh_token: String::new(),
                token: String::new(),
                tag: String::new(),
            },
            looking: Vec::new(),
            used: Vec::new(),
            institutions: Vec::new(),
            turn: Cell::new(0),
            stage,
            store,
            asker,
            signing,
            looker,
        };
        let served = side.serve().await?;
        let mut walkers = [Walker::new(reader)];
        walk::walk(&served.meter(), &served.door, &side.signing, &mut walkers, true).await?;
        side.reader.refresh_token = walkers.map(|walker| walker.refresh_token).concat();
        Ok(side)
    }

    /// Makes institutions until there are so many, the linkages from one number to below another, and so many of all
    /// linkages usable, each with a hundred entries.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn grow(&mut self, institutions: usize, linkages: (i64, i64), used: i64) -> Result<(), Problem> {
        bulk::institutions(&self.store, institutions).await?;
        let all = self.store.read_all().list_institutions().await?.into_iter().map(|own| own.code.to_string());
        self.institutions = all.filter(|code| code == INSTITUTION || bulk::is_made(code)).collect();
        let client = self.stage.client(PRODUCT)?.client_id;
        bulk::linkages(&self.store, &client, &self.stage.branch()?, linkages.0, linkages.1).await?;
        if used > 0 {
            self.used = sample::make(&self.stage, &self.store, linkages.1, used).await?;
        }
        Ok(())
    }

    /// Lets the engine take note of what was added.
    ///
    /// # Errors
    /// When it can't be reached.
    pub async fn settle(&self) -> Result<(), Problem> {
        self.stage.settle().await
    }

    /// Starts the server.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn serve(&self) -> Result<Served, Problem> {
        Ok(Served { server: self.stage.serve().await?, door: self.stage.door(), at_rest: Rest::default() })
    }

    /// Gives everybody a fresh access token, which lasts five minutes, and the tag of their entries; leads somebody to the
    /// permission. On connections of their own: the server closes those that ask nothing for a while.
    ///
    /// # Errors
    /// When anything does not go as it should.
    pub async fn prepare(&mut self, served: &Served) -> Result<(), Problem> {
        let (signing, door, meter) = (&self.signing, &served.door, served.meter());
        let mut everybody: Vec<&mut Used> = self.used.iter_mut().chain([&mut self.reader]).collect();
        load::each(&meter, door, &mut everybody, async |wire: &mut Wire, one: &mut &mut Used| {
            one.token = signing.refresh(wire, &one.refresh_token).await?;
            if one.tag.is_empty() {
                one.tag = signing.read(wire, &one.token, &page(one), None).await?;
            }
            Ok(())
        })
        .await?;
        self.looking = vec![Walker::new(self.looker.clone())];
        walk::walk(&meter, door, signing, &mut self.looking, false).await.map(drop)
    }

    /// Drives an operation for so long. What belongs to somebody is done for everybody in turn.
    ///
    /// # Errors
    /// When an answer is not the expected one.
    pub async fn drive(&self, served: &Served, operation: &str, lasting: Duration) -> Result<Figures, Problem> {
        let (signing, reader) = (&self.signing, &self.reader);
        let first = page(reader);
        let short: String = reader.account.to_string().chars().take(MARK_CHARS).collect();
        let last = format!("{first}&after={short}-{}", LONG_HISTORY - 100);
        let (issuer, looker) = (self.stage.issuer(), self.looking.first().ok_or("nobody looks")?);
        let screen = get(looker.at(), &looker.cookie_line());
        let work = async |wire: &mut Wire| match operation {
            PUSH => signing.push(wire).await.map(drop),
            EVERYWHERE => signing.push_at(wire, self.next(&self.institutions)?).await.map(drop),
            REFRESH => signing.refresh(wire, &self.next(&self.used)?.refresh_token).await.map(drop),
            INTROSPECT => {
                partner::introspect(wire, &issuer, RESOURCE_SERVER, &self.asker, &self.next(&self.used)?.token).await
            }
            FIRST_PAGE => signing.read(wire, &reader.token, &first, None).await.map(drop),
            LAST_PAGE => signing.read(wire, &reader.token, &last, None).await.map(drop),
            SCREEN => wire.ask(&screen).await?.expect(200).map(drop),
            _ => {
                let one = self.next(&self.used)?;
                let known = (operation == NOTHING_NEW).then_some(one.tag.as_str());
                signing.read(wire, &one.token, &page(one), known).await.map(drop)
            }
        };
        load::drive(&served.meter(), &served.door, lasting, work).await
    }

    /// Whose turn it is.
    ///
    /// # Errors
    /// When there is nobody.
    pub fn next<'a, T>(&self, all: &'a [T]) -> Result<&'a T, Problem> {
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        Ok(all.get(turn % all.len().max(1)).ok_or("nobody")?)
    }
}

/// Asks for so much in all, and tells of the memory on the way.
///
/// # Errors
/// When anything does not go as it should.
pub async fn many(side: &mut Side, served: &Served, requests: usize) -> Result<String, Problem> {
    let idle = served.memory_mib()?;
    let mut text = format!("  memory: {idle:.1} MiB idle");
    let (mut answered, mut told) = (0, 0);
    while answered < requests {
        side.prepare(served).await?;
        for operation in OPERATIONS {
            answered += side.drive(served, operation, STRETCH).await?.requests;
        }
        if answered >= told + requests / 4 || answered >= requests {
            told = answered;
            // Writing to memory can't fail.
            let _ = write!(text, ", {:.1} after {answered}", served.memory_mib()?);
        }
    }
    text.push('\n');
    Ok(text)
}

/// The first hundred entries of somebody's account.
#[must_use]
pub fn page(one: &Used) -> String {
    format!("accounts/{}/transactions?limit=100", one.account)
}
