//! What may be kept, how much of it, and that it is never found after it changed.

use renkei_testing::explore::{Explored, explore};

use super::*;

const MIGRATION: &str = include_str!("../migrations/0027_state_versions.sql");

/// The columns of which a change makes a new version; none: any does.
fn watched(table: &str) -> Vec<&str> {
    let own = format!("TRIGGER {table}_change AFTER UPDATE");
    let mut lists = MIGRATION.lines().filter_map(|line| Some(line.split_once(&own)?.1)).map(|rest| {
        let columns = rest.split_once(" ON ").unwrap().0.strip_prefix(" OF ").unwrap_or_default();
        columns.split(", ").filter(|column| !column.is_empty()).collect::<Vec<_>>()
    });
    let (sqlite, postgres) = (lists.next().unwrap(), lists.next().unwrap());
    assert_eq!(sqlite, postgres, "{table}");
    sqlite
}

#[test]
fn whatever_is_kept_of_a_linkage_is_watched_or_decides_nothing() {
    let tables = [
        ("l", "linkages"),
        ("u", "users"),
        ("c", "customers"),
        ("p", "products"),
        ("a", "partners"),
        ("i", "institutions"),
    ];
    for field in crate::linkages::FIELDS.split(", ").map(str::trim).filter(|field| !field.is_empty()) {
        let (alias, column) = field.split_once('.').unwrap();
        let table = tables.iter().find(|(own, _)| *own == alias).unwrap().1;
        let watched = watched(table);
        let decides_nothing = matches!(field, "l.linkage_id" | "l.last_read_at");
        assert_eq!(watched.is_empty() || watched.contains(&column), !decides_nothing, "{field}");
    }
    // Of these, columns that no list of fields names decide too: a responder, an address to come back to, an authentication.
    let whole = [
        "institutions",
        "partners",
        "products",
        "resource_servers",
        "access_tokens",
        "refresh_tokens",
        "linkage_accounts",
    ];
    for table in whole {
        assert!(watched(table).is_empty(), "{table}");
    }
    // Most of these rows can't go while others refer to them, unless somebody has switched that off.
    let rights =
        ["accounts", "linkage_accounts", "user_accounts", "access_tokens", "refresh_tokens", "resource_servers"];
    for table in tables.map(|(_, table)| table).into_iter().chain(rights) {
        let go = format!("TRIGGER {table}_go AFTER DELETE ON {table}");
        assert_eq!(MIGRATION.matches(&go).count(), 2, "{table}");
    }
}

#[test]
fn what_is_kept_is_bounded_and_of_one_institution() {
    let shelf = Shelf::<usize, ()>::default();
    let place = |key| ("1001".to_owned(), key);
    for key in 0..KEPT_MAX {
        shelf.put(place(key), Kept { version: Vec::new(), found: Arc::default() });
    }
    assert!(shelf.get(&place(0)).is_some() && shelf.get(&("1002".to_owned(), 0)).is_none());
    shelf.put(place(KEPT_MAX), Kept { version: Vec::new(), found: Arc::default() });
    assert!(shelf.get(&place(0)).is_none() && shelf.get(&place(KEPT_MAX)).is_some());
    assert_eq!(shelf.locked().len(), 1);
}

/// A store of one row, which is changed together with its version, and what is kept of it.
struct World {
    row: Mutex<Row>,
    shelf: Shelf<(), u8>,
}

#[derive(Clone, Copy)]
struct Row {
    state: u8,
    version: u8,
}

impl World {
    fn read(&self) -> Row {
        *self.row.lock().unwrap()
    }

    fn change(&self) {
        let mut row = self.row.lock().unwrap();
        *row = Row { state: row.state + 1, version: row.version + 1 };
    }

    /// A look as a session makes it: what is found is no older than what was there when it began.
    fn look(&self, anew: impl Fn(&World) -> Row) {
        let (place, begun) = (("1001".to_owned(), ()), self.read().state);
        let kept = self.shelf.get(&place).filter(|kept| kept.is_of(&Some(vec![self.read().version])));
        let found = kept.map(|kept| *kept.found).unwrap_or_else(|| {
            let Row { state, version } = anew(self);
            self.shelf.put(place, Kept { version: vec![version], found: Arc::new(state) });
            state
        });
        assert!(begun <= found, "found {found} after {begun}");
    }
}

fn meet(anew: impl Fn(&World) -> Row + Sync) -> Explored {
    let world = || World { row: Mutex::new(Row { state: 0, version: 0 }), shelf: Shelf::default() };
    let looks = |world: &World| {
        world.look(&anew);
        world.look(&anew);
    };
    explore(3, world, &[&looks, &looks, &World::change], |_| Ok(()))
}

#[test]
fn f_33_nothing_that_is_kept_is_found_after_it_changed() {
    meet(World::read).expect_right("findings kept with their version");
}

#[test]
fn f_33_control_a_version_looked_up_behind_what_was_found_is_found() {
    let apart = |world: &World| Row { state: world.read().state, version: world.read().version };
    meet(apart).expect_wrong("rows and version of different instants");
}
