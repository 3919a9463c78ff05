//! The account API from the partner's side.

use reqwest::Url;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::account::{Account, Balance, Linkage, Page};
use crate::client::Client;
use crate::error::{Error, Reason};
use crate::grant::Grant;
use crate::http::Answer;
use crate::metadata::safe_url;

/// An answer to a conditional read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched<T> {
    /// What is there now, and the tag to send next time.
    Fresh {
        /// The data.
        value: T,
        /// The entity tag (RFC 9110 section 8.8.3), if the institution gave one.
        etag: Option<String>,
    },
    /// Nothing has changed since the tag that was sent.
    NotModified,
}

impl<T> Fetched<T> {
    /// The data, if there is any new.
    #[must_use]
    pub fn value(self) -> Option<T> {
        match self {
            Self::Fresh { value, .. } => Some(value),
            Self::NotModified => None,
        }
    }

    /// The same with the data made into something else, unless that fails.
    pub(crate) fn try_map<U>(self, make: impl FnOnce(T) -> Result<U, Error>) -> Result<Fetched<U>, Error> {
        Ok(match self {
            Self::Fresh { value, etag } => Fetched::Fresh { value: make(value)?, etag },
            Self::NotModified => Fetched::NotModified,
        })
    }
}

/// A page of a read by dates.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RangePage {
    /// The lines with their proof, already checked.
    #[serde(flatten)]
    pub page: Page,
    /// Gives the following page; none on the last.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct AccountList {
    accounts: Vec<Account>,
}

impl Client {
    /// The accounts of the linkage, each with its state.
    ///
    /// # Errors
    /// [`Error::Problem`] with the reason there is no answer. The same holds for all reads.
    pub async fn accounts(&self, grant: &mut Grant, etag: Option<&str>) -> Result<Fetched<Vec<Account>>, Error> {
        let fetched = self.read::<AccountList>(grant, &["accounts"], &[], etag).await?;
        fetched.try_map(|list| Ok(list.accounts))
    }

    /// The balance of one account.
    ///
    /// # Errors
    /// [`Error::Problem`] with the reason there is no answer.
    pub async fn balances(
        &self,
        grant: &mut Grant,
        account_id: &str,
        etag: Option<&str>,
    ) -> Result<Fetched<Balance>, Error> {
        self.read(grant, &["accounts", account_id, "balances"], &[], etag).await
    }

    /// Transactions booked from one day to another, both included (`YYYY-MM-DD`), at most `limit` in one
    /// page; `cursor` is the last page's `next_cursor`.
    ///
    /// # Errors
    /// [`Error::Proof`] when the page does not add up, [`Error::Problem`] when there is no answer.
    pub async fn transactions_range(
        &self,
        grant: &mut Grant,
        account_id: &str,
        days: (&str, &str),
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<RangePage, Error> {
        let limit = limit.to_string();
        let mut query = vec![("from", days.0), ("to", days.1), ("limit", limit.as_str())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let path = ["accounts", account_id, "transactions"];
        let answer: Fetched<RangePage> = self.read(grant, &path, &query, None).await?;
        let page = answer.value().ok_or(Error::Unreadable("304 to a request without a tag"))?;
        page.page.check()?;
        Ok(page)
    }

    /// What the institution says about the linkage: permitted operations and their ends.
    ///
    /// # Errors
    /// [`Error::Problem`] with the reason there is no answer.
    pub async fn linkage(&self, grant: &mut Grant) -> Result<Linkage, Error> {
        let answer: Fetched<Linkage> = self.read(grant, &["linkage"], &[], None).await?;
        answer.value().ok_or(Error::Unreadable("304 to a request without a tag"))
    }

    /// One read. A token that is worn out is replaced before; one that is refused all the same, without
    /// a closer reason, is replaced once more.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        grant: &mut Grant,
        path: &[&str],
        query: &[(&str, &str)],
        etag: Option<&str>,
    ) -> Result<Fetched<T>, Error> {
        self.check_issuer(&grant.issuer)?;
        let url = self.api_url(path, query)?;
        let mut answer = self.try_read(grant, &url, etag).await?;
        if answer.status == 401 && matches!(answer.problem().reason, Reason::Other(_)) {
            grant.access = None;
            answer = self.try_read(grant, &url, etag).await?;
        }
        match answer.status {
            200 => Ok(Fetched::Fresh { value: answer.json("account data")?, etag: answer.etag }),
            304 => Ok(Fetched::NotModified),
            _ => Err(Error::Problem(answer.problem())),
        }
    }

    async fn try_read(&self, grant: &mut Grant, url: &Url, etag: Option<&str>) -> Result<Answer, Error> {
        let now = self.outside.clock.now();
        if grant.access(now).is_none() {
            self.refresh(grant).await?;
        }
        let access = grant.access.as_ref().ok_or(Error::Unreadable("token response"))?;
        self.get(url, access.token.reveal(), &grant.dpop, etag).await
    }

    fn api_url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url, Error> {
        let mut url = safe_url(&self.issuer)?;
        url.path_segments_mut()
            .map_err(|()| Error::Insecure(self.issuer.clone()))?
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }
}
