//! The checker itself: a history of a faithful server passes, and each kind of lie is found.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use renkei_domain::ticket::Ticket;
use renkei_faults::check::violations;
use renkei_faults::history::{Act, Event, Said};
use renkei_faults::truth::{LinkageRow, RecordRow, Truth};
use uuid::Uuid;

const LINKAGE: &str = "0192f0c0-0000-7000-8000-000000000001";
/// The end of the consent.
const ENDS_AT: i64 = 1_000_000_000;
const ACCOUNT: &str = "0192f0c0-0000-4000-8000-00000000000a";

/// One linkage: permitted, redeemed, the redemption replayed, refreshed, read, ended, and read again in vain.
struct World {
    events: Vec<Event>,
    truth: Truth,
    code: String,
}

fn event(act: Act, key: &str, said: Said, (begin, end): (u64, u64)) -> Event {
    let facts = match act {
        Act::Permit | Act::Read => [("accounts".to_owned(), ACCOUNT.to_owned())].into(),
        Act::Redeem => [("linkage".to_owned(), LINKAGE.to_owned()), ("expires_in".to_owned(), "300".to_owned())].into(),
        _ => BTreeMap::new(),
    };
    let request_id = Some(format!("{act:?}{begin}"));
    Event {
        id: 0,
        act,
        key: key.to_owned(),
        begin,
        ahead: 0,
        end: Some(end),
        said,
        note: String::new(),
        request_id,
        facts,
    }
}

fn record(event: &Event, action: &str, object: &str) -> RecordRow {
    RecordRow {
        request_id: event.request_id.clone().unwrap(),
        action: action.to_owned(),
        outcome: "done".to_owned(),
        object: object.to_owned(),
        detail: String::new(),
    }
}

impl World {
    fn faithful() -> World {
        let ticket = Ticket::new(Uuid::now_v7(), &[7; 32]);
        let code = ticket.reveal();
        let told = [
            (event(Act::Push, "", Said::Done, (0, 1)), "request_pushed"),
            (event(Act::Permit, &code, Said::Done, (10, 11)), "linkage_begun"),
            (event(Act::Redeem, &code, Said::Done, (20, 21)), "code_redeemed"),
            (event(Act::Refresh, LINKAGE, Said::Done, (30, 31)), "token_refreshed"),
            (event(Act::Read, LINKAGE, Said::Done, (40, 41)), "accounts_read"),
            (event(Act::Revoke, LINKAGE, Said::Done, (50, 51)), "linkage_ended"),
        ];
        let records = told.iter().map(|(event, action)| record(event, action, LINKAGE)).collect();
        let sealed = (0..).zip(&told).map(|(place, (event, _))| (place, event.request_id.clone().unwrap())).collect();
        let mut events: Vec<Event> = told.into_iter().map(|(event, _)| event).collect();
        events.push(event(Act::Replay, &code, Said::Refused, (22, 23)));
        let mut vain = event(Act::Read, LINKAGE, Said::Refused, (60, 61));
        vain.note = "ended_by_partner".to_owned();
        events.push(vain);
        let row = LinkageRow {
            ended_by: Some("partner".to_owned()),
            ends_at: Some(ENDS_AT),
            accounts: BTreeSet::from([ACCOUNT.to_owned()]),
        };
        let id = ticket.id().to_string();
        let truth = Truth {
            linkages: BTreeMap::from([(LINKAGE.to_owned(), row)]),
            codes: BTreeMap::from([(id.clone(), (LINKAGE.to_owned(), true))]),
            tokens: BTreeMap::from([(id, 1)]),
            pins: BTreeSet::new(),
            records,
            sealed,
            clocks_differ: false,
            began_at: 0,
        };
        World { events, truth, code }.numbered()
    }

    fn numbered(mut self) -> World {
        for (id, event) in self.events.iter_mut().enumerate() {
            event.id = id;
        }
        self
    }

    fn of(&mut self, act: Act) -> &mut Event {
        self.events.iter_mut().find(|event| event.act == act).unwrap()
    }

