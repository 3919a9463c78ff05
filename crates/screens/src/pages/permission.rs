//! 情報アクセス許可: everything the customer permits, in one view.

use std::borrow::Cow;

use askama::Template;
use renkei_domain::flow::Screen;
use renkei_domain::operation::{Operation, Period};
use renkei_domain::time::Day;

use crate::frame::{Asking, ErrorLine, Frame, Page};
use crate::label::AccountLabel;
use crate::pages::renders;
use crate::plain::plain_text;

/// An operation the permission covers.
#[derive(Debug, Clone, Copy)]
pub struct PermittedOperation {
    /// Which.
    pub operation: Operation,
    /// Last day on which it is permitted; not after the end of the whole period.
    pub until: Day,
}

/// An account that may be ticked.
#[derive(Debug, Clone)]
pub struct PermissionAccount {
    /// Account id: the value of `account`.
    pub account: String,
    /// How it is named.
    pub label: AccountLabel,
    /// Whether it is ticked.
    pub ticked: bool,
}

/// Why the form comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PermissionError {
    /// No account is ticked.
    NoAccount,
    /// 「許可手続きを継続する」 is not ticked.
    IntentNotConfirmed,
    /// The terms, the period or the partner changed while the form was open.
    TextChanged,
}

/// Posts `account` (repeated), `intent`, `terms`, `text_hash` and `action` (`allow` or `deny`) to
/// `{base}/permission`.
#[derive(Debug, Clone, Template)]
#[template(path = "permission.html")]
pub struct PermissionPage {
    /// The common frame, with a flow.
    pub frame: Frame,
    /// Customer (company) for whom the permission is given.
    pub customer_name: String,
    /// What the partner says it needs the data for.
    pub purpose: String,
    /// What is permitted.
    pub operations: Vec<PermittedOperation>,
    /// Accounts that may be ticked.
    pub accounts: Vec<PermissionAccount>,
    /// Whether these are the only ones the partner asks for.
    pub accounts_asked: bool,
    /// Accounts that can't, because no PIN is registered for them.
    pub without_pin: Vec<AccountLabel>,
    /// 認可期間.
    pub period: Period,
    /// Last day of the linkage that is renewed; `None` for a new linkage.
    pub renews_until: Option<Day>,
    /// Version of the API terms of use.
    pub terms_version: String,
    /// Path of their full text.
    pub terms_path: String,
    /// [`Evidence::markup`] of this page as it is; `None`: it is drawn with the page.
    pub drawn: Option<String>,
    /// Hexadecimal SHA-256 of [`Evidence::text`], sent back with the form.
    pub text_hash: String,
    /// Whether 「許可手続きを継続する」 is ticked.
    pub intent: bool,
    /// Why the form comes back.
    pub errors: Vec<PermissionError>,
}

/// What the customer sees and agrees to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// As it stands in the page.
    pub markup: String,
    /// Word for word, as it is kept: the same without markup, ticks and error messages. Depends on the language of the
    /// page; not on `csrf`, time left or ticks.
    pub text: String,
}

/// The part of the page that is kept as evidence.
#[derive(Template)]
#[template(path = "parts/evidence.html")]
struct EvidencePart<'a> {
    page: &'a PermissionPage,
    frame: &'a Frame,
    with_errors: bool,
}

impl Page for PermissionPage {
    const STEP: Option<Screen> = Some(Screen::Permission);

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn heading(&self) -> String {
        self.frame.say("permission-heading").to_string()
    }

    fn errors(&self) -> Vec<ErrorLine> {
        let line = |error: &PermissionError| {
            let (field, id) = match error {
                PermissionError::NoAccount => ("account-1", "permission-no-account"),
                PermissionError::IntentNotConfirmed => ("intent", "permission-no-intent"),
                PermissionError::TextChanged => ("evidence", "permission-changed"),
            };
            ErrorLine { field: field.to_owned(), text: self.frame.say(id).to_string() }
        };
        self.errors.iter().map(line).collect()
    }
}

impl PermissionPage {
    /// The part of the page that is kept as evidence.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let markup = self.draw(false);
        Evidence { text: plain_text(&markup), markup }
    }

    fn draw(&self, with_errors: bool) -> String {
        EvidencePart { page: self, frame: &self.frame, with_errors }.render().unwrap_or_default()
    }

    fn drawn(&self) -> Cow<'_, str> {
        self.drawn.as_deref().map_or_else(|| self.draw(true).into(), Cow::from)
    }
}

impl EvidencePart<'_> {
    fn asking(&self) -> Option<&Asking> {
        self.frame.flow.as_ref().map(|flow| &flow.asking)
    }

    fn error_at(&self, field: &str) -> Option<String> {
        if self.with_errors { self.page.error_at(field) } else { None }
    }

    /// The period as dates; an operation that ends earlier says so itself.
    fn period(&self) -> String {
        let lang = self.frame.lang;
        let dates = self.frame.say("permission-period-dates");
        dates
            .with("from", lang.day(&self.page.period.from))
            .with("until", lang.day(&self.page.period.until))
            .to_string()
    }

    fn ends_early(&self, operation: &PermittedOperation) -> bool {
        operation.until < self.page.period.until
    }
}

renders!(PermissionPage);
