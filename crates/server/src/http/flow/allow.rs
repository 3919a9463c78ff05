//! 許可: one transaction that claims the pushed request and makes linkage, consent, PINs, code and record stand.

use axum::response::Response;
use renkei_domain::audit::{Action, Record};
use renkei_domain::flow::{Event, Permit, Screen, Stage};
use renkei_domain::id::{AccountId, ConsentId, LinkageId};
use renkei_domain::linkage::PermittedOperation;
use renkei_domain::notice::Happened;
use renkei_domain::ticket::Ticket;
use renkei_domain::token::CODE_SECONDS;
use renkei_oauth::redirect::Outcome;
use renkei_store::Tx;
use renkei_store::codes::Code;
use renkei_store::linkages::Consent;

use super::Walk;
use super::permission::{Shown, to_hex};
use super::walk::renewable;
use crate::error::Fault;
use crate::http::browser::see_other;
use crate::http::oauth::policy;
use crate::http::pins::is_locked;

impl Walk {
    /// Gives the permission. Whoever is second, by a double click or in another tab, finds the flow moved on and
    /// changes nothing.
    pub(super) async fn allow_with(&self, shown: &Shown, permit: &Permit) -> Result<Response, Fault> {
        let now = self.visit.now;
        let linkage = shown.draft.renews.unwrap_or_else(|| LinkageId(self.visit.app.new_id(now)));
        let consent = ConsentId(self.visit.app.new_id(now));
        // The walk is taken with the accounts as they stand now, not as they stood at login.
        let stage = Stage::Permission { draft: shown.draft.clone() };
        let Ok(stage) = stage.advance(Event::Permitted(permit.clone(), linkage, consent)) else {
            return Ok(self.to_current());
        };
        // A PIN that was right is worth nothing once somebody else guessed its account shut.
        for account in shown.draft.staged.keys() {
            if is_locked(&self.visit, *account).await? {
                self.close(renkei_domain::flow::Closed::NotAllowed).await?;
                return Ok(self.to_newest().await);
            }
        }
        // Before anything is given: a partner that can't be answered gets nothing.
        let ticket = self.code_ticket(consent);
        let answer = self.answer_url(Outcome::Code(&ticket.reveal())).await?;
        let mut tx = self.visit.begin().await?;
        let mut next = self.next(stage);
        next.permitted_at = Some(now);
        if !tx.claim_request(self.flow.request, now).await? || !tx.save_flow(&next).await? {
            tx.concede().await?;
            return self.same_answer().await;
        }
        if self.has_more_to_ask(&mut tx, shown).await? {
            drop(tx);
            return Ok(see_other(&self.path(Screen::Existing)));
        }
        if !self.put_linkage(&mut tx, shown, linkage).await? {
            drop(tx);
            self.close(renkei_domain::flow::Closed::GrantNotYours).await?;
            return Ok(self.to_newest().await);
        }
        let accounts: Vec<AccountId> = permit.accounts().iter().copied().collect();
        tx.set_linkage_accounts(linkage, &accounts, now).await?;
        for (account, sealed) in &shown.draft.staged {
            tx.register_pin(*account, sealed, shown.draft.begun.person.user, now).await?;
        }
        tx.add_consent(&self.consent(shown, linkage, consent, accounts)).await?;
        tx.add_code(&ticket, &self.code(&ticket, shown, linkage)).await?;
        tx.pass_on_guard(self.session.id, ticket.id()).await?;
        self.record_permission(&mut tx, shown, linkage).await?;
        tx.commit().await?;
        // The flow is over, so nothing of its pages is to be seen again.
        Ok(self.visit.forgotten(see_other(&answer)))
    }

    /// Whether the user has a linkage with this product that it was not asked about: begun by another walk, perhaps at
    /// this very moment. So the user is held first.
    async fn has_more_to_ask(&self, tx: &mut Tx, shown: &Shown) -> Result<bool, Fault> {
        let user = shown.draft.begun.person.user;
        tx.hold_user(user).await?;
        let linkages = tx.list_linkages_of_user(user).await?;
        Ok(shown.draft.misses_one_of(&renewable(&linkages, &self.product, self.visit.now)))
    }

