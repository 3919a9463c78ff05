//! The list of linkages, and one of them.

use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::Response;
use renkei_domain::audit::Action;
use renkei_domain::customer::UserKind;
use renkei_domain::linkage::{Reason, standing};
use renkei_domain::notice::Happened;
use renkei_domain::pin::PinStatus;
use renkei_domain::time::Timestamp;
use renkei_screens::{
    ConsentLine, Lang, LinkageAccount, LinkageLine, LinkageNews, LinkagePage, LinkagesPage, NoticeLine,
};
use renkei_store::Session;
use renkei_store::linkages::Linkage;

use super::Member;
use crate::error::Fault;
use crate::http::browser::{Visit, see_other};
use crate::http::flow::frame::label;
use crate::http::flow::results::period;

/// Notices on the page, the newest of those that are kept.
const NOTICES_SHOWN: u32 = 10;

/// Said by the address of a linkage's page after accounts were added: say so, too.
pub const ACCOUNTS_REGISTERED: &str = "registered";

/// `GET /{institution}/my`.
pub async fn home(visit: Visit) -> Response {
    see_other(&format!("{}/my/linkages", visit.root()))
}

/// `GET /{institution}/my/linkages`.
pub async fn list(visit: Visit) -> Result<Response, Response> {
    let member = Member::load(visit).await?;
    member.linkages_page().await.map_err(|fault| member.visit.failure(&fault))
}

/// `GET /{institution}/my/linkages/{linkage}`.
pub async fn show(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Response> {
    let member = Member::load(visit).await?;
    let linkage = member.linkage().await?;
    let news = query.is_some_and(|query| query.split('&').any(|part| part == ACCOUNTS_REGISTERED));
    member.linkage_page(&linkage, news).await.map_err(|fault| member.visit.failure(&fault))
}

impl Member {
    async fn linkages_page(&self) -> Result<Response, Fault> {
        let mut read = self.visit.read();
        let linkages = match self.user.kind {
            UserKind::Master => read.list_linkages_of_customer(self.user.customer).await?,
            UserKind::Ordinary => read.list_linkages_of_user(self.user.id).await?,
        };
        let mut lines = Vec::with_capacity(linkages.len());
        for linkage in linkages.iter().filter(|linkage| !linkage.has_lapsed(self.visit.now)) {
            lines.push(self.line(linkage).await?);
        }
        let mut tx = self.visit.begin().await?;
        self.record(&mut tx, self.did(Action::LinkagesViewed).with(format!("linkages {}", lines.len()))).await?;
        tx.commit().await?;
        let notices = self.notices().await?;
        let page = LinkagesPage { frame: self.frame(), linkages: lines, notices, today: self.visit.now.day() };
        Ok(self.visit.page(StatusCode::OK, page.render()))
    }

    /// What has happened to this member's login and linkages, products by their names.
    async fn notices(&self) -> Result<Vec<NoticeLine>, Fault> {
        let mut read = self.visit.read();
        let mut lines = Vec::new();
        for (at, what) in read.list_notices(self.user.id, NOTICES_SHOWN).await? {
            let what = match what {
                Happened::Permitted(client_id) => Happened::Permitted(self.product_name(&mut read, client_id).await?),
                Happened::Ended(by, client_id) => Happened::Ended(by, self.product_name(&mut read, client_id).await?),
                other => other,
            };
            lines.push(NoticeLine { at, what });
        }
        Ok(lines)
    }

    async fn product_name(&self, read: &mut Session, client_id: String) -> Result<String, Fault> {
        let product = read.find_product(&client_id).await?;
        Ok(product.map(|known| self.visit.pick(&known.name, &known.name_en).to_owned()).unwrap_or(client_id))
    }

    async fn linkage_page(&self, linkage: &Linkage, news: bool) -> Result<Response, Fault> {
        let consents = self.visit.read().list_consents(linkage.id).await?;
        let consents = consents.into_iter().map(|consent| ConsentLine {
            at: consent.given_at,
            period: period(consent.given_at, linkage.facts.ends_at),
            terms_version: consent.terms_version,
            reference: consent.id.to_string(),
        });
        let page = LinkagePage {
            frame: self.frame(),
            linkage: self.line(linkage).await?,
            consents: consents.collect(),
            news: news.then_some(LinkageNews::AccountsRegistered),
            today: self.visit.now.day(),
        };
        Ok(self.visit.page(StatusCode::OK, page.render()))
    }

    /// A linkage as its owner sees it.
    pub(super) async fn line(&self, linkage: &Linkage) -> Result<LinkageLine, Fault> {
        let mut read = self.visit.read();
        let product = read.find_product(&linkage.client_id).await?;
        let product = product.ok_or_else(|| Fault::Defect("a linkage without its product".into()))?;
        let linked = read.list_linkage_accounts(linkage.id).await?;
        let accounts = read.list_user_accounts(linkage.user).await?;
        let english = self.visit.lang == Lang::English;
        let named = accounts.iter().filter(|account| linked.contains(&account.id)).map(|account| LinkageAccount {
            label: label(account, english),
            trouble: match account.pin {
                PinStatus::Missing => Some(Reason::PinMissing),
                PinStatus::Stale => Some(Reason::PinStale),
                PinStatus::Registered | PinStatus::Staged => None,
            },
        });
        Ok(LinkageLine {
            path: format!("{}/linkages/{}", self.base(), linkage.id),
            product: self.visit.pick(&product.name, &product.name_en).to_owned(),
            company: self.visit.pick(&product.partner.name, &product.partner.name_en).to_owned(),
            domain: product.partner.domain.clone(),
            operations: linkage.operations.iter().map(|permitted| permitted.operation).collect(),
            accounts: named.collect(),
            period: period(linkage.renewed_at, linkage.facts.ends_at),
            since: linkage.begun_at.day(),
            ended_on: linkage.ended_at.map(Timestamp::day),
            last_used: linkage.last_read_at,
            standing: standing(&linkage.facts, self.visit.now),
        })
    }
}
