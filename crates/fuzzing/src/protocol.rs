//! What partners and browsers send to the authorization server.

use std::borrow::Cow;

use aws_lc_rs::hmac;
use renkei_domain::id::{AccountId, LinkageId};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::ticket::Ticket;
use renkei_oauth::acr::Acr;
use renkei_oauth::authorization::access_token;
use renkei_oauth::client_auth::PresentedAssertion;
use renkei_oauth::dpop::{self, Target};
use renkei_oauth::error::ErrorCode;
use renkei_oauth::form::Form;
use renkei_oauth::jose::{Algorithm, KeySet};
use renkei_oauth::redirect::{Outcome, check_redirect_uri, response_url};
use renkei_oauth::request::{AuthorizationQuery, ClientPolicy, Parameters, check_pushed_request};
use renkei_oauth::request_object::{self, Signer};
use renkei_oauth::token::{TokenRequest, read_revocation};
use renkei_oauth::{authorization_details, introspection};
use renkei_server::http::api::cursor::{Cursor, Read};
use uuid::Uuid;

/// The instant of all targets, in seconds.
pub const NOW: i64 = 1_800_000_000;
/// The issuer of all targets.
pub const ISSUER: &str = "https://link.example/2990";
/// The token endpoint.
pub const TOKEN_URL: &str = "https://link.example/2990/token";
/// The account API.
const API: &str = "https://link.example/2990/api/v1";
/// The client of all targets.
pub const CLIENT: &str = "kakeibo-client";
const REDIRECT_URI: &str = "https://kakeibo.example/back";

/// A form. What is accepted means to us what it means to the form parser of browsers.
pub fn form(data: &[u8]) {
    let Ok(form) = Form::parse(data) else { return };
    for (name, value) in form_urlencoded::parse(data) {
        let pair = (Cow::as_ref(&name), Cow::as_ref(&value));
        let expected = Some(pair.1).filter(|value| !value.is_empty());
        assert_eq!(form.get(pair.0), expected, "{}", pair.0);
    }
}

/// A pushed request of an authenticated client. One that is accepted names an address and words of the registry.
pub fn pushed_request(data: &[u8]) {
    let Ok(form) = Form::parse(data) else { return };
    let uris = [REDIRECT_URI.to_owned()];
    let scopes = ["balances".to_owned(), "transactions".to_owned()];
    let policy = ClientPolicy {
        client_id: CLIENT,
        redirect_uris: &uris,
        scopes: &scopes,
        resources: &[API.to_owned()],
        strongest: Acr::Certificate,
    };
    match check_pushed_request(&Parameters::plain(&form), &policy, None) {
        Ok(request) => {
            assert_eq!(request.redirect_uri, REDIRECT_URI);
            assert!(!request.scope.is_empty() && request.scope.iter().all(|word| scopes.contains(word)));
            assert_eq!(request.client_id, CLIENT);
        }
        Err(error) => is_fit_to_be_told(&error.body()),
    }
}

/// A request object, against the keys of nobody: nothing comes out of it.
pub fn request_object(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let signer = Signer { client_id: CLIENT, keys: &KeySet::default(), algorithm: Some(Algorithm::Es256) };
    assert!(request_object::verify(text, &signer, ISSUER, NOW).is_err(), "taken without a key");
}

/// `authorization_details`. One that is accepted asks for nothing that the client may not ask for.
pub fn authorization_details(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let actions = ["balances".to_owned(), "transactions".to_owned()];
    match authorization_details::read(Some(text), &actions, &[API.to_owned()]) {
        Ok(asked) => {
            let asked = asked.expect("found: nothing was asked for, although something was sent");
            assert!(!asked.actions.is_empty() && asked.actions.iter().all(|action| actions.contains(action)));
            assert!(asked.limits.accounts.is_none_or(|accounts| !accounts.is_empty()));
            assert!(authorization_details::check_shape(Some(text)).is_ok(), "read, but of no good shape");
        }
        Err(error) => is_fit_to_be_told(&error.body()),
    }
}

/// `Accept` headers of an introspection, one a line.
pub fn accept_header(data: &[u8]) {
    let _ = introspection::asks_for_jwt(data.split(|byte| *byte == b'\n'));
}

/// A body for the token and revocation endpoints.
pub fn token_request(data: &[u8]) {
    let Ok(form) = Form::parse(data) else { return };
    if let Err(error) = TokenRequest::read(&form) {
        is_fit_to_be_told(&error.body());
    }
    let _ = read_revocation(&form);
}