    /// Begins the linkage, or renews the one the draft names. `false`: it can't be renewed any more.
    async fn put_linkage(&self, tx: &mut Tx, shown: &Shown, id: LinkageId) -> Result<bool, Fault> {
        let now = self.visit.now;
        let person = &shown.draft.begun.person;
        let periods = self.periods(&shown.draft);
        let operations: Vec<PermittedOperation> = periods
            .into_iter()
            .map(|(operation, period)| PermittedOperation { operation, ends_at: period.ends_at() })
            .collect();
        let client_id = &self.product.client_id;
        if shown.draft.renews.is_some() {
            return Ok(tx.renew_linkage(id, client_id, person, &operations, now).await?);
        }
        tx.add_linkage(id, client_id, person, &operations, now).await?;
        Ok(true)
    }

    fn consent(&self, shown: &Shown, linkage: LinkageId, id: ConsentId, accounts: Vec<AccountId>) -> Consent {
        Consent {
            id,
            linkage,
            user: shown.draft.begun.person.user,
            method: shown.draft.begun.person.method,
            given_at: self.visit.now,
            terms_version: self.visit.institution.terms_version.clone(),
            shown_text: shown.text.clone(),
            shown_hash: shown.hash,
            accounts,
        }
    }

    fn code(&self, ticket: &Ticket, shown: &Shown, linkage: LinkageId) -> Code {
        Code {
            id: ticket.id(),
            linkage,
            client_id: self.product.client_id.clone(),
            redirect_uri: self.request.redirect_uri.clone(),
            code_challenge: self.request.code_challenge.as_str().to_owned(),
            dpop_jkt: self.request.dpop_jkt.clone(),
            request: policy::facts(&self.request),
            scope: shown.draft.operations.to_scope(),
            detailed: self.request.details.is_some(),
            expires_at: self.visit.now.plus_seconds(CODE_SECONDS),
        }
    }

    async fn record_permission(&self, tx: &mut Tx, shown: &Shown, linkage: LinkageId) -> Result<(), Fault> {
        let renewed = shown.draft.renews.is_some();
        let action = if renewed { Action::LinkageRenewed } else { Action::LinkageBegun };
        // The trail commits to the very text, so the consent that keeps it can't be given another one unnoticed.
        let (client_id, text) = (&self.product.client_id, to_hex(&shown.hash));
        let detail = format!("{client_id} {} text={text}", shown.draft.operations.to_scope());
        self.record(tx, Record::done(self.actor(), action).on(linkage).with(detail)).await?;
        let told = Happened::Permitted(self.product.client_id.clone());
        tx.add_notice(shown.draft.begun.person.user, &told, self.visit.now, &*self.visit.app.random).await?;
        if !shown.draft.staged.is_empty() {
            let count = format!("accounts {}", shown.draft.staged.len());
            self.record(tx, Record::done(self.actor(), Action::PinsRegistered).on(linkage).with(count)).await?;
        }
        Ok(())
    }

    /// The code's ticket. It is made from the consent with a key outside the data, so that the second half of a double
    /// click can be given the same answer although only its hash is stored.
    fn code_ticket(&self, consent: ConsentId) -> Ticket {
        let act = format!("{}/{}/{consent}", self.visit.code(), self.flow.id);
        Ticket::new(consent.0, &self.visit.app.keys.code_secret(&act))
    }

    /// The answer that was given before: the same redirect while the code is good, a page that says so afterwards.
    pub(super) async fn same_answer(&self) -> Result<Response, Fault> {
        let Some(flow) = self.visit.read().find_flow(self.flow.id).await? else { return Ok(self.to_current()) };
        let Stage::Consented { consent, .. } = flow.stage else { return Ok(self.to_newest().await) };
        match flow.permitted_at.filter(|given| self.visit.now < given.plus_seconds(CODE_SECONDS)) {
            Some(_) => {
                let code = self.code_ticket(consent).reveal();
                Ok(self.visit.forgotten(see_other(&self.answer_url(Outcome::Code(&code)).await?)))
            }
            None => Ok(self.already_done()),
        }
    }
}
