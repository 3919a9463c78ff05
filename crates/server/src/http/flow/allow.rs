//! 許可: one unit that claims the pushed request and makes linkage, consent, PINs, code and record stand.

use axum::response::Response;
use futures_util::future::try_join_all;
use renkei_domain::audit::{Action, Record};
use renkei_domain::flow::{Closed, Draft, Event, Permit, Screen, Stage};
use renkei_domain::id::{AccountId, ConsentId, LinkageId};
use renkei_domain::linkage::PermittedOperation;
use renkei_domain::notice::Happened;
use renkei_domain::ticket::Ticket;
use renkei_domain::token::CODE_SECONDS;
use renkei_oauth::redirect::Outcome;
use renkei_store::codes::Code;
use renkei_store::flows::Flow;
use renkei_store::linkages::{Consent, Permission, Standing};
use renkei_store::{Ended, Step, Unit};

use super::Walk;
use super::permission::{Shown, to_hex};
use super::walk::renewable;
use crate::error::Fault;
use crate::http::browser::see_other;
use crate::http::oauth::policy;
use crate::http::pins::is_locked;

/// The first claims of a permission: whoever loses one of them was second.
const REQUEST: usize = 0;
const FLOW: usize = 1;

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
        let (is_locked, known, linked) = self.before_permission(&shown.draft).await?;
        // A PIN that was right is worth nothing once somebody else guessed its account shut.
        if is_locked {
            self.close(Closed::NotAllowed).await?;
            return Ok(self.to_newest().await);
        }
        // Before anything is given: a partner that can't be answered gets nothing.
        let ticket = self.code_ticket(consent);
        let answer = self.answer_url(Outcome::Code(&ticket.reveal())).await?;
        let mut next = self.next(stage);
        next.permitted_at = Some(now);
        if shown.draft.misses_one_of(&renewable(&known, &self.product, now)) {
            // Of another walk: then there is more to ask. Or of the first half of a double click.
            let newest = self.visit.read().find_flow(self.flow.id).await?;
            if newest.is_some_and(|flow| flow.version == self.flow.version) {
                return Ok(see_other(&self.path(Screen::Existing)));
            }
            return self.same_answer().await;
        }
        let accounts: Vec<AccountId> = permit.accounts().iter().copied().collect();
        let mut unit = self.visit.unit();
        self.claim_permission(&mut unit, &next)?;
        self.claim_linkage(&mut unit, shown, linkage, (known.len(), &linked))?;
        unit.then_all(Step::set_linkage_accounts(linkage, &linked, &accounts, now));
        for (account, sealed) in &shown.draft.staged {
            unit.then(Step::register_pin(*account, sealed, shown.draft.begun.person.user, now));
        }
        unit.add(Step::add_consent(&self.consent(shown, linkage, consent, accounts))?);
        unit.add(Step::add_code(&ticket, &self.code(&ticket, shown, linkage)));
        unit.then(Step::pass_on_guard(self.session.id, ticket.id()));
        self.record_permission(&mut unit, shown, linkage);
        match self.visit.app.store.leave(unit).await? {
            // The flow is over, so nothing of its pages is to be seen again.
            Ended::Done => Ok(self.visit.forgotten(see_other(&answer))),
            Ended::Lost(REQUEST | FLOW) => self.same_answer().await,
            Ended::Lost(_) => self.not_this_linkage(shown).await,
        }
    }

    /// Whether an account whose PIN was right is locked; the user's linkages; the accounts of the one that is renewed.
    async fn before_permission(&self, draft: &Draft) -> Result<(bool, Vec<Standing>, Vec<AccountId>), Fault> {
        let (mut read, mut beside) = (self.visit.read(), self.visit.read());
        let locked = try_join_all(draft.staged.keys().map(|account| is_locked(&self.visit, *account)));
        let known = async { Ok(read.list_standings_of_user(draft.begun.person.user).await?) };
        let linked = async {
            match draft.renews {
                Some(linkage) => Ok(beside.list_linkage_accounts(linkage).await?),
                None => Ok(Vec::new()),
            }
        };
        let (locked, known, linked) = tokio::try_join!(locked, known, linked)?;
        Ok((locked.contains(&true), known, linked))
    }

    /// What makes this permission the only one: the request is used up, and the flow moves on.
    fn claim_permission(&self, unit: &mut Unit, next: &Flow) -> Result<(), Fault> {
        unit.claim(Step::claim_request(self.flow.request, self.visit.now));
        unit.claim(Step::save_flow(next)?);
        unit.otherwise(Step::put_back_request(self.flow.request));
        Ok(())
    }

    /// Begins the linkage, or renews the one the draft names, unless the user has one meanwhile that it was not asked
    /// about: begun by another walk, perhaps at this very moment. So the user is held first.
    fn claim_linkage(
        &self,
        unit: &mut Unit,
        shown: &Shown,
        id: LinkageId,
        (known, accounts): (usize, &[AccountId]),
    ) -> Result<(), Fault> {
        let person = &shown.draft.begun.person;
        let periods = self.periods(&shown.draft);
        let operations: Vec<PermittedOperation> = periods
            .into_iter()
            .map(|(operation, period)| PermittedOperation { operation, ends_at: period.ends_at() })
            .collect();
        let (client_id, now) = (self.product.client_id.as_str(), self.visit.now);
        let permission = Permission { id, client_id, person, operations: &operations, known, accounts, now };
        let renews = shown.draft.renews.is_some();
        let put = if renews { Step::renew_linkage(&permission)? } else { Step::add_linkage(&permission)? };
        for claim in [Step::hold_user(person.user), put] {
            unit.claim(claim);
            unit.otherwise(Step::put_back_request(self.flow.request));
            unit.otherwise(Step::put_back_flow(&self.flow)?);
        }
        Ok(())
    }

    /// There is more to ask about, or what was to be renewed can't be renewed any more.
    async fn not_this_linkage(&self, shown: &Shown) -> Result<Response, Fault> {
        let linkages = self.visit.read().list_standings_of_user(shown.draft.begun.person.user).await?;
        let stands = |id| linkages.iter().any(|linkage| linkage.id == id && linkage.ended_at.is_none());
        if shown.draft.renews.is_none_or(stands) {
            return Ok(see_other(&self.path(Screen::Existing)));
        }
        self.close(Closed::GrantNotYours).await?;
        Ok(self.to_newest().await)
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

    fn record_permission(&self, unit: &mut Unit, shown: &Shown, linkage: LinkageId) {
        let renewed = shown.draft.renews.is_some();
        let action = if renewed { Action::LinkageRenewed } else { Action::LinkageBegun };
        // The trail commits to the very text, so the consent that keeps it can't be given another one unnoticed.
        let (client_id, text) = (&self.product.client_id, to_hex(&shown.hash));
        let detail = format!("{client_id} {} text={text}", shown.draft.operations.to_scope());
        self.record(unit, Record::done(self.actor(), action).on(linkage).with(detail));
        let told = Happened::Permitted(self.product.client_id.clone());
        let (user, random) = (shown.draft.begun.person.user, &*self.visit.app.random);
        unit.then_all(Step::add_notice(user, &told, self.visit.now, random));
        if !shown.draft.staged.is_empty() {
            let count = format!("accounts {}", shown.draft.staged.len());
            self.record(unit, Record::done(self.actor(), Action::PinsRegistered).on(linkage).with(count));
        }
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
