//! Texts that break out of where they belong, if anything lets them: into SQL, and into the log.

use crate::installation::{Installation, Node};
use crate::support::{Answer, Partner};

/// What breaks statements, in whichever quotes, comments and encodings.
const SQL: [&str; 12] = [
    "'",
    "\"",
    "' OR '1'='1",
    "1; DROP TABLE users; --",
    "' UNION SELECT password_hash FROM users --",
    "\\'; --",
    "')) OR 1=1 /*",
    "?1",
    "$1",
    "%27%20OR%201=1",
    "x' AND randomblob(100000000) --",
    "' || pg_sleep(10) || '",
];

/// Nothing of the engine shows, and nothing failed inside.
fn expect_calm(answer: &Answer, what: &str) {
    expect_calm_text(answer.status, &answer.text, what);
}

fn expect_calm_text(status: u16, text: &str, what: &str) {
    assert!(status < 500, "{what}: {text}");
    let text = text.to_lowercase();
    for word in
        ["sqlite", "postgres", "syntax error", "select ", "no such table", "no such column", "constraint failed", "pg_"]
    {
        // A text that was typed may come back as what was typed, escaped.
        let typed = what.to_lowercase().matches(word).count();
        assert!(text.matches(word).count() <= typed * 2, "{what}: {word}");
    }
}

/// Every parameter of the protocol endpoints, one at a time.
async fn at_the_protocol(kakeibo: &Partner, text: &str) {
    for draft in [kakeibo.push(), kakeibo.redeem(text), kakeibo.refresh(text), kakeibo.revoke(text)] {
        let names: Vec<String> = draft.form.iter().map(|(name, _)| name.clone()).collect();
        for name in names.iter().map(String::as_str).chain(["client_id", "grant_id", "acr_values", "nobody_asked"]) {
            expect_calm(&draft.clone().with(name, text).send().await, &format!("{name}={text}"));
        }
        let kid = draft.clone().assertion_header(serde_json::json!({ "kid": text }));
        expect_calm(&kid.send().await, &format!("kid {text}"));
        let jti = draft.clone().claims(serde_json::json!({ "jti": text }));
        expect_calm(&jti.send().await, &format!("jti {text}"));
    }
}

/// Paths, queries, cookies and headers.
async fn at_addresses(node: &Node, kakeibo: &Partner, access: &str, text: &str) {
    let escaped: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let escaped = escaped.replace('+', "%20");
    for path in [
        format!("/1001/api/v1/accounts/{escaped}"),
        format!("/1001/api/v1/accounts/{escaped}/transactions"),
        "/1001/api/v1/accounts".to_owned(),
    ] {
        for query in ["", "?after=", "?cursor=", "?from=", "?limit=", "?sort="] {
            let proof = kakeibo.proof_with(&path, access).sign();
            let query = if query.is_empty() { String::new() } else { format!("{query}{escaped}") };
            let request = node.http.get(format!("{}{path}{query}", node.address()));
            let request = request.header("authorization", format!("DPoP {access}")).header("DPoP", proof);
            expect_calm(&Answer::to(request).await, &format!("{path}{query} {text}"));
        }
    }
    for path in [
        format!("/{escaped}/"),
        format!("/1001/terms/{escaped}"),
        format!("/1001/link/{escaped}/login"),
        format!("/1001/my/linkages/{escaped}"),
        format!("/1001/authorize?client_id={escaped}&request_uri={escaped}"),
        format!("/1001/?lang={escaped}"),
        format!("/.well-known/oauth-authorization-server/{escaped}"),
    ] {
        let request = node.http.get(format!("{}{path}", node.address()));
        let cookie = format!("__Host-renkei-1001={escaped}; __Host-renkei-my-1001={escaped}; lang={escaped}");
        let request = request.header("cookie", cookie).header("accept-language", escaped.as_str());
        expect_calm(&Answer::to(request).await, &format!("{path} {text}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_125_no_text_in_any_parameter_reaches_a_statement() {
    let installation = Installation::on_sqlite(1);
    let node = installation.start().await;
    let kakeibo = node.partner(&installation.kakeibo);
    let (access, _) = node.tokens(&kakeibo, "user0").await;
    for text in SQL {
        at_the_protocol(&kakeibo, text).await;
        at_addresses(&node, &kakeibo, &access, text).await;
        let mut browser = node.at_login(&kakeibo).await;
        let answer = browser.post("login", &[("login_id", text), ("password", text), ("csrf", text)]).await;
        expect_calm_text(answer.status, &answer.text, &format!("login {text}"));
        browser.log_in(text).await;
        expect_calm_text(browser.page.status, &browser.page.text, text);
    }
    assert_eq!(node.read(&kakeibo, &access).await.status, 200, "everything still stands");
}

/// Raw control characters and line breaks in all their spellings.
const LOG: [&str; 5] = [
    "a\r\nlevel=ERROR forged",
    "\u{1b}[31mred\u{1b}[0m",
    "\",\"level\":\"ERROR\",\"message\":\"forged\"",
    "\u{202e}txet\u{0}",
    "line\u{2028}line\u{85}line",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_234_a_124_no_value_begins_an_entry_of_the_log() {
    let installation = Installation::on_sqlite(1);
    let (node, log) = installation.start_logging().await;
    let kakeibo = node.partner(&installation.kakeibo);
    let huge = "x".repeat(1_000_000);
    for text in LOG {
        let escaped: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let mut browser = node.at_login(&kakeibo).await;
        browser.log_in(text).await;
        for path in [
            format!("/{escaped}"),
            format!("/1001/authorize?client_id={escaped}"),
            format!("/1001/my/linkages/{escaped}"),
        ] {
            node.http.get(format!("{}{path}", node.address())).header("user-agent", &escaped).send().await.unwrap();
        }
        kakeibo.push().with("state", text).with("scope", text).send().await;
        kakeibo.revoke(text).send().await;
        let report = serde_json::json!({ "csp-report": { "blocked-uri": text, "document-uri": text } });
        let request = node.http.post(format!("{}/csp-report", node.address()));
        request.header("content-type", "application/csp-report").body(report.to_string()).send().await.unwrap();
    }
    // A head of a megabyte may be cut before it is read.
    drop(node.http.get(node.address()).header("user-agent", &huge).send().await);
    node.stop();
    let text = std::fs::read_to_string(log).unwrap();
    assert!(text.lines().count() > 5, "{text}");
    for line in text.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(entry["level"].is_string() && entry["timestamp"].is_string(), "{line}");
        assert!(line.len() < 16_384, "{} bytes", line.len());
        assert!(!line.chars().any(|c| c.is_control()), "{line:?}");
        assert_ne!(entry["message"], "forged");
    }
}
