//! The metadata documents, and that they say what the checks do.

// Helpers outside the test functions may fail loudly too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::*;
use renkei_oauth::acr::Acr;
use renkei_oauth::client_auth::{ASSERTION_TYPE, PresentedAssertion};
use renkei_oauth::dpop::{self, Target};
use renkei_oauth::error::ErrorCode;
use renkei_oauth::form::Form;
use renkei_oauth::jose::{JwkFault, KeySet, SigningKey};
use renkei_oauth::jwks;
use renkei_oauth::metadata::{
    AUTHORIZATION_SERVER, AuthorizationServer, IssuerFault, PROTECTED_RESOURCE, ProtectedResource, check_issuer,
    well_known,
};
use renkei_oauth::pkce::CodeChallenge;
use renkei_oauth::token::TokenRequest;
use serde_json::{Value, json};

const API: &str = "https://bank.example/1001/api/v1";

fn scopes() -> Vec<String> {
    vec!["balances".to_owned(), "transactions".to_owned()]
}

fn document() -> Value {
    serde_json::to_value(AuthorizationServer::new(ISSUER, scopes(), Acr::ALL.to_vec())).unwrap()
}

/// Every signature algorithm name registered for JOSE, and some that are not.
const ALGORITHMS: [&str; 17] = [
    "none", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "ES256K", "PS256",
    "PS384", "PS512", "EdDSA", "Ed25519", "Ed448",
];

fn key_for(alg: &str) -> &'static SigningKey {
    match alg.get(..2) {
        Some("ES") => &ES256,
        Some("Ed") => &EDDSA,
        _ => &PS256,
    }
}

#[test]
fn r_001_the_document_is_this() {
    let expected = json!({
        "issuer": "https://bank.example/1001",
        "authorization_endpoint": "https://bank.example/1001/authorize",
        "token_endpoint": "https://bank.example/1001/token",
        "pushed_authorization_request_endpoint": "https://bank.example/1001/par",
        "acr_values_supported": ["urn:renkei:acr:password", "urn:renkei:acr:certificate"],
        "authorization_details_types_supported": ["urn:renkei:account_information"],
        "grant_management_endpoint": "https://bank.example/1001/grants",
        "grant_management_actions_supported": ["query", "revoke", "create", "replace", "merge"],
        "revocation_endpoint": "https://bank.example/1001/revoke",
        "introspection_endpoint": "https://bank.example/1001/introspect",
        "introspection_endpoint_auth_methods_supported": ["private_key_jwt"],
        "introspection_endpoint_auth_signing_alg_values_supported": ["ES256", "PS256", "EdDSA", "Ed25519"],
        "introspection_signing_alg_values_supported": ["ES256"],
        "jwks_uri": "https://bank.example/1001/jwks",
        "scopes_supported": ["balances", "transactions"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "query.jwt", "jwt"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "PS256", "EdDSA", "Ed25519"],
        "revocation_endpoint_auth_methods_supported": ["private_key_jwt"],
        "revocation_endpoint_auth_signing_alg_values_supported": ["ES256", "PS256", "EdDSA", "Ed25519"],
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": ["ES256", "PS256", "EdDSA", "Ed25519"],
        "request_object_signing_alg_values_supported": ["ES256", "PS256", "EdDSA", "Ed25519"],
        "require_signed_request_object": false,
        "authorization_signing_alg_values_supported": ["ES256"],
        "require_pushed_authorization_requests": true,
        "authorization_response_iss_parameter_supported": true,
    });
    assert_eq!(document(), expected);
}

#[test]
fn r_007_r_010_where_certificates_are_taken_the_document_has_this_besides() {
    let root = "https://partners.example/1001";
    let certificates = AuthorizationServer::new(ISSUER, scopes(), Acr::ALL.to_vec()).with_certificates(root);
    let mut document = document();
    let methods = json!(["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"]);
    document["token_endpoint_auth_methods_supported"] = methods.clone();
    document["revocation_endpoint_auth_methods_supported"] = methods;
    document["tls_client_certificate_bound_access_tokens"] = true.into();
    document["mtls_endpoint_aliases"] = json!({
        "token_endpoint": "https://partners.example/1001/token",
        "pushed_authorization_request_endpoint": "https://partners.example/1001/par",
        "revocation_endpoint": "https://partners.example/1001/revoke",
        "introspection_endpoint": "https://partners.example/1001/introspect",
        "grant_management_endpoint": "https://partners.example/1001/grants",
    });
    assert_eq!(serde_json::to_value(certificates).unwrap(), document);
    let resource = serde_json::to_value(ProtectedResource::new(API, ISSUER, scopes()).with_certificates()).unwrap();
    assert_eq!(resource["tls_client_certificate_bound_access_tokens"], true);
    assert_eq!(resource["dpop_bound_access_tokens_required"], false);
}

