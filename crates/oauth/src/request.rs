//! The pushed authorization request (RFC 9126) and the short query that later names it.
//!
//! A plain request and a signed one ([`crate::request_object`]) go through the very same checks.

use serde::{Deserialize, Serialize};

use crate::acr::Acr;
use crate::authorization_details::{self, Limits};
use crate::dpop::JKT_LENGTH;
use crate::error::{ErrorCode, OAuthError};
use crate::form::Form;
use crate::jose::from_base64url;
use crate::pkce::CodeChallenge;
use crate::redirect;
use crate::scope;

/// The only response type (FAPI 2.0 Security Profile §5.3.2.2-1).
pub const RESPONSE_TYPE: &str = "code";
/// The response modes there are (JARM §2.3): the plain query, and the signed response in the query, by its own name and as
/// what `jwt` means for a code.
pub const RESPONSE_MODES: [&str; 3] = ["query", "query.jwt", "jwt"];
/// The longest `state`, in bytes; the longest redirect stays well below 8 KiB even when all of it is escaped.
pub const MAX_STATE_BYTES: usize = 2_048;
/// The longest `grant_id`, in bytes.
pub const MAX_GRANT_ID_BYTES: usize = 128;
/// What every `request_uri` begins with (RFC 9126 §2.2).
pub const REQUEST_URI_PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// Every parameter a check of this module asks for. What stands in a request beside these changes nothing.
pub const PARAMETERS: [&str; 14] = [
    "acr_values",
    "authorization_details",
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "grant_id",
    "grant_management_action",
    "max_age",
    "redirect_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// The parameters of a request from the one place where they count: all from the form, or all from a request object whose
/// signature held. There is no mixture, and only this crate's verification makes signed ones.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameters {
    values: Form,
    signed: bool,
}

impl Parameters {
    /// Those of a plain form.
    pub fn plain(form: &Form) -> Parameters {
        Parameters { values: form.clone(), signed: false }
    }

    pub(crate) fn signed(values: Form) -> Parameters {
        Parameters { values, signed: true }
    }

    /// Whether the client signed them.
    pub fn are_signed(&self) -> bool {
        self.signed
    }
}

/// What the registry says about a client.
#[derive(Debug, Clone, Copy)]
pub struct ClientPolicy<'a> {
    /// The authenticated client.
    pub client_id: &'a str,
    /// Registered redirect URIs, compared byte for byte.
    pub redirect_uris: &'a [String],
    /// The scope words it may ask for.
    pub scopes: &'a [String],
    /// The identifiers of the API that all of it is about, one for each address it is called at.
    pub resources: &'a [String],
    /// The strongest login there is.
    pub strongest: Acr,
}

/// In which form the answer goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// Plain parameters in the query.
    #[default]
    Query,
    /// One signed response in the query ([`crate::jarm`]).
    Jwt,
}

impl ResponseMode {
    /// The mode of this `response_mode`; without one, the plain query.
    fn read(name: Option<&str>) -> Option<ResponseMode> {
        match name {
            None | Some("query") => Some(ResponseMode::Query),
            Some("jwt" | "query.jwt") => Some(ResponseMode::Jwt),
            Some(_) => None,
        }
    }
}

/// What is to become of the grant (Grant Management for OAuth 2.0, draft).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum GrantRequest {
    /// A new grant beside the others.
    Create,
    /// This grant is given anew and keeps its id.
    Replace {
        /// `grant_id`.
        grant_id: String,
    },
    /// This grant is given what is asked for, besides what it has.
    Merge {
        /// `grant_id`.
        grant_id: String,
    },
}

/// A request in which nothing is left to refuse without knowing the user. Kept whole until it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedRequest {
    /// The client that pushed it, and the only one that can use it.
    pub client_id: String,
    /// One of the registered ones.
    pub redirect_uri: String,
    /// What is asked for, by `scope` or in detail: never empty, never more than allowed.
    pub scope: Vec<String>,
    /// Handed back byte for byte; absent stays absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What the code verifier must hash to.
    pub code_challenge: CodeChallenge,
    /// The key that must be used at the token endpoint, if it was named here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<String>,
    /// Which grant this is about.
    pub grant: GrantRequest,
    /// Whether the client signed it.
    #[serde(default)]
    pub signed: bool,
    /// In which form it is to be answered.
    #[serde(default)]
    pub response_mode: ResponseMode,
    /// The weakest login that will do, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<Acr>,
    /// What limits the permission besides the scope; there if the request came with authorization details, which are
    /// then told in the answer too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Limits>,
}