    /// What the checker finds after this change.
    fn found(change: impl FnOnce(&mut World)) -> String {
        let mut world = World::faithful();
        change(&mut world);
        let world = world.numbered();
        violations(&world.events, &world.truth).join("\n")
    }
}

#[test]
fn f_35_a_faithful_history_passes() {
    assert_eq!(World::found(|_| ()), "");
}

#[test]
fn i_1_an_acknowledged_linkage_that_is_gone_is_found() {
    assert!(World::found(|world| world.truth.codes.clear()).contains("I1"));
    let other = |world: &mut World| {
        world.truth.linkages.get_mut(LINKAGE).unwrap().accounts.insert("b".into());
    };
    assert!(World::found(other).contains("I1: the linkage of permission"));
}

#[test]
fn i_2_a_pin_without_a_permission_and_a_linkage_without_its_pin_are_found() {
    let stray = |world: &mut World| {
        world.truth.pins.insert("stranger".into());
    };
    assert!(World::found(stray).contains("I2"));
    let live = |world: &mut World| world.truth.linkages.get_mut(LINKAGE).unwrap().ended_by = None;
    assert!(World::found(live).contains("has no PIN"));
}

#[test]
fn i_3_a_read_after_the_end_was_acknowledged_is_found() {
    let stale = |world: &mut World| {
        world.events.push(event(Act::Read, LINKAGE, Said::Done, (70, 71)));
        let read = world.events.last().unwrap().clone();
        world.truth.records.push(record(&read, "accounts_read", LINKAGE));
    };
    assert!(World::found(stale).contains("I3 F-35"));
    // While the end is under way, both answers are right.
    let beside = |world: &mut World| {
        world.of(Act::Revoke).end = Some(100);
        stale(world);
        world.events.retain(|event| event.said != Said::Refused || event.act != Act::Read);
    };
    assert_eq!(World::found(beside), "");
}

#[test]
fn i_3_an_acknowledged_end_that_is_gone_is_found() {
    let lost = |world: &mut World| {
        world.truth.linkages.get_mut(LINKAGE).unwrap().ended_by = None;
        world.truth.pins.insert(ACCOUNT.into());
    };
    assert!(World::found(lost).contains("I3: the end of linkage"));
}

#[test]
fn i_4_a_code_that_yields_twice_is_found() {
    let twice = |world: &mut World| {
        let code = world.code.clone();
        world.events.push(event(Act::Redeem, &code, Said::Done, (24, 25)));
        let redeem = world.events.last().unwrap().clone();
        world.truth.records.push(record(&redeem, "code_redeemed", LINKAGE));
    };
    assert!(World::found(twice).contains("I4 F-35"));
    assert!(World::found(|world| *world.truth.tokens.values_mut().next().unwrap() = 2).contains("I4"));
}

#[test]
fn i_4_a_code_refused_as_used_that_nobody_used_is_found_and_one_left_open_is_not() {
    let code = |world: &mut World, first: Said| {
        let redeem = world.of(Act::Redeem);
        redeem.said = first;
        redeem.begin = 26;
        let begun = redeem.request_id.clone().unwrap();
        world.truth.records.retain(|record| first != Said::Failed || record.request_id != begun);
        let code = world.code.clone();
        let mut refused = event(Act::Redeem, &code, Said::Refused, (28, 29));
        refused.note = "invalid_grant".to_owned();
        world.events.push(refused);
    };
    assert!(World::found(|world| code(world, Said::Failed)).contains("I4 F-35"));
    assert!(!World::found(|world| code(world, Said::Silent)).contains("I4"));
}

#[test]
fn i_5_a_replay_that_was_taken_is_found() {
    assert!(World::found(|world| world.of(Act::Replay).said = Said::Done).contains("I5"));
}

