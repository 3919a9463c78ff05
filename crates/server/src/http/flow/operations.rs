//! Step 2: 認可業務選択, what may the partner do?

use axum::http::StatusCode;
use axum::response::Response;
use renkei_domain::audit::{Action, Record};
use renkei_domain::flow::{Event, Screen, Stage};
use renkei_domain::operation::Operations;
use renkei_screens::{OperationLine, OperationsPage};

use super::Walk;
use super::walk::{OrPage, Sent};
use crate::http::browser::Visit;
use crate::http::form::Form;

/// `GET /{institution}/link/{flow}/operations`.
pub async fn show(visit: Visit) -> OrPage<Response> {
    let walk = Walk::load(visit).await?.on(Screen::Operations)?;
    Ok(walk.operations_page(false))
}

/// `POST /{institution}/link/{flow}/operations`.
pub async fn act(visit: Visit, form: Form) -> OrPage<Response> {
    let walk = Walk::load(visit).await?;
    let Sent::Current(form) = walk.check(form)? else { return Ok(walk.to_current()) };
    let walk = walk.on(Screen::Operations)?;
    let chosen = Operations(form.all("operation").filter_map(|word| word.parse().ok()).collect());
    if chosen.is_empty() {
        return Ok(walk.operations_page(true));
    }
    let record = Record::done(walk.actor(), Action::OperationsChosen).on(walk.flow.id).with(chosen.to_scope());
    let stepped = walk.step(Event::OperationsChosen(chosen), record).await;
    stepped.map_err(|fault| walk.visit.failure(&fault))
}

impl Walk {
    fn operations_page(&self, none_ticked: bool) -> Response {
        let offered = match &self.flow.stage {
            Stage::Operations { offered, .. } => offered.clone(),
            _ => Operations::default(),
        };
        let lines = offered.0.into_iter().map(|operation| OperationLine { operation, ticked: !none_ticked });
        let page = OperationsPage { frame: self.frame(), operations: lines.collect(), none_ticked };
        let status = if none_ticked { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        self.visit.page(status, page.render())
    }
}
