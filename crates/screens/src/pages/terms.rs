//! The institution's texts in full: API terms of use, privacy policy.

use askama::Template;
use renkei_domain::time::Day;

use crate::frame::{Frame, Page};
use crate::message::Lang;
use crate::pages::renders;

/// Which text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermsKind {
    /// API利用規定.
    Terms,
    /// プライバシーポリシー.
    Privacy,
}

/// An article of the text.
#[derive(Debug, Clone)]
pub struct Clause {
    /// Its heading; empty for none.
    pub heading: String,
    /// Its paragraphs.
    pub paragraphs: Vec<String>,
}

/// The text is the institution's and in Japanese, whatever the language of the page around it.
#[derive(Debug, Clone, Template)]
#[template(path = "terms.html")]
pub struct TermsPage {
    /// The common frame, with an institution.
    pub frame: Frame,
    /// Which text.
    pub kind: TermsKind,
    /// Its version; a privacy policy has none here.
    pub version: String,
    /// First day in force; `None` when it bears no date.
    pub from: Option<Day>,
    /// The text.
    pub clauses: Vec<Clause>,
}

impl Page for TermsPage {
    const PUBLIC: bool = true;

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn heading(&self) -> String {
        let id = match self.kind {
            TermsKind::Terms => "foot-terms",
            TermsKind::Privacy => "foot-privacy",
        };
        self.frame.say(id).to_string()
    }
}

impl TermsPage {
    /// Whether it is to be said that the text is in another language than the page. An address is in none.
    fn is_foreign(&self) -> bool {
        self.kind == TermsKind::Terms && self.frame.lang != Lang::Japanese
    }
}

renders!(TermsPage);
