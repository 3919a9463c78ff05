//! A customer looks at its linkages, ends one, adds accounts to one, mends a PIN.
//!
//! A session of its own, apart from the linkage flow's: logging in here gives no flow anything. The master user of a
//! customer sees and may end every linkage of the customer; other users their own.

pub mod accounts;
pub mod linkages;
pub mod login;
pub mod stop;

use axum::http::StatusCode;
use axum::response::Response;
use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::customer::{LoginMethod, UserKind};
use renkei_domain::id::LinkageId;
use renkei_screens::{CustomerFrame, Ending, Frame, WayOn};
use renkei_store::Tx;
use renkei_store::customers::User;
use renkei_store::linkages::Linkage;
use renkei_store::sessions::{BrowserSession, Purpose};

use super::browser::{Visit, see_other, set};
use super::form::Form;
use super::second_look;
use crate::error::Fault;

/// A session's last use is noted again only after this long, so that looking at pages writes little.
const NOTE_USE_AFTER_SECONDS: i64 = 30;

/// What the forms of these pages are for, in their tokens: these pages, and the session's present secret. Whoever
/// planted a session before the login may have read its form's token; it ends with the secret.
fn forms(session: &BrowserSession) -> String {
    session.hash.iter().fold("my ".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// Somebody who is logged in to look at linkages.
pub struct Member {
    /// Who comes, where, when.
    pub visit: Visit,
    /// The browser's session.
    pub session: BrowserSession,
    /// Who logged in.
    pub user: User,
}

impl Member {
    /// The member whose session the browser shows, or the way to the login.
    ///
    /// # Errors
    /// The redirect to the login, or the page of a failure.
    pub async fn load(visit: Visit) -> Result<Member, Response> {
        match Member::find(&visit).await {
            Ok(Some((session, user))) => Member { visit, session, user }.with_good_certificate().await,
            Ok(None) => Err(see_other(&format!("{}/my/login", visit.root()))),
            Err(fault) => Err(visit.failure(&fault)),
        }
    }

    /// Whoever logged in by certificate, if it is still good; otherwise the session is over, and so it says.
    async fn with_good_certificate(self) -> Result<Member, Response> {
        let by_certificate = self.session.certificate.is_some() || self.user.method == LoginMethod::Certificate;
        let looked = async {
            if !by_certificate || second_look::stands(&self.visit, &self.session, &self.user).await? {
                return Ok::<_, Fault>(None);
            }
            let mut tx = self.visit.begin().await?;
            tx.end_session(self.session.id, self.visit.now).await?;
            tx.commit().await?;
            let way = Some(WayOn::Login(format!("{}/login", self.base())));
            let page = self.visit.end(Ending::CertificateLapsed, StatusCode::FORBIDDEN, self.visit.frame(), way);
            let mut gone = self.visit.forgotten(page);
            let (name, value) = self.visit.no_cookie(Purpose::My);
            set(&mut gone, name, &value);
            Ok(Some(gone))
        };
        match looked.await {
            Ok(None) => Ok(self),
            Ok(Some(page)) => Err(page),
            Err(fault) => Err(self.visit.failure(&fault)),
        }
    }

    async fn find(visit: &Visit) -> Result<Option<(BrowserSession, User)>, Fault> {
        let Some(session) = visit.session(Purpose::My).await? else { return Ok(None) };
        let Some(id) = session.user else { return Ok(None) };
        let user = visit.read().find_user(id).await?.filter(super::login::is_active);
        if user.is_some() && session.used_at.plus_seconds(NOTE_USE_AFTER_SECONDS) < visit.now {
            let mut tx = visit.begin().await?;
            tx.touch_session(session.id, visit.now).await?;
            tx.commit().await?;
        }
        Ok(user.map(|user| (session, user)))
    }

    /// `/2990/my`.
    #[must_use]
    pub fn base(&self) -> String {
        format!("{}/my", self.visit.root())
    }

    /// The frame of the member's pages.
    #[must_use]
    pub fn frame(&self) -> Frame {
        let customer = CustomerFrame {
            customer_name: self.user.customer_name.clone(),
            login_id: self.user.login_id.clone(),
            base: self.base(),
        };
        let csrf = self.visit.form_token(&self.session, &forms(&self.session), 0);
        Frame { csrf, customer: Some(customer), ..self.visit.frame() }
    }

    /// Checks that a form was sent by a page of ours to this session.
    ///
    /// # Errors
    /// The page that says it can't be taken.
    pub fn check(&self, form: &Form) -> Result<(), Response> {
        self.visit.check_form(&self.session, &forms(&self.session), 0, form.get("csrf")).map_err(|_| {
            let back = Some(WayOn::Back(self.visit.here.clone()));
            self.visit.end(Ending::FormNotValid, StatusCode::FORBIDDEN, self.frame(), back)
        })
    }

    /// The linkage of the path, if this member may see it. Another's is as good as none.
    ///
    /// # Errors
    /// The page that says there is none, or of a failure.
    pub async fn linkage(&self) -> Result<Linkage, Response> {
        let id = self.visit.path.get("linkage").and_then(|text| text.parse::<LinkageId>().ok());
        let found = match id {
            None => None,
            Some(id) => self.visit.read().find_linkage(id).await.map_err(|error| self.visit.failure(&error.into()))?,
        };
        found.filter(|linkage| self.may_see(linkage) && !linkage.has_lapsed(self.visit.now)).ok_or_else(|| {
            let list = Some(WayOn::Linkages(format!("{}/linkages", self.base())));
            self.visit.end(Ending::NotFound, StatusCode::NOT_FOUND, self.frame(), list)
        })
    }

    fn may_see(&self, linkage: &Linkage) -> bool {
        let masters = self.user.kind == UserKind::Master && linkage.customer == self.user.customer;
        linkage.user == self.user.id || masters
    }

    /// Adds a record of this member's act to a transaction.
    ///
    /// # Errors
    /// [`Fault`] when the store is away.
    pub async fn record(&self, tx: &mut Tx, record: Record) -> Result<(), Fault> {
        let record = record.in_request(&self.visit.request_id);
        Ok(tx.record(&record, self.visit.now, &*self.visit.app.random).await?)
    }

    /// A record of something this member did.
    #[must_use]
    pub fn did(&self, action: Action) -> Record {
        Record::done(Actor::User(self.user.id), action)
    }
}
