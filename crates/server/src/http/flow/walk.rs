//! Loading a flow: everything that must hold before a screen is shown or a form is looked at.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::customer::LoginMethod;
use renkei_domain::flow::{Closed, Event, Footing, Screen, Stage};
use renkei_domain::id::{FlowId, LinkageId};
use renkei_domain::operation::Operations;
use renkei_domain::time::Timestamp;
use renkei_oauth::redirect::{RedirectUriFault, check_redirect_uri};
use renkei_oauth::request::PushedRequest;
use renkei_screens::{Ending, WayOn};
use renkei_store::customers::User;
use renkei_store::flows::Flow;
use renkei_store::linkages::Standing;
use renkei_store::partners::Product;
use renkei_store::requests::Request;
use renkei_store::sessions::{BrowserSession, Purpose};
use renkei_store::{Ended, Step, Unit};

use crate::error::Fault;
use crate::http::browser::{Visit, see_other};
use crate::http::form::Form;
use crate::http::oauth::policy;
use crate::http::pins::{self, Accepted};
use crate::http::second_look;

/// A flow's last use is noted again only after this long.
const NOTE_USE_AFTER_SECONDS: i64 = 30;

/// A visit to a flow that is this browser's.
pub struct Walk {
    /// Who comes, where, when.
    pub visit: Visit,
    /// The flow as stored.
    pub flow: Flow,
    /// The browser's session.
    pub session: BrowserSession,
    /// What the partner pushed.
    pub request: PushedRequest,
    /// Whether the partner was given its answer.
    pub answered: bool,
    /// The product that asks.
    pub product: Arc<Product>,
    /// Who logged in, once somebody has.
    pub user: Option<User>,
    /// Whether the guard that this walk's login passed has been locked since: somebody guesses at that login.
    is_held_back: bool,
}

/// Either what was wanted, or the page that is to be shown instead.
pub type OrPage<T> = Result<T, Response>;

/// What becomes of a form.
pub enum Sent {
    /// It belongs to the current state: act on it.
    Current(Form),
    /// It was shown with an older state: show the current screen.
    Stale,
}

impl Walk {
    /// Loads the flow of the path for this browser.
    ///
    /// # Errors
    /// The page to show instead: not this browser's flow, over, out of time, another person's.
    pub async fn load(visit: Visit) -> OrPage<Walk> {
        let walk = Walk::find(visit).await?;
        if !walk.flow.stage.is_open() {
            return Ok(walk);
        }
        match walk.footing().await {
            Ok(footing) => {
                if let Some(why) = footing.why_not() {
                    return Err(walk.close_and_show(why).await);
                }
            }
            Err(fault) => return Err(walk.visit.failure(&fault)),
        }
        match walk.note_use().await {
            Ok(()) => Ok(walk),
            Err(fault) => Err(walk.visit.failure(&fault)),
        }
    }

    /// What decides whether this flow may go on. What has to be asked of others is asked only where all else holds.
    async fn footing(&self) -> Result<Footing, Fault> {
        let mut footing = Footing {
            answered: self.answered,
            timed_out: self.flow.clock.timed_out(self.visit.now),
            other_person: self.flow.stage.person().is_some_and(|person| Some(person.user) != self.session.user),
            may_not_link: !self.may_still_link(),
            held_back: self.is_held_back,
            ..Footing::default()
        };
        if footing.why_not().is_none() {
            footing.certificate_lapsed = !self.certificate_stands().await?;
        }
        Ok(footing)
    }

    /// Whoever looks at a page is there: the idle time begins anew. Noted only now and then, so that looking writes
    /// little.
    async fn note_use(&self) -> Result<(), Fault> {
        let now = self.visit.now;
        if self.flow.clock.used_at.plus_seconds(NOTE_USE_AFTER_SECONDS) < now {
            let mut unit = self.visit.unit();
            unit.then(Step::touch_flow(self.flow.id, now));
            self.visit.app.store.leave(unit).await?;
        }
        Ok(())
    }

    /// The flow, if the browser's cookie belongs to it. Whoever comes without is told nothing about it.
    async fn find(visit: Visit) -> OrPage<Walk> {
        let id = visit.path.get("flow").and_then(|text| text.parse::<FlowId>().ok());
        let found = match id {
            Some(id) => Walk::read(&visit, id).await,
            None => Ok(None),
        };
        match found {
            Ok(Some(Loaded { flow, session, request, answered, product, user, is_held_back })) => {
                Ok(Walk { visit, flow, session, request, answered, product, user, is_held_back })
            }
            Ok(None) => Err(visit.end(Ending::LinkNotValid, StatusCode::NOT_FOUND, visit.frame(), None)),
            Err(fault) => Err(visit.failure(&fault)),
        }
    }

