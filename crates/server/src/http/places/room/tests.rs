use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};

use renkei_testing::explore::{block_on, explore, step};

use super::*;
use crate::http::source::Source;

const SMALL: Size = Size { places: 4, share: 2, waiting: 6, waiting_share: 3 };

fn source(last: u8) -> Prefix {
    Prefix::of(Some(&Source(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)))))
}

fn now(entry: Entry) -> Place {
    match entry {
        Entry::Now(place) => place,
        Entry::Soon(_) => panic!("no place"),
        Entry::Never => panic!("no room"),
    }
}

fn soon(entry: Entry) -> Waiting {
    match entry {
        Entry::Soon(waiting) => waiting,
        Entry::Now(_) => panic!("a place"),
        Entry::Never => panic!("no room"),
    }
}

impl Waiting {
    /// The place, if it is there already.
    fn place_now(&mut self) -> Option<Place> {
        self.place.try_recv().ok()
    }

    fn is_sent_away(&mut self) -> bool {
        matches!(self.place.try_recv(), Err(oneshot::error::TryRecvError::Closed))
    }
}

#[test]
fn f_31_one_source_leaves_places_for_others() {
    let room = Room::new(SMALL);
    let flood = [now(room.enter(source(1))), now(room.enter(source(1)))];
    let waiting: Vec<Waiting> = (0..3).map(|_| soon(room.enter(source(1)))).collect();
    assert!(room.is_full(source(1)) && matches!(room.enter(source(1)), Entry::Never));
    assert!(!room.is_full(source(2)));
    let honest = now(room.enter(source(2)));
    assert_eq!(room.counts(), (3, 3));
    drop((flood, waiting, honest));
    assert_eq!(room.counts(), (0, 0));
}

#[test]
fn f_31_however_many_sources_there_are_no_more_is_worked_on_than_there_are_places() {
    let room = Room::new(SMALL);
    let held: Vec<Place> = (0..4).map(|number| now(room.enter(source(number)))).collect();
    let waiting: Vec<Waiting> = (10..16).map(|number| soon(room.enter(source(number)))).collect();
    assert!(matches!(room.enter(source(99)), Entry::Never));
    assert_eq!(room.counts(), (4, 6));
    assert!(!room.state().sources.contains_key(&source(99)), "who is not let in leaves no trace");
    drop(waiting);
    drop(held);
    assert!(room.state().sources.is_empty() && room.state().turns.is_empty());
}

#[test]
fn f_31_whoever_comes_beside_a_flood_is_next_but_one() {
    let room = Room::new(SMALL);
    let mut held: Vec<Place> = [1, 1, 2, 2].map(|number| now(room.enter(source(number)))).into();
    let mut flood: Vec<Waiting> = (0..3).map(|_| soon(room.enter(source(1)))).collect();
    let mut honest: Vec<Waiting> = (0..2).map(|_| soon(room.enter(source(3)))).collect();
    // Whoever has its whole share is passed over.
    held.pop();
    let first = honest[0].place_now().unwrap();
    held.remove(0);
    let second = flood[0].place_now().unwrap();
    assert!(honest[1].place_now().is_none());
    held.remove(0);
    let third = honest[1].place_now().unwrap();
    assert!(flood[1].place_now().is_none());
    drop((first, second, third));
}

#[test]
fn f_31_where_nobody_else_can_wait_the_longest_row_gives_way() {
    let room = Room::new(Size { waiting: 5, ..SMALL });
    let held = [1, 1, 2, 2].map(|number| now(room.enter(source(number))));
    let mut first: Vec<Waiting> = (0..3).map(|_| soon(room.enter(source(1)))).collect();
    let second: Vec<Waiting> = (0..2).map(|_| soon(room.enter(source(2)))).collect();
    assert!(room.is_full(source(1)) && room.is_full(source(2)) && !room.is_full(source(3)));
    let honest = soon(room.enter(source(3)));
    assert!(first[2].is_sent_away() && !first[1].is_sent_away());
    assert_eq!(room.counts(), (4, 5));
    // Who was sent away changes nothing by going.
    first.pop();
    assert_eq!(room.counts(), (4, 5));
    drop((held, first, second, honest));
    assert_eq!(room.counts(), (0, 0));
    assert!(room.state().sources.is_empty() && room.state().turns.is_empty());
}

