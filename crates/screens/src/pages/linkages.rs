//! My linkages: what stands, what is due, what has ended and why.

use askama::Template;
use renkei_domain::customer::LoginMethod;
use renkei_domain::linkage::{EndedBy, Reason};
use renkei_domain::notice::Happened;
use renkei_domain::operation::{Operation, Period};
use renkei_domain::time::{Day, Timestamp};

use crate::frame::{Frame, Page};
use crate::label::AccountLabel;
use crate::message::Say;
use crate::pages::renders;

/// A linkage counts as due for renewal when it ends within this many days.
const DUE_DAYS: i32 = 30;

/// An account of a linkage.
#[derive(Debug, Clone)]
pub struct LinkageAccount {
    /// How it is named.
    pub label: AccountLabel,
    /// Why it can't be read now, if so.
    pub trouble: Option<Reason>,
}

/// A linkage as its owner sees it.
#[derive(Debug, Clone)]
pub struct LinkageLine {
    /// `{my}/linkages/{id}`: its own page; `/stop` and `/accounts` stand below it.
    pub path: String,
    /// Partner product.
    pub product: String,
    /// Legal name of the partner.
    pub company: String,
    /// The domain registered for the partner.
    pub domain: String,
    /// What is permitted.
    pub operations: Vec<Operation>,
    /// Its accounts.
    pub accounts: Vec<LinkageAccount>,
    /// From the last permission to the end.
    pub period: Period,
    /// When it was first permitted.
    pub since: Day,
    /// When it was stopped, if somebody stopped it.
    pub ended_on: Option<Day>,
    /// In which hour the partner last used it: its first instant.
    pub last_used: Option<Timestamp>,
    /// Whether it may be used now, and if not, why.
    pub standing: Result<(), Reason>,
}

/// The part of the list a linkage belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Due,
    Current,
    Ended,
}

impl LinkageLine {
    fn group(&self, today: Day) -> Group {
        match self.standing {
            Err(Reason::LinkageExpired) => Group::Due,
            Ok(()) if self.days_left(today) <= DUE_DAYS || self.has_stale_pin() => Group::Due,
            Err(
                Reason::EndedByCustomer
                | Reason::EndedByPartner
                | Reason::EndedByInstitution
                | Reason::PartnerEnded
                | Reason::ContractEnded
                | Reason::UserRemoved,
            ) => Group::Ended,
            Ok(()) | Err(_) => Group::Current,
        }
    }

    fn days_left(&self, today: Day) -> i32 {
        self.period.until.days_since_epoch().saturating_sub(today.days_since_epoch())
    }

    fn has_stale_pin(&self) -> bool {
        self.accounts.iter().any(|account| account.trouble == Some(Reason::PinStale))
    }

    /// Whether there is anything left to stop, to add or to mend.
    fn is_open(&self, today: &Day) -> bool {
        self.standing != Err(Reason::LinkageExpired) && self.group(*today) != Group::Ended
    }

    /// Class and words of the state.
    fn state(&self, frame: &Frame, today: &Day) -> (&'static str, String) {
        let (class, id) = match (self.group(*today), self.standing) {
            (Group::Ended, _) => ("state-stopped", "state-ended"),
            (Group::Due, Err(_)) => ("state-due", "existing-expired"),
            (Group::Due, Ok(())) if self.has_stale_pin() => ("state-due", "state-stale"),
            (Group::Due, Ok(())) => ("state-due", "state-due"),
            (Group::Current, Err(_)) => ("state-stopped", "state-suspended"),
            (Group::Current, Ok(())) => ("state-active", "state-active"),
        };
        (class, frame.say(id).to_string())
    }

    /// What the state means and what helps; nothing to say about one that simply works.
    fn why(&self, frame: &Frame, today: &Day) -> Option<String> {
        let say = match self.standing {
            Err(reason) => frame.say(reason_text(reason)),
            Ok(()) if self.has_stale_pin() => frame.say("why-stale"),
            Ok(()) if self.group(*today) == Group::Due => {
                frame.say("why-due").count("days", &i64::from(self.days_left(*today)))
            }
            Ok(()) => return None,
        };
        Some(say.with("product", &self.product).to_string())
    }
}

impl LinkageAccount {
    fn trouble_text<'a>(&self, frame: &'a Frame) -> Option<Say<'a>> {
        self.trouble.map(|reason| frame.say(reason_text(reason)))
    }
}

