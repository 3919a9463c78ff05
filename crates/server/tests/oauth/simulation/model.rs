//! What a linkage with its code and tokens may answer, to one request or to several at the same time: as it would if they
//! had come one after the other, in whichever order.

use std::collections::{BTreeMap, BTreeSet};

use renkei_domain::time::Timestamp;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    Redeem,
    Refresh,
    /// With the access token of this number.
    Read(usize),
    EndToken(usize),
    /// The end of the linkage, by the refresh token.
    End,
}

/// A request and what came back.
#[derive(Debug, Clone, Copy)]
pub struct Answered {
    pub ask: Ask,
    /// Those of the same bytes have the same number.
    pub packet: usize,
    /// By the clock of the node that was asked.
    pub now: Timestamp,
    pub is_done: bool,
    /// The number of the access token it gave.
    pub gave: Option<usize>,
}

/// What may be so.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct World {
    /// Whether the code was used, or tried in vain.
    pub used: bool,
    pub ended: bool,
    /// Whether the refresh token is there and was not taken back.
    pub refreshes: bool,
    /// Access tokens that were not taken back.
    pub live: BTreeSet<usize>,
}

/// A linkage: all that may be so after what was answered.
pub struct Model {
    pub code_until: Timestamp,
    pub ends_at: Timestamp,
    /// The last second of each access token.
    pub until: Vec<Timestamp>,
    pub worlds: BTreeSet<World>,
    /// Packets that came, and whether one of them was done.
    came: BTreeMap<usize, bool>,
}

impl Model {
    pub fn new(code_until: Timestamp, ends_at: Timestamp) -> Model {
        let worlds = BTreeSet::from([World::default()]);
        Model { code_until, ends_at, until: Vec::new(), worlds, came: BTreeMap::new() }
    }

    /// Takes note of requests that were under way at the same time; whether an order explains their answers.
    pub fn explain(&mut self, answered: &[Answered]) -> bool {
        let mut worlds = BTreeSet::new();
        for world in &self.worlds {
            self.go_on(world.clone(), &self.came, answered, &mut worlds);
        }
        for one in answered {
            *self.came.entry(one.packet).or_default() |= one.is_done;
        }
        let is_explained = !worlds.is_empty();
        if is_explained {
            self.worlds = worlds;
        }
        is_explained
    }

    /// Whether something is so in every world.
    pub fn surely(&self, is_so: impl Fn(&World) -> bool) -> bool {
        self.worlds.iter().all(is_so)
    }

    /// The worlds after the rest of the requests, in every order.
    fn go_on(&self, world: World, came: &BTreeMap<usize, bool>, rest: &[Answered], worlds: &mut BTreeSet<World>) {
        if rest.is_empty() {
            worlds.insert(world);
            return;
        }
        for (place, next) in rest.iter().enumerate() {
            let others = [&rest[..place], &rest[place + 1..]].concat();
            let mut known = came.clone();
            *known.entry(next.packet).or_default() |= next.is_done;
            for after in self.after(&world, next, came.get(&next.packet).copied()) {
                self.go_on(after, &known, &others, worlds);
            }
        }
    }

    /// What may be so after this request; nothing where its answer can't be. `again`: it came before, and was done or not.
    fn after(&self, world: &World, next: &Answered, again: Option<bool>) -> Vec<World> {
        let refused = || (!next.is_done).then(|| world.clone());
        match again {
            Some(true) => refused().into_iter().collect(),
            // Refused for its bytes, or once more for what it asks: by a clock that is behind it may even be in time.
            Some(false) => refused().into_iter().chain(self.by_rule(world, next)).collect(),
            None => self.by_rule(world, next).into_iter().collect(),
        }
    }

    fn by_rule(&self, world: &World, next: &Answered) -> Option<World> {
        let stands = !world.ended && next.now < self.ends_at;
        let must = match next.ask {
            Ask::Redeem => stands && !world.used && next.now < self.code_until,
            Ask::Refresh => stands && world.refreshes,
            Ask::Read(token) => stands && world.live.contains(&token) && next.now < self.until[token],
            Ask::EndToken(_) | Ask::End => true,
        };
        if must != next.is_done {
            return None;
        }
        let mut after = world.clone();
        match next.ask {
            Ask::Redeem => {
                // A second use takes back what the first one gave; the first one spends the code whatever comes of it.
                if world.used {
                    after.refreshes = false;
                    after.live.clear();
                }
                after.used = true;
                after.refreshes |= must;
            }
            Ask::EndToken(token) => drop(after.live.remove(&token)),
            Ask::End => after.ended |= world.refreshes,
            Ask::Refresh | Ask::Read(_) => {}
        }
        after.live.extend(next.gave);
        Some(after)
    }
}

#[test]
fn f_34_control_answers_that_no_order_explains_are_found() {
    let now = Timestamp::from_seconds(1_800_000_000);
    let model =
        || Model { until: vec![now.plus_seconds(9); 2], ..Model::new(now.plus_seconds(9), now.plus_seconds(9)) };
    let said = |ask, packet, is_done, gave| Answered { ask, packet, now, is_done, gave };
    let redeemed = said(Ask::Redeem, 0, true, Some(0));
    let twice = said(Ask::Redeem, 1, true, Some(1));
    let end = said(Ask::End, 3, true, None);
    assert!(!model().explain(&[redeemed, twice]), "a code gives tokens once");
    assert!(!model().explain(&[redeemed, Answered { packet: 0, ..twice }]), "the same bytes");
    assert!(!model().explain(&[said(Ask::Redeem, 1, false, None)]), "refused for no reason");
    for (second, may_be) in [(true, false), (false, true)] {
        let mut ended = model();
        assert!(ended.explain(&[redeemed]) && ended.explain(&[end]));
        assert_eq!(ended.explain(&[said(Ask::Read(0), 4, second, None)]), may_be, "after its end");
        let mut meanwhile = model();
        assert!(meanwhile.explain(&[redeemed]));
        assert!(meanwhile.explain(&[said(Ask::Read(0), 4, second, None), end]), "beside its end");
        assert!(meanwhile.surely(|world| world.ended));
    }
    let mut taken_back = model();
    assert!(taken_back.explain(&[Answered { is_done: false, gave: None, ..twice }, redeemed]));
    assert!(!taken_back.explain(&[said(Ask::Read(0), 4, true, None)]), "taken back with the code");
}
