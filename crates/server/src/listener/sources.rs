//! How many connections one source holds.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, PoisonError};

use crate::http::limits::Prefix;
use crate::sync::Mutex;

/// Open connections by source: an entry for each source that has one, so never more than there are connections.
pub struct Sources {
    most: u32,
    open: Mutex<HashMap<Prefix, u32>>,
}

/// A connection's place among its source's; given back when dropped.
pub struct Place {
    sources: Arc<Sources>,
    source: Prefix,
}

impl Sources {
    /// None open yet, and at most so many for each source.
    pub fn new(most: u32) -> Arc<Sources> {
        Arc::new(Sources { most, open: Mutex::default() })
    }

    /// A place for one more connection of a source, unless it has as many as it may.
    pub fn enter(self: &Arc<Sources>, source: Prefix) -> Option<Place> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(source).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place { sources: Arc::clone(self), source })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.sources.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = open.entry(self.source) {
            *entry.get_mut() = entry.get().saturating_sub(1);
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::source::Source;

    #[test]
    fn a_113_a_source_holds_so_many_connections_and_leaves_no_trace() {
        let sources = Sources::new(2);
        let prefix = |text: &str| Prefix::of(Some(&Source(text.parse().unwrap())));
        let (attacker, neighbour) = (prefix("2001:db8:1:2::1"), prefix("2001:db8:1:2:ffff::9"));
        let held = (sources.enter(attacker), sources.enter(neighbour));
        assert!(held.0.is_some() && held.1.is_some());
        assert!(sources.enter(attacker).is_none(), "a /64 is one source");
        let honest = sources.enter(prefix("203.0.113.9"));
        assert!(honest.is_some());
        drop(held);
        assert!(sources.enter(attacker).is_some());
        drop(honest);
        assert_eq!(sources.open.lock().unwrap().len(), 0);
    }
}
