//! The frame of a flow's pages: who asks, which step of which, how long still.

use renkei_domain::flow::{Screen, Stage};
use renkei_domain::partner::Offer;
use renkei_screens::{AccountLabel, Asking, FlowFrame, Frame, TimeLeft};
use renkei_store::customers::InquiryAccount;

use super::Walk;

impl Walk {
    /// The frame of this flow's pages.
    #[must_use]
    pub fn frame(&self) -> Frame {
        let open = self.flow.stage.is_open();
        let flow = FlowFrame {
            base: self.base(),
            version: self.flow.version,
            steps: if open { self.steps() } else { Vec::new() },
            asking: self.asking(),
            time: open.then_some(TimeLeft { clock: self.flow.clock, now: self.visit.now }),
            login_id: self.user.as_ref().map(|user| user.login_id.clone()),
        };
        let csrf = self.visit.form_token(&self.session, &self.flow.id.to_string(), self.flow.version);
        Frame { csrf, flow: Some(flow), ..self.visit.frame() }
    }

    /// Who asks, as the registry knows them.
    fn asking(&self) -> Asking {
        let product = &self.product;
        Asking {
            product: self.visit.pick(&product.name, &product.name_en).to_owned(),
            company: self.visit.pick(&product.partner.name, &product.partner.name_en).to_owned(),
            domain: product.partner.domain.clone(),
            registration: product.partner.registration.clone().unwrap_or_default(),
            return_host: host(&self.request.redirect_uri).to_owned(),
        }
    }

    /// The screens of this very flow in order: those behind, the present one, and those that will come for certain.
    fn steps(&self) -> Vec<Screen> {
        let choice = matches!(self.product.offer(), Offer::Choice(_));
        let (pins, existing) = match &self.flow.stage {
            Stage::Login => (true, false),
            Stage::Operations { begun, .. } => (!begun.missing.is_empty(), asks_renewal(begun)),
            Stage::Pins { draft }
            | Stage::PinResults { draft, .. }
            | Stage::Existing { draft }
            | Stage::Permission { draft } => (!draft.begun.missing.is_empty(), asks_renewal(&draft.begun)),
            Stage::Consented { .. } | Stage::Closed { .. } => (false, false),
        };
        let steps = [
            (Screen::Login, true),
            (Screen::Operations, choice),
            (Screen::Pins, pins),
            (Screen::Results, pins),
            (Screen::Existing, existing),
            (Screen::Permission, true),
        ];
        steps.into_iter().filter(|(_, shown)| *shown).map(|(screen, _)| screen).collect()
    }
}

fn asks_renewal(begun: &renkei_domain::flow::Begun) -> bool {
    begun.named.is_none() && !begun.existing.is_empty()
}

/// The host of a checked redirect URI.
#[must_use]
pub fn host(uri: &str) -> &str {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or(rest)
}

/// How pages name an account.
#[must_use]
pub fn label(account: &InquiryAccount, english: bool) -> AccountLabel {
    let branch_name = if english { &account.branch_name_en } else { &account.branch_name };
    AccountLabel {
        branch_name: branch_name.clone(),
        branch_code: account.branch.to_string(),
        account_type: account.kind,
        number: account.number.to_string(),
        memo: account.memo.clone(),
    }
}
