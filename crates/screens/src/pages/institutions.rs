//! The installation's own page: whose linkages are served here.

use askama::Template;

use crate::frame::{Frame, Page};
use crate::pages::renders;

/// An institution of the installation.
#[derive(Debug, Clone)]
pub struct InstitutionLine {
    /// 金融機関コード.
    pub code: String,
    /// Its name in the language of the page.
    pub name: String,
    /// Path of its public page.
    pub path: String,
}

/// Anybody may see it. Its frame has no institution.
#[derive(Debug, Clone, Template)]
#[template(path = "institutions.html")]
pub struct InstitutionsPage {
    /// The common frame, without an institution.
    pub frame: Frame,
    /// The institutions, in the order to be shown.
    pub institutions: Vec<InstitutionLine>,
}

impl Page for InstitutionsPage {
    const PUBLIC: bool = true;

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn heading(&self) -> String {
        self.frame.say("institutions-heading").to_string()
    }
}

renders!(InstitutionsPage);
