//! 残高照会: the balances of one account.

use axum::response::Response;
use renkei_domain::audit::Action;
use renkei_domain::operation::Operation;
use renkei_domain::time::Day;
use renkei_store::ledger::{BalanceSheet, ReadableAccount};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{AccountPath, Answer, Call, Payload};
use super::problem::{Problem, ProblemBody};
use super::{etag, pin};
use crate::error::Fault;

/// The balances of an account, all of one moment. Whole yen. 残高。
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Balance {
    /// The account. 口座識別子。
    #[schema(format = "uuid")]
    pub account_id: String,
    /// Negative when overdrawn. 現在残高。
    #[schema(example = 1_234_567)]
    pub book_balance: i64,
    /// Book balance − uncleared items + overdraft limit. 支払可能残高。
    #[schema(example = 1_234_567)]
    pub available_balance: i64,
    /// The part of the book balance in items not yet cleared. うち他店券残高。
    #[schema(example = 0, minimum = 0)]
    pub uncleared: i64,
    /// How far the account may be overdrawn. 貸越極度額。
    #[schema(example = 0, minimum = 0)]
    pub overdraft_limit: i64,
    /// Book balance at the end of the day before `as_of_on`. 前日残高。
    #[schema(example = 1_000_000)]
    pub previous_day_balance: i64,
    /// Book balance at the end of the month before that of `as_of_on`; absent when the history begins later. 前月末残高。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false, example = 900_000)]
    pub previous_month_end_balance: Option<i64>,
    /// The last day covered. 基準日。
    #[schema(format = Date)]
    pub as_of_on: String,
    /// When the institution stated all this, +09:00. 基準日時。
    #[schema(format = DateTime)]
    pub as_of: String,
    /// Whether `as_of_on` was over by then, so that its regular business is in. 当該日の締め済み。
    pub day_closed: bool,
}

/// The balances of one account / 残高照会
///
/// Needs the scope `balances`. An account whose inquiry PIN is missing or stale answers 403 with that reason.
///
/// スコープbalancesが必要です。照会用暗証番号が未登録または変更済みの口座は、その理由を付けて403を返します。
#[utoipa::path(
    get,
    path = "/{institution}/api/v1/accounts/{account}/balances",
    operation_id = "get_balances",
    tag = "balances",
    params(AccountPath),
    responses(
        (status = 200, description = "The balances. 残高。", body = Balance, headers(("ETag" = String))),
        (status = 304, description = "Nothing changed since the tag in `If-None-Match`. 変更なし。"),
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
pub async fn show(call: Call) -> Response {
    let outcome = find(&call).await;
    call.finish(outcome).await
}

async fn find(call: &Call) -> Result<Answer, Problem> {
    call.demand(Operation::Balances)?;
    let account = call.account()?;
    pin::refuse_known(account)?;
    let sheet = call.read().find_balance_sheet(account.id).await?.ok_or_else(Problem::not_found)?;
    let balance = wire(account, &sheet).ok_or_else(Problem::no_statement_yet)?;
    let text = serde_json::to_string(&balance).map_err(|error| Fault::Defect(error.to_string()))?;
    let tag = etag::of(&["balances", &text]);
    let payload = if call.has(&tag) {
        Payload::NotModified
    } else {
        pin::confirm(call, account).await?;
        Payload::Json(text)
    };
    Ok(Answer { action: Action::BalanceRead, object: account.id.to_string(), detail: None, etag: Some(tag), payload })
}

/// `None` while there is no statement.
fn wire(account: &ReadableAccount, sheet: &BalanceSheet) -> Option<Balance> {
    let (first_on, last_on) = sheet.ledger.days?;
    let as_of_at = sheet.ledger.as_of_at?;
    let book_balance = sheet.ledger.balance;
    let history_reaches_back = first_on <= first_of_month(last_on);
    Some(Balance {
        account_id: account.id.to_string(),
        book_balance,
        available_balance: book_balance.saturating_sub(sheet.uncleared).saturating_add(sheet.overdraft_limit),
        uncleared: sheet.uncleared,
        overdraft_limit: sheet.overdraft_limit,
        previous_day_balance: sheet.previous_day,
        previous_month_end_balance: history_reaches_back.then_some(sheet.previous_month_end),
        as_of_on: last_on.to_string(),
        as_of: as_of_at.to_rfc3339(),
        day_closed: as_of_at.day() > last_on,
    })
}

fn first_of_month(day: Day) -> Day {
    Day(day.0.first_of_month())
}
