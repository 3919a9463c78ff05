//! The cells of one row, by the names of their columns.

use std::collections::HashMap;

use super::Problem;

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The file's position in the run.
    pub file: usize,
    /// The line, from 1.
    pub line: u64,
}

/// A row, and where problems of it go.
pub(super) struct Cells<'a> {
    pub columns: &'a HashMap<String, usize>,
    pub record: &'a csv::StringRecord,
    pub place: Place,
    pub file: &'a str,
    pub problems: &'a mut Vec<Problem>,
}

impl<'a> Cells<'a> {
    /// What stands in this column; nothing where the file does not have it.
    pub fn optional(&self, column: &str) -> Option<&'a str> {
        self.columns.get(column).and_then(|at| self.record.get(*at))
    }

    /// What stands in a column that the header is known to have.
    pub fn get(&self, column: &str) -> &'a str {
        self.optional(column).unwrap_or_default()
    }

    /// Adds a problem of this column.
    pub fn wrong(&mut self, column: &str, reason: impl std::fmt::Display) {
        let (file, line) = (self.file.to_owned(), self.place.line);
        self.problems.push(Problem { file, line, column: column.to_owned(), reason: reason.to_string() });
    }

    /// The value, or nothing and a problem of this column.
    pub fn take<T, E: std::fmt::Display>(&mut self, column: &str, outcome: Result<T, E>) -> Option<T> {
        outcome.map_err(|error| self.wrong(column, error)).ok()
    }

    /// The value of the word in this column.
    pub fn word<T>(&mut self, column: &str, known: impl Fn(&str) -> Option<T>, words: &str) -> Option<T> {
        let value = known(self.get(column));
        if value.is_none() {
            self.wrong(column, format!("it must be one of {words}"));
        }
        value
    }
}
