//! Pushed authorization requests: what is accepted, and each refusal.

// Helpers outside the test functions may fail loudly too.
#![allow(clippy::panic)]

mod common;

use common::{CLIENT, body};
use proptest::prelude::*;
use renkei_oauth::acr::Acr;
use renkei_oauth::authorization_details::{AskedAccount, TYPE};
use renkei_oauth::error::OAuthError;
use renkei_oauth::form::Form;
use renkei_oauth::request::{
    AuthorizationQuery, ClientPolicy, GrantRequest, MAX_GRANT_ID_BYTES, MAX_STATE_BYTES, Parameters, PushedRequest,
    PushedResponse, REQUEST_URI_PREFIX, RESPONSE_MODES, ResponseMode, check_pushed_request,
};

const CALLBACK: &str = "https://kakeibo.example/callback";
const RESOURCE: &str = "https://bank.example/1001/api/v1";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
const OTHER_JKT: &str = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";

fn good() -> Vec<(&'static str, &'static str)> {
    vec![
        ("client_id", CLIENT),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", "transactions balances"),
        ("state", "s1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

/// A good request with some parameters set anew; an empty value counts as absent.
fn push_with(changes: &[(&str, &str)], proof_jkt: Option<&str>) -> Result<PushedRequest, OAuthError> {
    let mut pairs: Vec<(&str, &str)> = good();
    pairs.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    pairs.extend(changes);
    let redirect_uris = [CALLBACK.to_owned(), format!("{CALLBACK}?dummy1=lorem&dummy2=ipsum")];
    let scopes = ["balances".to_owned(), "transactions".to_owned()];
    let policy = ClientPolicy {
        client_id: CLIENT,
        redirect_uris: &redirect_uris,
        scopes: &scopes,
        resources: &[RESOURCE.to_owned()],
        strongest: Acr::Certificate,
    };
    let form = Form::parse(body(&pairs).as_bytes())?;
    check_pushed_request(&Parameters::plain(&form), &policy, proof_jkt)
}

fn push(changes: &[(&str, &str)]) -> Result<PushedRequest, OAuthError> {
    push_with(changes, None)
}

fn refusal(changes: &[(&str, &str)]) -> &'static str {
    push(changes).err().map_or("accepted", |error| error.code.as_str())
}

#[test]
fn a_good_request_is_accepted_whole() {
    let request = push(&[]).unwrap();
    assert_eq!(request.client_id, CLIENT);
    assert_eq!(request.redirect_uri, CALLBACK);
    assert_eq!(request.scope, ["balances", "transactions"]);
    assert_eq!(request.state.as_deref(), Some("s1"));
    assert_eq!(request.dpop_jkt, None);
    assert_eq!(request.grant, GrantRequest::Create);
}

#[test]
fn a_request_survives_being_stored() {
    let request =
        push_with(&[("grant_id", "g"), ("grant_management_action", "replace"), ("state", "")], Some(JKT)).unwrap();
    let stored = serde_json::to_string(&request).unwrap();
    assert_eq!(serde_json::from_str::<PushedRequest>(&stored).unwrap(), request);
}

#[test]
fn unknown_parameters_and_nonce_are_ignored() {
    assert_eq!(push(&[("nonce", "n"), ("prompt", "consent"), ("x", "y")]), push(&[]));
}

#[test]
fn r_059_a_request_uri_cannot_be_pushed() {
    assert_eq!(refusal(&[("request_uri", "urn:ietf:params:oauth:request_uri:x")]), "invalid_request");
    assert_eq!(refusal(&[("request", "a.b.c")]), "invalid_request_object");
}

#[test]
fn r_060_redirect_uri_is_required() {
    assert_eq!(refusal(&[("redirect_uri", "")]), "invalid_request");
}

#[test]
fn r_030_redirect_uris_are_compared_byte_for_byte() {
    assert!(push(&[("redirect_uri", "https://kakeibo.example/callback?dummy1=lorem&dummy2=ipsum")]).is_ok());
    for uri in [
        "https://kakeibo.example/callback/",
        "https://kakeibo.example/Callback",
        "https://KAKEIBO.example/callback",
        "https://kakeibo.example:443/callback",
        "https://kakeibo.example/./callback",
        "https://kakeibo.example/%63allback",
        "https://kakeibo.example/callback?",
        "https://kakeibo.example/callback#",
        "https://kakeibo.example/callback?dummy2=ipsum&dummy1=lorem",
        "https://evil.example/callback",
    ] {
        assert_eq!(refusal(&[("redirect_uri", uri)]), "invalid_request", "{uri}");
    }
}

#[test]
fn r_061_only_the_code_response_type_is_supported() {
    for response_type in ["token", "code id_token", "id_token", "code token", "CODE", "none"] {
        assert_eq!(refusal(&[("response_type", response_type)]), "unsupported_response_type", "{response_type}");
    }
    assert_eq!(refusal(&[("response_type", "")]), "invalid_request");
}

#[test]
fn r_079_the_answer_goes_in_the_query_plain_or_signed_and_in_no_other_way() {
    let mode_of = |mode| push(&[("response_mode", mode)]).unwrap().response_mode;
    for (mode, expected) in [
        ("", ResponseMode::Query),
        ("query", ResponseMode::Query),
        ("query.jwt", ResponseMode::Jwt),
        ("jwt", ResponseMode::Jwt),
    ] {
        assert_eq!(mode_of(mode), expected, "{mode}");
    }
    assert!(RESPONSE_MODES.iter().all(|mode| push(&[("response_mode", mode)]).is_ok()));
    for mode in ["fragment", "form_post", "fragment.jwt", "form_post.jwt", "JWT", "Query"] {
        assert_eq!(refusal(&[("response_mode", mode)]), "invalid_request", "{mode}");
    }
}

#[test]
fn a_007_a_008_r_062_pkce_with_s256_is_required() {
    assert_eq!(refusal(&[("code_challenge", "")]), "invalid_request");
    assert_eq!(refusal(&[("code_challenge_method", "plain")]), "invalid_request");
    assert_eq!(refusal(&[("code_challenge_method", "")]), "invalid_request");
}

#[test]
fn r_037_a_scope_outside_the_allowed_ones_is_refused() {
    for scope in ["payments", "balances payments", "openid", "BALANCES", "balances\u{3000}transactions"] {
        assert_eq!(refusal(&[("scope", scope)]), "invalid_scope", "{scope}");
    }
    assert_eq!(push(&[("scope", "")]).unwrap().scope, ["balances", "transactions"]);
    assert_eq!(push(&[("scope", "balances")]).unwrap().scope, ["balances"]);
}

#[test]
fn r_170_authorization_details_are_read_strictly() {
    assert_eq!(refusal(&[("authorization_details", "[]")]), "invalid_authorization_details");
    let unknown = format!(r#"[{{"type":"{TYPE}","actions":["payments"]}}]"#);
    assert_eq!(refusal(&[("authorization_details", &unknown)]), "invalid_authorization_details");
}

#[test]
fn r_172_scope_and_authorization_details_are_combined() {
    let details = format!(
        r#"[{{"type":"{TYPE}","actions":["transactions"],"period_days":30,
            "accounts":[{{"branch":"001","type":"1","number":"2000001"}}]}}]"#
    );
    let both = push(&[("scope", "balances"), ("authorization_details", &details)]).unwrap();
    assert_eq!(both.scope, ["balances", "transactions"]);
    let alone = push(&[("scope", ""), ("authorization_details", &details)]).unwrap();
    assert_eq!(alone.scope, ["transactions"]);
    let limits = alone.details.unwrap();
    assert_eq!(limits.period_days, Some(30));
    let account = AskedAccount::Numbered { branch: "001".into(), kind: "1".into(), number: "2000001".into() };
    assert_eq!(limits.accounts, Some(vec![account]));
    assert_eq!(push(&[]).unwrap().details, None);
}