#[test]
fn r_001_r_013_the_well_known_segment_stands_between_host_and_path() {
    let url = "https://bank.example/.well-known/oauth-authorization-server/1001";
    assert_eq!(well_known(AUTHORIZATION_SERVER, ISSUER), url);
    let url = "https://bank.example/.well-known/oauth-protected-resource/1001/api/v1";
    assert_eq!(well_known(PROTECTED_RESOURCE, API), url);
    let url = "https://bank.example/.well-known/oauth-authorization-server";
    assert_eq!(well_known(AUTHORIZATION_SERVER, "https://bank.example"), url);
}

#[test]
fn r_002_an_issuer_is_https_without_query_and_fragment() {
    assert_eq!(check_issuer(ISSUER, false), Ok(()));
    assert_eq!(check_issuer("http://127.0.0.1:8080/1001", true), Ok(()));
    for issuer in [
        "http://127.0.0.1:8080/1001",
        "https://bank.example/1001/",
        "https://bank.example/1001?a",
        "https://bank.example/1001#a",
        "bank.example/1001",
        "",
    ] {
        assert_eq!(check_issuer(issuer, false), Err(IssuerFault), "{issuer}");
    }
    assert_eq!(check_issuer("http://bank.example/1001", true), Err(IssuerFault));
}

#[test]
fn r_013_the_resource_document_is_this() {
    let expected = json!({
        "resource": API,
        "authorization_servers": [ISSUER],
        "scopes_supported": ["balances", "transactions"],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": ["ES256", "PS256", "EdDSA", "Ed25519"],
        "dpop_bound_access_tokens_required": true,
    });
    assert_eq!(serde_json::to_value(ProtectedResource::new(API, ISSUER, scopes())).unwrap(), expected);
}

#[test]
fn r_008_r_012_exactly_the_advertised_algorithms_sign_assertions() {
    let document = document();
    let advertised = document["token_endpoint_auth_signing_alg_values_supported"].as_array().unwrap();
    for alg in ALGORITHMS {
        let key = key_for(alg);
        let text = key.sign_with_header(&json!({"alg": alg}), &assertion_claims()).unwrap();
        let pairs = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &text)];
        let form = Form::parse(body(&pairs).as_bytes()).unwrap();
        let verdict = PresentedAssertion::from_form(&form, false)
            .and_then(|presented| presented.verify(&key_set(&[key]), None, ISSUER, NOW));
        assert_eq!(verdict.is_ok(), advertised.contains(&json!(alg)), "{alg}");
    }
}

#[test]
fn r_010_r_012_exactly_the_advertised_algorithms_sign_proofs() {
    let document = document();
    let advertised = document["dpop_signing_alg_values_supported"].as_array().unwrap();
    let claims = json!({"jti": "p", "htm": "POST", "htu": ISSUER, "iat": NOW});
    for alg in ALGORITHMS {
        let key = key_for(alg);
        let jwk = with(key.to_public_jwk().to_json(), json!({"alg": alg}));
        let header = json!({"typ": "dpop+jwt", "alg": alg, "jwk": jwk});
        let proof = key.sign_with_header(&header, &claims).unwrap();
        let target = Target { method: "POST", url: ISSUER, access_token: None };
        let accepted = dpop::check(&proof, &target, NOW).is_ok();
        assert_eq!(accepted, advertised.contains(&json!(alg)), "{alg}");
    }
}

#[test]
fn r_005_r_006_r_012_exactly_the_advertised_methods_and_grants_work() {
    let document = document();
    let challenge = Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    for method in ["S256", "plain", "S384", "S512"] {
        let accepted = CodeChallenge::read(challenge, Some(method)).is_ok();
        assert_eq!(accepted, document["code_challenge_methods_supported"] == json!([method]), "{method}");
    }
    let advertised = document["grant_types_supported"].as_array().unwrap();
    for grant_type in ["authorization_code", "refresh_token", "password", "implicit", "client_credentials"] {
        let form = Form::parse(format!("grant_type={grant_type}&code=c&refresh_token=r").as_bytes()).unwrap();
        let unsupported =
            TokenRequest::read(&form).err().is_some_and(|error| error.code == ErrorCode::UnsupportedGrantType);
        assert_ne!(unsupported, advertised.contains(&json!(grant_type)), "{grant_type}");
    }
}

#[test]
fn r_015_the_published_keys_are_public_and_have_different_ids() {
    let keys = [ES256.to_public_jwk(), PS256.to_public_jwk(), EDDSA.to_public_jwk()];
    let text = jwks::document(&keys).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    for key in document["keys"].as_array().unwrap() {
        assert_eq!(key["use"], "sig");
        for private in ["d", "p", "q", "dp", "dq", "qi", "k", "x5u", "jku"] {
            assert!(key.get(private).is_none(), "{private}");
        }
    }
    assert!(!KeySet::parse(text.as_bytes()).unwrap().is_empty());
    let repeated = [ES256.to_public_jwk(), ES256.to_public_jwk()];
    assert_eq!(jwks::document(&repeated), Err(JwkFault::RepeatedKeyId));
}
