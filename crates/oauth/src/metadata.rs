//! The metadata of the authorization server (RFC 8414) and of the account API (RFC 9728).
//!
//! What is advertised comes from the very constants the checks use, so the two cannot part.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::acr::Acr;
use crate::client_auth::certificate::{SELF_SIGNED_TLS_CLIENT_AUTH, TLS_CLIENT_AUTH};
use crate::jose::Algorithm;
use crate::uri::Uri;
use crate::{authorization_details, client_auth, grant_management, pkce, request, token};

/// The well-known segment of RFC 8414 §3.
pub const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
/// The well-known segment of RFC 9728 §3.
pub const PROTECTED_RESOURCE: &str = "/.well-known/oauth-protected-resource";

/// Why an address cannot be an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an issuer is an https URL without query, fragment and trailing slash")]
pub struct IssuerFault;

/// Checks an issuer (RFC 8414 §2): https, no query, no fragment. `loopback_http` allows plain http to this machine,
/// for development. A trailing slash is refused because endpoints are named below the issuer.
pub fn check_issuer(issuer: &str, loopback_http: bool) -> Result<(), IssuerFault> {
    let uri = Uri::parse(issuer).ok_or(IssuerFault)?;
    let secure = uri.scheme == "https" || (loopback_http && uri.is_loopback());
    if secure && uri.query.is_none() && !uri.has_fragment && !issuer.ends_with('/') { Ok(()) } else { Err(IssuerFault) }
}

/// The address of a metadata document: the well-known segment between host and path of the issuer or resource
/// (RFC 8414 §3.1, RFC 9728 §3.1).
pub fn well_known(segment: &str, identifier: &str) -> String {
    let host_start = identifier.find("://").map_or(0, |at| at + 3);
    let host_length = identifier.get(host_start..).and_then(|rest| rest.find('/'));
    let path_start = host_length.map_or(identifier.len(), |length| host_start + length);
    let (origin, path) = identifier.split_at_checked(path_start).unwrap_or((identifier, ""));
    format!("{origin}{segment}{path}")
}