    async fn read(visit: &Visit, id: FlowId) -> Result<Option<Loaded>, Fault> {
        let (mut read, session) = (visit.read(), visit.session(Purpose::Link));
        let flow = async { Ok(read.find_flow(id).await?) };
        let (Some(flow), Some(session)) = tokio::try_join!(flow, session)? else { return Ok(None) };
        if session.id != flow.session {
            return Ok(None);
        }
        let request = async { Ok(read.find_request_and_product(flow.request).await?) };
        let (who, found) = tokio::try_join!(WhoWalks::read(visit, &flow, &session), request)?;
        let WhoWalks { user, linkages, is_held_back } = who;
        let Some((mut stored, product)) = found else { return Ok(None) };
        let request = read_pushed(&stored)?;
        let stage = flow.stage.clone().with_existing(renewable(&linkages, &product, visit.now));
        if stage != flow.stage && stored.consumed_at.is_none() {
            // A linkage that this very flow has begun meanwhile is no news, but its request is used up by now.
            let Some((newest, _)) = read.find_request_and_product(flow.request).await? else { return Ok(None) };
            stored = newest;
        }
        let answered = stored.consumed_at.is_some();
        // The answer may have come between the reads, and from this very flow.
        let mut flow = if answered { read.find_flow(id).await?.unwrap_or(flow) } else { flow };
        if !answered {
            flow.stage = stage;
        }
        Ok(Some(Loaded { flow, session, request, answered, product, user, is_held_back }))
    }

    /// Whether the certificate this walk's login was made with is still good.
    async fn certificate_stands(&self) -> Result<bool, Fault> {
        let by_certificate = self.flow.stage.person().is_some_and(|person| person.method == LoginMethod::Certificate);
        match self.user.as_ref().filter(|_| by_certificate) {
            Some(user) => second_look::stands(&self.visit, &self.session, user).await,
            None => Ok(true),
        }
    }

    /// Whether partner, contract and user may link now; looked at anew at every step.
    fn may_still_link(&self) -> bool {
        let user_may = self.user.as_ref().is_none_or(crate::http::login::is_active);
        let something_left = self.draft().is_none_or(|draft| !self.still_offered(&draft.operations).is_empty());
        let as_demanded = policy::check_request(&self.product, &self.request).is_ok();
        self.product.is_active() && as_demanded && user_may && something_left
    }

    /// Those of the operations that the product still offers and the user may still inquire.
    pub(super) fn still_offered(&self, operations: &Operations) -> Operations {
        let offered = operations.intersection(self.product.offer().operations());
        self.user.as_ref().map_or_else(|| offered.clone(), |user| offered.intersection(&user.operations))
    }

    /// Whether this screen is the one to show; if not, the way to the one that is.
    ///
    /// # Errors
    /// The redirect to the current screen.
    pub fn on(self, screen: Screen) -> OrPage<Walk> {
        if self.flow.stage.screen() == screen { Ok(self) } else { Err(self.to_current()) }
    }

    /// Checks a form of this flow: sent by a page of ours to this session, and current.
    ///
    /// # Errors
    /// The page that says the form can't be taken; the flow is not touched.
    pub fn check(&self, form: Form) -> OrPage<Sent> {
        let version = form.get("version").parse::<i64>().unwrap_or(-1);
        let about = self.flow.id.to_string();
        match self.visit.check_form(&self.session, &about, version, form.get("csrf")) {
            Ok(()) if version == self.flow.version => Ok(Sent::Current(form)),
            Ok(()) => Ok(Sent::Stale),
            Err(_) => {
                let back = Some(WayOn::Back(self.path(self.flow.stage.screen())));
                Err(self.visit.end(Ending::FormNotValid, StatusCode::FORBIDDEN, self.visit.frame(), back))
            }
        }
    }

    /// The path of one of this flow's screens.
    #[must_use]
    pub fn path(&self, screen: Screen) -> String {
        format!("{}/{}", self.base(), screen.path())
    }

    /// `/2990/link/{flow}`.
    #[must_use]
    pub fn base(&self) -> String {
        format!("{}/link/{}", self.visit.root(), self.flow.id)
    }

    /// The way to the current screen.
    #[must_use]
    pub fn to_current(&self) -> Response {
        see_other(&self.path(self.flow.stage.screen()))
    }

    /// Takes a step and saves it with its record, if nobody took one meanwhile; then the way to the current screen.
    ///
    /// # Errors
    /// [`Fault`] when the store is away.
    pub async fn step(&self, event: Event, record: Record) -> Result<Response, Fault> {
        self.step_with(event, record, None).await
    }

    /// The same, and settles a PIN that was accepted, even if somebody took a step meanwhile.
    ///
    /// # Errors
    /// [`Fault`] when the store is away.
    pub async fn step_with(
        &self,
        event: Event,
        record: Record,
        accepted: Option<&Accepted>,
    ) -> Result<Response, Fault> {
        let Ok(stage) = self.flow.stage.advance(event) else {
            pins::settle(&self.visit, accepted).await?;
            return Ok(self.to_current());
        };
        let next = self.next(stage);
        let mut unit = self.visit.unit();
        unit.claim(Step::save_flow(&next)?);
        if let Some(accepted) = accepted {
            accepted.settle(&self.visit, &mut unit);
        }
        self.record(&mut unit, record);
        if self.visit.app.store.leave(unit).await? != Ended::Done {
            pins::settle(&self.visit, accepted).await?;
            return Ok(self.to_newest().await);
        }
        Ok(see_other(&format!("{}/{}", self.base(), next.stage.screen().path())))
    }

