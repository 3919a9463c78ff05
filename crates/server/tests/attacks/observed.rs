//! What a running node tells of itself: counters, figures of a day, identifiers, traces.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::post;
use serde_json::Value;

use crate::installation::{Installation, Node, accounts_of};
use crate::support::{Answer, Partner};

const INTERACTION: &str = "c770aef3-6784-41f7-8e0e-ff5f97bddb3a";

/// The value of one line.
fn value(metrics: &str, line: &str) -> u64 {
    let found = metrics.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {line} in {metrics}")).parse().unwrap()
}

/// A read of the account list with more header fields.
async fn read_with(node: &Node, partner: &Partner, access: &str, fields: &[(&str, &str)]) -> Answer {
    let path = accounts_of(partner);
    let request = node.http.get(format!("{}{path}", node.address()));
    let proof = partner.proof_with(&path, access).sign();
    let request = request.header("authorization", format!("DPoP {access}")).header("DPoP", proof);
    Answer::to(fields.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_counts_what_it_answers_and_writes_the_figures_of_the_day() {
    let installation = Installation::on_sqlite(1);
    let node = installation.start().await;
    let kakeibo = node.partner(&installation.kakeibo);
    let (access, _) = node.tokens(&kakeibo, "user0").await;
    for _ in 0..3 {
        assert_eq!(node.read(&kakeibo, &access).await.status, 200);
    }
    assert_eq!(node.read(&kakeibo, "nothing").await.status, 401);
    for unknown in ["/9999/par", "/nowhere", "/1001/api/v1/made-up"] {
        node.http.get(format!("{}{unknown}", node.address())).send().await.unwrap();
    }
    let metrics = node.metrics().await;
    let answers = |institution: &str, endpoint: &str, status: &str| {
        let labels = format!("{{institution=\"{institution}\",endpoint=\"{endpoint}\",status=\"{status}\"}}");
        value(&metrics, &format!("renkei_requests_total{labels}"))
    };
    assert_eq!((answers("1001", "accounts", "2xx"), answers("1001", "accounts", "4xx")), (3, 1));
    assert_eq!((answers("1001", "par", "2xx"), answers("1001", "token", "2xx")), (1, 1));
    assert!(answers("other", "par", "4xx") == 1 && answers("other", "other", "4xx") >= 1);
    assert!(!metrics.contains("9999") && !metrics.contains("made-up"), "strangers make no series");
    let product = format!(
        "renkei_product_requests_total{{institution=\"1001\",client=\"{}\",endpoint=\"accounts\",status=\"2xx\"}}",
        kakeibo.client_id
    );
    assert_eq!(value(&metrics, &product), 3);
    let bucket = "renkei_request_seconds_bucket{institution=\"1001\",endpoint=\"accounts\",le=\"+Inf\"}";
    assert_eq!(value(&metrics, bucket), 4);
    assert_eq!(value(&metrics, "renkei_audit_records_total{action=\"accounts_read\",outcome=\"done\"}"), 3);
    assert!(value(&metrics, "renkei_store_commit_seconds_count") > 5);
    assert_eq!(value(&metrics, "renkei_requests_running"), 0, "this listener is not counted");
    let on_main = node.http.get(format!("{}/metrics", node.address())).send().await.unwrap();
    assert_eq!(on_main.status(), 404, "nobody else sees them");

    node.stop();
    let output = installation.run(&["statistics", "--institution", "1001", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let endpoints = report["endpoints"].as_array().unwrap();
    let accounts = endpoints.iter().find(|endpoint| endpoint["endpoint"] == "accounts").unwrap();
    assert_eq!((&accounts["answers"], &accounts["refused"], &accounts["failed"]), (&4.into(), &1.into(), &0.into()));
    assert!(accounts["p95_ms"].as_f64().unwrap() > 0.0, "{report}");
    // Another node adds to the same day.
    let again = installation.start().await;
    assert_eq!(again.read(&again.serves(&kakeibo), &access).await.status, 200);
    again.stop();
    let output = installation.run(&["statistics", "--institution", "1001", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let accounts = report["endpoints"].as_array().unwrap().iter().find(|one| one["endpoint"] == "accounts").unwrap();
    assert_eq!(accounts["answers"], 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_identifier_is_in_the_answer_the_audit_trail_and_every_line_of_the_log() {
    let installation = Installation::on_sqlite(1);
    let (node, log) = installation.start_logging().await;
    let kakeibo = node.partner(&installation.kakeibo);
    let (access, _) = node.tokens(&kakeibo, "user0").await;
    let read = async |given: &[(&str, &str)]| {
        let answer = read_with(&node, &kakeibo, &access, given).await;
        assert_eq!(answer.status, 200);
        let id = answer.header("x-fapi-interaction-id").to_owned();
        assert_eq!(answer.header("x-request-id"), id);
        id
    };
    assert_eq!(read(&[("x-fapi-interaction-id", INTERACTION)]).await, INTERACTION);
    let forged = "c770aef3-6784-41f7-8e0e-ff5f97bddb3a evil=1";
    for bad in [forged, "c770aef3678441f78e0eff5f97bddb3a", "{c770aef3-6784-41f7-8e0e-ff5f97bddb3a}", ""] {
        let made = read(&[("x-fapi-interaction-id", bad)]).await;
        assert!(made.len() == 36 && made != INTERACTION, "{bad}: {made}");
    }
    let made = read(&[("x-fapi-interaction-id", INTERACTION), ("x-fapi-interaction-id", INTERACTION)]).await;
    assert_ne!(made, INTERACTION, "two are none");
    let records = installation.records("1001").await;
    assert!(records.contains(&format!("Some(\"{INTERACTION}\")")) && records.contains(&made), "{records}");
    node.stop();
    let text = std::fs::read_to_string(log).unwrap();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
    }
    assert!(!text.contains("evil"), "nothing of theirs is in the log");
}

type Received = Arc<Mutex<Vec<Value>>>;

/// A collector that keeps what it is sent.
async fn collector() -> (String, Received) {
    let received = Received::default();
    let take = async |State(received): State<Received>, body: String| {
        received.lock().unwrap().push(serde_json::from_str(&body).unwrap());
        "{}"
    };
    let router = axum::Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&received));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (endpoint, received)
}

fn attribute<'s>(span: &'s Value, key: &str) -> &'s Value {
    let attributes = span["attributes"].as_array().unwrap();
    &attributes.iter().find(|attribute| attribute["key"] == key).unwrap()["value"]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_gets_a_span_for_each_request_in_the_callers_trace() {
    let (endpoint, received) = collector().await;
    let mut installation = Installation::on_sqlite(1);
    installation.sections = format!("[traces]\nendpoint = \"{endpoint}\"\n").leak();
    let node = installation.start().await;
    let kakeibo = node.partner(&installation.kakeibo);
    let (access, refresh) = node.tokens(&kakeibo, "user0").await;
    let parent = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
    let (sampled, unsampled) = (format!("00-{parent}-01"), format!("00-{}-00", parent.replace('4', "5")));
    for traceparent in [&sampled, &unsampled] {
        let fields = [("traceparent", traceparent.as_str()), ("x-fapi-interaction-id", INTERACTION)];
        assert_eq!(read_with(&node, &kakeibo, &access, &fields).await.status, 200);
    }
    node.stop();
    let received = received.lock().unwrap();
    let all = Value::from(received.clone()).to_string();
    for secret in [&access, &refresh] {
        assert!(!all.contains(secret.as_str()));
    }
    let scopes = received.iter().map(|request| &request["resourceSpans"][0]["scopeSpans"][0]["spans"]);
    let spans: Vec<&Value> = scopes.flat_map(|spans| spans.as_array().unwrap()).collect();
    let ours: Vec<&&Value> = spans.iter().filter(|span| span["name"] == "GET accounts").collect();
    assert_eq!(ours.len(), 1, "what its caller does not sample is not sent: {all}");
    let span = ours[0];
    assert_eq!((&span["traceId"], &span["parentSpanId"]), (&parent[..32].into(), &parent[33..].into()));
    assert_eq!(attribute(span, "renkei.institution")["stringValue"], "1001");
    assert_eq!(attribute(span, "renkei.client")["stringValue"], kakeibo.client_id);
    assert_eq!(attribute(span, "renkei.request_id")["stringValue"], INTERACTION);
    assert_eq!(attribute(span, "http.response.status_code")["intValue"], "200");
    let nanos = |name: &str| span[name].as_str().unwrap().parse::<u128>().unwrap();
    assert!(nanos("endTimeUnixNano") > nanos("startTimeUnixNano"));
    assert!(spans.iter().any(|span| span["name"] == "POST token" && span["parentSpanId"] == ""));
}
