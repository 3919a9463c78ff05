//! Several nodes of one installation, each with a clock and a memory of its own, in an order that a seed gives: codes,
//! tokens, reads, ends, requests sent again to another node, answers that get lost, nodes that start anew, sweeps, time;
//! and in one step of four several requests at the same time, mostly of one linkage, at whichever nodes. The checker of
//! the fault tests holds it against what stands, and a small model says of the answers whether there is an order of the
//! requests in which each is what it must be.
//!
//! What is done in which step, at which nodes and what is sent together follow from the seed alone. Which of several
//! requests that are under way is first does not, nor therefore how many tokens there are to choose from later.
//!
//! `RENKEI_SEEDS=0..1000 cargo test -p renkei-server --test oauth f_34` runs others.

mod model;

use std::collections::BTreeMap;
use std::ops::Range;

use futures_util::future::join_all;
use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::id::LinkageId;
use renkei_domain::ticket::Ticket;
use renkei_domain::time::Timestamp;
use renkei_faults::check::violations;
use renkei_faults::history::{Act, Event, Said};
use renkei_faults::truth::Truth;
use renkei_server::retention::{Turn, walk};
use renkei_store::Store;
use renkei_store::retention::CLASSES;
use renkei_testing::{FreshStore, SystemRandom, aoi, fresh_postgres, fresh_sqlite, seed};

use crate::support::{Answer, Bank, Draft, Partner, START};
use model::{Answered, Ask, Model};

/// Seeds of one run.
const SEEDS: Range<u64> = 0..12;
/// Steps of one seed.
const STEPS: u64 = 60;
const NODES: usize = 3;
/// The furthest a node's clock is ahead of the one behind all others, in seconds.
const APART: u64 = 2;
/// Lives of a code and of an access token, in seconds.
const CODE: i64 = 60;
const TOKEN: i64 = 300;
const READ: &str = "/1001/api/v1/accounts";

/// A short generator (splitmix64): what it gives depends on the seed alone.
struct Chance(u64);

impl Chance {
    /// That of one step: the others do not depend on how often it is asked.
    fn of(seed: u64, step: u64) -> Chance {
        Chance(Chance(seed.wrapping_mul(0x1_0001).wrapping_add(step)).next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }
}

/// A linkage as whoever gave it and whoever holds it know it.
struct Held {
    linkage: LinkageId,
    code: String,
    refresh: Option<String>,
    access: Vec<String>,
    model: Model,
}

/// A request, signed, that can be sent to any node any number of times.
struct Packet {
    which: usize,
    ask: Ask,
    was_sent: bool,
    bytes: Bytes,
}

enum Bytes {
    Form(Box<Draft>),
    Call { access: String, proof: String },
}

impl Packet {
    fn to(&self, bank: &Bank) -> reqwest::RequestBuilder {
        match &self.bytes {
            Bytes::Form(draft) => {
                let path: Vec<&str> = draft.url.split('/').skip(3).collect();
                let mut draft = Draft::clone(draft);
                draft.url = format!("{}/{}", bank.address, path.join("/"));
                draft.request()
            }
            Bytes::Call { access, proof } => {
                let call = bank.http.get(format!("{}{READ}", bank.address));
                call.header("authorization", format!("DPoP {access}")).header("dpop", proof)
            }
        }
    }
}

/// A request on its way: which, to which node, and whether its answer gets lost.
#[derive(Clone, Copy)]
struct Sent {
    packet: usize,
    node: usize,
    is_lost: bool,
}

struct Simulation {
    seed: u64,
    chance: Chance,
    stores: Vec<Store>,
    nodes: Vec<Bank>,
    kakeibo: Partner,
    held: Vec<Held>,
    packets: Vec<Packet>,
    /// Seconds since it began.
    time: i64,
    events: Vec<Event>,
    wrong: Vec<String>,
    /// Steps with several requests at the same time.
    meetings: usize,
}

impl Simulation {
    async fn begin(seed: u64, fresh: &FreshStore) -> Simulation {
        let (mut stores, mut nodes) = (Vec::new(), Vec::new());
        for node in 0..NODES {
            // Nodes share a database server, and a file belongs to one process alone.
            let own = node > 0 && fresh.store.engine_name() != "SQLite";
            stores.push(if own { Store::open(&fresh.config).await.unwrap() } else { fresh.store.clone() });
            nodes.push(Bank::over(stores[node].clone()).await);
        }
        let kakeibo = nodes[0].join(&aoi()).await;
        let mut chance = Chance::of(seed, STEPS);
        for node in &nodes {
            node.clock.forward(i64::try_from(chance.next() % (APART + 1)).unwrap());
        }
        let (held, packets, events, wrong) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Simulation { seed, chance, stores, nodes, kakeibo, held, packets, time: 0, events, wrong, meetings: 0 }
    }

