//! 口座一覧照会: the accounts of a linkage, each with its state.

use std::sync::Arc;

use axum::response::Response;
use renkei_domain::audit::Action;
use renkei_domain::pin::PinStatus;
use renkei_store::institutions::Institution;
use renkei_store::ledger::LinkedAccount;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{AccountPath, Answer, Call, LinkagePath, Payload};
use super::etag;
use super::problem::{Problem, ProblemBody};
use crate::error::Fault;

/// The one currency there is.
const CURRENCY: &str = "JPY";

/// A code with its name in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// The code, digits as text. コード。
    pub code: String,
    /// What it is called in Japanese. 名称。
    pub name: String,
    /// What it is called in English. 英語の名称。
    pub name_en: String,
}

/// An account of the linkage. 口座。
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Opaque; stays the same through renewal, PIN change, branch move and merger. 口座識別子。
    #[schema(format = "uuid")]
    pub account_id: String,
    /// Who keeps it. 金融機関。
    pub institution: Named,
    /// Three digits and the name. 支店。
    pub branch: Named,
    /// The deposit type. 預金種目。
    #[serde(rename = "type")]
    pub kind: Named,
    /// Seven digits, up to ten. 口座番号。
    #[schema(example = "2000002")]
    pub number: String,
    /// Who holds it; absent while unknown. 口座名義。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub holder: Option<String>,
    /// The same in kana as bank files give it; absent while unknown. 口座名義カナ。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub holder_kana: Option<String>,
    /// Always `JPY`. 通貨。
    #[schema(example = "JPY")]
    pub currency: String,
    /// The customer's own note; absent when there is none. 口座メモ。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub memo: Option<String>,
    /// Whether balance and transactions can be read, and if not, why. 状態。
    pub state: AccountState,
    /// First day of which transactions are kept; absent before the first statement. 明細の開始日。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false, format = Date)]
    pub history_from: Option<String>,
    /// Last day a statement covered; absent before the first statement. 明細の最終日。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false, format = Date)]
    pub history_to: Option<String>,
}

/// Whether an account can be read. 口座の状態。
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// It can.
    Available,
    /// No inquiry PIN is registered.
    PinMissing,
    /// The inquiry PIN was changed and has to be registered anew.
    PinStale,
    /// No statement has arrived yet.
    NoStatementYet,
}

/// The accounts of the linkage. 口座一覧。
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountList {
    /// By branch, type and number.
    pub accounts: Vec<Account>,
}

/// The accounts of the linkage / 口座一覧照会
///
/// All accounts the customer permitted and may still inquire on, each with its state. An account that can't be read now
/// stays listed with the reason. Needs a token, and no scope beyond it.
///
/// お客さまが許可し、現在も照会できる口座の一覧です。照会できない口座は理由とともに残ります。特定のスコープは不要です。
#[utoipa::path(
    get,
    path = "/{institution}/api/v1/accounts",
    operation_id = "list_accounts",
    tag = "accounts",
    params(LinkagePath),
    responses(
        (status = 200, description = "The accounts. 口座一覧。", body = AccountList, headers(("ETag" = String))),
        (status = 304, description = "Nothing changed since the tag in `If-None-Match`. 変更なし。"),
        (status = 401, description = "Token, proof or linkage do not hold. トークン、証明または連携が無効。", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "No such institution. 該当する金融機関なし。", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 429, description = "Wait the seconds of `Retry-After`. 要求過多。", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 503, description = "Try again after `Retry-After` seconds. 一時的に利用不可。", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub async fn list(call: Call) -> Response {
    let outcome = find_all(&call).await;
    call.finish(outcome).await
}

/// One account / 口座照会
///
/// The account as it stands in the list.
///
/// 一覧にある口座1件です。
#[utoipa::path(
    get,
    path = "/{institution}/api/v1/accounts/{account}",
    operation_id = "get_account",
    tag = "accounts",
    params(AccountPath),
    responses(
        (status = 200, description = "The account. 口座。", body = Account, headers(("ETag" = String))),
        (status = 304, description = "Nothing changed since the tag in `If-None-Match`. 変更なし。"),
        (status = 401, description = "Token, proof or linkage do not hold. トークン、証明または連携が無効。", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 429, description = "Wait the seconds of `Retry-After`. 要求過多。", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "No such account, or not of this linkage. 該当する口座なし。", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 503, description = "Try again after `Retry-After` seconds. 一時的に利用不可。", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub async fn show(call: Call) -> Response {
    let outcome = find_one(&call).await;
    call.finish(outcome).await
}

async fn find_all(call: &Call) -> Result<Answer, Problem> {
    let institution = institution(call).await?;
    let accounts = call.read().list_linked_accounts(call.caller.linkage.id).await?;
    let told = accounts.iter().filter(|account| call.caller.is_for(account.id));
    let list = AccountList { accounts: told.map(|account| wire(&institution, account)).collect() };
    answer(call, &list, call.caller.linkage.id.to_string())
}

async fn find_one(call: &Call) -> Result<Answer, Problem> {
    let id = call.account()?.id;
    let mut read = call.read();
    let (institution, account) = tokio::join!(institution(call), read.find_linked_account(call.caller.linkage.id, id));
    // It may have been taken away since.
    let account = account?.ok_or_else(Problem::not_found)?;
    let institution = institution?;
    answer(call, &wire(&institution, &account), id.to_string())
}

async fn institution(call: &Call) -> Result<Arc<Institution>, Problem> {
    let found = call.read().find_institution().await?;
    found.ok_or_else(|| Fault::Defect("a linkage without its institution".into()).into())
}

/// The tag is of the text itself: nothing it says comes from core banking.
fn answer(call: &Call, value: &impl Serialize, object: String) -> Result<Answer, Problem> {
    let text = serde_json::to_string(value).map_err(|error| Fault::Defect(error.to_string()))?;
    let tag = etag::of(&["accounts", &text]);
    let payload = if call.has(&tag) { Payload::NotModified } else { Payload::Json(text) };
    Ok(Answer { action: Action::AccountsRead, object, detail: None, etag: Some(tag), payload })
}

fn named(code: impl ToString, name: &str, name_en: &str) -> Named {
    Named { code: code.to_string(), name: name.to_owned(), name_en: name_en.to_owned() }
}

fn wire(institution: &Institution, account: &LinkedAccount) -> Account {
    let known = |text: &String| (!text.is_empty()).then(|| text.clone());
    let days = account.ledger.days;
    Account {
        account_id: account.id.to_string(),
        institution: named(&institution.code, &institution.name, &institution.name_en),
        branch: named(&account.branch, &account.branch_name, &account.branch_name_en),
        kind: named(account.kind.code(), account.kind.japanese(), account.kind.english()),
        number: account.number.to_string(),
        holder: known(&account.holder),
        holder_kana: known(&account.holder_kana),
        currency: CURRENCY.to_owned(),
        memo: known(&account.memo),
        state: match account.pin {
            PinStatus::Missing | PinStatus::Staged => AccountState::PinMissing,
            PinStatus::Stale => AccountState::PinStale,
            PinStatus::Registered if days.is_none() => AccountState::NoStatementYet,
            PinStatus::Registered => AccountState::Available,
        },
        history_from: days.map(|(first, _)| first.to_string()),
        history_to: days.map(|(_, last)| last.to_string()),
    }
}