/// The sentence for a reason: what happened and what helps.
fn reason_text(reason: Reason) -> &'static str {
    match reason {
        Reason::LinkageExpired => "reason-expired",
        Reason::EndedByCustomer => "reason-by-customer",
        Reason::EndedByPartner => "reason-by-partner",
        Reason::EndedByInstitution => "reason-by-institution",
        Reason::ContractSuspended => "reason-contract-suspended",
        Reason::ContractEnded => "reason-contract-ended",
        Reason::UserSuspended => "reason-user-suspended",
        Reason::UserRemoved => "reason-user-removed",
        Reason::PartnerSuspended => "reason-partner-suspended",
        Reason::PartnerEnded => "reason-partner-ended",
        Reason::PinMissing => "reason-pin-missing",
        Reason::PinStale => "reason-pin-stale",
        Reason::AccountUnavailable => "reason-account",
    }
}

/// お知らせ: something that happened, and when.
#[derive(Debug, Clone)]
pub struct NoticeLine {
    /// When.
    pub at: Timestamp,
    /// What; a product by its name.
    pub what: Happened,
}

impl NoticeLine {
    fn text(&self, frame: &Frame) -> String {
        match &self.what {
            Happened::LoggedIn(LoginMethod::Password, source) => {
                frame.say("notice-login-password").with("source", source).to_string()
            }
            Happened::LoggedIn(LoginMethod::Certificate, source) => {
                frame.say("notice-login-certificate").with("source", source).to_string()
            }
            Happened::LoginsFailed(count) => frame.say("notice-failed").count("count", count).to_string(),
            Happened::Permitted(product) => frame.say("notice-permitted").with("product", product).to_string(),
            Happened::Ended(EndedBy::Partner, product) => {
                frame.say("notice-ended-partner").with("product", product).to_string()
            }
            Happened::Ended(_, product) => frame.say("notice-ended-bank").with("product", product).to_string(),
            Happened::CertificateAdded => frame.say("notice-certificate-added").to_string(),
            Happened::CertificateRemoved => frame.say("notice-certificate-removed").to_string(),
        }
    }
}

/// The list. Grouped and ordered here: renewals due first, the nearest end on top; then the rest; then the ended ones.
#[derive(Debug, Clone, Template)]
#[template(path = "linkages.html")]
pub struct LinkagesPage {
    /// The common frame, with a customer.
    pub frame: Frame,
    /// Every linkage of the user, in any order.
    pub linkages: Vec<LinkageLine>,
    /// What has happened, the newest first.
    pub notices: Vec<NoticeLine>,
    /// Today in Japan.
    pub today: Day,
}

impl Page for LinkagesPage {
    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn heading(&self) -> String {
        self.frame.say("linkages-heading").to_string()
    }
}

impl LinkagesPage {
    /// Heading and lines of each group that has any, the lines numbered through the page.
    fn groups(&self) -> Vec<(Say<'_>, Vec<(i64, &LinkageLine)>)> {
        let mut numbers = 1..;
        let groups =
            [(Group::Due, "linkages-due"), (Group::Current, "linkages-current"), (Group::Ended, "linkages-ended")];
        let mut shown = Vec::new();
        for (group, heading) in groups {
            let mut lines: Vec<_> = self.linkages.iter().filter(|line| line.group(self.today) == group).collect();
            lines.sort_by_key(|line| line.period.until);
            if !lines.is_empty() {
                shown.push((self.frame.say(heading), numbers.by_ref().zip(lines).collect()));
            }
        }
        shown
    }
}

/// One act of permission, as kept in evidence.
#[derive(Debug, Clone)]
pub struct ConsentLine {
    /// When it was given.
    pub at: Timestamp,
    /// The period it gave.
    pub period: Period,
    /// Version of the API terms of use agreed to.
    pub terms_version: String,
    /// Its number, for questions.
    pub reference: String,
}

/// What has just been done to the linkage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkageNews {
    /// Accounts were added or PINs renewed.
    AccountsRegistered,
}

/// One linkage.
#[derive(Debug, Clone, Template)]
#[template(path = "linkage.html")]
pub struct LinkagePage {
    /// The common frame, with a customer.
    pub frame: Frame,
    /// The linkage.
    pub linkage: LinkageLine,
    /// Its permissions, the newest first.
    pub consents: Vec<ConsentLine>,
    /// What has just been done.
    pub news: Option<LinkageNews>,
    /// Today in Japan.
    pub today: Day,
}

impl Page for LinkagePage {
    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn heading(&self) -> String {
        self.frame.say("linkage-heading").with("product", &self.linkage.product).to_string()
    }
}

renders!(LinkagesPage, LinkagePage);
