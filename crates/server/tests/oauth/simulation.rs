//! Several nodes of one installation, each with a clock and a memory of its own, in an order that a seed gives: codes,
//! tokens, reads, ends, requests sent again to another node, answers that get lost, nodes that start anew, sweeps, time.
//! A request is answered before the next one goes out, so a seed always leads to the same history; the checker of the
//! fault tests holds it against what stands, and a small model says of each answer what it must be.
//!
//! `RENKEI_SEEDS=0..1000 cargo test -p renkei-server --test oauth f_34` runs others.

use std::collections::BTreeMap;
use std::ops::Range;

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::id::LinkageId;
use renkei_domain::ticket::Ticket;
use renkei_domain::time::Timestamp;
use renkei_faults::check::violations;
use renkei_faults::history::{Act, Event, Said};
use renkei_faults::truth::Truth;
use renkei_server::retention::walk;
use renkei_store::Store;
use renkei_store::retention::CLASSES;
use renkei_testing::seed;
use renkei_testing::{SystemRandom, aoi, fresh_postgres, fresh_sqlite};

use crate::support::{Answer, Bank, Partner, START};

/// Seeds of one run.
const SEEDS: Range<u64> = 0..12;
/// Acts of one seed.
const ACTS: usize = 60;
const NODES: usize = 3;
/// The furthest a node's clock is ahead of the one behind all others, in seconds.
const APART: u64 = 2;
/// Lives of a code and of an access token, in seconds.
const CODE: i64 = 60;
const TOKEN: i64 = 300;

/// A short generator (splitmix64): what it gives depends on the seed alone.
struct Chance(u64);

impl Chance {
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
#[derive(Clone)]
struct Held {
    linkage: LinkageId,
    code: String,
    code_until: Timestamp,
    ends_at: Timestamp,
    used: bool,
    ended: bool,
    refresh: Option<String>,
    /// Access tokens, with what is their last second and whether they were given back.
    access: Vec<(String, Timestamp, bool)>,
}

struct Simulation {
    chance: Chance,
    store: Store,
    nodes: Vec<Bank>,
    kakeibo: Partner,
    held: Vec<Held>,
    sent: Vec<(usize, reqwest::RequestBuilder)>,
    /// Seconds since it began.
    time: i64,
    events: Vec<Event>,
    wrong: Vec<String>,
}

impl Simulation {
    async fn begin(seed: u64, store: &Store) -> Simulation {
        let mut nodes = Vec::new();
        for _ in 0..NODES {
            nodes.push(Bank::over(store.clone()).await);
        }
        let kakeibo = nodes[0].join(&aoi()).await;
        let mut begun = Simulation {
            chance: Chance(seed),
            store: store.clone(),
            nodes,
            kakeibo,
            held: Vec::new(),
            sent: Vec::new(),
            time: 0,
            events: Vec::new(),
            wrong: Vec::new(),
        };
        for node in &begun.nodes {
            node.clock.forward(i64::try_from(begun.chance.next() % (APART + 1)).unwrap());
        }
        begun
    }

    /// The partner as it reaches this node, its clock that node's.
    fn at(&self, node: usize) -> Partner {
        let bank = &self.nodes[node];
        Partner { address: bank.address.clone(), clock: bank.clock.clone(), ..self.kakeibo.clone() }
    }

    /// Notes an act and what came of it.
    fn note(&mut self, act: Act, key: &str, answer: &Answer, facts: &[(&str, String)]) {
        let begin = u64::try_from(self.time).unwrap() * 1_000_000 + self.events.len() as u64 * 2;
        // One answer in ten gets lost: what it was about is done or not, and nobody was told.
        let lost = self.chance.below(10) == 0;
        let said = match answer.status {
            _ if lost => Said::Silent,
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
            key: key.to_owned(),
            begin,
            ahead: 0,
            end: (!lost).then_some(begin + 1),
            said,
            note: if answer.status >= 400 && !lost { note } else { String::new() },
            request_id: Some(answer.header("x-request-id").to_owned()).filter(|_| !lost),
            facts: facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<BTreeMap<_, _>>(),
        });
    }

    /// What the model says must be so.
    fn expect(&mut self, must: bool, answer: &Answer, what: &str) {
        if (answer.status < 400) != must {
            let at = self.time;
            self.wrong.push(format!("{what} at {at} s: {} where {must} was due: {}", answer.status, answer.text));
        }
    }

