//! The institution's public page: what the linkage is, with whom, on which conditions, and how to begin.

use askama::Template;
use renkei_domain::time::Day;

use crate::frame::{Frame, Page};
use crate::pages::renders;

/// A partner of the institution.
#[derive(Debug, Clone)]
pub struct PublicPartner {
    /// Legal name.
    pub company: String,
    /// Its products that can be linked.
    pub products: Vec<String>,
    /// The domain registered for it.
    pub domain: String,
    /// 電子決済等代行業者 registration; empty when none is stored.
    pub registration: String,
}

/// A version of the API terms of use.
#[derive(Debug, Clone)]
pub struct TermsLink {
    /// Its version.
    pub version: String,
    /// First day in force.
    pub from: Day,
    /// Path of the text.
    pub path: String,
}

/// Anybody may see it.
#[derive(Debug, Clone, Template)]
#[template(path = "public.html")]
pub struct PublicPage {
    /// The common frame, with an institution.
    pub frame: Frame,
    /// The day of which the list of partners is.
    pub as_of: Day,
    /// The partners, in the order to be shown.
    pub partners: Vec<PublicPartner>,
    /// Terms in force and before, the newest first.
    pub terms: Vec<TermsLink>,
    /// Path of the login to review and stop linkages.
    pub my_login_path: String,
}

impl Page for PublicPage {
    const PUBLIC: bool = true;

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn heading(&self) -> String {
        self.frame.say("public-heading").to_string()
    }
}

renders!(PublicPage);
