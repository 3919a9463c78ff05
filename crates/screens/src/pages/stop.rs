//! Stopping a linkage at the institution: one confirmation, one receipt.

use askama::Template;
use renkei_domain::time::Timestamp;

use crate::frame::{Frame, Page};
use crate::pages::linkages::LinkageLine;
use crate::pages::renders;

/// Posts to `{linkage.path}/stop`.
#[derive(Debug, Clone, Template)]
#[template(path = "stop.html")]
pub struct StopPage {
    /// The common frame, with a customer.
    pub frame: Frame,
    /// The linkage to be stopped.
    pub linkage: LinkageLine,
}

impl Page for StopPage {
    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn heading(&self) -> String {
        self.frame.say("stop-heading").with("product", &self.linkage.product).to_string()
    }
}

/// The receipt; prints as one.
#[derive(Debug, Clone, Template)]
#[template(path = "stopped.html")]
pub struct StoppedPage {
    /// The common frame, with a customer.
    pub frame: Frame,
    /// The linkage that was stopped.
    pub linkage: LinkageLine,
    /// When it was stopped.
    pub stopped_at: Timestamp,
    /// Receipt number staff can find.
    pub reference: String,
}

impl Page for StoppedPage {
    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn heading(&self) -> String {
        self.frame.say("stopped-heading").to_string()
    }
}

renders!(StopPage, StoppedPage);
