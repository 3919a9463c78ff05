//! The linkage itself: what is permitted, until when.

use axum::response::Response;
use renkei_domain::audit::Action;
use renkei_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, LinkagePath, Payload};
use super::etag;
use super::problem::{Problem, ProblemBody};
use crate::error::Fault;

/// What the institution says about the linkage. API連携。
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Linkage {
    /// The same as `grant_id` in the token response; stays through renewals. 連携識別子。
    #[schema(format = "uuid")]
    pub linkage_id: String,
    /// Always `active`: a linkage in another state answers 401 with the reason. 状態。
    #[schema(example = "active")]
    pub state: String,
    /// What is permitted. 認可業務。
    pub operations: Vec<PermittedOperation>,
    /// When the customer first gave permission, +09:00. 開始日時。
    #[schema(format = DateTime)]
    pub started_at: String,
    /// When the customer last gave permission, +09:00. 最終更新日時。
    #[schema(format = DateTime)]
    pub renewed_at: String,
    /// The instant from which nothing is permitted any more, +09:00. 終了日時。
    #[schema(format = DateTime)]
    pub ends_at: String,
}

/// One permitted operation. 認可業務。
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PermittedOperation {
    /// The scope word. 業務。
    #[schema(example = "balances")]
    pub operation: String,
    /// The last day on which it is permitted, all day. 認可期間の最終日。
    #[schema(format = Date)]
    pub until: String,
}

/// The linkage itself / 連携照会
///
/// Permitted operations with the end of their periods, so that a renewal can be asked for in time. Needs a token, and
/// no scope beyond it.
///
/// 認可業務とその期間です。更新のご案内にお使いください。特定のスコープは不要です。
#[utoipa::path(
    get,
    path = "/{institution}/api/v1/linkage",
    operation_id = "get_linkage",
    tag = "linkage",
    params(LinkagePath),
    responses(
        (status = 200, description = "The linkage. 連携。", body = Linkage, headers(("ETag" = String))),
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
pub async fn show(call: Call) -> Response {
    let outcome = find(&call);
    call.finish(outcome).await
}

fn find(call: &Call) -> Result<Answer, Problem> {
    let linkage = &call.caller.linkage;
    let operation = |own: &renkei_domain::linkage::PermittedOperation| PermittedOperation {
        operation: own.operation.word().to_owned(),
        until: Timestamp(own.ends_at.0.saturating_sub(1)).day().to_string(),
    };
    let body = Linkage {
        linkage_id: linkage.id.to_string(),
        state: "active".to_owned(),
        operations: linkage.operations.iter().map(operation).collect(),
        started_at: linkage.begun_at.to_rfc3339(),
        renewed_at: linkage.renewed_at.to_rfc3339(),
        ends_at: linkage.facts.ends_at.to_rfc3339(),
    };
    let text = serde_json::to_string(&body).map_err(|error| Fault::Defect(error.to_string()))?;
    let tag = etag::of(&["linkage", &text]);
    let payload = if call.has(&tag) { Payload::NotModified } else { Payload::Json(text) };
    Ok(Answer { action: Action::LinkageRead, object: linkage.id.to_string(), detail: None, etag: Some(tag), payload })
}
