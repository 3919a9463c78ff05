//! Step 0: the browser arrives from the partner with a `request_uri`.

use axum::extract::RawQuery;
use axum::http::{HeaderName, StatusCode};
use axum::response::Response;
use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::flow::{FlowClock, Screen, Stage};
use renkei_domain::id::FlowId;
use renkei_domain::ticket::Ticket;
use renkei_oauth::request::AuthorizationQuery;
use renkei_screens::Ending;
use renkei_store::Step;
use renkei_store::flows::Flow;
use renkei_store::requests::Request;
use renkei_store::sessions::Purpose;
use uuid::Uuid;

use crate::error::Fault;
use crate::http::browser::{Visit, see_other, set};
use crate::http::limits::record_refusal;
use crate::http::oauth::policy;
use crate::keys::sha256;

/// `GET /{institution}/authorize` (RFC 9126 §4): only `client_id` and `request_uri` are read; whatever else stands in
/// the URL changes nothing. Where the request itself can't be trusted, a page says so and sends nobody anywhere.
pub async fn authorize(visit: Visit, RawQuery(query): RawQuery) -> Response {
    match begin(&visit, query.as_deref().unwrap_or_default()).await {
        Ok(Some(response)) => response,
        Ok(None) => match record_dead_link(&visit).await {
            Ok(()) => visit.end(Ending::LinkNotValid, StatusCode::BAD_REQUEST, visit.frame(), None),
            Err(fault) => visit.failure(&fault),
        },
        Err(fault) => visit.failure(&fault),
    }
}

/// A link that opens nothing leaves a record, as long as its source has tried few such.
async fn record_dead_link(visit: &Visit) -> Result<(), Fault> {
    let record = Record::refused(Actor::Visitor, Action::FlowOpened, "link not valid").in_request(&visit.request_id);
    Ok(record_refusal(&visit.app, visit.code(), visit.source, record, visit.now).await?)
}

async fn begin(visit: &Visit, query: &str) -> Result<Option<Response>, Fault> {
    let (request, session) = tokio::try_join!(pushed(visit, query), visit.session(Purpose::Link))?;
    let Some(request) = request else { return Ok(None) };
    if let Some(session) = &session {
        // A reload, or the same link opened twice in one browser, is one flow.
        let known = visit.read().find_flow_of_request(request.id, session.id).await?;
        if let Some(flow) = known.filter(|flow| flow.stage.is_open()) {
            return Ok(Some(see_other(&screen_path(visit, &flow))));
        }
    }
    let mut cookie: Option<(HeaderName, String)> = None;
    let mut unit = visit.unit();
    let session_id = match session {
        Some(session) => session.id,
        None => {
            let id = visit.app.new_id(visit.now);
            let ticket = visit.app.new_ticket(visit.now);
            unit.add(Step::add_session(id, &ticket, sha256(ticket.bytes()), Purpose::Link, None, visit.now));
            cookie = Some(visit.session_cookie(Purpose::Link, &ticket));
            id
        }
    };
    let flow = new_flow(visit, request.id, session_id);
    unit.add(Step::add_flow(&flow)?);
    let record = Record::done(Actor::Visitor, Action::FlowOpened).on(flow.id).with(request.client_id);
    unit.record(&record.in_request(&visit.request_id), visit.now, &*visit.app.random);
    visit.app.store.leave(unit).await?;
    let mut response = see_other(&screen_path(visit, &flow));
    if let Some((name, value)) = cookie {
        set(&mut response, name, &value);
    }
    Ok(Some(response))
}

/// The pushed request, if it may be opened: known, unused, in time, by the client that pushed it, and that client may
/// still act (its policy is looked at again, RFC 9126 §7.4).
async fn pushed(visit: &Visit, query: &str) -> Result<Option<Request>, Fault> {
    let Ok(query) = AuthorizationQuery::parse(query) else { return Ok(None) };
    let Ok(ticket) = Ticket::parse(&query.reference) else { return Ok(None) };
    let (mut read, mut beside) = (visit.read(), visit.read());
    let product = beside.find_request_and_product(ticket.id());
    let (Some(request), Some((_, product))) = tokio::try_join!(read.find_request(&ticket), product)? else {
        return Ok(None);
    };
    if query.client_id != request.client_id || !request.is_open(visit.now) {
        return Ok(None);
    }
    let pushed = super::walk::read_pushed(&request)?;
    let may = product.is_active() && policy::check_request(&product, &pushed).is_ok();
    Ok(may.then_some(request))
}

fn new_flow(visit: &Visit, request: Uuid, session: Uuid) -> Flow {
    Flow {
        id: FlowId(visit.app.new_id(visit.now)),
        request,
        session,
        stage: Stage::Login,
        version: 0,
        clock: FlowClock::opened(visit.now),
        permitted_at: None,
    }
}

fn screen_path(visit: &Visit, flow: &Flow) -> String {
    let screen: Screen = flow.stage.screen();
    format!("{}/link/{}/{}", visit.root(), flow.id, screen.path())
}