    /// Somebody permits: a linkage with a short consent, and its code.
    async fn permit(&mut self) {
        let node = self.chance.below(NODES);
        let lasts = 40 + i64::try_from(self.chance.below(600)).unwrap();
        let (bank, now) = (&self.nodes[node], self.nodes[node].now());
        let who = seed::customer(&self.store, &aoi(), &format!("user{}", self.held.len())).await;
        let ends_at = now.plus_seconds(lasts);
        let linkage = seed::linkage(&self.store, &aoi(), &who, &[], (now, ends_at)).await;
        let code = bank.code(linkage, |_| ()).await;
        let request = renkei_domain::id::time_ordered(now, uuid::Uuid::new_v4().into_bytes()[..10].try_into().unwrap());
        let record =
            Record::done(Actor::User(who.user), Action::LinkageBegun).on(linkage).in_request(&request.to_string());
        let mut tx = self.store.begin(&aoi()).await.unwrap();
        tx.record(&record, now, &SystemRandom).await.unwrap();
        tx.commit().await.unwrap();
        let begin = u64::try_from(self.time).unwrap() * 1_000_000 + self.events.len() as u64 * 2;
        self.events.push(Event {
            id: self.events.len(),
            act: Act::Permit,
            key: code.clone(),
            begin,
            ahead: APART * 1_000_000,
            end: Some(begin + 1),
            said: Said::Done,
            note: String::new(),
            request_id: Some(request.to_string()),
            facts: BTreeMap::from([("accounts".to_owned(), String::new())]),
        });
        let code_until = now.plus_seconds(CODE);
        let (used, ended, refresh, access) = (false, false, None, Vec::new());
        self.held.push(Held { linkage, code, code_until, ends_at, used, ended, refresh, access });
    }

    async fn redeem(&mut self, which: usize, node: usize) {
        let (held, now) = (self.held[which].clone(), self.nodes[node].now());
        let draft = self.at(node).redeem(&held.code).seal();
        self.sent.push((which, draft.clone().request()));
        let answer = draft.send().await;
        let must = !held.used && !held.ended && now < held.code_until && now < held.ends_at;
        self.expect(must, &answer, "a redemption");
        let mut facts = vec![("linkage", held.linkage.to_string())];
        facts.extend(self.take(which, now, &answer));
        let own = &mut self.held[which];
        // A second use takes back what the first one gave, and the first one spends the code whatever comes of it.
        if held.used {
            own.refresh = None;
            own.access.iter_mut().for_each(|access| access.2 = true);
        }
        own.used = true;
        if answer.status < 400 {
            own.refresh = Some(answer.text("refresh_token"));
        }
        self.note(Act::Redeem, &held.code, &answer, &facts);
    }

    /// Notes an access token where there is one.
    fn take(&mut self, which: usize, now: Timestamp, answer: &Answer) -> Vec<(&'static str, String)> {
        if answer.status >= 400 {
            return Vec::new();
        }
        let (access, seconds) = (answer.text("access_token"), answer.body["expires_in"].as_i64().unwrap());
        let held = &mut self.held[which];
        if seconds > TOKEN || now.plus_seconds(seconds) > held.ends_at {
            self.wrong
                .push(format!("a token of {seconds} s, and the consent ends in {}", now.seconds_until(held.ends_at)));
        }
        held.access.push((access.clone(), now.plus_seconds(seconds), false));
        vec![("expires_in", seconds.to_string()), ("token", Ticket::parse(&access).unwrap().id().to_string())]
    }

    async fn refresh(&mut self, which: usize, node: usize) {
        let (held, now) = (self.held[which].clone(), self.nodes[node].now());
        let Some(refresh) = &held.refresh else { return };
        let draft = self.at(node).refresh(refresh).seal();
        self.sent.push((which, draft.clone().request()));
        let answer = draft.send().await;
        self.expect(!held.ended && now < held.ends_at, &answer, "a refresh");
        let facts = self.take(which, now, &answer);
        self.note(Act::Refresh, &held.linkage.to_string(), &answer, &facts);
    }

    async fn read(&mut self, which: usize, node: usize) {
        let (held, now) = (self.held[which].clone(), self.nodes[node].now());
        let Some(count) = Some(held.access.len()).filter(|count| *count > 0) else { return };
        let (access, until, revoked) = &held.access[self.chance.below(count)];
        let path = "/1001/api/v1/accounts";
        let partner = self.at(node);
        let proof = partner.proof_with(path, access).sign();
        let call = || {
            let call = partner.http.get(format!("{}{path}", partner.address));
            call.header("authorization", format!("DPoP {access}")).header("dpop", &proof)
        };
        self.sent.push((which, call()));
        let answer = Answer::to(call()).await;
        self.expect(!revoked && !held.ended && now < *until && now < held.ends_at, &answer, "a read");
        let token = Ticket::parse(access).unwrap().id().to_string();
        self.note(Act::Read, &held.linkage.to_string(), &answer, &[("accounts", String::new()), ("token", token)]);
        if *revoked && let Some(event) = self.events.last_mut() {
            // Given back, or taken back with a code that came twice: no loss, which the checker can't know.
            event.note.clear();
        }
    }

