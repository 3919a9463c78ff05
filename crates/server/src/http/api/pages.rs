//! A page of entries with its proof. The entries' own JSON is passed on as it was written at the import.

use std::fmt::Write;

use renkei_domain::id::AccountId;
use renkei_store::ledger::PostedEntry;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::csv;
use crate::error::Fault;
use crate::ledger::entry::EntryBody;

/// Bytes of a page around its entries; saves growing.
const FRAME_BYTES: usize = 512;

/// Some lines with the proof that none is missing: opening balance + credits − debits = closing balance. 入出金明細。
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransactionPage {
    /// The account. 口座識別子。
    #[schema(format = "uuid")]
    pub account_id: String,
    /// Balance before the first line, in the order of the page. 取引前残高。
    #[schema(example = 1_000_000)]
    pub opening_balance: i64,
    /// Balance after the last line, in the order of the page. 取引後残高。
    #[schema(example = 1_110_000)]
    pub closing_balance: i64,
    /// Number of lines. 件数。
    #[schema(example = 1, minimum = 0)]
    pub count: i64,
    /// Number of credits. 入金件数。
    #[schema(example = 1, minimum = 0)]
    pub credit_count: i64,
    /// Sum of credits. 入金合計。
    #[schema(example = 110_000, minimum = 0)]
    pub credit_sum: i64,
    /// Number of debits. 出金件数。
    #[schema(example = 0, minimum = 0)]
    pub debit_count: i64,
    /// Sum of debits. 出金合計。
    #[schema(example = 0, minimum = 0)]
    pub debit_sum: i64,
    /// The lines: in posting order in the feed, by booking day and then posting order in a read by days. 明細。
    pub transactions: Vec<EntryBody>,
    /// Feed only: what to send as `after` next time; keep it with the lines, in the same write. 次のマーク。
    #[serde(default)]
    #[schema(nullable = false, example = "5f0c6f0e-42")]
    pub next_mark: Option<String>,
    /// Feed only: whether there is more already. 続きの有無。
    #[serde(default)]
    #[schema(nullable = false)]
    pub more: Option<bool>,
    /// By days only: first booking day. 勘定日の始め。
    #[serde(default)]
    #[schema(nullable = false, format = Date)]
    pub from: Option<String>,
    /// By days only: last booking day. 勘定日の終わり。
    #[serde(default)]
    #[schema(nullable = false, format = Date)]
    pub to: Option<String>,
    /// By days only: what to send as `cursor` for the next page; absent on the last. 次のカーソル。
    #[serde(default)]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
}

/// A page before it is written.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// The account.
    pub account: AccountId,
    /// Balance before the first entry.
    pub opening_balance: i64,
    /// The entries, in the order of the page.
    pub entries: &'a [PostedEntry],
}

impl Page<'_> {
    /// Balance after the last entry, in the order of the page.
    pub fn closing_balance(&self) -> i64 {
        let add = |balance: i64, entry: &PostedEntry| balance.saturating_add(entry.signed_amount());
        self.entries.iter().fold(self.opening_balance, add)
    }

    /// The page as JSON; `tail` is its last members, without the comma before them.
    pub fn to_json(self, tail: &str) -> String {
        let bodies: usize = self.entries.iter().map(|entry| entry.body.len() + 1).sum();
        let mut json = String::with_capacity(FRAME_BYTES + bodies);
        let credits = self.entries.iter().filter(|entry| entry.credit > 0).count();
        let debits = self.entries.iter().filter(|entry| entry.debit > 0).count();
        let credit_sum = self.entries.iter().fold(0_i64, |sum, entry| sum.saturating_add(entry.credit));
        let debit_sum = self.entries.iter().fold(0_i64, |sum, entry| sum.saturating_add(entry.debit));
        // Writing to memory can't fail.
        let _ = write!(
            json,
            "{{\"account_id\":\"{}\",\"opening_balance\":{},\"closing_balance\":{},\"count\":{},\
             \"credit_count\":{credits},\"credit_sum\":{credit_sum},\"debit_count\":{debits},\
             \"debit_sum\":{debit_sum},\"transactions\":[",
            self.account,
            self.opening_balance,
            self.closing_balance(),
            self.entries.len(),
        );
        for (index, entry) in self.entries.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            json.push_str(&entry.body);
        }
        json.push_str("],");
        json.push_str(tail);
        json.push('}');
        json
    }

    /// The entries as a table for people.
    ///
    /// # Errors
    /// [`Fault::Defect`] when a stored entry can't be read.
    pub fn to_csv(self) -> Result<String, Fault> {
        let read = |entry: &PostedEntry| {
            let body: Result<EntryBody, _> = serde_json::from_str(&entry.body);
            body.map_err(|error| Fault::Defect(format!("entry {} of {}: {error}", entry.seq, self.account)))
        };
        let bodies = self.entries.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        csv::table(&bodies)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries(amounts: &[i64]) -> Vec<PostedEntry> {
        let entry = |(seq, amount): (i64, &i64)| PostedEntry {
            seq,
            booked_on: "2026-10-01".parse().unwrap(),
            credit: (*amount).max(0),
            debit: (-amount).max(0),
            balance_after: 0,
            body: format!(
                "{{\"transaction_id\":\"a-{seq}\",\"sequence\":{seq},\"booked_on\":\"2026-10-01\",\
                 \"value_on\":\"2026-10-01\",\"direction\":\"{}\",\"amount\":{},\"uncleared\":0,\"balance_after\":0}}",
                if *amount < 0 { "debit" } else { "credit" },
                amount.abs()
            ),
        };
        (1..).zip(amounts).map(entry).collect()
    }

    proptest! {
        #[test]
        fn every_page_proves_itself_and_is_what_the_document_says(
            opening in -99_999_999_999_999_i64..=99_999_999_999_999,
            amounts in proptest::collection::vec(-999_999_999_999_i64..=999_999_999_999, 0..40),
        ) {
            let entries = entries(&amounts);
            let page = Page { account: AccountId(uuid::Uuid::nil()), opening_balance: opening, entries: &entries };
            let read: TransactionPage = serde_json::from_str(&page.to_json("\"next_mark\":\"m\",\"more\":false")).unwrap();
            prop_assert_eq!(read.opening_balance, opening);
            prop_assert_eq!(read.closing_balance, opening + read.credit_sum - read.debit_sum);
            prop_assert_eq!(read.closing_balance, opening + amounts.iter().sum::<i64>());
            prop_assert_eq!(read.count as usize, amounts.len());
            prop_assert_eq!(read.credit_count as usize, amounts.iter().filter(|amount| **amount > 0).count());
            prop_assert_eq!(read.debit_count as usize, amounts.iter().filter(|amount| **amount < 0).count());
        }
    }
}