#[test]
fn i_6_a_fourth_verdict_and_a_counter_that_went_back_are_found() {
    let tries = |notes: &[&str]| {
        let notes: Vec<String> = notes.iter().map(|note| (*note).to_owned()).collect();
        World::found(move |world| {
            for (place, note) in (100..).zip(notes) {
                let mut tried = event(Act::Pin, ACCOUNT, Said::Done, (place * 10, place * 10 + 1));
                tried.note = note;
                world.events.push(tried);
            }
        })
    };
    assert_eq!(tries(&["wrong", "wrong", "wrong", "locked", "locked"]), "");
    assert!(tries(&["wrong", "wrong", "wrong", "wrong"]).contains("I6"));
    assert!(tries(&["wrong", "wrong", "wrong", "locked", "wrong"]).contains("I6"));
    assert!(tries(&["wrong", "wrong", "wrong", "right"]).contains("I6"));
    let told = |world: &mut World| {
        for place in 0..4 {
            let mut verdict = record(&world.events[0], "pin_tried", ACCOUNT);
            (verdict.outcome, verdict.detail) = ("refused".into(), "wrong_pin".into());
            verdict.request_id = format!("p{place}");
            world.truth.records.push(verdict);
        }
        world.events.push(event(Act::Pin, ACCOUNT, Said::Silent, (100, 101)));
    };
    assert!(World::found(told).contains("I6: 4 verdicts"));
}

#[test]
fn i_7_a_foreign_account_in_an_answer_is_found() {
    let foreign = |world: &mut World| drop(world.of(Act::Read).facts.insert("accounts".into(), format!("{ACCOUNT} b")));
    assert!(World::found(foreign).contains("I7"));
}

#[test]
fn i_8_a_token_and_a_code_that_live_too_long_are_found() {
    let long = |world: &mut World| drop(world.of(Act::Redeem).facts.insert("expires_in".into(), "3600".into()));
    assert!(World::found(long).contains("I8"));
    let late = |world: &mut World| {
        for event in world.events.iter_mut().filter(|event| event.act != Act::Push && event.act != Act::Permit) {
            event.begin += 62_000_000;
            event.end = event.end.map(|end| end + 62_000_000);
        }
    };
    assert!(World::found(late).contains("I8: a code was taken after its time"));
}

/// A day, in microseconds.
const DAY: u64 = 86_400_000_000;

#[test]
fn i_8_a_token_that_is_taken_after_its_time_or_outlives_its_consent_is_found() {
    let late = |world: &mut World| {
        world.of(Act::Redeem).facts.insert("token".into(), "t".into());
        world.of(Act::Read).facts.insert("token".into(), "t".into());
        world.of(Act::Read).ahead = 302_000_000;
    };
    assert!(World::found(late).contains("I8: an access token was taken after its time"));
    let end = |world: &mut World| world.truth.linkages.get_mut(LINKAGE).unwrap().ends_at = Some(299_000_000);
    assert!(World::found(end).contains("I8: an access token outlives its consent"));
}

#[test]
fn i_9_what_works_after_the_end_of_its_consent_is_found_by_the_clock_of_the_nodes() {
    let late = |world: &mut World| world.of(Act::Read).ahead = DAY;
    assert!(World::found(late).contains("I9: Read"));
    let refreshed = |world: &mut World| world.of(Act::Refresh).ahead = DAY;
    assert!(World::found(refreshed).contains("I9: Refresh"));
    // A refusal after the end is no loss.
    let refused = |world: &mut World| {
        let mut refused = event(Act::Refresh, LINKAGE, Said::Refused, (62, 63));
        (refused.note, refused.ahead) = ("invalid_grant".to_owned(), DAY);
        world.events.push(refused);
    };
    assert_eq!(World::found(refused), "");
}

#[test]
fn i_10_what_was_over_and_is_alive_again_is_found() {
    let open = |world: &mut World, times: [(u64, u64); 2]| {
        for (said, time) in [Said::Refused, Said::Done].into_iter().zip(times) {
            world.events.push(event(Act::Open, "request", said, time));
        }
    };
    assert!(World::found(|world| open(world, [(70, 71), (72, 73)])).contains("I10: Open"));
    // Who looked at the same time may have been first.
    assert_eq!(World::found(|world| open(world, [(70, 73), (71, 72)])), "");
    let token = |world: &mut World| {
        let mut refused = event(Act::Read, LINKAGE, Said::Refused, (32, 33));
        refused.note = "invalid_token".to_owned();
        refused.facts.insert("token".into(), "t".into());
        refused.ahead = DAY;
        world.events.push(refused);
        world.of(Act::Read).facts.insert("token".into(), "t".into());
    };
    assert!(World::found(token).contains("I10: Read"));
}

