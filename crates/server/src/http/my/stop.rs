//! Stopping a linkage at the institution: one confirmation, and a receipt.

use axum::http::StatusCode;
use axum::response::Response;
use renkei_domain::audit::Action;
use renkei_domain::linkage::EndedBy;
use renkei_screens::{LinkageLine, StopPage, StoppedPage};
use renkei_store::linkages::Linkage;

use super::Member;
use crate::error::Fault;
use crate::http::browser::{Visit, see_other};
use crate::http::form::Form;

/// `GET /{institution}/my/linkages/{linkage}/stop`: the question, or, once it has ended, the receipt.
pub async fn show(visit: Visit) -> Result<Response, Response> {
    let member = Member::load(visit).await?;
    let linkage = member.linkage().await?;
    member.stop_page(&linkage).await.map_err(|fault| member.visit.failure(&fault))
}

/// `POST /{institution}/my/linkages/{linkage}/stop`. When the answer comes, no call of the partner works any more.
pub async fn act(visit: Visit, form: Form) -> Result<Response, Response> {
    let member = Member::load(visit).await?;
    member.check(&form)?;
    let linkage = member.linkage().await?;
    member.stop(&linkage).await.map_err(|fault| member.visit.failure(&fault))
}

impl Member {
    async fn stop_page(&self, linkage: &Linkage) -> Result<Response, Fault> {
        let line = self.line(linkage).await?;
        let html = match linkage.ended_at {
            None => StopPage { frame: self.frame(), linkage: line }.render(),
            Some(stopped_at) => {
                let reference = linkage.id.to_string();
                // The receipt says it to the minute.
                let linkage = LinkageLine { ended_on: None, ..line };
                StoppedPage { frame: self.frame(), linkage, stopped_at, reference }.render()
            }
        };
        Ok(self.visit.page(StatusCode::OK, html))
    }

    async fn stop(&self, linkage: &Linkage) -> Result<Response, Fault> {
        let now = self.visit.now;
        let mut tx = self.visit.begin().await?;
        if tx.end_linkage(linkage.id, EndedBy::Customer, now).await? {
            tx.delete_unused_pins(linkage.id, now).await?;
            let record = self.did(Action::LinkageEnded).on(linkage.id).with(EndedBy::Customer.word());
            self.record(&mut tx, record).await?;
            tx.commit().await?;
        }
        Ok(see_other(&format!("{}/linkages/{}/stop", self.base(), linkage.id)))
    }
}
