//! Exploring: all worlds that can follow from a beginning, breadth first, each once.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashSet, VecDeque};
use std::hash::{Hash, Hasher};

use renkei_domain::flow::{IDLE_SECONDS, Stage};
use renkei_domain::id::LinkageId;
use renkei_domain::token::CODE_SECONDS;

use super::{Act, FORMS, Without, World};
use crate::cast::draft_of;

impl World {
    /// What tells it from others: versions only as far as they are current, times only as far as they are apart.
    fn name(&self) -> (u64, u64) {
        let mut both = (DefaultHasher::new(), DefaultHasher::new());
        1_u8.hash(&mut both.1);
        for hasher in [&mut both.0, &mut both.1] {
            for flow in &self.flows {
                let clock =
                    (self.now.seconds_until(flow.clock.deadline_at), self.now.seconds_until(flow.clock.used_at));
                (look(&flow.stage), clock, flow.pin_taken).hash(hasher);
            }
            for tab in 0..2 {
                let version = self.flows[self.of(tab)].version;
                let (shown, text) = self.tabs[tab];
                (shown == version, text == self.text).hash(hasher);
                let sent = self.sent[tab].as_ref();
                let told = sent.map(|sent| {
                    let permits = sent.permits.as_ref().map(|permits| (permits.well, permits.draft.renews));
                    (sent.base == version, look(&sent.next), permits, sent.taken)
                });
                told.hash(hasher);
            }
            let code = self.code.map(|(given, renewed)| (given.seconds_until(self.now), renewed));
            (self.turns, self.person, self.suspended, self.login_locked, self.pin_locked, self.text).hash(hasher);
            (self.old, self.answered, self.codes, code, self.used, self.redeeming, self.tokens).hash(hasher);
        }
        (both.0.finish(), both.1.finish())
    }
}

/// What tells a stage from others here.
fn look(stage: &Stage) -> (&'static str, bool, Option<LinkageId>, usize) {
    let draft = draft_of(stage);
    let existing = match stage {
        Stage::Operations { begun, .. } => begun.existing.len(),
        _ => draft.map_or(0, |draft| draft.begun.existing.len()),
    };
    let staged = draft.is_some_and(|draft| !draft.staged.is_empty());
    (stage.word(), staged, draft.and_then(|draft| draft.renews), existing)
}

/// Everything that can happen next.
fn acts() -> Vec<Act> {
    let of_tab = |tab| {
        let sends = FORMS.into_iter().map(move |form| Act::Send(tab, form));
        [Act::Look(tab), Act::Save(tab)].into_iter().chain(sends)
    };
    let around = [
        Act::OtherPerson,
        Act::Suspend,
        Act::LockLogin,
        Act::LockPin,
        Act::Revoke,
        Act::LinkElsewhere,
        Act::ChangeText,
        Act::Wait(IDLE_SECONDS),
        Act::Wait(CODE_SECONDS + 1),
        Act::Redeem,
        Act::Issue,
    ];
    (0..2).flat_map(of_tab).chain(around).collect()
}

/// What exploring everything from one beginning came to.
#[derive(Debug, Default)]
struct Explored {
    worlds: usize,
    steps: usize,
    codes: usize,
    tokens: usize,
}

/// Explores everything that can follow. The way to the first thing that must not be, if there is one.
fn explore(begins: World) -> Result<Explored, (Vec<Act>, &'static str)> {
    let (acts, mut explored) = (acts(), Explored::default());
    let mut seen = HashSet::from([begins.name()]);
    let mut ways: Vec<(usize, Act)> = vec![(0, Act::Issue)];
    let mut open = VecDeque::from([(0, begins)]);
    while let Some((place, world)) = open.pop_front() {
        explored.worlds += 1;
        for act in acts.iter().filter(|act| !world.is_over() && world.can(**act)) {
            explored.steps += 1;
            let after = world.after(*act).map_err(|wrong| (way(&ways, place, *act), wrong))?;
            explored.codes += usize::from(after.codes > world.codes);
            explored.tokens += usize::from(after.tokens > world.tokens);
            if seen.insert(after.name()) {
                ways.push((place, *act));
                open.push_back((ways.len() - 1, after));
            }
        }
    }
    Ok(explored)
}

/// The acts that led to a world, and one more.
fn way(ways: &[(usize, Act)], mut place: usize, last: Act) -> Vec<Act> {
    let mut acts = vec![last];
    while place > 0 {
        acts.push(ways[place].1);
        place = ways[place].0;
    }
    acts.reverse();
    acts
}

/// Two tabs of one flow, or a flow in each; the operations fixed or chosen; with a linkage to renew or without.
fn beginnings(without: &'static [Without]) -> Vec<World> {
    let kinds = [(1, false, true), (1, true, false), (2, false, false)];
    kinds.into_iter().map(|(flows, choice, linked)| World::new(without, flows, choice, linked)).collect()
}

#[test]
fn f_32_no_walk_of_any_length_reaches_a_code_or_tokens_without_all_guards() {
    for begins in beginnings(&[]) {
        let explored = explore(begins).unwrap_or_else(|(way, wrong)| panic!("{wrong}: {way:?}"));
        println!("{explored:?}");
        assert!(explored.codes > 0 && explored.tokens > 0, "{explored:?}");
    }
}

#[test]
fn f_32_each_guard_is_missed_where_it_is_taken_out() {
    use Without::*;
    // The place is that of the beginning where it shows soonest.
    let cases: [(&'static [Without], usize); 16] = [
        (&[Time], 1),
        (&[SamePerson], 1),
        (&[MayLink], 1),
        (&[LoginLock], 1),
        (&[PinLock], 1),
        (&[Version], 1),
        (&[ClaimOfTheRequest], 2),
        (&[LinkageToRenew], 0),
        (&[Question], 1),
        (&[Intent], 1),
        (&[Text], 1),
        (&[Usable], 1),
        (&[CodeOnce], 1),
        (&[CodeTime], 1),
        (&[LockBehindTheCode], 1),
        (&[Standing], 1),
    ];
    for (without, place) in cases {
        let found = explore(beginnings(without).swap_remove(place)).err();
        let (way, wrong) = found.unwrap_or_else(|| panic!("nothing is missed without {without:?}"));
        println!("without {without:?}: {wrong}, after {} acts", way.len());
    }
    // Looking whether the request was answered spares the customer a way that leads nowhere; the claim is what counts.
    assert!(explore(beginnings(&[Answered]).swap_remove(2)).is_ok());
}
