//! API連携認証（利用登録）: logging in, for a linkage or to see the linkages one has.

use askama::Template;
use renkei_domain::flow::Screen;
use renkei_domain::time::Timestamp;

use crate::frame::{ErrorLine, Frame, Page};
use crate::message::Say;
use crate::pages::renders;

/// 免責事項: the institution's own text.
#[derive(Debug, Clone)]
pub struct Disclaimer {
    /// Version of the text.
    pub version: String,
    /// Its paragraphs, shown in full.
    pub paragraphs: Vec<String>,
}

/// What the login is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginPurpose {
    /// To begin or renew a linkage; the frame has a flow.
    Linkage,
    /// To see and stop linkages.
    MyLinkages,
}

/// Why the login form comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginError {
    /// No login id was entered.
    LoginIdMissing,
    /// No password was entered.
    PasswordMissing,
    /// Neither was entered.
    BothMissing,
    /// Refused. One sentence for every cause, so that nobody can find out which.
    Refused,
}

/// Login by certificate or by login id and password. Posts `login_id` and `password` to `action`.
#[derive(Debug, Clone, Template)]
#[template(path = "login.html")]
pub struct LoginPage {
    /// The common frame.
    pub frame: Frame,
    /// What the login is for.
    pub purpose: LoginPurpose,
    /// Where the form goes.
    pub action: String,
    /// Whether a login id and password will not do.
    pub certificate_only: bool,
    /// Address of the certificate login on the mutual-TLS listener; `None` where the institution has none.
    pub certificate_url: Option<String>,
    /// The institution's disclaimer; `None` shows the standard one. Shown for a linkage only.
    pub disclaimer: Option<Disclaimer>,
    /// What was typed as login id before.
    pub login_id: String,
    /// Why the form comes back.
    pub error: Option<LoginError>,
}

impl Page for LoginPage {
    const STEP: Option<Screen> = Some(Screen::Login);

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn heading(&self) -> String {
        let id = match self.purpose {
            LoginPurpose::Linkage => "login-heading",
            LoginPurpose::MyLinkages => "my-login-heading",
        };
        self.frame.say(id).to_string()
    }

    fn errors(&self) -> Vec<ErrorLine> {
        let line = |field: &str, id| ErrorLine { field: field.to_owned(), text: self.frame.say(id).to_string() };
        let login_id = || line("login-id", "login-id-missing");
        let password = || line("password", "login-password-missing");
        match self.error {
            None => Vec::new(),
            Some(LoginError::LoginIdMissing) => vec![login_id()],
            Some(LoginError::PasswordMissing) => vec![password()],
            Some(LoginError::BothMissing) => vec![login_id(), password()],
            Some(LoginError::Refused) => vec![line("login-id", "login-refused")],
        }
    }
}

impl LoginPage {
    fn is_linkage(&self) -> bool {
        self.purpose == LoginPurpose::Linkage
    }

    fn how(&self) -> Say<'_> {
        self.frame.say(if self.is_linkage() { "password-how" } else { "my-password-how" })
    }

    fn button(&self) -> Say<'_> {
        self.frame.say(if self.is_linkage() { "frame-service" } else { "my-login-button" })
    }

    /// A refusal belongs to no field: marking one would tell which was wrong.
    fn field_error(&self, field: &str) -> Option<String> {
        if self.error == Some(LoginError::Refused) { None } else { self.error_at(field) }
    }
}

/// On the mutual-TLS listener: whose certificate it is, and a button to log in with it. Posts to `action`.
#[derive(Debug, Clone, Template)]
#[template(path = "certificate.html")]
pub struct CertificatePage {
    /// The common frame.
    pub frame: Frame,
    /// What the login is for.
    pub purpose: LoginPurpose,
    /// Where the form goes.
    pub action: String,
    /// Customer (company) the certificate was issued to.
    pub customer_name: String,
    /// Login id of the user it was issued to.
    pub login_id: String,
    /// Its serial number, as the certificate's own dialogue shows it.
    pub serial: String,
    /// When it ends.
    pub valid_until: Timestamp,
    /// The password page, for those who chose the wrong way.
    pub back_url: String,
}

impl Page for CertificatePage {
    const STEP: Option<Screen> = Some(Screen::Login);

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn heading(&self) -> String {
        self.frame.say("certificate-heading").to_string()
    }
}

renders!(LoginPage, CertificatePage);
