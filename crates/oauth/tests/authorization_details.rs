//! Rich authorization requests: what is read, and everything that is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;
use renkei_oauth::authorization_details::{self as details, Asked, AskedAccount, Granted, TYPE};
use renkei_oauth::error::{ErrorCode, OAuthError};
use serde_json::{Value, json};

const API: &str = "https://link.example/1001/api/v1";
const AT_PARTNERS: &str = "https://partners.example/1001/api/v1";
const IDENTIFIER: &str = "5f0c6f0e-7a54-4b5d-9d0a-3a0b6c2f9a11";

fn read_text(text: &str) -> Result<Asked, OAuthError> {
    let allowed = ["balances".to_owned(), "transactions".to_owned()];
    details::read(Some(text), &allowed, &[API.to_owned(), AT_PARTNERS.to_owned()]).map(Option::unwrap)
}

fn read(value: &Value) -> Result<Asked, OAuthError> {
    read_text(&value.to_string())
}

fn item(changes: Value) -> Value {
    let mut item = json!({ "type": TYPE, "actions": ["balances"] });
    for (name, value) in changes.as_object().unwrap() {
        item[name] = value.clone();
    }
    item
}

fn expect_refused(text: &str) {
    let error = read_text(text).expect_err(text);
    assert_eq!(error.code, ErrorCode::InvalidAuthorizationDetails, "{text}");
}

#[test]
fn a_whole_request_is_read() {
    let asked = read(&json!([item(json!({
        "actions": ["transactions", "balances", "balances"],
        "accounts": [{ "branch": "001", "type": "1", "number": "2000001" }, { "identifier": IDENTIFIER.to_uppercase() }],
        "period_days": 90,
        "locations": [API, AT_PARTNERS],
    }))]))
    .unwrap();
    assert_eq!(asked.actions, ["balances", "transactions"]);
    assert_eq!(asked.limits.period_days, Some(90));
    let numbered = AskedAccount::Numbered { branch: "001".into(), kind: "1".into(), number: "2000001".into() };
    assert_eq!(asked.limits.accounts, Some(vec![AskedAccount::Known { identifier: IDENTIFIER.into() }, numbered]));
    assert_eq!(details::read(None, &[], &[]), Ok(None));
}

#[test]
fn r_172_the_items_of_a_request_are_taken_together() {
    let one = [{ json!({ "identifier": IDENTIFIER }) }];
    let asked = read(&json!([
        item(json!({ "period_days": 90 })),
        item(json!({ "actions": ["transactions"], "accounts": one, "period_days": 30 })),
        item(json!({ "accounts": one })),
    ]))
    .unwrap();
    assert_eq!(asked.actions, ["balances", "transactions"]);
    assert_eq!((asked.limits.period_days, asked.limits.accounts.unwrap().len()), (Some(30), 1));
    let other = json!([{ "branch": "001", "type": "1", "number": "1" }]);
    expect_refused(&json!([item(json!({ "accounts": one })), item(json!({ "accounts": other }))]).to_string());
}

#[test]
fn r_170_an_unknown_type_or_field_is_refused() {
    for bad in [
        item(json!({ "type": "account_information" })),
        item(json!({ "type": "urn:renkei:payment_initiation" })),
        item(json!({ "type": "URN:RENKEI:ACCOUNT_INFORMATION" })),
        item(json!({ "datatypes": ["x"] })),
        item(json!({ "": 1 })),
        item(json!({ "accounts": [{ "identifier": IDENTIFIER, "branch": "001" }] })),
        item(json!({ "accounts": [{ "branch": "001", "type": "1", "number": "1", "holder": "x" }] })),
    ] {
        expect_refused(&json!([bad]).to_string());
        expect_refused(&json!([item(json!({})), bad]).to_string());
    }
}