    /// The partner as it reaches this node, its clock that node's.
    fn at(&self, node: usize) -> Partner {
        let bank = &self.nodes[node];
        Partner { address: bank.address.clone(), clock: bank.clock.clone(), ..self.kakeibo.clone() }
    }

    /// The instant of the next event, in microseconds.
    fn instant(&self) -> u64 {
        u64::try_from(self.time).unwrap() * 1_000_000 + self.events.len() as u64 * 2
    }

    /// How far a node's clock is ahead, in microseconds: what it answers is judged by that clock and no other.
    fn ahead(&self, node: usize) -> u64 {
        let seconds = START.seconds_until(self.nodes[node].now()) - self.time;
        u64::try_from(seconds).unwrap() * 1_000_000
    }

    /// Somebody permits: a linkage with a short consent, and its code.
    async fn permit(&mut self) {
        let node = self.chance.below(NODES);
        let lasts = 40 + i64::try_from(self.chance.below(600)).unwrap();
        let (bank, store) = (&self.nodes[node], &self.stores[node]);
        let now = bank.now();
        let who = seed::customer(store, &aoi(), &format!("user{}", self.held.len())).await;
        let ends_at = now.plus_seconds(lasts);
        let linkage = seed::linkage(store, &aoi(), &who, &[], (now, ends_at)).await;
        let code = bank.code(linkage, |_| ()).await;
        let request = renkei_domain::id::time_ordered(now, uuid::Uuid::new_v4().into_bytes()[..10].try_into().unwrap());
        let record =
            Record::done(Actor::User(who.user), Action::LinkageBegun).on(linkage).in_request(&request.to_string());
        let mut tx = store.begin(&aoi()).await.unwrap();
        tx.record(&record, now, &SystemRandom).await.unwrap();
        tx.commit().await.unwrap();
        let begin = self.instant();
        self.events.push(Event {
            id: self.events.len(),
            act: Act::Permit,
            key: code.clone(),
            begin,
            ahead: self.ahead(node),
            end: Some(begin + 1),
            said: Said::Done,
            note: String::new(),
            request_id: Some(request.to_string()),
            facts: BTreeMap::from([("accounts".to_owned(), String::new())]),
        });
        let model = Model::new(now.plus_seconds(CODE), ends_at);
        self.held.push(Held { linkage, code, refresh: None, access: Vec::new(), model });
    }

    /// Signs a request by the clock of a node, if the partner has what it needs.
    fn sign(&mut self, which: usize, ask: Ask, node: usize) -> Option<usize> {
        let (held, partner) = (&self.held[which], self.at(node));
        let bytes = match ask {
            Ask::Redeem => Bytes::Form(Box::new(partner.redeem(&held.code).seal())),
            Ask::Refresh => Bytes::Form(Box::new(partner.refresh(held.refresh.as_ref()?).seal())),
            Ask::End => Bytes::Form(Box::new(partner.revoke(held.refresh.as_ref()?).seal())),
            Ask::EndToken(token) => Bytes::Form(Box::new(partner.revoke(held.access.get(token)?).seal())),
            Ask::Read(token) => {
                let access = held.access.get(token)?.clone();
                Bytes::Call { proof: partner.proof_with(READ, &access).sign(), access }
            }
        };
        self.packets.push(Packet { which, ask, was_sent: false, bytes });
        Some(self.packets.len() - 1)
    }