/// The answer to a `client_id` other than that of the client that authenticated.
pub const OTHER_CLIENT: OAuthError = OAuthError::invalid_request("client_id is not the authenticated client");

/// Checks a pushed request of an authenticated client. `proof_jkt` is the key of the `DPoP` header, if one came
/// along and held.
pub fn check_pushed_request(
    parameters: &Parameters,
    policy: &ClientPolicy<'_>,
    proof_jkt: Option<&str>,
) -> Result<PushedRequest, OAuthError> {
    let form = &parameters.values;
    refuse_indirection(form)?;
    check_client_id(form, policy)?;
    let response_mode = check_response(form)?;
    check_max_age(form)?;
    let details = form.get("authorization_details");
    let asked = authorization_details::read(details, policy.scopes, policy.resources)?;
    let actions = asked.as_ref().map(|asked| asked.actions.as_slice());
    Ok(PushedRequest {
        client_id: policy.client_id.to_owned(),
        redirect_uri: check_redirect_uri(form, policy)?,
        scope: scope::combined(form.get("scope"), actions, policy.scopes)?,
        state: check_state(form)?,
        code_challenge: CodeChallenge::read(form.get("code_challenge"), form.get("code_challenge_method"))?,
        dpop_jkt: check_dpop_key(form, proof_jkt)?,
        grant: check_grant(form)?,
        signed: parameters.signed,
        response_mode,
        acr: check_acr(form, policy)?,
        details: asked.map(|asked| asked.limits),
    })
}

/// A pushed request stands for itself (RFC 9126 §2.1); one that is signed was taken out of its object before.
fn refuse_indirection(form: &Form) -> Result<(), OAuthError> {
    if form.get("request_uri").is_some() {
        return Err(OAuthError::invalid_request("request_uri cannot be pushed"));
    }
    if form.get("request").is_some() {
        return Err(OAuthError::new(ErrorCode::InvalidRequestObject, "a request object cannot hold another"));
    }
    Ok(())
}

fn check_client_id(form: &Form, policy: &ClientPolicy<'_>) -> Result<(), OAuthError> {
    match form.get("client_id") {
        Some(client_id) if client_id != policy.client_id => Err(OTHER_CLIENT),
        _ => Ok(()),
    }
}

/// `response_type` is `code`; `response_mode`, if sent, one of [`RESPONSE_MODES`].
fn check_response(form: &Form) -> Result<ResponseMode, OAuthError> {
    if form.required("response_type", "response_type is required")? != RESPONSE_TYPE {
        return Err(OAuthError::new(ErrorCode::UnsupportedResponseType, "response_type must be code"));
    }
    ResponseMode::read(form.get("response_mode"))
        .ok_or(OAuthError::invalid_request("response_mode must be query, query.jwt or jwt"))
}

/// The login that will have to do, if the request says so: a weaker one won't (RFC 9470 §4).
fn check_acr(form: &Form, policy: &ClientPolicy<'_>) -> Result<Option<Acr>, OAuthError> {
    form.get("acr_values").map(|values| Acr::demanded(values, policy.strongest)).transpose()
}

/// Every request leads to a login of its own, so no `max_age` is too short; one that is no number is refused.
fn check_max_age(form: &Form) -> Result<(), OAuthError> {
    match form.get("max_age").map(str::parse::<u32>) {
        None | Some(Ok(_)) => Ok(()),
        Some(Err(_)) => Err(OAuthError::invalid_request("max_age is not a number of seconds")),
    }
}

/// Required, and one of the registered ones as a whole string, without any normalisation. What could not be registered
/// is none of them, however it got among them.
fn check_redirect_uri(form: &Form, policy: &ClientPolicy<'_>) -> Result<String, OAuthError> {
    let uri = form.required("redirect_uri", "redirect_uri is required")?;
    let is_registered = policy.redirect_uris.iter().any(|registered| registered == uri);
    if is_registered && redirect::check_redirect_uri(uri, true).is_ok() {
        return Ok(uri.to_owned());
    }
    Err(OAuthError::invalid_request("redirect_uri is not registered"))
}

