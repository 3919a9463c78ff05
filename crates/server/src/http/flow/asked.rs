//! What the partner's request limits besides the operations: which accounts may be permitted, for how long, after which
//! login. Asked at every screen, so that no form can go beyond it.

use renkei_domain::id::{LinkageId, UserId};
use renkei_oauth::authorization_details::{AskedAccount, Limits};
use renkei_oauth::request::GrantRequest;
use renkei_store::customers::InquiryAccount;

use super::Walk;
use crate::error::Fault;
use crate::http::acr;

impl Walk {
    /// The accounts a user may inquire on and this request may be given: those it names, and, where it adds to a linkage,
    /// those the linkage has.
    ///
    /// # Errors
    /// [`Fault`] when the store is away.
    pub(super) async fn list_accounts(&self, user: UserId) -> Result<Vec<InquiryAccount>, Fault> {
        let mut read = self.visit.read();
        let mut accounts = read.list_user_accounts(user).await?;
        let Some(asked) = self.asked_accounts() else { return Ok(accounts) };
        let kept = match self.merged() {
            Some(linkage) => read.list_linkage_accounts(linkage).await?,
            None => Vec::new(),
        };
        accounts.retain(|account| kept.contains(&account.id) || asked.iter().any(|asked| is(account, asked)));
        Ok(accounts)
    }

    /// The only accounts asked for, if the request names any.
    pub(super) fn asked_accounts(&self) -> Option<&[AskedAccount]> {
        self.limits()?.accounts.as_deref()
    }

    /// The days of a period, cut to those asked for.
    pub(super) fn asked_days(&self, offered: u16) -> u16 {
        let asked = self.limits().and_then(|limits| limits.period_days);
        asked.map_or(offered, |asked| asked.min(offered))
    }

    /// Whether only a certificate will do: the request or the institution asks for it.
    pub(super) fn needs_certificate(&self) -> bool {
        acr::needs_certificate(&self.visit.institution, self.request.acr)
    }

    fn limits(&self) -> Option<&Limits> {
        self.request.details.as_ref()
    }

    /// The linkage that the request adds to.
    fn merged(&self) -> Option<LinkageId> {
        match &self.request.grant {
            GrantRequest::Merge { grant_id } => grant_id.parse().ok(),
            GrantRequest::Create | GrantRequest::Replace { .. } => None,
        }
    }
}

/// Whether this is the account that is asked for.
fn is(account: &InquiryAccount, asked: &AskedAccount) -> bool {
    asked.is(&account.id.to_string(), account.branch.as_str(), account.kind.code(), account.number.as_str())
}
