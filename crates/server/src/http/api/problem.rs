//! Why there is no answer: one coded problem for each cause (RFC 9457), with a sentence in Japanese and in English.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::linkage::Reason;
use renkei_domain::operation::Operation;
use renkei_oauth::error::{ErrorCode, ResourceError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Fault;
use crate::http::browser::set;
use crate::http::connection::Connection;
use crate::http::limits::Over;

/// Seconds after which to try again when the store was away.
const UNAVAILABLE_RETRY_SECONDS: u32 = 10;
/// Seconds after which to look again for an account's first statement.
const NO_STATEMENT_RETRY_SECONDS: u32 = 3_600;

/// One kind of problem: what it is called, and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemKind {
    /// The code, ASCII; never changes its meaning.
    pub code: &'static str,
    /// The HTTP status it comes with.
    pub status: StatusCode,
    /// What happened and what helps, in Japanese.
    pub title: &'static str,
    /// The same in English.
    pub title_en: &'static str,
}

/// The body of every answer that is not a success (RFC 9457). エラーの内容。
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
#[serde(deny_unknown_fields)]
pub struct ProblemBody {
    /// A page about this kind of problem. 説明ページ。
    #[serde(rename = "type")]
    #[schema(example = "https://link.example.jp/1001/api/#pin_stale")]
    pub kind: String,
    /// The HTTP status. HTTPステータス。
    #[schema(example = 403)]
    pub status: u16,
    /// The code to decide by, ASCII. エラーコード。
    #[schema(example = "pin_stale")]
    pub error: String,
    /// What happened and what helps, in Japanese. 内容と対応。
    pub title: String,
    /// The same in English. 英語での内容と対応。
    pub title_en: String,
    /// The request's identifier, by which the institution's staff find it. 照会番号。
    pub reference: String,
}

macro_rules! problems {
    ($($name:ident = $status:ident $code:literal, $title:literal, $title_en:literal;)*) => {
        $(const $name: ProblemKind =
            ProblemKind { code: $code, status: StatusCode::$status, title: $title, title_en: $title_en };)*

        /// Every kind of problem there is.
        pub const PROBLEMS: &[ProblemKind] = &[$($name),*];
    };
}

