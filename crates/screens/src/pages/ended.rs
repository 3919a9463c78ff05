//! Pages that end something: each says what happened and how to go on.

use askama::Template;
use renkei_domain::time::Timestamp;

use crate::frame::{Frame, Page};
use crate::pages::renders;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The customer refused the permission.
    Declined,
    /// The customer left on some screen.
    Cancelled,
    /// The flow ran out of time.
    TimedOut,
    /// The permission was given already; Back or reload after the end.
    AlreadyDone,
    /// Too many failed logins.
    Locked,
    /// Somebody else logged in in the same browser.
    UserChanged,
    /// The same request was answered in another browser: the partner has its answer.
    AnsweredElsewhere,
    /// The link from the partner is unknown, used or malformed: nobody is sent anywhere.
    LinkNotValid,
    /// Contract, user or partner may not link, or the user may inquire on no account.
    NotAllowed,
    /// The request asks for a certificate login, and the customer has none.
    LoginNotMet,
    /// No certificate came, or it is expired, revoked or unknown. One page for every cause.
    CertificateRefused,
    /// The certificate somebody logged in with has been revoked since, has expired, or is no longer registered.
    CertificateLapsed,
    /// The form was not made by this page or is too old (CSRF or Origin check).
    FormNotValid,
    /// Nothing is here.
    NotFound,
    /// The address does not take this kind of request.
    MethodNotAllowed,
    /// Too many requests.
    TooManyRequests,
    /// Closed hours or maintenance.
    Maintenance {
        /// When it opens again, where known.
        until: Option<Timestamp>,
    },
    /// Something went wrong on our side.
    Failure,
    /// Something went wrong on our side at the very moment when it was to be made final: it may stand or not.
    OutcomeUnknown,
}

/// Where the page leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WayOn {
    /// Back to the current screen of the flow, or to the page the form was on, which is unharmed.
    Back(String),
    /// To the partner, with a coded reason: the redirect URI of the request, complete. The host is shown.
    Partner(String),
    /// To the login page.
    Login(String),
    /// To the list of one's own linkages.
    Linkages(String),
    /// To the institution's public page.
    Home(String),
    /// To the list of institutions.
    Institutions(String),
}

/// An end, with the status code chosen by the server.
#[derive(Debug, Clone, Template)]
#[template(path = "ended.html")]
pub struct EndedPage {
    /// The common frame; a flow (without steps and time) where the request is trusted.
    pub frame: Frame,
    /// What happened.
    pub ending: Ending,
    /// Where the page leads; `None` where nobody is to be sent anywhere.
    pub way_on: Option<WayOn>,
    /// Reference number staff can find; empty for ends that need none.
    pub reference: String,
}

impl Page for EndedPage {
    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn heading(&self) -> String {
        self.frame.say(self.ids().0).to_string()
    }
}

impl EndedPage {
    /// Heading, what happened, what to do.
    fn ids(&self) -> (&'static str, &'static str, &'static str) {
        match self.ending {
            Ending::Declined => ("ended-declined", "ended-declined-what", "ended-declined-next"),
            Ending::Cancelled => ("ended-cancelled", "ended-cancelled-what", "ended-cancelled-next"),
            Ending::TimedOut => ("ended-timed-out", "ended-timed-out-what", "ended-timed-out-next"),
            Ending::AlreadyDone => ("ended-done", "ended-done-what", "ended-done-next"),
            Ending::Locked => ("ended-locked", "ended-locked-what", "ended-locked-next"),
            Ending::UserChanged => ("ended-user-changed", "ended-user-changed-what", "ended-user-changed-next"),
            Ending::AnsweredElsewhere => ("ended-elsewhere", "ended-elsewhere-what", "ended-elsewhere-next"),
            Ending::LinkNotValid => ("ended-link", "ended-link-what", "ended-link-next"),
            Ending::NotAllowed => ("ended-not-allowed", "ended-not-allowed-what", "ended-not-allowed-next"),
            Ending::LoginNotMet => ("ended-login-not-met", "ended-login-not-met-what", "ended-login-not-met-next"),
            Ending::CertificateRefused => ("ended-certificate", "ended-certificate-what", "ended-certificate-next"),
            Ending::CertificateLapsed => ("ended-lapsed", "ended-lapsed-what", "ended-lapsed-next"),
            Ending::FormNotValid => ("ended-form", "ended-form-what", "ended-form-next"),
            Ending::NotFound => ("ended-not-found", "ended-not-found-what", "ended-not-found-next"),
            Ending::MethodNotAllowed => ("ended-method", "ended-method-what", "ended-method-next"),
            Ending::TooManyRequests => ("ended-too-many", "ended-too-many-what", "ended-too-many-next"),
            Ending::Maintenance { .. } => ("ended-maintenance", "ended-maintenance-what", "ended-maintenance-next"),
            Ending::OutcomeUnknown => ("ended-unknown", "ended-unknown-what", "ended-unknown-next"),
            Ending::Failure => ("ended-failure", "ended-failure-what", "ended-failure-next"),
        }
    }

    fn what(&self) -> String {
        self.frame.say(self.ids().1).to_string()
    }

    fn next(&self) -> String {
        self.frame.say(self.ids().2).to_string()
    }

    fn reopens(&self) -> Option<String> {
        match self.ending {
            Ending::Maintenance { until: Some(at) } => {
                Some(self.frame.say("ended-maintenance-until").with("at", self.frame.lang.moment(&at)).to_string())
            }
            _ => None,
        }
    }

    /// The code of the error where no partner can be told: for those who build the partner's side and test ours.
    fn error_code(&self) -> Option<&'static str> {
        matches!(self.ending, Ending::LinkNotValid).then_some("invalid_request_uri")
    }

    /// Whether it is nobody's fault: such a page is marked as done, not as trouble.
    fn is_calm(&self) -> bool {
        matches!(self.ending, Ending::Declined | Ending::Cancelled | Ending::AlreadyDone)
    }

    /// Address and words of the way on; `true` when it leaves the institution.
    fn way(&self) -> Option<(&str, String, bool)> {
        let (address, id) = match self.way_on.as_ref()? {
            WayOn::Back(path) => (path, "way-back"),
            WayOn::Partner(url) => (url, "way-partner"),
            WayOn::Login(path) => (path, "way-login"),
            WayOn::Linkages(path) => (path, "way-linkages"),
            WayOn::Home(path) => (path, "way-home"),
            WayOn::Institutions(path) => (path, "way-institutions"),
        };
        let leaves = matches!(self.way_on, Some(WayOn::Partner(_)));
        Some((address, self.frame.say(id).to_string(), leaves))
    }
}

renders!(EndedPage);