#[test]
fn r_148_a_login_that_can_not_be_had_is_refused() {
    assert_eq!(push(&[("acr_values", "urn:renkei:acr:certificate")]).unwrap().acr, Some(Acr::Certificate));
    assert_eq!(push(&[]).unwrap().acr, None);
    assert_eq!(refusal(&[("acr_values", "urn:other:biometric")]), "unmet_authentication_requirements");
}

#[test]
fn max_age_is_a_number_of_seconds() {
    for good in ["0", "300", "4294967295"] {
        assert!(push(&[("max_age", good)]).is_ok(), "{good}");
    }
    for bad in ["-1", "1.5", "x", "1e3", "4294967296"] {
        assert_eq!(refusal(&[("max_age", bad)]), "invalid_request", "{bad}");
    }
}

#[test]
fn r_071_a_key_may_be_named_by_header_parameter_or_both() {
    assert_eq!(push_with(&[], Some(JKT)).unwrap().dpop_jkt.as_deref(), Some(JKT));
    assert_eq!(push(&[("dpop_jkt", JKT)]).unwrap().dpop_jkt.as_deref(), Some(JKT));
    assert_eq!(push_with(&[("dpop_jkt", JKT)], Some(JKT)).unwrap().dpop_jkt.as_deref(), Some(JKT));
    let different = push_with(&[("dpop_jkt", OTHER_JKT)], Some(JKT)).unwrap_err();
    assert_eq!(different.code.as_str(), "invalid_dpop_proof");
    for malformed in ["x", &JKT[1..], &JKT.replace('-', "+")] {
        assert_eq!(refusal(&[("dpop_jkt", malformed)]), "invalid_request", "{malformed}");
    }
}