#[test]
fn r_170_a_wrong_json_type_is_refused() {
    for name in ["type", "actions", "accounts", "period_days", "locations"] {
        for value in [json!(null), json!(true), json!({}), json!([1]), json!([[]]), json!([null])] {
            expect_refused(&json!([item(json!({ name: value }))]).to_string());
        }
    }
    for bad in [
        json!({ "type": 1 }),
        json!({ "actions": "balances" }),
        json!({ "actions": ["balances", 1] }),
        json!({ "accounts": [IDENTIFIER] }),
        json!({ "accounts": { "identifier": IDENTIFIER } }),
        json!({ "period_days": "90" }),
        json!({ "locations": API }),
    ] {
        expect_refused(&json!([item(bad)]).to_string());
    }
}

#[test]
fn r_170_a_missing_or_invalid_value_is_refused() {
    expect_refused(&json!([{ "type": TYPE }]).to_string());
    expect_refused(&json!([{ "actions": ["balances"] }]).to_string());
    for bad in [
        json!({ "actions": [] }),
        json!({ "actions": ["Balances"] }),
        json!({ "actions": ["balances", "payments"] }),
        json!({ "accounts": [] }),
        json!({ "accounts": [{}] }),
        json!({ "accounts": [{ "identifier": "x" }] }),
        json!({ "accounts": [{ "identifier": "' OR 1=1 -- ' OR 1=1 -- ' OR 1=1 --" }] }),
        json!({ "accounts": [{ "branch": "1", "type": "1", "number": "1" }] }),
        json!({ "accounts": [{ "branch": "001", "type": "10", "number": "1" }] }),
        json!({ "accounts": [{ "branch": "001", "type": "1", "number": "12345678901" }] }),
        json!({ "accounts": [{ "branch": "００１", "type": "1", "number": "1" }] }),
        json!({ "accounts": [{ "branch": "001", "type": "1" }] }),
        json!({ "period_days": 0 }),
        json!({ "period_days": -1 }),
        json!({ "period_days": 1.5 }),
        json!({ "period_days": 1831 }),
        json!({ "period_days": 1e300 }),
        json!({ "locations": [] }),
        json!({ "locations": ["https://link.example/1002/api/v1"] }),
        json!({ "locations": [API, "https://other.example"] }),
    ] {
        expect_refused(&json!([item(bad)]).to_string());
    }
}

#[test]
fn r_170_a_repeated_member_is_refused() {
    expect_refused(&format!(r#"[{{"type":"{TYPE}","actions":["balances"],"actions":["transactions"]}}]"#));
    expect_refused(&format!(r#"[{{"type":"{TYPE}","actions":["balances"],"\u0061ctions":["balances"]}}]"#));
}

#[test]
fn r_171_what_is_no_array_or_too_large_is_refused_by_its_shape_alone() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let many = json!(vec![item(json!({})); 51]).to_string();
    let large = format!(r#"["{}"]"#, "x".repeat(16 * 1024));
    let object = item(json!({})).to_string();
    for text in ["", "{}", "null", "1", "\"x\"", "[]", "[] []", "[1", &object, &many, &large, &deep(6), &deep(2_000)] {
        let error = details::check_shape(Some(text)).expect_err(text);
        assert_eq!(error.code, ErrorCode::InvalidAuthorizationDetails);
        expect_refused(text);
    }
    assert_eq!(details::check_shape(Some(&deep(5))), Ok(()));
    assert_eq!(details::check_shape(None), Ok(()));
    assert!(read(&json!(vec![item(json!({})); 50])).is_ok());
}

#[test]
fn r_104_what_was_granted_can_be_asked_for_again_as_it_is() {
    let granted = Granted::new(vec!["balances".into()], API.into(), [IDENTIFIER.to_owned()]);
    let value = serde_json::to_value([&granted]).unwrap();
    assert_eq!(
        value,
        json!([{ "type": TYPE, "actions": ["balances"], "locations": [API], "accounts": [{ "identifier": IDENTIFIER }] }])
    );
    assert_eq!(read(&value).unwrap().actions, ["balances"]);
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,300}") {
        let _ = read_text(&text);
    }

    #[test]
    fn no_json_makes_the_reader_panic(text in r#"[\[\]{}",:a-c0-9 ]{0,300}"#) {
        let _ = read_text(&text);
    }
}
