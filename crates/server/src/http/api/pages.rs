//! A page of entries with its proof. The entries' own JSON is passed on as it was written at the import.

use std::fmt::Write;

use renkei_domain::id::AccountId;
use renkei_store::ledger::{PostedEntry, Totals};
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
    /// What its entries come to.
    pub totals: Totals,
    /// Their JSON in the order of the page, with commas between.
    pub bodies: &'a str,
}

impl Page<'_> {
    /// Balance after the last entry, in the order of the page.
    pub const fn closing_balance(&self) -> i64 {
        self.opening_balance.saturating_add(self.totals.credit_sum).saturating_sub(self.totals.debit_sum)
    }

    /// The page as JSON; `tail` is its last members, without the comma before them.
    pub fn to_json(self, tail: &str) -> String {
        let Totals { count, credit_count, credit_sum, debit_count, debit_sum } = self.totals;
        let mut json = String::with_capacity(FRAME_BYTES + self.bodies.len());
        // Writing to memory can't fail.
        let _ = write!(
            json,
            "{{\"account_id\":\"{}\",\"opening_balance\":{},\"closing_balance\":{},\"count\":{count},\
             \"credit_count\":{credit_count},\"credit_sum\":{credit_sum},\"debit_count\":{debit_count},\
             \"debit_sum\":{debit_sum},\"transactions\":[{}],{tail}}}",
            self.account,
            self.opening_balance,
            self.closing_balance(),
            self.bodies,
        );
        json
    }
}

/// What entries come to.
pub fn total(entries: &[PostedEntry]) -> Totals {
    let sum = |amount: fn(&PostedEntry) -> i64| entries.iter().map(amount).fold(0_i64, i64::saturating_add);
    Totals {
        count: sum(|_| 1),
        credit_count: sum(|entry| i64::from(entry.credit > 0)),
        credit_sum: sum(|entry| entry.credit),
        debit_count: sum(|entry| i64::from(entry.debit > 0)),
        debit_sum: sum(|entry| entry.debit),
    }
}

/// The JSON of entries, with commas between.
pub fn bodies(entries: &[PostedEntry]) -> String {
    let bodies: Vec<&str> = entries.iter().map(|entry| entry.body.as_str()).collect();
    bodies.join(",")
}

/// Entries as a table for people, of their JSON with commas between.
///
/// # Errors
/// [`Fault::Defect`] when what is stored can't be read.
pub fn table(account: AccountId, bodies: &str) -> Result<String, Fault> {
    let read: Result<Vec<EntryBody>, _> = serde_json::from_str(&format!("[{bodies}]"));
    csv::table(&read.map_err(|error| Fault::Defect(format!("the ledger of {account}: {error}")))?)
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
            let (account, bodies) = (AccountId(uuid::Uuid::nil()), bodies(&entries));
            let page = Page { account, opening_balance: opening, totals: total(&entries), bodies: &bodies };
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