/// Visible ASCII and space (RFC 6749 appendix A.5). Too long is refused, never cut.
fn check_state(form: &Form) -> Result<Option<String>, OAuthError> {
    let Some(state) = form.get("state") else { return Ok(None) };
    if state.len() > MAX_STATE_BYTES {
        return Err(OAuthError::invalid_request("state too long"));
    }
    if !state.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(OAuthError::invalid_request("state must be printable ASCII"));
    }
    Ok(Some(state.to_owned()))
}

/// A key may be named by `dpop_jkt`, by a proof, or by both if they agree (RFC 9449 §10, §10.1).
fn check_dpop_key(form: &Form, proof_jkt: Option<&str>) -> Result<Option<String>, OAuthError> {
    let named = form.get("dpop_jkt");
    if named.is_some_and(|jkt| !is_jkt(jkt)) {
        return Err(OAuthError::invalid_request("dpop_jkt is not a SHA-256 thumbprint in base64url"));
    }
    match (named, proof_jkt) {
        (Some(named), Some(proven)) if named != proven => {
            Err(OAuthError::new(ErrorCode::InvalidDpopProof, "dpop_jkt is not the key of the DPoP proof"))
        }
        (named, proven) => Ok(named.or(proven).map(str::to_owned)),
    }
}

fn is_jkt(text: &str) -> bool {
    text.len() == JKT_LENGTH && from_base64url(text).is_some()
}

/// `create` takes no `grant_id`, `replace` and `merge` need one, and a `grant_id` needs one of them beside it.
fn check_grant(form: &Form) -> Result<GrantRequest, OAuthError> {
    let grant_id = form.get("grant_id");
    if grant_id.is_some_and(|id| id.len() > MAX_GRANT_ID_BYTES || !id.bytes().all(|byte| byte.is_ascii_graphic())) {
        return Err(OAuthError::invalid_request("grant_id is malformed"));
    }
    match (form.get("grant_management_action"), grant_id.map(str::to_owned)) {
        (None | Some("create"), None) => Ok(GrantRequest::Create),
        (Some("create"), Some(_)) => Err(OAuthError::invalid_request("create takes no grant_id")),
        (None, Some(_)) => Err(OAuthError::invalid_request("grant_id needs grant_management_action")),
        (Some("replace"), Some(grant_id)) => Ok(GrantRequest::Replace { grant_id }),
        (Some("merge"), Some(grant_id)) => Ok(GrantRequest::Merge { grant_id }),
        (Some("replace" | "merge"), None) => Err(OAuthError::invalid_request("grant_id is required")),
        (Some(_), _) => Err(OAuthError::invalid_request("unknown grant_management_action")),
    }
}

/// The answer to a pushed request: 201, as JSON (RFC 9126 §2.2).
#[derive(Serialize)]
pub struct PushedResponse {
    /// [`REQUEST_URI_PREFIX`] and a random part.
    pub request_uri: String,
    /// Seconds until it can no longer be used; 1 to 599.
    pub expires_in: i64,
}

/// The query of an authorization request. Everything beside these two is ignored, since only what was pushed
/// counts (FAPI 2.0 Security Profile §5.3.3.2-6).
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationQuery {
    /// Who says to have pushed the request.
    pub client_id: String,
    /// The random part of `request_uri`.
    pub reference: String,
}

impl AuthorizationQuery {
    /// Reads the query. An error here is a page, never a redirect: nothing in the URL is to be trusted.
    pub fn parse(query: &str) -> Result<AuthorizationQuery, OAuthError> {
        let form = Form::parse(query.as_bytes())?;
        let client_id = form.required("client_id", "client_id is required")?;
        let request_uri = form.required("request_uri", "authorization requests must be pushed first")?;
        let reference = request_uri
            .strip_prefix(REQUEST_URI_PREFIX)
            .ok_or(OAuthError::new(ErrorCode::InvalidRequestUri, "request_uri is not one of this server"))?;
        Ok(AuthorizationQuery { client_id: client_id.to_owned(), reference: reference.to_owned() })
    }
}