    /// The flow with this stage, used now.
    #[must_use]
    pub fn next(&self, stage: Stage) -> Flow {
        let mut next = self.flow.clone();
        next.stage = stage;
        next.clock.used_at = self.visit.now;
        next
    }

    /// Adds a record of what this request does.
    pub fn record(&self, unit: &mut Unit, record: Record) {
        unit.record(&record.in_request(&self.visit.request_id), self.visit.now, &*self.visit.app.random);
    }

    /// Who acts in this flow, for the audit trail.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.user.as_ref().map_or(Actor::Visitor, |user| Actor::User(user.id))
    }

    /// Somebody else took a step first: the way to wherever the flow is now.
    pub async fn to_newest(&self) -> Response {
        match self.visit.read().find_flow(self.flow.id).await {
            Ok(Some(flow)) => see_other(&self.path(flow.stage.screen())),
            Ok(None) => self.to_current(),
            Err(error) => self.visit.failure(&Fault::from(error)),
        }
    }

    /// Ends the flow and shows how it ended.
    async fn close_and_show(&self, why: Closed) -> Response {
        match self.close(why).await {
            Ok(()) => see_other(&self.path(Screen::Ended)),
            Err(fault) => self.visit.failure(&fault),
        }
    }

    /// Ends the flow without a permission, unless somebody took a step meanwhile. The pushed request is used up with
    /// it; where it was used before, the partner has its answer and gets no second one.
    ///
    /// # Errors
    /// [`Fault`] when the store is away.
    pub async fn close(&self, why: Closed) -> Result<(), Fault> {
        let now = self.visit.now;
        let mut tx = self.visit.begin().await?;
        let first = tx.claim_request(self.flow.request, now).await?;
        let why = if first { why } else { Closed::AnsweredElsewhere };
        let Ok(stage) = self.flow.stage.advance(Event::Closed(why)) else { return Ok(()) };
        if tx.save_flow(&self.next(stage)).await? {
            let record = self.closed(why).in_request(&self.visit.request_id);
            tx.record(&record, now, &*self.visit.app.random).await?;
            Ok(tx.commit().await?)
        } else {
            Ok(tx.concede().await?)
        }
    }

    /// The record of an end without permission says why.
    pub(super) fn closed(&self, why: Closed) -> Record {
        Record::done(self.actor(), Action::FlowClosed).on(self.flow.id).with(why.word())
    }
}

/// What was pushed, as it was checked then. Where it leads the browser is checked again: pages name it, and forms and
/// answers go there.
pub(super) fn read_pushed(stored: &Request) -> Result<PushedRequest, Fault> {
    let pushed: PushedRequest =
        serde_json::from_str(&stored.body).map_err(|error| Fault::Defect(format!("a pushed request: {error}")))?;
    check_redirect_uri(&pushed.redirect_uri, true).map_err(|fault| not_registrable(&fault))?;
    Ok(pushed)
}

/// Somebody changed the database by hand.
pub(super) fn not_registrable(fault: &RedirectUriFault) -> Fault {
    Fault::Defect(format!("a stored redirect URI: {fault}"))
}

/// Those of a user's linkages that a request of this product could renew.
pub(super) fn renewable(linkages: &[Standing], product: &Product, now: Timestamp) -> Vec<LinkageId> {
    let ours = linkages.iter().filter(|linkage| linkage.client_id == product.client_id && linkage.stands(now));
    ours.map(|linkage| linkage.id).collect()
}

/// What is read of a flow: a [`Walk`] before its visit.
struct Loaded {
    flow: Flow,
    session: BrowserSession,
    request: PushedRequest,
    answered: bool,
    product: Arc<Product>,
    user: Option<User>,
    is_held_back: bool,
}

/// What is read of who walks.
#[derive(Default)]
struct WhoWalks {
    user: Option<User>,
    linkages: Vec<Standing>,
    is_held_back: bool,
}

impl WhoWalks {
    async fn read(visit: &Visit, flow: &Flow, session: &BrowserSession) -> Result<WhoWalks, Fault> {
        let Some(person) = flow.stage.person() else { return Ok(WhoWalks::default()) };
        let (mut one, mut two, mut three) = (visit.read(), visit.read(), visit.read());
        let (user, linkages, is_held_back) = tokio::try_join!(
            one.find_user(person.user),
            two.list_standings_of_user(person.user),
            three.is_held_back(session.id, visit.now)
        )?;
        Ok(WhoWalks { user, linkages, is_held_back })
    }
}