problems! {
    NO_TOKEN = UNAUTHORIZED "no_token", "アクセストークンがありません。",
        "No access token was sent.";
    INVALID_TOKEN = UNAUTHORIZED "invalid_token", "アクセストークンが無効です。更新してください。",
        "The access token is not valid. Refresh it.";
    INSUFFICIENT_USER_AUTHENTICATION = UNAUTHORIZED "insufficient_user_authentication",
        "金融機関が電子証明書でのログインを求めています。お客さまによる更新が必要です。",
        "The institution asks for a certificate login. The customer has to renew the linkage.";
    INVALID_DPOP_PROOF = UNAUTHORIZED "invalid_dpop_proof", "DPoPの証明が正しくないか、使用済みです。",
        "The DPoP proof is wrong or was used before.";
    USE_DPOP_NONCE = UNAUTHORIZED "use_dpop_nonce", "DPoPの証明に、この応答のDPoP-Nonceの値を入れて再度送ってください。",
        "Put the DPoP-Nonce of this answer into the proof and send it again.";
    LINKAGE_EXPIRED = UNAUTHORIZED "linkage_expired", "認可期間が終了しました。お客さまによる更新が必要です。",
        "The linkage period is over. The customer has to renew it.";
    ENDED_BY_CUSTOMER = UNAUTHORIZED "ended_by_customer", "お客さまがAPI連携を解除しました。",
        "The customer ended the linkage.";
    ENDED_BY_PARTNER = UNAUTHORIZED "ended_by_partner", "連携先がAPI連携を解除しました。",
        "The partner ended the linkage.";
    ENDED_BY_INSTITUTION = UNAUTHORIZED "ended_by_institution", "金融機関がAPI連携を解除しました。",
        "The institution ended the linkage.";
    CONTRACT_SUSPENDED = UNAUTHORIZED "contract_suspended", "お客さまのビジネスバンキング契約が停止されています。",
        "The customer's business-banking contract is suspended.";
    CONTRACT_ENDED = UNAUTHORIZED "contract_ended", "お客さまのビジネスバンキング契約が終了しました。",
        "The customer's business-banking contract is over.";
    USER_SUSPENDED = UNAUTHORIZED "user_suspended", "許可した利用者の利用が停止されています。",
        "The user who gave the permission is suspended.";
    USER_REMOVED = UNAUTHORIZED "user_removed", "許可した利用者の登録がなくなりました。",
        "The user who gave the permission is no longer one.";
    PARTNER_SUSPENDED = UNAUTHORIZED "partner_suspended", "連携先の利用が停止されています。",
        "The partner is suspended; linkages stay and come back with it.";
    PARTNER_ENDED = UNAUTHORIZED "partner_ended", "金融機関と連携先との契約が終了しました。",
        "The institution no longer works with the partner.";
    INSUFFICIENT_SCOPE = FORBIDDEN "insufficient_scope", "この業務は許可されていません。",
        "This operation is not permitted.";
    OPERATION_EXPIRED = FORBIDDEN "operation_expired", "この業務の認可期間が終了しました。お客さまによる更新が必要です。",
        "The period of this operation is over. The customer has to renew it.";
    PIN_MISSING = FORBIDDEN "pin_missing", "照会用暗証番号が登録されていません。お客さまによる登録が必要です。",
        "No inquiry PIN is registered for the account. The customer has to register it.";
    PIN_STALE = FORBIDDEN "pin_stale", "照会用暗証番号が変更されています。お客さまによる再登録が必要です。",
        "The inquiry PIN was changed. The customer has to register the new one.";
    NOT_FOUND = NOT_FOUND "not_found", "該当する口座または情報はありません。",
        "There is no such account or resource.";
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED "method_not_allowed", "この宛先はGETだけを受け付けます。",
        "This address takes GET only.";
    INVALID_MARK = BAD_REQUEST "invalid_mark", "afterがこの口座のマークではありません。",
        "after is not a mark of this account.";
    INVALID_CURSOR = BAD_REQUEST "invalid_cursor", "cursorがこの口座、期間、連携のカーソルではありません。",
        "cursor does not belong to this account, these days and this linkage.";
    INVALID_LIMIT = BAD_REQUEST "invalid_limit", "limitは1から500までの整数で指定してください。",
        "limit is a whole number from 1 to 500.";
    INVALID_RANGE = BAD_REQUEST "invalid_range", "fromとtoは両方をYYYY-MM-DDで、fromはto以前の日で指定してください。",
        "from and to are needed both, as YYYY-MM-DD, from not after to, within ten years.";
    INVALID_PARAMETER = BAD_REQUEST "invalid_parameter", "パラメータが正しくないか、組み合わせられません。",
        "A parameter is unknown, sent twice, or does not go with the others.";
    TOO_MANY_REQUESTS = TOO_MANY_REQUESTS "too_many_requests", "短い時間に要求が多すぎます。Retry-Afterの秒数だけお待ちください。",
        "Too many requests in a short time. Wait the seconds of Retry-After.";
    NO_STATEMENT_YET = SERVICE_UNAVAILABLE "no_statement_yet", "この口座の明細はまだ届いていません。後で再度お試しください。",
        "No statement of this account has arrived yet. Try again later.";
    UNAVAILABLE = SERVICE_UNAVAILABLE "temporarily_unavailable", "一時的に利用できません。後で再度お試しください。",
        "Not available for the moment. Try again later.";
    OUTCOME_UNKNOWN = SERVICE_UNAVAILABLE "outcome_unknown", "処理が完了したかどうかを確認できません。後で再度お試しください。",
        "Whether this was carried out can't be told. Try again later.";
    SERVER_ERROR = INTERNAL_SERVER_ERROR "server_error", "処理できませんでした。照会番号を金融機関にお知らせください。",
        "Something went wrong here. Tell the institution the reference.";
}

/// A problem on its way to the partner.
#[derive(Debug)]
pub struct Problem {
    /// Which.
    pub kind: ProblemKind,
    /// What `WWW-Authenticate` says, for problems with token, proof or scope.
    challenge: Option<ResourceError>,
    /// The root on the listener for certificates, when it was called there: it takes one scheme more.
    certificate_root: Option<String>,
    retry_after_seconds: Option<u32>,
    over: Option<Over>,
    /// What the log gets to know and the world does not.
    fault: Option<Fault>,
}

impl From<ProblemKind> for Problem {
    fn from(kind: ProblemKind) -> Problem {
        Problem { kind, challenge: None, certificate_root: None, retry_after_seconds: None, over: None, fault: None }
    }
}

