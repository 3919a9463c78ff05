//! What browsers report is logged once, short and without secrets, and harms nothing whatever it holds.

use crate::bank::Bank;
use crate::browser::Answer;
use crate::log::Log;

const REPORT: &str = "application/csp-report";

async fn send(bank: &Bank, kind: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = bank.http.post(format!("{}/csp-report", bank.address)).header("content-type", kind).body(body);
    Answer::to(request).await
}

#[tokio::test]
async fn r_191_a_124_a_report_is_one_line_of_the_log_with_nothing_secret_in_it() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let bank = Bank::open().await;
    let long = "x".repeat(4_000);
    let body = serde_json::json!({ "csp-report": {
        "document-uri": "https://link.example/1001/authorize?request_uri=urn:canary-request#canary-fragment",
        "referrer": "https://evil.example/canary-referrer",
        "effective-directive": "script-src-elem\r\n{\"level\":\"ERROR\"}\u{1b}[31m\u{202e}",
        "blocked-uri": format!("https://canary-user:canary-word@evil.example/{long}"),
        "source-file": "data:text/html,canary-page",
        "script-sample": "canary-script",
        "line-number": 7,
        "unknown-member": ["canary-unknown"],
    }});
    assert_eq!(send(&bank, REPORT, body.to_string()).await.status, 204);
    let text = log.text();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("csp_report")).collect();
    let [line] = lines[..] else { panic!("{lines:?}") };
    assert!(line.len() < 1_200, "{line}");
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let fields = &line["fields"];
    assert_eq!(line["level"], "WARN");
    assert_eq!(fields["page"], "https://link.example/1001/authorize");
    assert_eq!(fields["source"], "data");
    assert_eq!(fields["line"], 7);
    assert!(fields["blocked"].as_str().unwrap().starts_with("https://evil.example/xxx"));
    assert!(fields["directive"].as_str().unwrap().starts_with("script-src-elem\\u{d}\\u{a}"));
    assert!(!text.contains("canary"), "{text}");
}

#[tokio::test]
async fn r_191_what_is_no_report_is_refused_and_never_logged() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let bank = Bank::open().await;
    let good = "{\"csp-report\":{\"document-uri\":\"https://canary.example/\"}}";
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json", ""] {
        assert_eq!(send(&bank, kind, good).await.status, 415, "{kind}");
    }
    for bad in ["", "null", "[]", "{}", "canary", "{\"csp-report\":1}", "{\"csp-report\":{\"line-number\":\"canary\"}}"]
    {
        assert_eq!(send(&bank, REPORT, bad).await.status, 400, "{bad}");
    }
    assert_eq!(send(&bank, REPORT, vec![0xff; 64]).await.status, 400);
    assert_eq!(send(&bank, REPORT, "[".repeat(10_000)).await.status, 400);
    assert_eq!(send(&bank, REPORT, "x".repeat(17 * 1024)).await.status, 413);
    assert!(!log.text().contains("canary"), "{}", log.text());
}

#[tokio::test]
async fn r_191_a_flood_of_reports_fills_no_log() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let bank = Bank::open().await;
    let body = "{\"csp-report\":{\"document-uri\":\"https://link.example/\"}}";
    for _ in 0..200 {
        assert_eq!(send(&bank, REPORT, body).await.status, 204);
    }
    let logged = |log: &Log| log.text().lines().filter(|line| line.contains("csp_report")).count();
    assert_eq!(logged(&log), 60);
    bank.forward(2);
    assert_eq!(send(&bank, REPORT, body).await.status, 204);
    assert_eq!(logged(&log), 61);
    assert!(log.text().contains("left_out=140"), "what was left out is told");
}