    /// Draws one of a linkage's access tokens.
    fn some_token(&mut self, which: usize) -> usize {
        let count = self.held[which].access.len();
        self.chance.below(count.max(1))
    }

    /// Signs a request and has it sent to the node.
    fn ready(&mut self, which: usize, ask: Ask, node: usize) -> Option<Sent> {
        let is_lost = self.chance.below(10) == 0;
        Some(Sent { packet: self.sign(which, ask, node)?, node, is_lost })
    }

    /// Sends requests at the same time, while a node perhaps sweeps, and holds the answers against the model.
    async fn send(&mut self, sent: &[Sent], sweeper: Option<usize>) {
        let nows: Vec<Timestamp> = sent.iter().map(|one| self.nodes[one.node].now()).collect();
        let calls = sent.iter().map(|one| Answer::to(self.packets[one.packet].to(&self.nodes[one.node])));
        let (answers, ()) = tokio::join!(join_all(calls), self.sweep(sweeper));
        let begin = self.instant();
        let end = begin + sent.len() as u64 * 2 - 1;
        let mut by_linkage: BTreeMap<usize, Vec<Answered>> = BTreeMap::new();
        let mut drafts = Vec::new();
        for ((one, answer), now) in sent.iter().zip(&answers).zip(nows) {
            let Packet { which, ask, .. } = self.packets[one.packet];
            let (gave, facts) = self.take(which, ask, now, answer);
            let is_done = answer.status < 400;
            by_linkage.entry(which).or_default().push(Answered { ask, packet: one.packet, now, is_done, gave });
            drafts.push((*one, answer, facts));
        }
        for (which, answered) in by_linkage {
            if !self.held[which].model.explain(&answered) {
                let told: Vec<_> = answers.iter().map(|answer| (answer.status, answer.text.as_str())).collect();
                let (at, worlds) = (self.time, &self.held[which].model.worlds);
                self.wrong.push(format!("at {at} s no order explains {answered:?} after {worlds:?}: {told:?}"));
            }
        }
        // Of the same bytes whichever was done is the act, and any other one comes again.
        drafts.sort_by_key(|(_, answer, _)| answer.status >= 400);
        for (one, answer, facts) in drafts {
            self.note(one, answer, facts, (begin, end));
            self.packets[one.packet].was_sent = true;
        }
    }

    async fn sweep(&self, node: Option<usize>) {
        let Some(node) = node else { return };
        for class in CLASSES {
            walk(&self.nodes[node].app, class, &Turn::default()).await.unwrap();
        }
    }

    /// Takes the tokens of an answer, with what the checker has to know.
    fn take(&mut self, which: usize, ask: Ask, now: Timestamp, answer: &Answer) -> (Option<usize>, Facts) {
        let held = &mut self.held[which];
        let linkage = ("linkage", held.linkage.to_string());
        match ask {
            Ask::Read(token) => {
                let token = Ticket::parse(&held.access[token]).unwrap().id().to_string();
                (None, vec![("accounts", String::new()), ("token", token)])
            }
            Ask::Redeem | Ask::Refresh if answer.status < 400 => {
                let (access, seconds) = (answer.text("access_token"), answer.body["expires_in"].as_i64().unwrap());
                if seconds > TOKEN || now.plus_seconds(seconds) > held.model.ends_at {
                    let left = now.seconds_until(held.model.ends_at);
                    self.wrong.push(format!("a token of {seconds} s, and the consent ends in {left}"));
                }
                let token = Ticket::parse(&access).unwrap().id().to_string();
                if ask == Ask::Redeem {
                    held.refresh = Some(answer.text("refresh_token"));
                }
                held.access.push(access);
                held.model.until.push(now.plus_seconds(seconds));
                (Some(held.access.len() - 1), vec![linkage, ("expires_in", seconds.to_string()), ("token", token)])
            }
            Ask::Redeem => (None, vec![linkage]),
            Ask::Refresh | Ask::EndToken(_) | Ask::End => (None, Vec::new()),
        }
    }

