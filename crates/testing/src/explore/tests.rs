use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use super::*;

#[test]
fn f_33_two_threads_of_two_steps_have_six_orders() {
    let two = |world: &AtomicI64| {
        world.load(Ordering::Relaxed);
        world.load(Ordering::Relaxed);
    };
    // Three pieces each, of which the first has no step before it: as many orders as there are ways to shuffle them.
    let all = explore(usize::MAX, AtomicI64::default, &[&two, &two], |_| Ok(()));
    assert_eq!((all.orders, all.wrong), (20, None));
    let alone = explore(0, AtomicI64::default, &[&two, &two], |_| Ok(()));
    assert_eq!(alone.orders, 2);
}

#[test]
fn f_33_a_count_that_is_read_and_written_apart_is_lost() {
    let torn = |world: &AtomicI64| {
        let before = world.load(Ordering::Relaxed);
        world.store(before + 1, Ordering::Relaxed);
    };
    let holds = |world: &AtomicI64| match world.load(Ordering::Relaxed) {
        2 => Ok(()),
        other => Err(format!("{other} instead of 2")),
    };
    assert!(explore(0, AtomicI64::default, &[&torn, &torn], holds).wrong.is_none());
    explore(1, AtomicI64::default, &[&torn, &torn], holds).expect_wrong("a lost update");
}

#[test]
fn f_33_threads_that_wait_for_each_other_are_found() {
    type Two = (Mutex<i64>, Mutex<i64>);
    let there = |(first, second): &Two| drop((first.lock().unwrap(), second.lock().unwrap()));
    let back = |(first, second): &Two| drop((second.lock().unwrap(), first.lock().unwrap()));
    explore(2, Two::default, &[&there, &there], |_| Ok(())).expect_right("locks in one order");
    explore(2, Two::default, &[&there, &back], |_| Ok(())).expect_wrong("locks in two orders");
}

#[test]
fn f_33_a_lock_keeps_what_is_done_under_it_together() {
    let count = |world: &Mutex<i64>| {
        let mut count = world.lock().unwrap();
        let before = *count;
        step();
        *count = before + 1;
    };
    let holds = |world: &Mutex<i64>| (*world.lock().unwrap() == 3).then_some(()).ok_or_else(|| "lost".to_owned());
    explore(3, Mutex::default, &[&count, &count, &count], holds).expect_right("three under a lock");
}

type Slot<T> = std::sync::Mutex<Option<T>>;

#[test]
fn f_33_a_future_is_woken_by_another_thread_and_one_that_nobody_wakes_is_found() {
    type Channel = (Slot<oneshot::Sender<i64>>, Slot<oneshot::Receiver<i64>>);
    let world = || {
        let (sender, receiver) = oneshot::channel();
        (Slot::new(Some(sender)), Slot::new(Some(receiver)))
    };
    let take = |(_, receiver): &Channel| {
        let own = lock(receiver).take().unwrap();
        assert_eq!(block_on(own), Ok(7));
    };
    let send = |(sender, _): &Channel| {
        step();
        lock(sender).take().unwrap().send(7).unwrap();
    };
    explore(3, world, &[&take, &send], |_| Ok(())).expect_right("a message");
    explore(3, world, &[&take, &|_| step()], |_| Ok(())).expect_wrong("no message");
}
