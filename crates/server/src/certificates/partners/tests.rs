use renkei_testing::explore::{Explored, Thread, explore, step};

use super::*;

const LEAVES: [[u8; 32]; 2] = [[1; 32], [2; 32]];

/// What is so: the first certificate is good until the second 7, the other one from then on.
fn truth(leaf: usize, second: i64) -> Verdict {
    if (leaf == 0) == (second < 7) { Ok(()) } else { Err(CertificateRefusal::Revoked) }
}

/// Three requests of two seconds with two certificates; `of` remembers.
fn across_a_second<W: Sync + Default>(
    of: impl Fn(&W, [u8; 32], i64, &mut dyn FnMut() -> Verdict) -> Verdict + Sync,
) -> Explored {
    let ask = |world: &W, leaf: usize, second: i64| {
        let mut find = || {
            step();
            truth(leaf, second)
        };
        assert_eq!(of(world, LEAVES[leaf], second, &mut find), truth(leaf, second), "leaf {leaf}, second {second}");
    };
    let early = |world: &W| [0, 1].into_iter().for_each(|leaf| ask(world, leaf, 6));
    let across = |world: &W| [6, 7].into_iter().for_each(|second| ask(world, 0, second));
    let late = |world: &W| [1, 0].into_iter().for_each(|leaf| ask(world, leaf, 7));
    let threads: [Thread<'_, W>; 3] = [&early, &across, &late];
    explore(2, W::default, &threads, |_| Ok(()))
}

#[test]
fn f_33_a_verdict_on_a_chain_serves_its_certificate_and_its_second_alone() {
    across_a_second(|verdicts: &Verdicts, key, second, find| verdicts.of(key, second, find))
        .expect_right("verdicts on chains");
}

/// The second and the verdicts of it, each under a lock of its own.
#[derive(Default)]
struct Torn(Mutex<i64>, Mutex<HashMap<[u8; 32], Verdict>>);

impl Torn {
    fn of(&self, key: [u8; 32], second: i64, find: &mut dyn FnMut() -> Verdict) -> Verdict {
        if *self.0.lock().unwrap() != second {
            *self.0.lock().unwrap() = second;
            self.1.lock().unwrap().clear();
        }
        if let Some(verdict) = self.1.lock().unwrap().get(&key) {
            return *verdict;
        }
        let verdict = find();
        self.1.lock().unwrap().insert(key, verdict);
        verdict
    }
}

#[test]
fn f_33_control_verdicts_apart_from_their_second_are_found() {
    across_a_second(Torn::of).expect_wrong("verdicts apart from their second");
}
