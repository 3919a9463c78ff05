//! The metadata document.

use renkei_oauth::metadata::{AUTHORIZATION_SERVER, well_known};
use serde_json::{Value, json};

use crate::stage::Run;
use crate::support::ORIGIN;
use crate::variant;

/// Every name the suite knows for this kind of server: RFC 8414, 9126, 9207, 9396, 9449, 8705, JARM, and introspection
/// and grant management.
const KNOWN: [&str; 37] = [
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "registration_endpoint",
    "scopes_supported",
    "response_types_supported",
    "response_modes_supported",
    "grant_types_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "service_documentation",
    "ui_locales_supported",
    "op_policy_uri",
    "op_tos_uri",
    "revocation_endpoint",
    "revocation_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "introspection_endpoint",
    "introspection_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
    "introspection_signing_alg_values_supported",
    "code_challenge_methods_supported",
    "signed_metadata",
    "pushed_authorization_request_endpoint",
    "require_pushed_authorization_requests",
    "authorization_response_iss_parameter_supported",
    "authorization_details_types_supported",
    "dpop_signing_alg_values_supported",
    "tls_client_certificate_bound_access_tokens",
    "mtls_endpoint_aliases",
    "request_object_signing_alg_values_supported",
    "require_signed_request_object",
    "authorization_signing_alg_values_supported",
    "grant_management_actions_supported",
    "grant_management_endpoint",
    "acr_values_supported",
];

fn list<'a>(document: &'a Value, name: &str) -> Vec<&'a str> {
    document[name].as_array().unwrap_or_else(|| panic!("no {name}")).iter().map(|word| word.as_str().unwrap()).collect()
}

#[tokio::test]
async fn discovery_end_point_verification() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let issuer = run.one.partner.issuer();
        let url = well_known(AUTHORIZATION_SERVER, &issuer);
        let answer = run.bank().get(url.strip_prefix(ORIGIN).unwrap()).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
        let document = &answer.body;
        assert_eq!(document["issuer"], issuer.as_str());
        expect_endpoints(document);
        expect_words(document);
        for name in document.as_object().unwrap().keys() {
            assert!(KNOWN.contains(&name.as_str()), "{name} is no name of the suite's schema");
        }
    }
}

fn expect_endpoints(document: &Value) {
    for name in ["authorization_endpoint", "token_endpoint", "pushed_authorization_request_endpoint", "jwks_uri"] {
        assert!(document[name].as_str().unwrap().starts_with("https://"), "{name}");
    }
    if let Some(aliases) = document.get("mtls_endpoint_aliases") {
        for (name, url) in aliases.as_object().unwrap() {
            assert!(name.ends_with("_endpoint") && name != "authorization_endpoint", "{name}");
            assert!(document.get(name).is_some() && url.as_str().unwrap().starts_with("https://"), "{name}");
        }
    }
}

fn expect_words(document: &Value) {
    assert!(list(document, "response_types_supported").contains(&"code"));
    assert!(list(document, "code_challenge_methods_supported").contains(&"S256"));
    assert_eq!(document["authorization_response_iss_parameter_supported"], json!(true));
    assert_eq!(list(document, "grant_types_supported"), ["authorization_code", "refresh_token", "client_credentials"]);
    let methods = list(document, "token_endpoint_auth_methods_supported");
    let allowed = ["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"];
    assert!(!methods.is_empty() && methods.iter().all(|method| allowed.contains(method)), "{methods:?}");
    let names = document.as_object().unwrap().keys().filter(|name| name.ends_with("signing_alg_values_supported"));
    for name in names {
        let algorithms = list(document, name);
        let permitted = ["PS256", "ES256", "EdDSA", "Ed25519"];
        assert!(!algorithms.is_empty() && algorithms.iter().all(|word| permitted.contains(word)), "{name}");
    }
    list(document, "dpop_signing_alg_values_supported");
    list(document, "token_endpoint_auth_signing_alg_values_supported");
}