    /// Notes a request and what came of it.
    fn note(&mut self, one: Sent, answer: &Answer, facts: Facts, (begin, end): (u64, u64)) {
        let Packet { which, ask, was_sent, .. } = self.packets[one.packet];
        let held = &self.held[which];
        let linkage = held.linkage.to_string();
        let (act, key) = match ask {
            _ if was_sent => (Act::Replay, linkage),
            Ask::Redeem => (Act::Redeem, held.code.clone()),
            Ask::Refresh => (Act::Refresh, linkage),
            Ask::Read(_) => (Act::Read, linkage),
            Ask::EndToken(_) => (Act::EndToken, linkage),
            Ask::End => (Act::Revoke, linkage),
        };
        // Given back, or taken back with a code that came twice: no loss, which the checker can't know. Nor can it know
        // that a refresh token may have been taken back before it was to end the linkage.
        let is_known = match ask {
            Ask::Read(token) => held.model.surely(|world| world.live.contains(&token)),
            Ask::Refresh => held.model.surely(|world| world.refreshes),
            _ => true,
        };
        let is_lost = one.is_lost || (ask == Ask::End && !held.model.surely(|world| world.ended));
        let said = match answer.status {
            _ if is_lost => Said::Silent,
            503 => Said::Failed,
            500.. => Said::Broken,
            400.. => Said::Refused,
            _ => Said::Done,
        };
        let text = |name: &str| answer.body[name].as_str().unwrap_or_default().to_owned();
        let note = [text("error"), text("reason")].join(" ").trim().to_owned();
        self.events.push(Event {
            id: self.events.len(),
            act,
            key,
            begin,
            ahead: self.ahead(one.node),
            end: (!is_lost).then_some(end),
            said,
            note: if answer.status >= 400 && !is_lost && is_known { note } else { String::new() },
            request_id: Some(answer.header("x-request-id").to_owned()).filter(|_| !is_lost),
            facts: facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        });
    }

    /// One request by itself.
    async fn alone(&mut self, which: usize, ask: Ask, node: usize) {
        if let Some(sent) = self.ready(which, ask, node) {
            self.send(&[sent], None).await;
        }
    }

    /// Two to four at the same time, most of one linkage, perhaps two of the same bytes.
    async fn meet(&mut self, which: usize) {
        let mut sent = Vec::new();
        for _ in 0..2 + self.chance.below(2) {
            let (node, other) = (self.chance.below(NODES), self.chance.below(4 * self.held.len()));
            let which = if other < self.held.len() { other } else { which };
            let token = self.some_token(which);
            let ask = match self.chance.below(10) {
                0..3 => Ask::Redeem,
                3..5 => Ask::Refresh,
                5..8 => Ask::Read(token),
                8 => Ask::EndToken(token),
                _ => Ask::End,
            };
            sent.extend(self.ready(which, ask, node));
        }
        if let Some(first) = sent.first().filter(|_| self.chance.below(3) == 0).copied() {
            sent.push(Sent { node: (first.node + 1) % NODES, is_lost: false, ..first });
        }
        let sweeper = Some(self.chance.below(4 * NODES)).filter(|node| *node < NODES);
        if !sent.is_empty() {
            self.meetings += usize::from(sent.len() > 1);
            self.send(&sent, sweeper).await;
        }
    }

    async fn step(&mut self, step: u64) {
        self.chance = Chance::of(self.seed, step);
        let (node, kind) = (self.chance.below(NODES), self.chance.below(32));
        let Some(which) = (!self.held.is_empty()).then(|| self.chance.below(self.held.len())) else {
            return self.permit().await;
        };
        let (last, token) = (self.held.len() - 1, self.some_token(which));
        match kind {
            0..3 => self.permit().await,
            3..6 => self.alone(last, Ask::Redeem, node).await,
            6 => self.alone(which, Ask::Redeem, node).await,
            7..10 => self.alone(which, Ask::Refresh, node).await,
            10..16 => self.alone(which, Ask::Read(token), node).await,
            16 => self.alone(which, Ask::EndToken(token), node).await,
            17 => self.alone(which, Ask::End, node).await,
            18 => {
                let count = self.packets.len();
                if count > 0 {
                    let packet = self.chance.below(count);
                    self.send(&[Sent { packet, node, is_lost: false }], None).await;
                }
            }
            19..22 => {
                let seconds = 1 + i64::try_from(self.chance.below(90)).unwrap();
                self.time += seconds;
                self.nodes.iter().for_each(|node| node.clock.forward(seconds));
            }
            22 => self.sweep(Some(node)).await,
            // The node ends and another begins in its place: nothing is remembered.
            23 => {
                let anew = Bank::over(self.stores[node].clone()).await;
                anew.clock.forward(START.seconds_until(self.nodes[node].now()));
                self.nodes[node] = anew;
            }
            24..28 => self.meet(last).await,
            _ => self.meet(which).await,
        }
    }

