//! Step 3: 照会用暗証番号登録.

use axum::http::StatusCode;
use axum::response::Response;
use futures_util::future::try_join_all;
use renkei_domain::audit::{Action, Record};
use renkei_domain::flow::{Draft, Event, Screen, Stage};
use renkei_domain::id::AccountId;
use renkei_domain::pin::{InquiryPin, PinStatus, StagedPins};
use renkei_screens::{Lang, PinError, PinLine, PinState, PinsPage};

use renkei_store::customers::InquiryAccount;

use super::Walk;
use super::frame::label;
use super::walk::{OrPage, Sent};
use crate::error::Fault;
use crate::http::browser::Visit;
use crate::http::form::Form;
use crate::http::pins::{self, Accepted, is_locked, try_pin};

/// `GET /{institution}/link/{flow}/pins`.
pub async fn show(visit: Visit) -> OrPage<Response> {
    let walk = Walk::load(visit).await?.on(Screen::Pins)?;
    walk.pins_page(None).await.map_err(|fault| walk.visit.failure(&fault))
}

/// `POST /{institution}/link/{flow}/pins`: `register` tries the PINs of the ticked rows, `skip` goes on without.
pub async fn act(visit: Visit, form: Form) -> OrPage<Response> {
    let walk = Walk::load(visit).await?;
    let Sent::Current(form) = walk.check(form)? else { return Ok(walk.to_current()) };
    let walk = walk.on(Screen::Pins)?;
    let done = if form.get("action") == "skip" { walk.skip_pins().await } else { walk.register_pins(&form).await };
    done.map_err(|fault| walk.visit.failure(&fault))
}

/// A form as it was read: a PIN for each ticked row, or what is wrong with it.
type Rows = Vec<(AccountId, Result<InquiryPin, PinError>)>;

impl Walk {
    /// What is settled so far, on the screens after the operations.
    pub(super) fn draft(&self) -> Option<&Draft> {
        match &self.flow.stage {
            Stage::Pins { draft }
            | Stage::PinResults { draft, .. }
            | Stage::Existing { draft }
            | Stage::Permission { draft } => Some(draft),
            _ => None,
        }
    }

    async fn skip_pins(&self) -> Result<Response, Fault> {
        let record = Record::done(self.actor(), Action::PinTried).on(self.flow.id).with("skipped");
        self.step(Event::PinsSkipped, record).await
    }

    async fn register_pins(&self, form: &Form) -> Result<Response, Fault> {
        let Some(draft) = self.draft() else { return Ok(self.to_current()) };
        let rows = read_rows(form, draft);
        if rows.is_empty() || rows.iter().any(|(_, pin)| pin.is_err()) {
            return self.pins_page(Some(&rows)).await;
        }
        let mut staged = StagedPins::new();
        let mut outcomes = Vec::new();
        let mut last: Option<Accepted> = None;
        for (account, pin) in &rows {
            let Ok(pin) = pin else { continue };
            // Before the next is counted, or somebody with many accounts would look like somebody who guesses.
            pins::settle(&self.visit, last.take().as_ref()).await?;
            let (outcome, accepted) = try_pin(&self.visit, draft.begun.person.user, *account, pin).await?;
            outcomes.push((*account, outcome));
            staged.extend(accepted.as_ref().map(|own| (own.account, own.sealed.clone())));
            last = accepted;
        }
        let record = Record::done(self.actor(), Action::PinTried).on(self.flow.id).with(format!("rows {}", rows.len()));
        self.step_with(Event::PinsTried(staged, outcomes), record, last.as_ref()).await
    }

    /// The form; `sent` is what came with the one that can't be taken.
    async fn pins_page(&self, sent: Option<&Rows>) -> Result<Response, Fault> {
        let Some(draft) = self.draft() else { return Ok(self.to_current()) };
        let accounts = self.list_accounts(draft.begun.person.user).await?;
        let states = try_join_all(accounts.iter().map(|account| self.pin_state(draft, account))).await?;
        let mut lines = Vec::with_capacity(accounts.len());
        for (account, state) in accounts.iter().zip(states) {
            let row = sent.and_then(|rows| rows.iter().find(|(id, _)| *id == account.id));
            lines.push(PinLine {
                account: account.id.to_string(),
                label: label(account, self.visit.lang == Lang::English),
                state,
                // Nothing is ticked beforehand: a row may be left empty, and typing a PIN is as good as ticking.
                ticked: row.is_some(),
                error: row.and_then(|(_, pin)| pin.as_ref().err().copied()),
            });
        }
        let none_ticked = sent.is_some_and(Vec::is_empty);
        let status = if sent.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        let page = PinsPage { frame: self.frame(), lines, can_skip: !draft.usable().is_empty(), none_ticked };
        Ok(self.visit.page(status, page.render()))
    }

    async fn pin_state(&self, draft: &Draft, account: &InquiryAccount) -> Result<PinState, Fault> {
        if draft.staged.contains_key(&account.id) {
            return Ok(PinState::Staged);
        }
        if !draft.begun.missing.contains(&account.id) {
            return Ok(PinState::Registered);
        }
        Ok(match account.pin {
            _ if is_locked(&self.visit, account.id).await? => PinState::Locked,
            PinStatus::Stale => PinState::Stale,
            PinStatus::Missing | PinStatus::Registered | PinStatus::Staged => PinState::Missing,
        })
    }
}

/// The ticked rows that can take a PIN. Typing a PIN is as good as ticking its row.
fn read_rows(form: &Form, draft: &Draft) -> Rows {
    let ticked: Vec<&str> = form.all("account").collect();
    let mut rows = Rows::new();
    for account in &draft.begun.missing {
        let name = account.to_string();
        let typed = form.get(&format!("pin-{name}")).trim();
        if typed.is_empty() && !ticked.contains(&name.as_str()) {
            continue;
        }
        let pin = match typed {
            "" if draft.staged.contains_key(account) => continue,
            "" => Err(PinError::Empty),
            typed => InquiryPin::from_typed(typed).map_err(|_| PinError::NotFourDigits),
        };
        rows.push((*account, pin));
    }
    rows
}
