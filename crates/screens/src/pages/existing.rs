//! The user has a linkage with this product already: renew it, or add another?

use askama::Template;
use renkei_domain::flow::Screen;
use renkei_domain::operation::Period;
use renkei_domain::time::Timestamp;

use crate::frame::{ErrorLine, Frame, Page};
use crate::label::AccountLabel;
use crate::pages::renders;

/// A linkage that may be renewed.
#[derive(Debug, Clone)]
pub struct ExistingLinkage {
    /// Linkage id: the value of `renew`.
    pub linkage: String,
    /// Its period.
    pub period: Period,
    /// Its accounts.
    pub accounts: Vec<AccountLabel>,
    /// When it was last used.
    pub last_used: Option<Timestamp>,
    /// Whether its period is over.
    pub expired: bool,
}

/// Posts `renew` (a linkage id or `new`) to `{base}/existing`.
#[derive(Debug, Clone, Template)]
#[template(path = "existing.html")]
pub struct ExistingPage {
    /// The common frame, with a flow.
    pub frame: Frame,
    /// What may be renewed.
    pub linkages: Vec<ExistingLinkage>,
    /// Which radio is set: a linkage id or `new`; empty for none.
    pub chosen: String,
    /// Whether the form comes back because nothing was chosen.
    pub none_chosen: bool,
}

impl Page for ExistingPage {
    const STEP: Option<Screen> = Some(Screen::Existing);

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn heading(&self) -> String {
        self.frame.say("existing-heading").to_string()
    }

    fn errors(&self) -> Vec<ErrorLine> {
        if !self.none_chosen {
            return Vec::new();
        }
        let field = if self.linkages.is_empty() { "renew-new" } else { "renew-1" };
        vec![ErrorLine { field: field.to_owned(), text: self.frame.say("existing-none").to_string() }]
    }
}

impl ExistingPage {
    fn is_chosen(&self, value: &str) -> bool {
        self.chosen == value
    }
}

renders!(ExistingPage);
