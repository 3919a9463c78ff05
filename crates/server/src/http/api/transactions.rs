//! 入出金明細照会: the feed of an account in posting order, and reads by booking day.

use axum::http::Uri;
use axum::response::Response;
use renkei_domain::audit::Action;
use renkei_domain::operation::Operation;
use renkei_domain::time::Day;
use renkei_store::ledger::{RangePlace, RangeStart, ReadableAccount, Stretch};

use super::call::{AccountPath, Answer, Call, Payload};
use super::cursor::{Cursor, Read};
use super::pages::{Page, TransactionPage};
use super::problem::{Problem, ProblemBody};
use super::query::{Lines, Parameters, Wanted};
use super::{etag, mark, pages, pin};
use crate::error::Fault;

/// The transactions of one account / 入出金明細照会
///
/// Without days it is the feed: everything posted after the mark `after`, in posting order, however late it is booked.
/// With `from` and `to` it is a read by booking day. Needs the scope `transactions`. An account whose inquiry PIN is
/// missing or stale answers 403 with that reason.
///
/// 日付を指定しないとフィード（マーク以後に記帳されたすべての明細、記帳順）、fromとtoを指定すると期間照会です。スコープ
/// transactionsが必要です。照会用暗証番号が未登録または変更済みの口座は、その理由を付けて403を返します。
#[utoipa::path(
    get,
    path = "/{institution}/api/v1/accounts/{account}/transactions",
    operation_id = "list_transactions",
    tag = "transactions",
    params(AccountPath, Parameters),
    responses(
        (status = 200, description = "A page; `Link: rel=next` continues a CSV. 明細。", content(
            (TransactionPage = "application/json"),
            (String = "text/csv"),
        ), headers(("ETag" = String), ("Link" = String))),
        (status = 304, description = "Nothing new since the tag in `If-None-Match`. 新しい明細なし。"),
        (status = 400, description = "A parameter, mark or cursor is not valid. パラメータが無効。", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 401, description = "Token, proof or linkage do not hold. トークン、証明または連携が無効。", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 429, description = "Wait the seconds of `Retry-After`. 要求過多。", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 403, description = "Scope, period or inquiry PIN. 業務、認可期間または照会用暗証番号。", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "No such account, or not of this linkage. 該当する口座なし。", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 503, description = "Try again after `Retry-After` seconds. 一時的に利用不可。", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub async fn list(call: Call, uri: Uri) -> Response {
    let outcome = find(&call, &uri).await;
    call.finish(outcome).await
}

async fn find(call: &Call, uri: &Uri) -> Result<Answer, Problem> {
    call.demand(Operation::Transactions)?;
    let wanted = Wanted::read(uri, &call.headers)?;
    let account = call.account()?;
    pin::refuse_known(account)?;
    if account.ledger.days.is_none() {
        return Err(Problem::no_statement_yet());
    }
    match &wanted.lines {
        Lines::Feed { after } => feed(call, account, &wanted, after.as_deref()).await,
        Lines::Range { from, to, cursor } => range(call, account, &wanted, (*from, *to), cursor.as_deref()).await,
    }
}

/// A page of the feed. What it holds follows from the mark, the limit and the account's last entry alone, so its tag is
/// known before any entry is read.
async fn feed(call: &Call, account: &ReadableAccount, wanted: &Wanted, after: Option<&str>) -> Result<Answer, Problem> {
    let last_seq = account.ledger.last_seq;
    let after = after.map_or(Some(0), |text| mark::read(account.id, text));
    let after = after.filter(|after| *after <= last_seq).ok_or_else(Problem::invalid_mark)?;
    let end = last_seq.min(after.saturating_add(i64::from(wanted.limit)));
    let (next_mark, more) = (mark::of(account.id, end), last_seq > end);
    let from_mark = mark::of(account.id, after);
    let tag = etag::of(&["feed", &from_mark, &next_mark, if more { "more" } else { "" }, form(wanted)]);
    let detail = format!("feed {after} {end}");
    if call.has(&tag) {
        return Ok(read(account, detail, tag, Payload::NotModified));
    }
    // Nothing of the page is told before core banking has accepted the PIN; it is read meanwhile.
    let mut ledger = call.read();
    let page = ledger.find_stretch(account.id, after + 1, end);
    let (confirmed, stretch) = tokio::join!(pin::confirm(call, account), page);
    confirmed?;
    let stretch = stretch?;
    let Stretch { totals, bodies, .. } = &stretch;
    let opening_balance = stretch.opening_balance.unwrap_or(account.ledger.balance);
    let page = Page { account: account.id, opening_balance, totals: *totals, bodies };
    let adds_up = stretch.closing_balance.is_none_or(|closing| closing == page.closing_balance());
    if totals.count != end - after || !adds_up {
        return Err(Fault::Defect(format!("the ledger of {} is not sound after entry {after}", account.id)).into());
    }
    let payload = if wanted.csv {
        let next = more.then(|| next_page(call, wanted, account, &[("after", &next_mark)]));
        Payload::Csv { text: pages::table(account.id, bodies)?, next }
    } else {
        Payload::Json(page.to_json(&format!("\"next_mark\":\"{next_mark}\",\"more\":{more}")))
    };
    Ok(read(account, detail, tag, payload))
}

/// A page of a read by days. The first page fixes up to which entry the read goes; the cursor carries that, and the
/// balance, on to the next.
async fn range(
    call: &Call,
    account: &ReadableAccount,
    wanted: &Wanted,
    (from, to): (Day, Day),
    cursor: Option<&str>,
) -> Result<Answer, Problem> {
    let institution = &call.institution;
    let bound = Read { institution, linkage: call.caller.linkage.id, account: account.id, from, to };
    let key = call.app.keys.cursors();
    let begun = cursor.map(|text| Cursor::open(text, &bound, key).ok_or_else(Problem::invalid_cursor)).transpose()?;
    let days = (from.to_string(), to.to_string());
    let limit = wanted.limit.to_string();
    let tag_at = |up_to_seq: i64| {
        let (cursor, up_to) = (cursor.unwrap_or_default(), up_to_seq.to_string());
        etag::of(&["range", &account.id.to_string(), &days.0, &days.1, &limit, cursor, &up_to, form(wanted)])
    };
    let detail = format!("range {} {}", days.0, days.1);
    let known = tag_at(begun.map_or(account.ledger.last_seq, |begun| begun.up_to_seq));
    if call.has(&known) {
        return Ok(read(account, detail, known, Payload::NotModified));
    }
    pin::confirm(call, account).await?;
    let begun = match begun {
        Some(begun) => begun,
        None => begin(call, account, from).await?,
    };
    let place = RangePlace { up_to_seq: begun.up_to_seq, after: (begun.booked_on, begun.seq), until: to };
    let mut entries = call.read().list_entries_by_day(account.id, &place, wanted.limit + 1).await?;
    let more = entries.len() > wanted.limit as usize;
    entries.truncate(wanted.limit as usize);
    let bodies = pages::bodies(&entries);
    let totals = pages::total(&entries);
    let page = Page { account: account.id, opening_balance: begun.balance, totals, bodies: &bodies };
    let next = entries.last().filter(|_| more).map(|last| {
        let balance = page.closing_balance();
        let next = Cursor { up_to_seq: begun.up_to_seq, booked_on: last.booked_on, seq: last.seq, balance };
        next.seal(&bound, key)
    });
    let payload = if wanted.csv {
        let parameters =
            |next: &String| next_page(call, wanted, account, &[("from", &days.0), ("to", &days.1), ("cursor", next)]);
        Payload::Csv { text: pages::table(account.id, &bodies)?, next: next.as_ref().map(parameters) }
    } else {
        let next = next.map_or(String::new(), |next| format!(",\"next_cursor\":\"{next}\""));
        Payload::Json(page.to_json(&format!("\"from\":\"{}\",\"to\":\"{}\"{next}", days.0, days.1)))
    };
    Ok(read(account, detail, tag_at(begun.up_to_seq), payload))
}

/// The place before the first line of a read by days.
async fn begin(call: &Call, account: &ReadableAccount, from: Day) -> Result<Cursor, Problem> {
    let start = call.read().find_range_start(account.id, from).await?;
    let RangeStart { up_to_seq, opening_balance } = start.ok_or_else(Problem::not_found)?;
    Ok(Cursor { up_to_seq, booked_on: from, seq: 0, balance: opening_balance })
}

fn read(account: &ReadableAccount, detail: String, tag: String, payload: Payload) -> Answer {
    let (action, object) = (Action::TransactionsRead, account.id.to_string());
    Answer { action, object, detail: Some(detail), etag: Some(tag), payload }
}

const fn form(wanted: &Wanted) -> &'static str {
    if wanted.csv { "csv" } else { "json" }
}

/// The address of a table's continuation. Marks, days and cursors need no escaping.
fn next_page(call: &Call, wanted: &Wanted, account: &ReadableAccount, parameters: &[(&str, &str)]) -> String {
    let query: String = parameters.iter().map(|(name, value)| format!("{name}={value}&")).collect();
    let (root, id, limit) = (call.root(), account.id, wanted.limit);
    format!("{root}/api/v1/accounts/{id}/transactions?{query}limit={limit}&format=csv")
}