/// The authorization server's metadata document (RFC 8414 §2). Serialise it as it is.
#[derive(Debug, Clone, Serialize)]
pub struct AuthorizationServer {
    /// Byte for byte the issuer that clients know.
    pub issuer: String,
    /// Where the browser goes.
    pub authorization_endpoint: String,
    /// RFC 6749 §3.2.
    pub token_endpoint: String,
    /// RFC 9126 §5.
    pub pushed_authorization_request_endpoint: String,
    /// RFC 7009.
    pub revocation_endpoint: String,
    /// Grant Management for OAuth 2.0 (draft); a grant's own address is below it.
    pub grant_management_endpoint: String,
    /// RFC 7662; for resource servers, not for clients.
    pub introspection_endpoint: String,
    /// RFC 7517 §5.
    pub jwks_uri: String,
    /// Every scope word of this institution.
    pub scopes_supported: Vec<String>,
    /// Every login that can be asked for (RFC 9470).
    pub acr_values_supported: Vec<Acr>,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 3],
    grant_types_supported: [&'static str; 3],
    token_endpoint_auth_methods_supported: Vec<&'static str>,
    token_endpoint_auth_signing_alg_values_supported: [&'static str; 4],
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    revocation_endpoint_auth_signing_alg_values_supported: [&'static str; 4],
    introspection_endpoint_auth_methods_supported: [&'static str; 1],
    introspection_endpoint_auth_signing_alg_values_supported: [&'static str; 4],
    introspection_signing_alg_values_supported: [&'static str; 1],
    authorization_details_types_supported: [&'static str; 1],
    grant_management_actions_supported: [&'static str; 5],
    code_challenge_methods_supported: [&'static str; 1],
    dpop_signing_alg_values_supported: [&'static str; 4],
    request_object_signing_alg_values_supported: [&'static str; 4],
    require_signed_request_object: bool,
    authorization_signing_alg_values_supported: [&'static str; 1],
    require_pushed_authorization_requests: bool,
    authorization_response_iss_parameter_supported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_client_certificate_bound_access_tokens: Option<bool>,
    /// The endpoints once more, where certificates are asked for (RFC 8705 §5), under their own names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    mtls_endpoint_aliases: BTreeMap<String, String>,
}

impl AuthorizationServer {
    /// The document of an issuer whose endpoints are `/authorize`, `/token`, `/par`, `/revoke`, `/introspect` and
    /// `/jwks` below it.
    pub fn new(issuer: &str, scopes: Vec<String>, logins: Vec<Acr>) -> AuthorizationServer {
        AuthorizationServer {
            issuer: issuer.to_owned(),
            authorization_endpoint: format!("{issuer}/authorize"),
            token_endpoint: format!("{issuer}/token"),
            pushed_authorization_request_endpoint: format!("{issuer}/par"),
            revocation_endpoint: format!("{issuer}/revoke"),
            grant_management_endpoint: format!("{issuer}/grants"),
            introspection_endpoint: format!("{issuer}/introspect"),
            jwks_uri: format!("{issuer}/jwks"),
            scopes_supported: scopes,
            acr_values_supported: logins,
            response_types_supported: [request::RESPONSE_TYPE],
            response_modes_supported: request::RESPONSE_MODES,
            grant_types_supported: token::GRANT_TYPES,
            token_endpoint_auth_methods_supported: vec![client_auth::METHOD],
            token_endpoint_auth_signing_alg_values_supported: Algorithm::NAMES,
            revocation_endpoint_auth_methods_supported: vec![client_auth::METHOD],
            revocation_endpoint_auth_signing_alg_values_supported: Algorithm::NAMES,
            introspection_endpoint_auth_methods_supported: [client_auth::METHOD],
            introspection_endpoint_auth_signing_alg_values_supported: Algorithm::NAMES,
            introspection_signing_alg_values_supported: [Algorithm::OWN.name()],
            authorization_details_types_supported: [authorization_details::TYPE],
            grant_management_actions_supported: grant_management::ACTIONS,
            code_challenge_methods_supported: [pkce::METHOD],
            dpop_signing_alg_values_supported: Algorithm::NAMES,
            request_object_signing_alg_values_supported: Algorithm::NAMES,
            // Some clients must sign, by their profile; none is kept from it.
            require_signed_request_object: false,
            authorization_signing_alg_values_supported: [Algorithm::OWN.name()],
            require_pushed_authorization_requests: true,
            authorization_response_iss_parameter_supported: true,
            tls_client_certificate_bound_access_tokens: None,
            mtls_endpoint_aliases: BTreeMap::new(),
        }
    }

    /// The same document where partners' certificates are taken too, at endpoints of the same names below `root`.
    #[must_use]
    pub fn with_certificates(self, root: &str) -> AuthorizationServer {
        let methods = vec![client_auth::METHOD, TLS_CLIENT_AUTH, SELF_SIGNED_TLS_CLIENT_AUTH];
        AuthorizationServer {
            mtls_endpoint_aliases: self.aliases(root),
            token_endpoint_auth_methods_supported: methods.clone(),
            revocation_endpoint_auth_methods_supported: methods,
            tls_client_certificate_bound_access_tokens: Some(true),
            ..self
        }
    }

    /// Every endpoint of this document but the authorization endpoint, which is for browsers, below `root`.
    fn aliases(&self, root: &str) -> BTreeMap<String, String> {
        let document = serde_json::to_value(self).unwrap_or_default();
        let members = document.as_object().into_iter().flatten();
        let endpoints = members.filter(|(name, _)| name.ends_with("_endpoint") && *name != "authorization_endpoint");
        endpoints
            .filter_map(|(name, url)| {
                let path = url.as_str()?.strip_prefix(&self.issuer)?;
                Some((name.clone(), format!("{root}{path}")))
            })
            .collect()
    }
}

/// The account API's metadata document (RFC 9728 §2). Serialise it as it is.
#[derive(Debug, Clone, Serialize)]
pub struct ProtectedResource {
    /// The API's identifier: its base URL.
    pub resource: String,
    /// The one issuer whose tokens it takes.
    pub authorization_servers: [String; 1],
    /// Every scope word of this institution.
    pub scopes_supported: Vec<String>,
    bearer_methods_supported: [&'static str; 1],
    dpop_signing_alg_values_supported: [&'static str; 4],
    dpop_bound_access_tokens_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_client_certificate_bound_access_tokens: Option<bool>,
}

impl ProtectedResource {
    /// The document of the API at `resource`, which takes tokens of `issuer`.
    pub fn new(resource: &str, issuer: &str, scopes: Vec<String>) -> ProtectedResource {
        ProtectedResource {
            resource: resource.to_owned(),
            authorization_servers: [issuer.to_owned()],
            scopes_supported: scopes,
            bearer_methods_supported: ["header"],
            dpop_signing_alg_values_supported: Algorithm::NAMES,
            dpop_bound_access_tokens_required: true,
            tls_client_certificate_bound_access_tokens: None,
        }
    }

    /// The same document where tokens bound to certificates are taken too.
    #[must_use]
    pub fn with_certificates(self) -> ProtectedResource {
        ProtectedResource {
            dpop_bound_access_tokens_required: false,
            tls_client_certificate_bound_access_tokens: Some(true),
            ..self
        }
    }
}