#[test]
fn f_31_whoever_gives_up_leaves_the_row_and_a_place_on_its_way_goes_to_the_next() {
    let room = Room::new(SMALL);
    let mut held = vec![now(room.enter(source(1))), now(room.enter(source(1)))];
    let (first, mut second) = (soon(room.enter(source(1))), soon(room.enter(source(1))));
    let third = soon(room.enter(source(1)));
    drop(third);
    assert_eq!(room.counts(), (2, 2));
    held.pop();
    assert_eq!(room.counts(), (2, 1), "the place is on its way to the first");
    drop(first);
    assert!(second.place_now().is_some());
    assert_eq!(room.counts(), (1, 0));
}

#[test]
fn f_31_a_source_that_comes_and_gives_up_again_and_again_stands_in_the_order_once() {
    let room = Room::new(SMALL);
    let held = [now(room.enter(source(1))), now(room.enter(source(1)))];
    for _ in 0..1_000 {
        drop(soon(room.enter(source(1))));
    }
    let waiting = soon(room.enter(source(1)));
    assert_eq!(room.state().turns.len(), 1);
    drop((held, waiting));
    assert_eq!(room.counts(), (0, 0));
    assert!(room.state().turns.is_empty());
}

/// A room, and how many say at this moment that they have a place.
type Watched = (Arc<Room>, AtomicUsize);

const TINY: Size = Size { places: 1, share: 1, waiting: 2, waiting_share: 1 };

fn watched() -> Watched {
    (Room::new(TINY), AtomicUsize::new(0))
}

fn work((room, working): &Watched, place: Place) {
    assert!(working.fetch_add(1, Ordering::SeqCst) < room.size.places, "more have a place than there are");
    step();
    working.fetch_sub(1, Ordering::SeqCst);
    drop(place);
}

/// Comes, waits for a place if need be, works, and goes.
fn patient(world: &Watched, number: u8) {
    match world.0.enter(source(number)) {
        Entry::Now(place) => work(world, place),
        Entry::Soon(waiting) => block_on(waiting.place()).into_iter().for_each(|place| work(world, place)),
        Entry::Never => {}
    }
}

/// As [`patient`], and goes away instead of waiting.
fn impatient(world: &Watched, number: u8, go: fn(Waiting)) {
    match world.0.enter(source(number)) {
        Entry::Now(place) => work(world, place),
        Entry::Soon(waiting) => {
            step();
            go(waiting);
        }
        Entry::Never => {}
    }
}

fn is_empty((room, _): &Watched) -> Result<(), String> {
    let state = room.state();
    let left = (state.working, state.waiting, state.sources.len(), state.turns.len());
    (left == (0, 0, 0, 0)).then_some(()).ok_or_else(|| format!("left behind: {left:?}"))
}

#[test]
fn f_33_f_31_no_place_is_lost_and_none_given_twice_in_whatever_order_requests_come_and_go() {
    let (first, second) = (|world: &Watched| patient(world, 1), |world: &Watched| patient(world, 2));
    let gone = |world: &Watched| impatient(world, 3, drop);
    let same = |world: &Watched| impatient(world, 1, drop);
    explore(3, watched, &[&first, &second, &gone], is_empty).expect_right("three sources at one place");
    explore(3, watched, &[&first, &first, &same], is_empty).expect_right("one source at one place");
    explore(1, watched, &[&first, &second, &gone, &same], is_empty).expect_right("four requests at one place");
}

#[test]
fn f_33_control_a_place_that_is_on_its_way_to_somebody_who_went_is_missed() {
    let patient = |world: &Watched| patient(world, 1);
    let forgetful = |world: &Watched| {
        impatient(world, 2, |mut waiting| {
            waiting.room.state().give_up(waiting.source, waiting.number);
            waiting.place_now().into_iter().for_each(std::mem::forget);
        });
    };
    explore(3, watched, &[&patient, &patient, &forgetful], is_empty).expect_wrong("a place nobody gave back");
}