#[test]
fn r_086_state_is_kept_whole_or_refused_and_absent_stays_absent() {
    let long = "s".repeat(MAX_STATE_BYTES);
    assert_eq!(push(&[("state", &long)]).unwrap().state.as_deref(), Some(long.as_str()));
    assert_eq!(refusal(&[("state", &format!("{long}s"))]), "invalid_request");
    assert_eq!(push(&[("state", "")]).unwrap().state, None);
    for state in ["a\nb", "a\u{0}b", "状態", "\u{7f}"] {
        assert_eq!(refusal(&[("state", state)]), "invalid_request", "{state:?}");
    }
}

#[test]
fn r_165_grant_management_parameters_must_fit_together() {
    let id = "0198c0de-0000-7000-8000-000000000001";
    let replace = GrantRequest::Replace { grant_id: id.to_owned() };
    let grant = |pairs: &[(&str, &str)]| push(pairs).map(|request| request.grant);
    assert_eq!(grant(&[("grant_management_action", "create")]), Ok(GrantRequest::Create));
    assert_eq!(grant(&[("grant_management_action", "replace"), ("grant_id", id)]), Ok(replace));
    let merge = GrantRequest::Merge { grant_id: id.to_owned() };
    assert_eq!(grant(&[("grant_management_action", "merge"), ("grant_id", id)]), Ok(merge));
    for pairs in [
        vec![("grant_management_action", "create"), ("grant_id", id)],
        vec![("grant_id", id)],
        vec![("grant_management_action", "replace")],
        vec![("grant_management_action", "merge")],
        vec![("grant_management_action", "delete"), ("grant_id", id)],
        vec![("grant_id", "a b")],
        vec![("grant_id", "会計")],
    ] {
        assert_eq!(refusal(&pairs), "invalid_request", "{pairs:?}");
    }
    assert_eq!(refusal(&[("grant_id", &"g".repeat(MAX_GRANT_ID_BYTES + 1))]), "invalid_request");
}

#[test]
fn a_request_of_another_client_is_refused() {
    assert_eq!(refusal(&[("client_id", "other")]), "invalid_request");
    assert!(push(&[("client_id", "")]).is_ok());
}

#[test]
fn r_063_the_answer_is_request_uri_and_expires_in() {
    let answer = PushedResponse { request_uri: format!("{REQUEST_URI_PREFIX}abc"), expires_in: 90 };
    let json = r#"{"request_uri":"urn:ietf:params:oauth:request_uri:abc","expires_in":90}"#;
    assert_eq!(serde_json::to_string(&answer).unwrap(), json);
}

#[test]
fn a_016_r_067_other_parameters_of_the_authorization_url_are_ignored() {
    let query = format!(
        "response_type=token&scope=all&redirect_uri=https%3A%2F%2Fevil&state=x&client_id={CLIENT}\
         &request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Aabc"
    );
    let query = AuthorizationQuery::parse(&query).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((query.client_id.as_str(), query.reference.as_str()), (CLIENT, "abc"));
}

#[test]
fn r_066_an_authorization_request_that_was_not_pushed_is_refused() {
    for (query, code) in [
        ("client_id=kakeibo&response_type=code&scope=balances", "invalid_request"),
        ("request_uri=urn:ietf:params:oauth:request_uri:abc", "invalid_request"),
        ("client_id=kakeibo&request_uri=https://evil.example/request.jwt", "invalid_request_uri"),
        ("client_id=kakeibo&client_id=other&request_uri=urn:ietf:params:oauth:request_uri:a", "invalid_request"),
        ("", "invalid_request"),
    ] {
        let error = AuthorizationQuery::parse(query).err().map_or("accepted", |error| error.code.as_str());
        assert_eq!(error, code, "{query}");
    }
}

proptest! {
    #[test]
    fn no_parameter_makes_the_checks_panic(name in "[a-z_]{1,24}", value in "\\PC{0,60}") {
        let _ = push(&[(&name, &value)]);
        let _ = AuthorizationQuery::parse(&value);
    }
}
