//! Step 4: 照会用暗証番号登録結果; and, where there is something to renew, the question whether to.

use axum::http::StatusCode;
use axum::response::Response;
use renkei_domain::audit::{Action, Record};
use renkei_domain::flow::{Draft, Event, Screen, Stage};
use renkei_domain::id::{AccountId, LinkageId};
use renkei_domain::operation::Period;
use renkei_domain::pin::PinOutcome;
use renkei_domain::time::Timestamp;
use renkei_screens::{ExistingLinkage, ExistingPage, Lang, PinResult, ResultLine, ResultsPage};

use super::Walk;
use super::frame::label;
use super::walk::{OrPage, Sent};
use crate::error::Fault;
use crate::http::browser::Visit;
use crate::http::form::Form;
use crate::http::pins::tries_left;

/// `GET /{institution}/link/{flow}/results`.
pub async fn show(visit: Visit) -> OrPage<Response> {
    let walk = Walk::load(visit).await?.on(Screen::Results)?;
    walk.results_page().await.map_err(|fault| walk.visit.failure(&fault))
}

/// `POST /{institution}/link/{flow}/results`: `more` goes back to the form, anything else confirms.
pub async fn act(visit: Visit, form: Form) -> OrPage<Response> {
    let walk = Walk::load(visit).await?;
    let Sent::Current(form) = walk.check(form)? else { return Ok(walk.to_current()) };
    let walk = walk.on(Screen::Results)?;
    let event = if form.get("action") == "more" { Event::MorePins } else { Event::PinsConfirmed };
    let record = Record::done(walk.actor(), Action::PinTried).on(walk.flow.id).with("results_seen");
    let stepped = walk.step(event, record).await;
    stepped.map_err(|fault| walk.visit.failure(&fault))
}

/// `GET /{institution}/link/{flow}/existing`.
pub async fn show_existing(visit: Visit) -> OrPage<Response> {
    let walk = Walk::load(visit).await?.on(Screen::Existing)?;
    walk.existing_page(false).await.map_err(|fault| walk.visit.failure(&fault))
}

/// `POST /{institution}/link/{flow}/existing`.
pub async fn act_existing(visit: Visit, form: Form) -> OrPage<Response> {
    let walk = Walk::load(visit).await?;
    let Sent::Current(form) = walk.check(form)? else { return Ok(walk.to_current()) };
    let walk = walk.on(Screen::Existing)?;
    let choice = match form.get("renew") {
        "new" => Some(None),
        text => text.parse::<LinkageId>().ok().map(Some),
    };
    let done = match choice {
        None => walk.existing_page(true).await,
        Some(choice) => {
            let word = choice.map_or_else(|| "add_another".to_owned(), |linkage| format!("renew {linkage}"));
            let record = Record::done(walk.actor(), Action::OperationsChosen).on(walk.flow.id).with(word);
            walk.step(Event::RenewalChosen(choice), record).await
        }
    };
    done.map_err(|fault| walk.visit.failure(&fault))
}

impl Walk {
    async fn results_page(&self) -> Result<Response, Fault> {
        let Stage::PinResults { draft, outcomes } = &self.flow.stage else { return Ok(self.to_current()) };
        let accounts = self.list_accounts(draft.begun.person.user).await?;
        let mut lines = Vec::with_capacity(accounts.len());
        for account in &accounts {
            lines.push(ResultLine {
                label: label(account, self.visit.lang == Lang::English),
                result: self.result(draft, outcomes, account.id).await?,
            });
        }
        Ok(self.visit.page(StatusCode::OK, ResultsPage { frame: self.frame(), lines }.render()))
    }

    async fn result(
        &self,
        draft: &Draft,
        outcomes: &[(AccountId, PinOutcome)],
        account: AccountId,
    ) -> Result<PinResult, Fault> {
        let outcome = outcomes.iter().find(|(id, _)| *id == account).map(|(_, outcome)| *outcome);
        Ok(match outcome {
            // The try that was the last one locked the account.
            Some(PinOutcome::Wrong) => match tries_left(&self.visit, account).await? {
                0 => PinResult::Locked,
                left => PinResult::Wrong { tries_left: Some(i64::from(left)) },
            },
            Some(PinOutcome::Locked) => PinResult::Locked,
            Some(PinOutcome::Staged) => PinResult::Registered,
            None if draft.staged.contains_key(&account) => PinResult::Registered,
            None if draft.begun.ready.contains(&account) => PinResult::InForce,
            None => PinResult::LeftEmpty,
        })
    }

    async fn existing_page(&self, none_chosen: bool) -> Result<Response, Fault> {
        let Some(draft) = self.draft() else { return Ok(self.to_current()) };
        let mut read = self.visit.read();
        let accounts = read.list_user_accounts(draft.begun.person.user).await?;
        let mut linkages = Vec::new();
        for id in &draft.begun.existing {
            let Some(linkage) = read.find_linkage(*id).await? else { continue };
            let linked = read.list_linkage_accounts(*id).await?;
            let named = accounts.iter().filter(|account| linked.contains(&account.id));
            linkages.push(ExistingLinkage {
                linkage: id.to_string(),
                period: period(linkage.renewed_at, linkage.facts.ends_at),
                accounts: named.map(|account| label(account, self.visit.lang == Lang::English)).collect(),
                last_used: linkage.last_read_at,
                expired: linkage.facts.ends_at <= self.visit.now,
            });
        }
        let chosen = linkages.first().map(|linkage| linkage.linkage.clone()).unwrap_or_default();
        let status = if none_chosen { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        let page = ExistingPage { frame: self.frame(), linkages, chosen, none_chosen };
        Ok(self.visit.page(status, page.render()))
    }
}

/// A period by its days: the end instant is the midnight after its last day.
#[must_use]
pub fn period(from: Timestamp, ends_at: Timestamp) -> Period {
    Period { from: from.day(), until: Timestamp(ends_at.0.saturating_sub(1)).day() }
}
