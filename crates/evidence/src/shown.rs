//! Rows beside the tests that show them and the entries that say why not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::rows::{self, Group, Kind, Number, Open};
use crate::tree::{self, Test};
use crate::{ATTACKS, OPEN, REQUIREMENTS};

/// Everything the document is written from.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The requirements.
    pub requirements: Vec<Group>,
    /// The attacks.
    pub attacks: Vec<Group>,
    /// What is open.
    pub open: BTreeMap<Number, Open>,
    /// The tests of each number.
    pub tests: BTreeMap<Number, BTreeSet<Test>>,
}

/// How a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Tests show it.
    Shown,
    /// An entry says how it is open.
    Open(Kind),
    /// Neither: a fault of the lists.
    Nothing,
}

impl Shown {
    /// Reads the lists and the tests under this folder.
    ///
    /// # Errors
    /// What can't be read, in words.
    pub fn read(root: &Path) -> Result<Shown, String> {
        let text = |name: &str| fs::read_to_string(root.join(name)).map_err(|error| format!("{name}: {error}"));
        let groups = |name: &str| rows::read_groups(&text(name)?).map_err(|fault| format!("{name}: {fault}"));
        let open = rows::read_open(&text(OPEN)?).map_err(|fault| format!("{OPEN}: {fault}"))?;
        let mut tests: BTreeMap<Number, BTreeSet<Test>> = BTreeMap::new();
        for test in tree::collect(root)? {
            for number in &test.numbers {
                tests.entry(*number).or_default().insert(test.clone());
            }
        }
        Ok(Shown { requirements: groups(REQUIREMENTS)?, attacks: groups(ATTACKS)?, open, tests })
    }

    /// The numbers of both lists.
    pub fn numbers(&self) -> impl Iterator<Item = Number> {
        self.requirements.iter().chain(&self.attacks).flat_map(|group| &group.rows).map(|row| row.number)
    }

    /// How a row stands.
    #[must_use]
    pub fn standing(&self, number: Number) -> Standing {
        match self.open.get(&number) {
            Some(entry) => Standing::Open(entry.kind),
            None if self.tests.contains_key(&number) => Standing::Shown,
            None => Standing::Nothing,
        }
    }

    /// Rows with neither a test nor an entry.
    #[must_use]
    pub fn without_word(&self) -> Vec<Number> {
        self.numbers().filter(|number| self.standing(*number) == Standing::Nothing).collect()
    }

    /// Numbers that tests or entries carry and no list knows, with where.
    #[must_use]
    pub fn unknown(&self) -> Vec<String> {
        let known: BTreeSet<Number> = self.numbers().collect();
        let tests = self.tests.iter().filter(|(number, _)| !known.contains(number));
        let tests = tests.flat_map(|(number, tests)| {
            tests.iter().map(move |test| format!("{number} of {} in {}", test.name, test.file))
        });
        let entries = self.open.keys().filter(|number| !known.contains(number));
        tests.chain(entries.map(|number| format!("{number} in {OPEN}"))).collect()
    }

    /// Entries that don't fit the tests beside them.
    #[must_use]
    pub fn stale(&self) -> Vec<String> {
        let misfit = self.open.iter().filter_map(|(number, entry)| {
            let tests = self.tests.get(number).map_or(0, BTreeSet::len);
            (!entry.kind.fits(tests)).then(|| format!("{number} is \"{}\" with {tests} tests", entry.kind.word()))
        });
        misfit.collect()
    }
}