#[test]
fn i_10_a_token_refused_by_a_clock_ahead_is_alive_in_its_own_time_alone() {
    // Issued at 20 µs for 300 s; refused at 32 µs by a clock that is so far ahead, then read at 40 µs.
    let read_of = |is_lost: bool, refused_ahead: u64, read_ahead: u64| {
        World::found(move |world| {
            let mut issued = event(Act::Redeem, LINKAGE, Said::Done, (20, 21));
            issued.facts.insert("token".into(), "t".into());
            if is_lost {
                (issued.said, issued.end) = (Said::Silent, None);
                world.events.push(issued);
            } else {
                world.of(Act::Redeem).facts = issued.facts;
            }
            let mut refused = event(Act::Read, LINKAGE, Said::Refused, (32, 33));
            refused.note = "invalid_token".to_owned();
            refused.facts.insert("token".into(), "t".into());
            refused.ahead = refused_ahead;
            world.of(Act::Read).facts.insert("token".into(), "t".into());
            world.of(Act::Read).ahead = read_ahead;
            world.events.push(refused);
        })
    };
    let read_after = |refused_ahead: u64, read_ahead: u64| read_of(false, refused_ahead, read_ahead);
    // The token's end lies between the two clocks, whether its answer came or was lost.
    assert_eq!(read_of(true, 300_000_000, 0), "");
    assert!(read_of(true, 299_999_986, 0).contains("I10: Read"));
    assert_eq!(read_after(300_000_000, 0), "");
    // The refusal came before the token's end by any clock, so it was for something else.
    assert!(read_after(299_999_986, 0).contains("I10: Read"));
    // The read came after it by its own clock too.
    assert!(read_after(300_000_000, 302_000_000).contains("I10: Read"));
}

#[test]
fn i_11_a_missing_record_two_of_them_and_one_of_nothing_are_found() {
    assert!(World::found(|world| drop(world.truth.records.pop())).contains("I11"));
    let double = |world: &mut World| {
        let first = world.truth.records[0].clone();
        world.truth.records.push(first);
    };
    assert!(World::found(double).contains("I11"));
    let invented = |world: &mut World| {
        let mut invented = world.truth.records[3].clone();
        invented.request_id = "nobody".into();
        world.truth.records.push(invented);
    };
    assert!(World::found(invented).contains("without an answer"));
    // One that was left open may have been carried out.
    let open = |world: &mut World| {
        invented(world);
        world.events.push(event(Act::Refresh, LINKAGE, Said::Silent, (32, 33)));
    };
    assert_eq!(World::found(open), "");
}

#[test]
fn f_35_a_gap_a_double_and_another_order_in_the_trail_are_found() {
    let gap = World::found(|world| drop(world.truth.sealed.remove(2)));
    assert!(gap.contains("an entry 3 where 2 is due"), "{gap}");
    let double = World::found(|world| world.truth.sealed[3].0 = 2);
    assert!(double.contains("an entry 2 where 3 is due"), "{double}");
    let order = World::found(|world| {
        let (one, other) = (world.truth.sealed[1].1.clone(), world.truth.sealed[2].1.clone());
        world.truth.sealed[1].1 = other;
        world.truth.sealed[2].1 = one;
    });
    assert!(order.contains("was acknowledged before"), "{order}");
}

#[test]
fn i_12_what_was_answered_as_not_done_and_stands_is_found() {
    let failed = |world: &mut World| world.of(Act::Refresh).said = Said::Failed;
    assert!(World::found(failed).contains("I12"));
    assert!(World::found(|world| world.of(Act::Push).said = Said::Broken).contains("failure of the program"));
}

#[test]
fn i_1_a_token_that_was_issued_and_is_unknown_is_found() {
    let gone = |world: &mut World| {
        let mut refused = event(Act::Refresh, LINKAGE, Said::Refused, (45, 46));
        refused.note = "invalid_grant".to_owned();
        world.events.push(refused);
    };
    assert!(World::found(gone).contains("I1: a token"));
}