    /// Everything that is wrong in the end.
    async fn end(mut self) -> Vec<String> {
        let mut truth = Truth::read(&self.stores[0]).await.unwrap();
        // A second before, as events of one second have an order and the clocks stand still meanwhile.
        (truth.clocks_differ, truth.began_at) = (true, START.plus_seconds(-1).0);
        self.wrong.extend(violations(&self.events, &truth));
        self.wrong
    }
}

/// What the checker has to know of an event, by name.
type Facts = Vec<(&'static str, String)>;

/// What a run came to.
#[derive(Debug, Default)]
struct Ran {
    seeds: usize,
    acts: usize,
    meetings: usize,
}

/// Does this with threads and tasks of its own, which end with it: what nodes are made of takes memory.
fn by_itself(seed: impl Future<Output = ()>) {
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    threads.block_on(seed);
}

/// One seed.
///
/// # Panics
/// When anything was wrong.
async fn run(seed: u64, fresh: &FreshStore, ran: &mut Ran) {
    let mut simulation = Simulation::begin(seed, fresh).await;
    for step in 0..STEPS {
        simulation.step(step).await;
    }
    ran.acts += simulation.events.len();
    ran.meetings += simulation.meetings;
    let wrong = simulation.end().await;
    assert!(wrong.is_empty(), "seed {seed}: {}", wrong.join("\n"));
    ran.seeds += 1;
    if ran.seeds.is_multiple_of(100) {
        println!("up to seed {seed}: {ran:?}");
    }
}

fn seeds() -> Range<u64> {
    let named = std::env::var("RENKEI_SEEDS").ok();
    let bounds = named.as_deref().and_then(|text| text.split_once(".."));
    let read = |text: &str| text.parse().expect("a number");
    bounds.map_or(SEEDS, |(first, end)| read(first)..read(end))
}

#[test]
fn f_34_no_seed_leads_three_nodes_to_what_must_not_be() {
    let mut ran = Ran::default();
    for seed in seeds() {
        by_itself(async { run(seed, &fresh_sqlite().await, &mut ran).await });
    }
    println!("seeds {:?}: {ran:?}, nothing wrong", seeds());
    assert!(ran.acts > 0 && ran.meetings > 0);
}

/// Every so many records PostgreSQL takes a transaction back, as if it had lost to another.
const LOSE: [&str; 3] = [
    "CREATE SEQUENCE tries",
    "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN \
     IF nextval(''tries'') % 7 = 3 THEN RAISE EXCEPTION ''lost'' USING ERRCODE = ''40001''; END IF; RETURN NEW; END'",
    "CREATE TRIGGER lose BEFORE INSERT ON audit FOR EACH ROW WHEN (NEW.action <> 'linkage_begun') \
     EXECUTE FUNCTION lose()",
];

#[test]
fn f_34_f_18_no_seed_does_where_transactions_are_taken_back() {
    let mut ran = Ran::default();
    let named = std::env::var_os("RENKEI_SEEDS").is_some();
    for seed in seeds().take(if named { usize::MAX } else { 4 }) {
        by_itself(async {
            let Some(fresh) = fresh_postgres().await else { return };
            for sql in LOSE {
                let mut tx = fresh.store.begin_all().await.unwrap();
                tx.execute(sql, &[]).await.unwrap();
                tx.commit().await.unwrap();
            }
            run(seed, &fresh, &mut ran).await;
        });
    }
    if ran.seeds > 0 {
        println!("from seed {} on PostgreSQL: {ran:?}, nothing wrong", seeds().start);
    }
}
