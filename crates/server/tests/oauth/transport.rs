//! Methods, media types, sizes, headers: what every endpoint refuses before it reads a parameter.

use renkei_testing::aoi;
use reqwest::Method;

use crate::support::{Answer, Bank};

const ENDPOINTS: [&str; 3] = ["par", "token", "revoke"];

#[tokio::test]
async fn r_025_r_058_r_094_only_post_is_taken_and_never_kept() {
    let (bank, _) = Bank::with_kakeibo().await;
    for endpoint in ENDPOINTS {
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD, Method::TRACE] {
            let url = format!("{}/1001/{endpoint}", bank.address);
            let answer = Answer::to(bank.http.request(method.clone(), url)).await;
            assert_eq!((answer.status, answer.header("allow")), (405, "POST"), "{method} {endpoint}");
            assert_eq!(answer.header("cache-control"), "no-store");
        }
    }
}

#[tokio::test]
async fn r_025_documents_are_only_read() {
    let (bank, _) = Bank::with_kakeibo().await;
    for path in ["/1001/jwks", "/.well-known/oauth-authorization-server/1001"] {
        let answer = Answer::to(bank.http.post(format!("{}{path}", bank.address))).await;
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"), "{path}");
    }
}

#[tokio::test]
async fn r_058_only_forms_are_taken() {
    let (bank, _) = Bank::with_kakeibo().await;
    for endpoint in ENDPOINTS {
        for media in ["application/json", "multipart/form-data; boundary=x", "text/plain", ""] {
            let url = format!("{}/1001/{endpoint}", bank.address);
            let request = bank.http.post(url).header("content-type", media).body("token=t");
            assert_eq!(Answer::to(request).await.refusal(), (415, "invalid_request"), "{media} {endpoint}");
        }
    }
}

#[tokio::test]
async fn a_character_set_beside_the_media_type_does_not_matter() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    let draft = kakeibo.push().seal();
    let body: Vec<String> = draft.form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let request = kakeibo
        .http
        .post(&draft.url)
        .header("content-type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8")
        .body(body.join("&"));
    assert_eq!(Answer::to(request).await.status, 201);
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn r_058_a_112_a_body_over_the_limit_is_refused_unread() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    for draft in [kakeibo.push(), kakeibo.redeem("c"), kakeibo.revoke("t")] {
        let answer = draft.with("padding", &"x".repeat(64 * 1024)).send().await;
        assert_eq!(answer.refusal(), (413, "invalid_request"));
    }
    assert_eq!(bank.count(&aoi(), "SELECT COUNT(*) FROM replays WHERE institution = ?1").await, 0);
}

#[tokio::test]
async fn r_055_a_repeated_parameter_is_refused_and_an_unknown_one_ignored() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    assert_eq!(kakeibo.push().and("scope", "balances").send().await.refusal(), (400, "invalid_request"));
    assert_eq!(kakeibo.push().and("nonsense", "1").send().await.status, 201);
    let code = "code";
    assert_eq!(kakeibo.redeem(code).and("code", code).send().await.refusal(), (400, "invalid_request"));
}

#[tokio::test]
async fn a_118_another_spelling_of_a_path_reaches_no_endpoint() {
    let (bank, _) = Bank::with_kakeibo().await;
    let ways = ["/1001//token", "//1001/token", "/1001/token/", "/1001/Token", "/1001/token;x=1", "/1001/token."];
    let escaped = ["/%31001/token", "/%31%30%30%31/token", "/1001/%74oken", "/1001/token%20", "/1001%2ftoken"];
    for path in ways.iter().chain(&escaped) {
        let answer = Answer::to(bank.http.post(format!("{}{path}", bank.address)).body("")).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    for path in ["/%31001/", "/%31001/my/login", "/.well-known/oauth-authorization-server/%31001", "/%31001/jwks"] {
        assert_eq!(bank.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn an_institution_that_does_not_exist_takes_nothing_and_records_nothing() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    for draft in [kakeibo.push(), kakeibo.push().without_assertion()] {
        let mut draft = draft;
        draft.url = draft.url.replace("/1001/", "/1999/");
        assert_eq!(draft.send().await.status, 404);
    }
    let nowhere = "1999".parse().unwrap();
    assert_eq!(bank.count(&nowhere, "SELECT COUNT(*) FROM audit WHERE institution = ?1").await, 0);
}

#[tokio::test]
async fn r_111_every_refusal_is_json_in_ascii_that_nobody_keeps() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    for draft in [
        kakeibo.push().without("scope").with("scope", "口座 \"all\""),
        kakeibo.push().without_assertion(),
        kakeibo.redeem("\u{0}\"\\"),
        kakeibo.refresh("口座"),
    ] {
        let answer = draft.send().await;
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let description = answer.text("error_description");
        assert!(
            description.bytes().all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)),
            "{description}"
        );
    }
}
