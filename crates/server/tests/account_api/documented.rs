//! The document says what the API does: every route is in it, and the copy in the repository is the one served.

use std::collections::BTreeSet;
use std::path::Path;

use renkei_server::http::api::{PROBLEMS, document};
use renkei_store::Store;
use renkei_testing::on_each_engine;
use serde_json::Value;

use crate::feed::linked;

/// Set to write the copy anew.
const WRITE: &str = "RENKEI_WRITE_DOCUMENTS";
/// What is no part of the API: the document itself, the page made from it, and all that is not there.
const BESIDE: [&str; 3] = ["/{institution}/api/openapi.json", "/{institution}/api/", "/{institution}/api/v1/{*rest}"];

fn documented() -> BTreeSet<String> {
    let document: Value = serde_json::from_str(document::text()).unwrap();
    document["paths"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_copy_in_the_repository_is_the_document_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api/openapi.json");
    if std::env::var_os(WRITE).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, document::text()).unwrap();
    }
    let copy = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(copy == document::text(), "write docs/api/openapi.json anew: {WRITE}=1 cargo test -p renkei-server");
}

#[test]
fn r_240_every_route_of_the_api_is_in_the_document_and_nothing_else_is() {
    let router = include_str!("../../src/http.rs");
    let routes: BTreeSet<String> = router
        .split(".route(\"")
        .filter_map(|rest| rest.split('"').next())
        .filter(|path| path.starts_with("/{institution}/api/") && !BESIDE.contains(path))
        .map(str::to_owned)
        .collect();
    assert_eq!(routes, documented());
}

#[test]
fn the_document_is_openapi_3_1_and_every_operation_names_its_answers() {
    let document: Value = serde_json::from_str(document::text()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert_eq!(method, "get", "{path}");
            let answers = operation["responses"].as_object().unwrap();
            for status in ["200", "304", "401", "503"] {
                assert!(answers.contains_key(status), "{path} {status}");
            }
            assert!(operation["summary"].as_str().is_some_and(|text| text.contains('/')), "{path}");
        }
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        // An institution that is not there is told by each of them.
        for status in ["200", "401", "404", "429", "503"] {
            assert!(item["get"]["responses"].get(status).is_some(), "{path}: {status}");
        }
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for name in ["Account", "AccountList", "Balance", "Linkage", "Problem", "Transaction", "TransactionPage"] {
        assert!(schemas.contains_key(name), "{name}: {:?}", schemas.keys());
    }
}

on_each_engine! {
    async fn r_240_what_is_not_in_the_document_is_not_there(store: Store) {
        let (bank, partner, account) = linked(store).await;
        for path in ["/account", "/accounts/", "/linkages", "/../accounts", "/accounts/1/2/3"] {
            assert_eq!(bank.get(&partner, path).await.refusal(), (404, "not_found".into()), "{path}");
        }
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let path = format!("/1001/api/v1/accounts/{account}/transactions");
            let reply = bank.send(method, &path, &[]).await;
            assert_eq!(reply.refusal(), (405, "method_not_allowed".into()), "{method}");
            assert_eq!(reply.header("allow"), "GET,HEAD");
        }
        let served = bank.send("GET", "/1001/api/openapi.json", &[]).await;
        assert_eq!((served.status.as_u16(), served.text.as_str()), (200, document::text()));
    }

    async fn the_page_for_developers_says_all_the_document_says_in_either_language(store: Store) {
        let (bank, ..) = linked(store).await;
        let japanese = bank.send("GET", "/1001/api/", &[]).await;
        let english = bank.send("GET", "/1001/api/?lang=en", &[]).await;
        let document: Value = serde_json::from_str(document::text()).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let fields = schemas.values().filter_map(|schema| schema["properties"].as_object()).flat_map(|own| own.keys());
        for page in [&japanese, &english] {
            assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
            for kind in PROBLEMS {
                assert!(page.text.contains(&format!("id=\"{}\"", kind.code)), "{}", kind.code);
            }
            for field in fields.clone() {
                assert!(page.text.contains(&format!("<code>{field}</code>")), "{field}");
            }
            assert!(page.text.contains("GET /1001/api/v1/accounts/{account}/transactions"));
            assert!(!page.text.contains("<script"));
        }
        assert!(japanese.text.contains("フィードとマーク") && japanese.text.contains("スコープbalancesが必要です。"));
        assert!(english.text.contains("The feed and its marks") && english.text.contains("Needs the scope"));
        assert!(!english.text.contains("フィードとマーク") && !japanese.text.contains("Needs the scope"));
        assert_eq!(bank.send("GET", "/9999/api/", &[]).await.status, 404);
    }
}
