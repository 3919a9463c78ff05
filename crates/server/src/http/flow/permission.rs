//! Step 5: 情報アクセス許可, everything in one view, and the tick without which 許可 does nothing.

use std::collections::BTreeSet;
use std::fmt::Write;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use renkei_domain::flow::{Answers, Closed, Draft, NotPermitted, Screen, Stage};
use renkei_domain::id::AccountId;
use renkei_domain::operation::Period;
use renkei_domain::pin::PinStatus;
use renkei_oauth::redirect::origin;
use renkei_screens::{
    Ending, Evidence, Lang, PermissionAccount, PermissionError, PermissionPage, PermittedOperation as ShownOperation,
};
use renkei_store::customers::InquiryAccount;

use super::Walk;
use super::frame::label;
use super::results::period;
use super::walk::{self, OrPage, Sent};
use crate::error::Fault;
use crate::http::browser::{Visit, see_other};
use crate::http::form::Form;
use crate::keys::sha256;

/// `GET /{institution}/link/{flow}/permission`.
pub async fn show(visit: Visit) -> OrPage<Response> {
    let walk = Walk::load(visit).await?.on(Screen::Permission)?;
    walk.permission_page(None, Vec::new()).await.map_err(|fault| walk.visit.failure(&fault))
}

/// `POST /{institution}/link/{flow}/permission`: `deny` refuses, `allow` permits.
pub async fn act(visit: Visit, form: Form) -> OrPage<Response> {
    let walk = Walk::load(visit).await?;
    let form = match walk.check(form)? {
        Sent::Current(form) => form,
        // The second half of a double click: the same answer again, while it is still good.
        Sent::Stale => return walk.same_answer().await.map_err(|fault| walk.visit.failure(&fault)),
    };
    let walk = walk.on(Screen::Permission)?;
    let done = if form.get("action") == "deny" { walk.deny().await } else { walk.allow(&form).await };
    done.map_err(|fault| walk.visit.failure(&fault))
}

/// What the screen is made from: the draft as things stand now, and the page it gives.
pub(super) struct Shown {
    /// The draft, with the accounts as they stand now.
    pub draft: Draft,
    /// The page, nothing ticked off and no error.
    pub page: PermissionPage,
    /// The evidence, word for word.
    pub text: String,
    /// Its SHA-256.
    pub hash: [u8; 32],
}

impl Walk {
    async fn deny(&self) -> Result<Response, Fault> {
        self.close(Closed::Declined).await?;
        match self.visit.read().find_flow(self.flow.id).await?.map(|flow| flow.stage) {
            Some(Stage::Closed { why: Closed::Declined }) => {
                Ok(self.visit.forgotten(see_other(&self.refusal_url(Closed::Declined).await?)))
            }
            _ => Ok(self.to_newest().await),
        }
    }

    async fn allow(&self, form: &Form) -> Result<Response, Fault> {
        let Some(shown) = self.shown().await? else { return Ok(self.to_current()) };
        let ticked: BTreeSet<AccountId> = form.all("account").filter_map(|text| text.parse().ok()).collect();
        let answers = Answers {
            accounts: ticked,
            intent_confirmed: form.get("intent") == "yes",
            text_seen: from_hex(form.get("text_hash")),
            text_now: shown.hash,
        };
        match shown.draft.permit(&answers) {
            Ok(permit) => self.allow_with(&shown, &permit).await,
            Err(reason) => {
                let error = match reason {
                    NotPermitted::NoAccount => PermissionError::NoAccount,
                    NotPermitted::AccountNotUsable | NotPermitted::TextChanged => PermissionError::TextChanged,
                    NotPermitted::IntentNotConfirmed => PermissionError::IntentNotConfirmed,
                };
                self.permission_page(Some(&answers), vec![error]).await
            }
        }
    }

    /// The form; `sent` is what came with the one that can't be taken.
    async fn permission_page(&self, sent: Option<&Answers>, errors: Vec<PermissionError>) -> Result<Response, Fault> {
        let Some(Shown { mut page, .. }) = self.shown().await? else { return Ok(self.to_current()) };
        if let Some(sent) = sent {
            for account in &mut page.accounts {
                account.ticked = sent.accounts.iter().any(|id| id.to_string() == account.account);
            }
            page.intent = sent.intent_confirmed;
        }
        let failed = !errors.is_empty();
        if sent.is_some() || failed {
            // Ticks and errors stand in it.
            page.drawn = None;
        }
        page.errors = errors;
        let back = origin(&self.request.redirect_uri, true).map_err(|fault| walk::not_registrable(&fault))?;
        let response = self.visit.page_leading_to(page.render(), &back);
        Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
    }

