//! What is wrong with a registry file, and where.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The table, by its key: `partners "kakeibo" products "cloud"`; empty for the file as a whole.
    pub table: String,
    /// The key in the table, with a position in a list: `redirect_uris #2`; empty for the table as a whole.
    pub key: String,
    /// What is wrong and what it has to be.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.file, &self.table, &self.key, &self.reason];
        let parts: Vec<&str> = parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        f.write_str(&parts.join(": "))
    }
}

/// Everything found so far in one file.
pub(super) struct Problems {
    file: String,
    found: Vec<Problem>,
}

impl Problems {
    pub fn new(file: &str) -> Problems {
        Problems { file: file.to_owned(), found: Vec::new() }
    }

    pub fn add(&mut self, table: String, key: &str, reason: impl fmt::Display) {
        let reason = reason.to_string();
        self.found.push(Problem { file: self.file.clone(), table, key: key.to_owned(), reason });
    }

    /// What is wrong with the values of this table.
    pub fn of_table(&mut self, table: String) -> TableProblems<'_> {
        TableProblems { all: self, table }
    }

    /// Whether nothing is wrong so far.
    pub fn are_none(&self) -> bool {
        self.found.is_empty()
    }

    /// All of it.
    pub fn into_found(self) -> Vec<Problem> {
        self.found
    }
}

/// Everything found, while one table is looked at.
pub(super) struct TableProblems<'a> {
    all: &'a mut Problems,
    table: String,
}

impl TableProblems<'_> {
    /// Adds a problem of this key.
    pub fn add(&mut self, key: &str, reason: impl fmt::Display) {
        self.all.add(self.table.clone(), key, reason);
    }

    /// The value, or nothing and a problem of this key.
    pub fn take<T, E: fmt::Display>(&mut self, key: &str, outcome: Result<T, E>) -> Option<T> {
        outcome.map_err(|error| self.add(key, error)).ok()
    }

    /// What is wrong with the values of a table in this one.
    pub fn inner(&mut self, table: &str) -> TableProblems<'_> {
        TableProblems { table: format!("{} {table}", self.table), all: self.all }
    }
}