impl From<ResourceError> for Problem {
    fn from(error: ResourceError) -> Problem {
        let kind = match &error {
            ResourceError::NoToken => NO_TOKEN,
            ResourceError::Refused(refused) => match refused.code {
                ErrorCode::InvalidDpopProof => INVALID_DPOP_PROOF,
                ErrorCode::InsufficientUserAuthentication => INSUFFICIENT_USER_AUTHENTICATION,
                ErrorCode::UseDpopNonce => USE_DPOP_NONCE,
                ErrorCode::InvalidRequest => INVALID_PARAMETER,
                ErrorCode::InsufficientScope => INSUFFICIENT_SCOPE,
                _ => INVALID_TOKEN,
            },
        };
        Problem { challenge: Some(error), ..kind.into() }
    }
}

impl From<Over> for Problem {
    fn from(over: Over) -> Problem {
        Problem { over: Some(over), ..TOO_MANY_REQUESTS.into() }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        match fault {
            Fault::Unavailable(_) | Fault::Busy(_) => Problem {
                retry_after_seconds: Some(UNAVAILABLE_RETRY_SECONDS),
                fault: Some(fault),
                ..UNAVAILABLE.into()
            },
            Fault::Unknown(_) => Problem {
                retry_after_seconds: Some(UNAVAILABLE_RETRY_SECONDS),
                fault: Some(fault),
                ..OUTCOME_UNKNOWN.into()
            },
            Fault::Defect(_) => Problem { fault: Some(fault), ..SERVER_ERROR.into() },
        }
    }
}

impl From<renkei_store::StoreError> for Problem {
    fn from(error: renkei_store::StoreError) -> Problem {
        Fault::from(error).into()
    }
}

impl From<Reason> for Problem {
    /// The linkage as a whole can't be read: to the protocol its token is invalid, the code tells why. What concerns one
    /// account is no matter of the token.
    fn from(reason: Reason) -> Problem {
        let kind = match reason {
            Reason::LinkageExpired => LINKAGE_EXPIRED,
            Reason::EndedByCustomer => ENDED_BY_CUSTOMER,
            Reason::EndedByPartner => ENDED_BY_PARTNER,
            Reason::EndedByInstitution => ENDED_BY_INSTITUTION,
            Reason::ContractSuspended => CONTRACT_SUSPENDED,
            Reason::ContractEnded => CONTRACT_ENDED,
            Reason::UserSuspended => USER_SUSPENDED,
            Reason::UserRemoved => USER_REMOVED,
            Reason::PartnerSuspended => PARTNER_SUSPENDED,
            Reason::PartnerEnded => PARTNER_ENDED,
            Reason::PinMissing => return PIN_MISSING.into(),
            Reason::PinStale => return PIN_STALE.into(),
            Reason::AccountUnavailable => return NOT_FOUND.into(),
        };
        Problem { challenge: Some(ResourceError::invalid_token(kind.code)), ..kind.into() }
    }
}

impl Problem {
    /// More is asked of this node than it can do. Whoever says so says when to come back.
    #[must_use]
    pub fn put_off() -> Problem {
        UNAVAILABLE.into()
    }

    /// The account or resource does not exist, or is none of the caller's business: nobody learns which.
    #[must_use]
    pub fn not_found() -> Problem {
        NOT_FOUND.into()
    }

    /// The address does not take this kind of request.
    #[must_use]
    pub fn method_not_allowed() -> Problem {
        METHOD_NOT_ALLOWED.into()
    }

    /// The operation is not in the token's scope.
    #[must_use]
    pub fn insufficient_scope(operation: Operation) -> Problem {
        ResourceError::insufficient_scope(match operation {
            Operation::Balances => "needs the scope balances",
            Operation::Transactions => "needs the scope transactions",
        })
        .into()
    }

    /// The operation is in the scope, but its own period is over.
    #[must_use]
    pub fn operation_expired() -> Problem {
        OPERATION_EXPIRED.into()
    }

    /// The account has no statement yet.
    #[must_use]
    pub fn no_statement_yet() -> Problem {
        Problem { retry_after_seconds: Some(NO_STATEMENT_RETRY_SECONDS), ..NO_STATEMENT_YET.into() }
    }

