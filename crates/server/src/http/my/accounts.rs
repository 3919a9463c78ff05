//! Adding accounts to a linkage, and entering a PIN that went stale, without linking anew.

use axum::http::StatusCode;
use axum::response::Response;
use renkei_domain::audit::Action;
use renkei_domain::id::AccountId;
use renkei_domain::linkage::standing;
use renkei_domain::pin::{InquiryPin, PinOutcome, PinStatus, SealedPin};
use renkei_screens::{AccountsPage, Lang, PinError, PinLine, PinState};
use renkei_store::Step;
use renkei_store::customers::InquiryAccount;
use renkei_store::linkages::Linkage;

use super::Member;
use super::linkages::ACCOUNTS_REGISTERED;
use crate::error::Fault;
use crate::http::browser::{Visit, see_other};
use crate::http::flow::frame::label;
use crate::http::form::Form;
use crate::http::pins::{self, is_locked, try_pin};

/// `GET /{institution}/my/linkages/{linkage}/accounts`.
pub async fn show(visit: Visit) -> Result<Response, Response> {
    let member = Member::load(visit).await?;
    let linkage = member.open_linkage().await?;
    member.accounts_page(&linkage, None).await.map_err(|fault| member.visit.failure(&fault))
}

/// `POST /{institution}/my/linkages/{linkage}/accounts`.
pub async fn act(visit: Visit, form: Form) -> Result<Response, Response> {
    let member = Member::load(visit).await?;
    member.check(&form)?;
    let linkage = member.open_linkage().await?;
    member.add_accounts(&linkage, &form).await.map_err(|fault| member.visit.failure(&fault))
}

/// A ticked row: in, with a PIN that was just accepted where one was needed; or what is wrong with it.
type Row = (AccountId, Result<Option<SealedPin>, PinError>);

impl Member {
    /// The linkage of the path, if it is the member's own and still stands; else the way to its page.
    async fn open_linkage(&self) -> Result<Linkage, Response> {
        let linkage = self.linkage().await?;
        let own = linkage.user == self.user.id && standing(&linkage.facts, self.visit.now).is_ok();
        if own { Ok(linkage) } else { Err(see_other(&self.linkage_path(&linkage))) }
    }

    fn linkage_path(&self, linkage: &Linkage) -> String {
        format!("{}/linkages/{}", self.base(), linkage.id)
    }

    /// The accounts the form is about: those not in the linkage yet, and those of it whose PIN needs mending.
    async fn candidates(&self, linkage: &Linkage) -> Result<Vec<InquiryAccount>, Fault> {
        let mut read = self.visit.read();
        let linked = read.list_linkage_accounts(linkage.id).await?;
        let accounts = read.list_user_accounts(self.user.id).await?;
        let wanted = |account: &InquiryAccount| !linked.contains(&account.id) || account.pin != PinStatus::Registered;
        Ok(accounts.into_iter().filter(wanted).collect())
    }

    async fn accounts_page(&self, linkage: &Linkage, sent: Option<&[Row]>) -> Result<Response, Fault> {
        let product = self.visit.read().find_product(&linkage.client_id).await?;
        let product = product.ok_or_else(|| Fault::Defect("a linkage without its product".into()))?;
        let mut lines = Vec::new();
        for account in self.candidates(linkage).await? {
            let row = sent.and_then(|rows| rows.iter().find(|(id, _)| *id == account.id));
            lines.push(PinLine {
                account: account.id.to_string(),
                label: label(&account, self.visit.lang == Lang::English),
                state: self.pin_state(&account).await?,
                ticked: row.is_some(),
                error: row.and_then(|(_, outcome)| outcome.as_ref().err().copied()),
            });
        }
        let page = AccountsPage {
            frame: self.frame(),
            linkage_path: self.linkage_path(linkage),
            product: self.visit.pick(&product.name, &product.name_en).to_owned(),
            company: self.visit.pick(&product.partner.name, &product.partner.name_en).to_owned(),
            lines,
            none_ticked: sent.is_some_and(<[Row]>::is_empty),
        };
        let status = if sent.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        Ok(self.visit.page(status, page.render()))
    }

    async fn pin_state(&self, account: &InquiryAccount) -> Result<PinState, Fault> {
        Ok(match account.pin {
            PinStatus::Registered | PinStatus::Staged => PinState::Registered,
            PinStatus::Missing | PinStatus::Stale if is_locked(&self.visit, account.id).await? => PinState::Locked,
            PinStatus::Missing => PinState::Missing,
            PinStatus::Stale => PinState::Stale,
        })
    }

    async fn add_accounts(&self, linkage: &Linkage, form: &Form) -> Result<Response, Fault> {
        let mut rows: Vec<Row> = Vec::new();
        for account in self.candidates(linkage).await? {
            if let Some(outcome) = self.row(&account, form).await? {
                rows.push((account.id, outcome));
            }
        }
        let accepted: Vec<(AccountId, Option<&SealedPin>)> =
            rows.iter().filter_map(|(id, outcome)| outcome.as_ref().ok().map(|pin| (*id, pin.as_ref()))).collect();
        if !accepted.is_empty() {
            self.widen(linkage, &accepted).await?;
        }
        let all_in = !rows.is_empty() && accepted.len() == rows.len();
        if all_in {
            return Ok(see_other(&format!("{}?{ACCOUNTS_REGISTERED}", self.linkage_path(linkage))));
        }
        self.accounts_page(linkage, Some(&rows)).await
    }

    /// One row of the form: nothing wanted, or in, or what is wrong.
    async fn row(
        &self,
        account: &InquiryAccount,
        form: &Form,
    ) -> Result<Option<Result<Option<SealedPin>, PinError>>, Fault> {
        let id = account.id.to_string();
        let typed = form.get(&format!("pin-{id}")).trim();
        if typed.is_empty() && !form.all("account").any(|ticked| ticked == id) {
            return Ok(None);
        }
        if account.pin == PinStatus::Registered {
            return Ok(Some(Ok(None)));
        }
        if typed.is_empty() {
            return Ok(Some(Err(PinError::Empty)));
        }
        let Ok(pin) = InquiryPin::from_typed(typed) else { return Ok(Some(Err(PinError::NotFourDigits))) };
        let (outcome, accepted) = try_pin(&self.visit, self.user.id, account.id, &pin).await?;
        pins::settle(&self.visit, accepted.as_ref()).await?;
        Ok(Some(match outcome {
            PinOutcome::Staged => Ok(accepted.map(|own| own.sealed)),
            PinOutcome::Wrong => Err(PinError::Wrong),
            PinOutcome::Locked => Err(PinError::Locked),
        }))
    }

    /// Puts accounts into the linkage and their PINs in force, together with the record of it.
    async fn widen(&self, linkage: &Linkage, accepted: &[(AccountId, Option<&SealedPin>)]) -> Result<(), Fault> {
        let now = self.visit.now;
        let mut tx = self.visit.begin().await?;
        let mut accounts = tx.list_linkage_accounts(linkage.id).await?;
        for (account, pin) in accepted {
            if let Some(pin) = pin {
                tx.apply(Step::register_pin(*account, pin, self.user.id, now)).await?;
            }
            if !accounts.contains(account) {
                accounts.push(*account);
            }
        }
        tx.set_linkage_accounts(linkage.id, &accounts, now).await?;
        let names: Vec<String> = accepted.iter().map(|(account, _)| account.to_string()).collect();
        let record = self.did(Action::LinkageWidened).on(linkage.id).with(names.join(" "));
        self.record(&mut tx, record).await?;
        Ok(tx.commit().await?)
    }
}
