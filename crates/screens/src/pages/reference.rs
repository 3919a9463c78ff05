//! A page for developers: sections of text, each with a table where it needs one.

use askama::Template;

use crate::frame::{Frame, Page};
use crate::pages::renders;

/// A section.
#[derive(Debug, Clone)]
pub struct ReferencePart {
    /// Its anchor, unique on the page.
    pub id: String,
    /// Its heading.
    pub heading: String,
    /// An address or a name to be typed as it stands; empty for none.
    pub code: String,
    /// Its paragraphs.
    pub paragraphs: Vec<String>,
    /// Its table; `None` for none.
    pub table: Option<ReferenceTable>,
}

/// A table whose first column is what a program reads.
#[derive(Debug, Clone)]
pub struct ReferenceTable {
    /// Headings of the columns.
    pub columns: Vec<String>,
    /// A row each, with as many cells as there are columns.
    pub rows: Vec<ReferenceRow>,
}

/// A row.
#[derive(Debug, Clone)]
pub struct ReferenceRow {
    /// Its anchor; empty for none.
    pub id: String,
    /// Its cells.
    pub cells: Vec<String>,
}

/// The page, all texts in its language.
#[derive(Debug, Clone, Template)]
#[template(path = "reference.html")]
pub struct ReferencePage {
    /// The common frame, with an institution.
    pub frame: Frame,
    /// The page's heading.
    pub heading: String,
    /// What it is about.
    pub lead: String,
    /// Path of the same as a document for programs, and what the link to it says.
    pub document: (String, String),
    /// The sections.
    pub parts: Vec<ReferencePart>,
}

impl Page for ReferencePage {
    const PUBLIC: bool = true;

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn heading(&self) -> String {
        self.heading.clone()
    }
}

impl ReferenceTable {
    /// The cells of a row with the headings of their columns.
    fn cells<'a>(&'a self, row: &'a ReferenceRow) -> impl Iterator<Item = (&'a String, &'a String)> {
        self.columns.iter().zip(&row.cells)
    }
}

renders!(ReferencePage);
