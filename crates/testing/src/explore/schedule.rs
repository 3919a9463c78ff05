//! Whose turn it is.

use std::cell::RefCell;
use std::sync::{Arc, Condvar, Mutex};

use super::{lock, stop};

/// What a thread waits for that is woken by name.
pub const WAKER: usize = 1;

/// Steps of one order; more are taken for an order that never ends.
const STEPS_MAX: usize = 10_000;

thread_local! {
    static EXPLORED: RefCell<Option<(Arc<Schedule>, usize)>> = const { RefCell::new(None) };
}

/// Says that this thread is explored.
pub fn enter(schedule: &Arc<Schedule>, number: usize) {
    EXPLORED.with(|explored| *explored.borrow_mut() = Some((Arc::clone(schedule), number)));
}

/// Says that it is not any more.
pub fn leave() {
    EXPLORED.with(|explored| *explored.borrow_mut() = None);
}

/// The schedule of this thread and its number, if it is explored.
pub fn current() -> Option<(Arc<Schedule>, usize)> {
    EXPLORED.try_with(|explored| explored.borrow().clone()).ok().flatten()
}

/// Does this on a thread that is explored, unless it unwinds.
pub fn with(act: impl FnOnce(&Schedule, usize)) {
    if !std::thread::panicking()
        && let Some((schedule, number)) = current()
    {
        act(&schedule, number);
    }
}

/// What unwinds the other threads once something is wrong.
pub struct Stopped;

/// The turns to be given where there is a choice: which of how many.
#[derive(Debug, Default)]
pub struct Given(Vec<(usize, usize)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thread {
    Ready,
    /// For this lock, or [`WAKER`].
    Waits(usize),
    Done,
}

/// One order.
pub struct Schedule {
    state: Mutex<State>,
    turns: Vec<Condvar>,
}

struct State {
    threads: Vec<Thread>,
    /// Woken before it waited.
    woken: Vec<bool>,
    turn: usize,
    interruptions: usize,
    given: Vec<(usize, usize)>,
    /// How many choices were made.
    choices: usize,
    order: Vec<usize>,
    wrong: Option<String>,
}

impl Schedule {
    /// An order that begins with these turns and goes on with whoever has it.
    pub fn new(threads: usize, interruptions: usize, given: Given) -> Schedule {
        let mut state = State {
            threads: vec![Thread::Ready; threads],
            woken: vec![false; threads],
            turn: 0,
            interruptions,
            given: given.0,
            choices: 0,
            order: Vec::new(),
            wrong: None,
        };
        state.choose(None);
        Schedule { state: Mutex::new(state), turns: (0..threads).map(|_| Condvar::new()).collect() }
    }

    /// Waits for the turn of a thread.
    pub fn await_turn(&self, number: usize) {
        let mut state = lock(&self.state);
        while state.turn != number && state.wrong.is_none() {
            state = self.turns[number].wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        if state.wrong.is_some() {
            drop(state);
            stop();
        }
    }

    /// Gives the turn to whoever comes next; that may be this thread.
    pub fn step(&self, number: usize) {
        let mut state = lock(&self.state);
        state.pass_on(Thread::Ready, number);
        self.hand_over(state, number);
    }

    /// Gives the turn away until what is waited for has come.
    pub fn wait(&self, number: usize, what: usize) {
        let mut state = lock(&self.state);
        let is_woken = what == WAKER && std::mem::take(&mut state.woken[number]);
        state.pass_on(if is_woken { Thread::Ready } else { Thread::Waits(what) }, number);
        self.hand_over(state, number);
    }

    /// A lock was given back: whoever waits for it may look again.
    pub fn release(&self, what: usize) {
        let mut state = lock(&self.state);
        for thread in &mut state.threads {
            if *thread == Thread::Waits(what) {
                *thread = Thread::Ready;
            }
        }
    }

    /// Wakes a thread by name.
    pub fn wake(&self, number: usize) {
        let mut state = lock(&self.state);
        if state.threads[number] == Thread::Waits(WAKER) {
            state.threads[number] = Thread::Ready;
        } else {
            state.woken[number] = true;
        }
    }

    /// A thread has ended, perhaps with something wrong.
    pub fn end(&self, number: usize, wrong: Option<String>) {
        let mut state = lock(&self.state);
        if state.wrong.is_none() {
            state.wrong = wrong;
        }
        state.pass_on(Thread::Done, number);
        let turn = state.turn;
        let is_wrong = state.wrong.is_some();
        drop(state);
        self.tell(turn, is_wrong);
    }

    /// What was wrong.
    pub fn wrong(&self) -> Option<String> {
        lock(&self.state).wrong.clone()
    }

    /// The turns of the next order, if there is one, and those of this.
    pub fn next(&self) -> (Option<Given>, Vec<usize>) {
        let state = lock(&self.state);
        let mut given = state.given.clone();
        while let Some((which, of)) = given.pop() {
            if which + 1 < of {
                given.push((which + 1, of));
                return (Some(Given(given)), state.order.clone());
            }
        }
        (None, state.order.clone())
    }

    fn hand_over(&self, state: std::sync::MutexGuard<'_, State>, number: usize) {
        let (turn, is_wrong) = (state.turn, state.wrong.is_some());
        drop(state);
        if turn != number || is_wrong {
            self.tell(turn, is_wrong);
            self.await_turn(number);
        }
    }

    fn tell(&self, turn: usize, is_wrong: bool) {
        if is_wrong {
            self.turns.iter().for_each(Condvar::notify_all);
        } else if let Some(next) = self.turns.get(turn) {
            next.notify_all();
        }
    }
}

impl State {
    /// A thread has done something, and is in this state now.
    fn pass_on(&mut self, now: Thread, number: usize) {
        self.threads[number] = now;
        if self.wrong.is_none() {
            self.choose((now == Thread::Ready).then_some(number));
        }
    }

    /// Chooses whose turn comes; `on`: whoever has it and could go on.
    fn choose(&mut self, on: Option<usize>) {
        let ready = |number: &usize| self.threads[*number] == Thread::Ready && Some(*number) != on;
        let others: Vec<usize> = match on {
            Some(_) if self.interruptions == 0 => Vec::new(),
            _ => (0..self.threads.len()).filter(ready).collect(),
        };
        let options: Vec<usize> = on.into_iter().chain(others).collect();
        if options.is_empty() {
            if self.threads.iter().any(|thread| *thread != Thread::Done) {
                self.wrong = Some("threads wait for each other, or for what does not come".to_owned());
            }
            return;
        }
        let which = if options.len() == 1 { 0 } else { self.choice(options.len()) };
        self.turn = options[which];
        if on.is_some_and(|on| on != self.turn) {
            self.interruptions -= 1;
        }
        self.order.push(self.turn);
        if self.order.len() > STEPS_MAX {
            self.wrong = Some("an order that does not end".to_owned());
        }
    }

    fn choice(&mut self, of: usize) -> usize {
        self.choices += 1;
        match self.given.get(self.choices - 1) {
            Some((which, before)) => {
                assert_eq!(*before, of, "the threads don't do the same in the same order");
                *which
            }
            None => {
                self.given.push((0, of));
                0
            }
        }
    }
}