/// Error descriptions are ours: no byte of the request comes back.
fn is_fit_to_be_told(body: &str) {
    assert!(body.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{body:?}");
    assert!(serde_json::from_str::<serde_json::Value>(body).is_ok(), "{body:?}");
}

/// The query of an authorization request.
pub fn authorization_query(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else { return };
    if let Ok(query) = AuthorizationQuery::parse(query) {
        assert!(!query.client_id.is_empty());
        let _ = Ticket::parse(&query.reference);
    }
}

/// `Authorization` headers, one a line.
pub fn authorization_header(data: &[u8]) {
    if let Ok((_, token)) = access_token(data.split(|byte| *byte == b'\n')) {
        assert!(token.bytes().all(|byte| byte.is_ascii_graphic()), "{token:?}");
    }
}

/// `DPoP` headers, one a line.
pub fn dpop_header(data: &[u8]) {
    if let Ok(Some(proof)) = dpop::header(data.split(|byte| *byte == b'\n')) {
        dpop_proof(proof.as_bytes());
    }
}

/// A proof for the token endpoint, at a fixed time.
pub fn dpop_proof(data: &[u8]) {
    let Ok(proof) = std::str::from_utf8(data) else { return };
    let target = Target { method: "POST", url: TOKEN_URL, access_token: None };
    if let Ok(checked) = dpop::check(proof, &target, NOW) {
        assert!(checked.is_by(&checked.jkt) && !checked.is_by(""));
        let elsewhere = Target { url: "https://link.example/2991/token", ..target };
        assert!(dpop::check(proof, &elsewhere, NOW).is_err(), "good at two addresses");
        assert!(dpop::check(proof, &target, NOW + 3_600).is_err(), "good for an hour");
    }
}

/// A form with a client assertion, against the keys of nobody.
pub fn assertion(data: &[u8]) {
    let Ok(form) = Form::parse(data) else { return };
    let Ok(presented) = PresentedAssertion::from_form(&form, false) else { return };
    assert!(!presented.unverified_client_id().is_empty());
    assert!(presented.verify(&KeySet::default(), None, ISSUER, NOW).is_err(), "authenticated without a key");
}

/// A redirect URI to be registered. One that is accepted leads where it says, with our parameters and no others, and fits
/// into a header.
pub fn redirect_uri(data: &[u8]) {
    let Ok(uri) = std::str::from_utf8(data) else { return };
    if check_redirect_uri(uri, false).is_err() {
        assert!(response_url(uri, false, Outcome::Code("c"), None, ISSUER).is_err(), "used although refused");
        return;
    }
    assert!(uri.starts_with("https://") || uri[..8].eq_ignore_ascii_case("https://"), "{uri:?}");
    let outcome = Outcome::Error(ErrorCode::AccessDenied, "the customer declined");
    for url in [
        response_url(uri, false, Outcome::Code("c&d"), Some("s\u{7f}&iss=x"), ISSUER),
        response_url(uri, false, outcome, None, ISSUER),
    ] {
        let url = url.expect("found: an address that was accepted is not used");
        assert!(url.starts_with(uri), "{url:?}");
        assert!(url.bytes().all(|byte| byte.is_ascii_graphic()), "{url:?}");
        let query = url.split_once('?').expect("found: an answer without a query").1;
        let issuers: Vec<_> = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "iss").collect();
        assert_eq!(issuers.len(), 1, "{url:?}");
        assert!(issuers.iter().all(|(_, value)| value == ISSUER), "{url:?}");
    }
}

/// A ticket has one spelling.
pub fn ticket(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(ticket) = Ticket::parse(text) {
        assert_eq!(ticket.reveal(), text);
    }
}

/// A cursor of a read by days, or what one carries. What opens is what was sealed, to the letter.
pub fn cursor(data: &[u8]) {
    let institution: InstitutionCode = "2990".parse().expect("four digits");
    let (linkage, account) = (LinkageId(Uuid::nil()), AccountId(Uuid::nil()));
    let day = |text: &str| text.parse().expect("three days of 2026, as ISO 8601 writes them");
    let read = Read { institution: &institution, linkage, account, from: day("2026-10-01"), to: day("2026-10-31") };
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    if let Some(cursor) = Cursor::of_state(data) {
        let sealed = cursor.seal(&read, &key);
        assert_eq!(Cursor::open(&sealed, &read, &key), Some(cursor), "sealed, but does not open");
        let other = Read { to: day("2026-11-30"), ..read };
        assert_eq!(Cursor::open(&sealed, &other, &key), None, "opens for another read");
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(cursor) = Cursor::open(text, &read, &key) {
        assert_eq!(cursor.seal(&read, &key), text, "opens, but was never sealed");
    }
}
