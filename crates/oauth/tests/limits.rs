//! Parsers take time in proportion to their input, whatever it is.

mod common;

use std::time::{Duration, Instant};

use renkei_oauth::authorization::access_token;
use renkei_oauth::form::Form;
use renkei_oauth::jose::{Jws, KeySet};
use renkei_oauth::json::Object;
use renkei_oauth::metadata::{AUTHORIZATION_SERVER, check_issuer, well_known};
use renkei_oauth::pkce::CodeChallenge;
use renkei_oauth::redirect::check_redirect_uri;
use renkei_oauth::request::AuthorizationQuery;
use renkei_oauth::scope;

/// Far above what any of the inputs takes in a debug build, far below what a quadratic walk over it would.
const ENOUGH: Duration = Duration::from_secs(1);
const SIZE: usize = 50_000;

#[test]
fn a_137_fifty_kilobytes_take_no_parser_long() {
    let allowed = ["balances".to_owned(), "transactions".to_owned()];
    for piece in ["a", "&", "=", "%41", "a=b&", "%", "+", ".", "{", "[", "\"", "{\"a\":", " ", "/", ":", "@", "?", "é"]
    {
        let text = piece.repeat(SIZE / piece.len());
        let object = format!("{{\"a\":\"{text}\"}}");
        let started = Instant::now();
        let _ = Form::parse(text.as_bytes());
        let _ = AuthorizationQuery::parse(&text);
        let _ = Jws::parse(&text);
        let _ = Object::parse(text.as_bytes());
        let _ = Object::parse(object.as_bytes());
        let _ = KeySet::parse(text.as_bytes());
        let _ = CodeChallenge::read(Some(&text), Some("S256"));
        let _ = check_redirect_uri(&text, true);
        let _ = check_issuer(&format!("https://{text}"), true);
        let _ = well_known(AUTHORIZATION_SERVER, &text);
        let _ = access_token([text.as_bytes()]);
        let _ = scope::narrow(Some(&text), &allowed);
        assert!(started.elapsed() < ENOUGH, "{piece:?} took {:?}", started.elapsed());
    }
}

#[test]
fn a_116_many_members_with_long_common_beginnings_take_no_parser_long() {
    let members: Vec<String> = (0..2_000).map(|n| format!("\"{}{n}\":1", "a".repeat(20))).collect();
    let object = format!("{{{}}}", members.join(","));
    let started = Instant::now();
    assert!(Object::parse(object.as_bytes()).is_ok());
    assert!(started.elapsed() < ENOUGH);
}