    /// The screen as it has to be shown now: operations, accounts, PINs, period and terms are looked at anew.
    pub(super) async fn shown(&self) -> Result<Option<Shown>, Fault> {
        let Some(draft) = self.draft() else { return Ok(None) };
        let mut draft = draft.clone();
        let renewed = async {
            let Some(id) = draft.renews else { return Ok(None) };
            let (mut read, mut beside) = (self.visit.read(), self.visit.read());
            Ok(Some(tokio::try_join!(read.find_linkage(id), beside.list_linkage_accounts(id))?))
        };
        let (accounts, renewed) = tokio::try_join!(self.list_accounts(draft.begun.person.user), renewed)?;
        let is_ready = |account: &&InquiryAccount| account.pin == PinStatus::Registered;
        draft.begun.ready = accounts.iter().filter(is_ready).map(|account| account.id).collect();
        draft.staged.retain(|id, _| accounts.iter().any(|account| account.id == *id));
        draft.operations = self.still_offered(&draft.operations);
        let usable = draft.usable();
        let english = self.visit.lang == Lang::English;
        let linked = renewed.as_ref().map(|(_, linked)| linked).filter(|linked| !linked.is_empty());
        let lines = accounts.iter().filter(|account| usable.contains(&account.id)).map(|account| PermissionAccount {
            account: account.id.to_string(),
            label: label(account, english),
            ticked: linked.is_none_or(|linked| linked.contains(&account.id) || draft.staged.contains_key(&account.id)),
        });
        let without = accounts.iter().filter(|account| !usable.contains(&account.id));
        let institution = &self.visit.institution;
        let mut page = PermissionPage {
            frame: self.frame(),
            customer_name: self.user.as_ref().map(|user| user.customer_name.clone()).unwrap_or_default(),
            purpose: self.visit.pick(&self.product.purpose, &self.product.purpose_en).to_owned(),
            operations: self.shown_operations(&draft),
            accounts: lines.collect(),
            accounts_asked: self.asked_accounts().is_some(),
            without_pin: without.map(|account| label(account, english)).collect(),
            period: self.whole_period(&draft),
            renews_until: renewed
                .and_then(|(linkage, _)| linkage)
                .map(|linkage| period(linkage.renewed_at, linkage.facts.ends_at).until),
            terms_version: institution.terms_version.clone(),
            terms_path: format!("{}/terms/{}", self.visit.root(), institution.terms_version),
            drawn: None,
            text_hash: String::new(),
            intent: false,
            errors: Vec::new(),
        };
        let Evidence { markup, text } = page.evidence();
        page.drawn = Some(markup);
        let hash = sha256(text.as_bytes());
        page.text_hash = to_hex(&hash);
        Ok(Some(Shown { draft, page, text, hash }))
    }

    fn shown_operations(&self, draft: &Draft) -> Vec<ShownOperation> {
        let periods = self.periods(draft);
        periods.into_iter().map(|(operation, period)| ShownOperation { operation, until: period.until }).collect()
    }

    /// The period of each operation, beginning today.
    pub(super) fn periods(&self, draft: &Draft) -> Vec<(renkei_domain::operation::Operation, Period)> {
        let offered = self.product.operations.iter().filter(|offered| draft.operations.contains(offered.operation));
        offered
            .map(|offered| (offered.operation, Period::starting(self.visit.now, self.asked_days(offered.days))))
            .collect()
    }

    fn whole_period(&self, draft: &Draft) -> Period {
        let today = self.visit.now.day();
        let until = self.periods(draft).into_iter().map(|(_, period)| period.until).max();
        Period { from: today, until: until.unwrap_or(today) }
    }

    /// A page for a permission that was given before and whose answer is no longer good.
    pub(super) fn already_done(&self) -> Response {
        self.visit.forgotten(self.visit.end(Ending::AlreadyDone, StatusCode::OK, self.frame(), None))
    }
}

pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Thirty-two bytes of hexadecimal text; zeros when it is none, which is the digest of nothing that was shown.
fn from_hex(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    if text.len() == 64 && text.is_ascii() {
        for (position, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(position * 2..position * 2 + 2).unwrap_or_default();
            *byte = u8::from_str_radix(digits, 16).unwrap_or_default();
        }
    }
    bytes
}
