//! A room with so many places, and who waits for one.
//!
//! Each source waits in a row of its own, and the rows are served in turn: however long one of them is, whoever else comes
//! is next but one. When nobody else can wait, the longest row gives way to shorter ones.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError};

use tokio::sync::oneshot;

use crate::http::limits::Prefix;
use crate::sync::{Mutex, MutexGuard};

/// How much there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Requests worked on at a time.
    pub places: usize,
    /// Of these, for one source.
    pub share: usize,
    /// Requests that wait.
    pub waiting: usize,
    /// Of these, for one source.
    pub waiting_share: usize,
}

/// A room.
pub struct Room {
    size: Size,
    state: Mutex<State>,
}

/// Who is in it. A source has an entry as long as it has a request here, so there are never more than requests.
#[derive(Default)]
struct State {
    working: usize,
    waiting: usize,
    sources: HashMap<Prefix, Row>,
    /// Sources with somebody waiting, in the order in which they are served; each once.
    turns: VecDeque<Prefix>,
    /// The number of the next who waits.
    next: u64,
}

/// What one source has in a room.
#[derive(Default)]
struct Row {
    working: usize,
    /// Who waits, in the order of their numbers.
    waiting: VecDeque<(u64, oneshot::Sender<Place>)>,
}

/// Held while a request is worked on; given back when dropped.
pub struct Place {
    room: Arc<Room>,
    source: Prefix,
}

/// Somebody who waits; no longer when dropped.
pub struct Waiting {
    room: Arc<Room>,
    source: Prefix,
    number: u64,
    place: oneshot::Receiver<Place>,
}

/// What becomes of somebody who comes in.
pub enum Entry {
    /// There is a place.
    Now(Place),
    /// There is none, but room to wait for one.
    Soon(Waiting),
    /// There is no room.
    Never,
}

impl Room {
    /// An empty room.
    #[must_use]
    pub fn new(size: Size) -> Arc<Room> {
        Arc::new(Room { size, state: Mutex::default() })
    }

    /// Whether somebody of this source would find no room at present.
    #[must_use]
    pub fn is_full(&self, source: Prefix) -> bool {
        let state = self.state();
        let row = state.sources.get(&source).map_or(0, |row| row.waiting.len());
        let has_room =
            state.waiting < self.size.waiting || state.sources.values().any(|other| other.waiting.len() > row + 1);
        row >= self.size.waiting_share || !has_room
    }

    /// Comes in.
    #[must_use]
    pub fn enter(self: &Arc<Room>, source: Prefix) -> Entry {
        let mut state = self.state();
        let State { working, waiting, sources, .. } = &mut *state;
        let row = sources.entry(source).or_default();
        if *working < self.size.places && row.working < self.size.share {
            *working += 1;
            row.working += 1;
            return Entry::Now(Place { room: Arc::clone(self), source });
        }
        let length = row.waiting.len();
        if length >= self.size.waiting_share || (*waiting >= self.size.waiting && !state.make_room(length)) {
            state.forget(source);
            return Entry::Never;
        }
        let (sender, place) = oneshot::channel();
        let number = state.wait(source, sender);
        Entry::Soon(Waiting { room: Arc::clone(self), source, number, place })
    }

    /// Requests worked on, and those that wait.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.working, state.waiting)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Puts somebody at the end of the row of a source, and tells the number.
    fn wait(&mut self, source: Prefix, sender: oneshot::Sender<Place>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waiting += 1;
        let row = self.sources.entry(source).or_default();
        if row.waiting.is_empty() {
            self.turns.push_back(source);
        }
        row.waiting.push_back((number, sender));
        number
    }

    /// Sends the last one of the longest row away in favour of somebody in a row of this length, unless that one is no
    /// shorter. Who is sent away learns it by the end of the channel.
    fn make_room(&mut self, length: usize) -> bool {
        let longest = self.sources.values_mut().max_by_key(|row| row.waiting.len());
        let Some(row) = longest.filter(|row| row.waiting.len() > length + 1) else { return false };
        self.waiting -= 1;
        row.waiting.pop_back().is_some()
    }

    /// Gives a place back, and tells who is next to have one.
    fn leave(&mut self, source: Prefix, size: &Size) -> Option<(Prefix, oneshot::Sender<Place>)> {
        self.working -= 1;
        if let Some(row) = self.sources.get_mut(&source) {
            row.working -= 1;
        }
        let next = self.next_turn(size);
        self.forget(source);
        next
    }

    /// Whoever is next. At most a few sources can have their whole share, so few are passed over.
    fn next_turn(&mut self, size: &Size) -> Option<(Prefix, oneshot::Sender<Place>)> {
        for _ in 0..self.turns.len() {
            let source = self.turns.pop_front()?;
            let Some(row) = self.sources.get_mut(&source) else { continue };
            if row.working >= size.share {
                self.turns.push_back(source);
                continue;
            }
            let Some((_, sender)) = row.waiting.pop_front() else { continue };
            row.working += 1;
            if !row.waiting.is_empty() {
                self.turns.push_back(source);
            }
            self.working += 1;
            self.waiting -= 1;
            return Some((source, sender));
        }
        None
    }

    /// Takes somebody who waits out of the row, unless a place is on its way.
    fn give_up(&mut self, source: Prefix, number: u64) {
        let Some(row) = self.sources.get_mut(&source) else { return };
        let Ok(at) = row.waiting.binary_search_by_key(&number, |(number, _)| *number) else { return };
        row.waiting.remove(at);
        self.waiting -= 1;
        if row.waiting.is_empty() {
            self.turns.retain(|other| *other != source);
            self.forget(source);
        }
    }

    fn forget(&mut self, source: Prefix) {
        if self.sources.get(&source).is_some_and(|row| row.working == 0 && row.waiting.is_empty()) {
            self.sources.remove(&source);
        }
    }
}

impl Waiting {
    /// A place, once there is one.
    pub async fn place(mut self) -> Option<Place> {
        (&mut self.place).await.ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // A place that is on its way is given back with the channel.
        self.room.state().give_up(self.source, self.number);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let next = self.room.state().leave(self.source, &self.room.size);
        if let Some((source, sender)) = next {
            // Who is gone by now gives the place back by not taking it.
            drop(sender.send(Place { room: Arc::clone(&self.room), source }));
        }
    }
}

#[cfg(test)]
mod tests;