    /// `after` is no mark of the account.
    #[must_use]
    pub fn invalid_mark() -> Problem {
        INVALID_MARK.into()
    }

    /// `cursor` is not one of ours for this read.
    #[must_use]
    pub fn invalid_cursor() -> Problem {
        INVALID_CURSOR.into()
    }

    /// `limit` is out of range.
    #[must_use]
    pub fn invalid_limit() -> Problem {
        INVALID_LIMIT.into()
    }

    /// `from` and `to` are no range.
    #[must_use]
    pub fn invalid_range() -> Problem {
        INVALID_RANGE.into()
    }

    /// A parameter is unknown, repeated, or does not go with the others.
    #[must_use]
    pub fn invalid_parameter() -> Problem {
        INVALID_PARAMETER.into()
    }

    /// Whether it is a failure on this side, so that no record can be written of it.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        self.fault.is_some()
    }

    /// The same problem, to be told over this connection.
    #[must_use]
    pub fn at(self, connection: &Connection, institution: &InstitutionCode) -> Problem {
        let certificate_root = connection.takes_certificates().then(|| connection.root(institution));
        Problem { certificate_root, ..self }
    }

    /// The answer. `root` is the institution's issuer identifier.
    #[must_use]
    pub fn into_response(self, root: &str, reference: &str) -> Response {
        if let Some(fault) = &self.fault {
            crate::http::browser::log_fault(fault, reference);
        }
        let ProblemKind { code, status, title, title_en } = self.kind;
        let body = ProblemBody {
            kind: format!("{root}/api/#{code}"),
            status: status.as_u16(),
            error: code.to_owned(),
            title: title.to_owned(),
            title_en: title_en.to_owned(),
            reference: reference.to_owned(),
        };
        // A struct of texts always has a JSON form.
        let mut response = (status, serde_json::to_string(&body).unwrap_or_default()).into_response();
        response.headers_mut().remove(header::CONTENT_TYPE);
        set(&mut response, header::CONTENT_TYPE, "application/problem+json");
        set(&mut response, header::CACHE_CONTROL, "no-store");
        set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        if let Some(challenge) = self.challenge {
            let metadata = resource_metadata(self.certificate_root.as_deref().unwrap_or(root));
            set(&mut response, header::WWW_AUTHENTICATE, &challenge.www_authenticate(&metadata));
            let bearer = self.certificate_root.map(|_| challenge.bearer_challenge(&metadata));
            if let Some(bearer) = bearer.and_then(|bearer| HeaderValue::from_str(&bearer).ok()) {
                response.headers_mut().append(header::WWW_AUTHENTICATE, bearer);
            }
        }
        if let Some(seconds) = self.retry_after_seconds {
            set(&mut response, header::RETRY_AFTER, &seconds.to_string());
        }
        match self.over {
            Some(over) => over.tell(response),
            None => response,
        }
    }
}

/// Where the metadata of the account API is (RFC 9728 §3.1): the well-known part comes between host and path.
fn resource_metadata(root: &str) -> String {
    let (origin, code) = root.rsplit_once('/').unwrap_or((root, ""));
    format!("{origin}/.well-known/oauth-protected-resource/{code}/api/v1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_ascii_and_each_stands_once() {
        let mut codes: Vec<&str> = PROBLEMS.iter().map(|kind| kind.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), PROBLEMS.len());
        for kind in PROBLEMS {
            assert!(kind.code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", kind.code);
            assert!(kind.title_en.is_ascii() && !kind.title.is_ascii(), "{}", kind.code);
        }
    }

    #[test]
    fn a_store_that_is_away_asks_to_come_back_and_a_defect_does_not() {
        let away = Problem::from(Fault::Unavailable("down".into())).into_response("https://link.example.jp/1001", "r1");
        assert_eq!((away.status().as_u16(), &away.headers()[header::RETRY_AFTER]), (503, &"10".parse().unwrap()));
        let defect = Problem::from(Fault::Defect("broken".into())).into_response("https://link.example.jp/1001", "r1");
        assert_eq!((defect.status().as_u16(), defect.headers().get(header::RETRY_AFTER)), (500, None));
    }

    #[test]
    fn the_metadata_of_the_api_stands_between_host_and_path() {
        let url = "https://link.example.jp/.well-known/oauth-protected-resource/1001/api/v1";
        assert_eq!(resource_metadata("https://link.example.jp/1001"), url);
    }
}
