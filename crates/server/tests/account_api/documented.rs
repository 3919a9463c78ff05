//! The document says what the API does: every route is in it, and the copy in the repository is the one served.

use std::collections::BTreeSet;
use std::path::Path;

use renkei_server::http::api::document;
use renkei_store::Store;
use renkei_testing::on_each_engine;
use serde_json::Value;

use crate::feed::linked;

/// Set to write the copy anew.
const WRITE: &str = "RENKEI_WRITE_DOCUMENTS";
/// What needs no token: the document itself, and the page made from it.
const OPEN: [&str; 2] = ["/{institution}/api/openapi.json", "/{institution}/api/"];

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
        .filter(|path| path.starts_with("/{institution}/api/") && !OPEN.contains(path))
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
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for name in ["Account", "AccountList", "Balance", "Linkage", "Problem", "Transaction", "TransactionPage"] {
        assert!(schemas.contains_key(name), "{name}: {:?}", schemas.keys());
    }
}

on_each_engine! {
    async fn r_240_what_is_not_in_the_document_is_not_there(store: Store) {
        let (bank, partner, account) = linked(store).await;
        for path in ["/account", "/accounts/", "/linkages", "/../accounts"] {
            assert_eq!(bank.get(&partner, path).await.status, 404, "{path}");
        }
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let path = format!("/1001/api/v1/accounts/{account}/transactions");
            assert_eq!(bank.send(method, &path, &[]).await.status, 405, "{method}");
        }
        let served = bank.send("GET", "/1001/api/openapi.json", &[]).await;
        assert_eq!((served.status.as_u16(), served.text.as_str()), (200, document::text()));
    }
}
