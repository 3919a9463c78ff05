//! One account: balance, how it went over time, and the transactions.

use std::fmt::Write;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use renkei_client::{Direction, Transaction};

use super::{Card, Frame, Row, SyncNote};
use crate::book::Kept;
use crate::http::page;
use crate::language::{Language, separated};
use crate::shop::Shop;

/// Transactions on one page.
const LINES: usize = 30;
/// Transactions in the chart.
const CHART_LINES: usize = 90;
/// The chart's drawing area, in its own units.
const CHART_WIDTH: i64 = 720;
const CHART_HEIGHT: i64 = 120;
/// Room above and below the line, so that its stroke is not cut.
const CHART_MARGIN: i64 = 6;

/// A transaction in the table.
struct Line {
    id: String,
    sequence: u64,
    booked_on: String,
    day: String,
    kind: Option<String>,
    description: String,
    /// The remitter, where the description doesn't say it already.
    remitter: Option<String>,
    out: Option<String>,
    into: Option<String>,
    balance: String,
    is_negative: bool,
    is_new: bool,
    is_correction: bool,
}

impl Line {
    fn of(line: &Transaction, balance: i64, is_new: bool, t: Language) -> Self {
        let written = [&line.description_normalised, &line.description].into_iter().flatten();
        let description = written.map(|text| text.trim()).find(|text| !text.is_empty()).unwrap_or_default();
        let remitter = line.remitter.as_ref();
        let remitter = remitter.and_then(|remitter| remitter.name_normalised.as_ref().or(remitter.name.as_ref()));
        let remitter = remitter.filter(|name| !name.is_empty() && !description.contains(name.as_str()));
        let amount = Some(separated(line.amount));
        let (out, into) = match line.direction {
            Direction::Debit => (amount, None),
            Direction::Credit => (None, amount),
        };
        Self {
            id: line.transaction_id.clone(),
            sequence: line.sequence,
            booked_on: line.booked_on.clone(),
            day: t.day(&line.booked_on),
            kind: line.kind.as_ref().map(|kind| kind.name.clone()),
            description: description.to_owned(),
            remitter: remitter.cloned(),
            out,
            into,
            balance: t.yen(balance),
            is_negative: balance < 0,
            is_new,
            is_correction: line.correction_of.is_some(),
        }
    }
}

/// The balance over the latest transactions, as a line of steps.
struct Chart {
    line: String,
    area: String,
    /// The words for those who don't see it.
    label: String,
    lowest: String,
    highest: String,
}

impl Chart {
    /// None when there are too few transactions for a line.
    fn of(balances: &[i64], t: Language) -> Option<Self> {
        let shown = balances.get(balances.len().saturating_sub(CHART_LINES)..)?;
        let (lowest, highest) = (*shown.iter().min()?, *shown.iter().max()?);
        let steps = i64::try_from(shown.len()).ok()?.checked_sub(1).filter(|steps| *steps > 0)?;
        let range = i128::from(highest) - i128::from(lowest);
        let room = i128::from(CHART_HEIGHT - 2 * CHART_MARGIN);
        let mut line = String::new();
        for (step, balance) in (0_i64..).zip(shown) {
            let x = step * CHART_WIDTH / steps;
            let above = (i128::from(*balance) - i128::from(lowest)) * room;
            let y = i128::from(CHART_HEIGHT - CHART_MARGIN) - above.checked_div(range).unwrap_or(room / 2);
            let command = if step == 0 { "M" } else { "H" };
            match step {
                0 => write!(line, "{command}{x} {y}").ok()?,
                _ => write!(line, "{command}{x}V{y}").ok()?,
            }
        }
        let area = format!("{line}V{CHART_HEIGHT}H0Z");
        let (lowest, highest) = (t.yen(lowest), t.yen(highest));
        let label = match t {
            Language::Japanese => format!("最近{}件の残高の推移。最低{lowest}、最高{highest}。", shown.len()),
            Language::English => {
                format!("Balance over the last {} transactions: lowest {lowest}, highest {highest}.", shown.len())
            }
        };
        Some(Self { line, area, label, lowest, highest })
    }
}

