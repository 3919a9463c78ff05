//! The feed: what was posted to an account since a mark, however late its booking day is.

use serde::{Deserialize, Serialize};

use crate::account::{Page, Transaction};
use crate::api::Fetched;
use crate::client::Client;
use crate::error::{Error, ProofFault};
use crate::grant::Grant;

/// How far an account has been read. Keep it with the transactions, in the same write: who keeps the
/// mark misses nothing and gets nothing twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The institution's own mark; opaque.
    pub next: String,
    /// The sequence of the last line read; none when the account had no line yet.
    pub last_sequence: Option<u64>,
    /// The balance after that line.
    pub balance: i64,
}

/// A page of the feed, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPage {
    /// The new lines in posting order.
    pub transactions: Vec<Transaction>,
    /// Where to go on.
    pub mark: Mark,
    /// Whether there is more already.
    pub more: bool,
}

#[derive(Deserialize)]
struct WirePage {
    #[serde(flatten)]
    page: Page,
    next_mark: String,
    more: bool,
}

impl Client {
    /// What was posted after `mark`, or from the beginning, at most `limit` lines.
    ///
    /// # Errors
    /// [`Error::Proof`] when the page does not add up, or does not follow on the mark without a gap;
    /// [`Error::Problem`] with the reason there is no answer.
    pub async fn transactions_after(
        &self,
        grant: &mut Grant,
        account_id: &str,
        mark: Option<&Mark>,
        limit: usize,
        etag: Option<&str>,
    ) -> Result<Fetched<FeedPage>, Error> {
        let limit = limit.to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(mark.map(|mark| ("after", mark.next.as_str())));
        let path = ["accounts", account_id, "transactions"];
        let fetched = self.read::<WirePage>(grant, &path, &query, etag).await?;
        fetched.try_map(|wire| Ok(follow(mark, wire)?))
    }

    /// Reads an account page by page until nothing more is there.
    pub fn feed<'a>(&'a self, grant: &'a mut Grant, account_id: &'a str, mark: Option<Mark>, limit: usize) -> Feed<'a> {
        Feed { client: self, grant, account_id, mark, limit, more: true }
    }
}

/// Checks a page and what it has to do with the one before it.
fn follow(mark: Option<&Mark>, wire: WirePage) -> Result<FeedPage, ProofFault> {
    let WirePage { page, next_mark, more } = wire;
    page.check()?;
    let mut last_sequence = mark.and_then(|mark| mark.last_sequence);
    if let Some(mark) = mark
        && mark.balance != page.opening_balance
    {
        return Err(ProofFault::Opening);
    }
    for line in &page.transactions {
        let follows = last_sequence.is_none_or(|last| last.checked_add(1) == Some(line.sequence));
        if !follows {
            return Err(ProofFault::Sequence);
        }
        last_sequence = Some(line.sequence);
    }
    let mark = Mark { next: next_mark, last_sequence, balance: page.closing_balance };
    Ok(FeedPage { transactions: page.transactions, mark, more })
}

/// The pages of an account, one after the other.
#[derive(Debug)]
pub struct Feed<'a> {
    client: &'a Client,
    grant: &'a mut Grant,
    account_id: &'a str,
    mark: Option<Mark>,
    limit: usize,
    more: bool,
}

impl Feed<'_> {
    /// The next page; none when all has been read.
    ///
    /// # Errors
    /// As [`Client::transactions_after`]; the feed can be asked again and goes on where it was.
    pub async fn next_page(&mut self) -> Result<Option<FeedPage>, Error> {
        if !self.more {
            return Ok(None);
        }
        let Self { client, account_id, limit, .. } = *self;
        let fetched = client.transactions_after(self.grant, account_id, self.mark.as_ref(), limit, None).await?;
        let page = fetched.value().ok_or(Error::Unreadable("304 to a request without a tag"))?;
        // A page that is empty and yet promises more would be asked for without end.
        self.more = page.more && !page.transactions.is_empty();
        self.mark = Some(page.mark.clone());
        Ok(Some(page))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Direction::{Credit, Debit};
    use crate::account::samples::{line, page};

    fn wire(page: Page) -> WirePage {
        WirePage { page, next_mark: "m2".to_owned(), more: false }
    }

    fn mark(last_sequence: Option<u64>, balance: i64) -> Mark {
        Mark { next: "m1".to_owned(), last_sequence, balance }
    }

    #[test]
    fn a_page_that_follows_on_the_mark_moves_it() {
        let page = page(1_000, vec![line(8, Credit, 500), line(9, Debit, 700)]);
        let read = follow(Some(&mark(Some(7), 1_000)), wire(page)).unwrap();
        assert_eq!(read.mark, Mark { next: "m2".to_owned(), last_sequence: Some(9), balance: 800 });
    }

    #[test]
    fn an_empty_page_keeps_the_sequence() {
        let read = follow(Some(&mark(Some(7), 1_000)), wire(page(1_000, vec![]))).unwrap();
        assert_eq!((read.mark.last_sequence, read.mark.balance), (Some(7), 1_000));
    }

    #[test]
    fn a_gap_a_repetition_and_a_gap_inside_the_page_are_noticed() {
        for lines in [vec![line(9, Credit, 1)], vec![line(7, Credit, 1)], vec![line(8, Credit, 1), line(10, Credit, 1)]]
        {
            let read = follow(Some(&mark(Some(7), 0)), wire(page(0, lines)));
            assert_eq!(read.unwrap_err(), ProofFault::Sequence);
        }
    }

    #[test]
    fn a_page_that_opens_with_another_balance_is_noticed() {
        let read = follow(Some(&mark(Some(7), 999)), wire(page(1_000, vec![line(8, Credit, 1)])));
        assert_eq!(read.unwrap_err(), ProofFault::Opening);
    }

    #[test]
    fn the_first_page_may_begin_anywhere() {
        assert!(follow(None, wire(page(250, vec![line(31, Credit, 1), line(32, Debit, 1)]))).is_ok());
    }
}