    async fn revoke(&mut self, which: usize, node: usize) {
        let held = self.held[which].clone();
        let whole = self.chance.below(3) == 0;
        let (act, token) = match (&held.refresh, held.access.last()) {
            (Some(refresh), _) if whole => (Act::Revoke, refresh.clone()),
            (_, Some((access, ..))) => (Act::EndToken, access.clone()),
            _ => return,
        };
        let answer = self.at(node).revoke(&token).send().await;
        self.expect(true, &answer, "an end");
        let own = &mut self.held[which];
        match act {
            Act::Revoke => own.ended = true,
            _ => own.access.last_mut().unwrap().2 = true,
        }
        self.note(act, &held.linkage.to_string(), &answer, &[]);
    }

    /// The very same request once more.
    async fn replay(&mut self) {
        let Some(count) = Some(self.sent.len()).filter(|count| *count > 0) else { return };
        let place = self.chance.below(count);
        let (which, request) = self.sent.swap_remove(place);
        let answer = Answer::to(request).await;
        self.expect(false, &answer, "a replay");
        let key = self.held[which].linkage.to_string();
        self.note(Act::Replay, &key, &answer, &[]);
    }

    async fn step(&mut self) {
        let node = self.chance.below(NODES);
        let kind = self.chance.below(24);
        let Some(which) = (!self.held.is_empty()).then(|| self.chance.below(self.held.len())) else {
            return self.permit().await;
        };
        match kind {
            0..3 => self.permit().await,
            3..7 => self.redeem(self.held.len() - 1, node).await,
            7 => self.redeem(which, node).await,
            8..11 => self.refresh(which, node).await,
            11..17 => self.read(which, node).await,
            17 | 18 => self.revoke(which, node).await,
            19 => self.replay().await,
            20 | 21 => {
                let seconds = 1 + i64::try_from(self.chance.below(90)).unwrap();
                self.time += seconds;
                self.nodes.iter().for_each(|node| node.clock.forward(seconds));
            }
            22 => {
                for class in CLASSES {
                    walk(&self.nodes[node].app, class).await.unwrap();
                }
            }
            // The node ends and another begins in its place: nothing is remembered.
            _ => {
                let anew = Bank::over(self.store.clone()).await;
                anew.clock.forward(START.seconds_until(self.nodes[node].now()));
                self.nodes[node] = anew;
            }
        }
    }

    /// Everything that is wrong in the end.
    async fn end(mut self) -> Vec<String> {
        let mut truth = Truth::read(&self.store).await.unwrap();
        // A second before, as events of one second have an order and the clocks stand still meanwhile.
        (truth.clocks_differ, truth.began_at) = (true, START.plus_seconds(-1).0);
        self.wrong.extend(violations(&self.events, &truth));
        self.wrong
    }
}

/// One seed: what is wrong, and how many acts were noted.
async fn run(seed: u64, store: &Store) -> (Vec<String>, usize) {
    let mut simulation = Simulation::begin(seed, store).await;
    for _ in 0..ACTS {
        simulation.step().await;
    }
    let acts = simulation.events.len();
    (simulation.end().await, acts)
}

fn seeds() -> Range<u64> {
    let named = std::env::var("RENKEI_SEEDS").ok();
    let bounds = named.as_deref().and_then(|text| text.split_once(".."));
    let read = |text: &str| text.parse().expect("a number");
    bounds.map_or(SEEDS, |(first, end)| read(first)..read(end))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_34_no_seed_leads_three_nodes_to_what_must_not_be() {
    let mut acts = 0;
    for seed in seeds() {
        let fresh = fresh_sqlite().await;
        let (wrong, done) = run(seed, &fresh.store).await;
        assert!(wrong.is_empty(), "seed {seed}: {}", wrong.join("\n"));
        acts += done;
    }
    println!("seeds {:?}: {acts} acts, nothing wrong", seeds());
}

/// Every so many records PostgreSQL takes a transaction back, as if it had lost to another.
const LOSE: [&str; 3] = [
    "CREATE SEQUENCE tries",
    "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN \
     IF nextval(''tries'') % 7 = 3 THEN RAISE EXCEPTION ''lost'' USING ERRCODE = ''40001''; END IF; RETURN NEW; END'",
    "CREATE TRIGGER lose BEFORE INSERT ON audit FOR EACH ROW WHEN (NEW.action <> 'linkage_begun') \
     EXECUTE FUNCTION lose()",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_34_f_18_no_seed_does_where_transactions_are_taken_back() {
    for seed in seeds().take(4) {
        let Some(fresh) = fresh_postgres().await else { return };
        for sql in LOSE {
            let mut tx = fresh.store.begin_all().await.unwrap();
            tx.execute(sql, &[]).await.unwrap();
            tx.commit().await.unwrap();
        }
        let (wrong, _) = run(seed, &fresh.store).await;
        assert!(wrong.is_empty(), "seed {seed}: {}", wrong.join("\n"));
    }
}