/// The balance in its parts.
struct Parts {
    available: Option<String>,
    previous_day: Option<String>,
    previous_month_end: Option<String>,
    overdraft_limit: Option<String>,
    as_of: String,
}

impl Parts {
    fn of(kept: &Kept, t: Language) -> Option<Self> {
        let balance = kept.balance.as_ref()?;
        Some(Self {
            available: balance.available_balance.map(|amount| t.yen(amount)),
            previous_day: balance.previous_day_balance.map(|amount| t.yen(amount)),
            previous_month_end: balance.previous_month_end_balance.map(|amount| t.yen(amount)),
            overdraft_limit: balance.overdraft_limit.filter(|limit| *limit > 0).map(|amount| t.yen(amount)),
            as_of: t.moment(&balance.as_of),
        })
    }
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    card: Card,
    row: Row,
    holder: Option<String>,
    parts: Option<Parts>,
    chart: Option<Chart>,
    lines: Vec<Line>,
    total: usize,
    from: usize,
    to: usize,
    page: usize,
    newer: Option<usize>,
    older: Option<usize>,
    synced: Option<String>,
    note: Option<SyncNote>,
    history_from: Option<String>,
}

/// The page of an account; none when there is no such account. Page 1 holds the newest transactions.
pub(crate) fn account(shop: &Shop, frame: &Frame, id: &str, number: u32, synced: bool) -> Option<Response> {
    let book = shop.book();
    let (linked, kept) = book.account(id.parse().ok()?)?;
    let t = frame.t;
    let total = kept.transactions.len();
    let pages = total.div_ceil(LINES).max(1);
    let number = usize::try_from(number).ok()?.clamp(1, pages);
    let balances = running_balances(kept);
    let skipped = (number - 1) * LINES;
    // Where all are new, telling them apart says nothing.
    let new = kept.last_sync.as_ref().filter(|sync| synced && sync.new < total).map_or(0, |sync| sync.new);
    let newest_first = kept.transactions.iter().zip(&balances).rev().enumerate();
    let lines: Vec<Line> = newest_first
        .skip(skipped)
        .take(LINES)
        .map(|(place, (line, balance))| Line::of(line, *balance, place < new, t))
        .collect();
    // Trouble of the whole linkage stops a synchronisation before it comes to the account.
    let stopped = linked.last_sync.as_ref().filter(|sync| sync.trouble.is_some());
    let note = stopped.or(kept.last_sync.as_ref()).filter(|_| synced);
    let view = AccountPage {
        card: Card::of(shop, linked, t),
        row: Row::of(kept, t),
        holder: kept.account.holder.clone(),
        parts: Parts::of(kept, t),
        chart: Chart::of(&balances, t),
        total,
        from: if total == 0 { 0 } else { skipped + 1 },
        to: skipped + lines.len(),
        lines,
        page: number,
        newer: (number > 1).then(|| number - 1),
        older: (number < pages).then(|| number + 1),
        synced: kept.last_sync.as_ref().map(|sync| t.minute_of(sync.at)),
        note: note.map(|sync| SyncNote::of(sync, t)),
        history_from: kept.account.history_from.as_ref().map(|day| t.day(day)),
        frame: frame.clone(),
    };
    Some(page(StatusCode::OK, view.render()))
}

/// The balance after each transaction, reckoned from the proven ones.
fn running_balances(kept: &Kept) -> Vec<i64> {
    let lines = kept.transactions.iter();
    lines
        .scan(kept.opening_balance(), |balance, line| {
            *balance = balance.saturating_add(line.signed_amount());
            Some(*balance)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_stays_inside_its_area_and_needs_two_points() {
        assert!(Chart::of(&[], Language::Japanese).is_none());
        assert!(Chart::of(&[5], Language::Japanese).is_none());
        let chart = Chart::of(&[0, 100, 50], Language::Japanese).unwrap();
        assert_eq!(chart.line, "M0 114H360V6H720V60");
        assert_eq!(Chart::of(&[7, 7], Language::Japanese).unwrap().line, "M0 60H720V60");
        assert!(Chart::of(&[i64::MIN, i64::MAX], Language::English).is_some());
    }
}
