//! How much a node takes, as its configuration says.

use std::time::{Duration, Instant};

use renkei_server::http::limits::SOURCE_STRANGERS;

use crate::installation::Installation;
use crate::support::Answer;

/// More than the flood takes; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_151_a_node_takes_so_many_times_what_one_usually_takes_and_then_no_more() {
    let mut installation = Installation::on_sqlite(1);
    installation.sections = "[limits]\nfactor = 2\n";
    let node = installation.start().await;
    let read = || Answer::to(node.http.get(format!("{}/1001/api/v1/accounts", node.address())));
    let begun = Instant::now();
    let mut taken = 0;
    let over = loop {
        let answer = read().await;
        if answer.status == 429 {
            break answer;
        }
        assert_eq!(answer.status, 401);
        taken += 1;
        assert!(begun.elapsed() < PATIENCE, "{taken} and no end");
    };
    assert!(taken >= 2 * SOURCE_STRANGERS.in_a_row, "{taken}");
    let quota = format!("\"{}\";q={};w=", SOURCE_STRANGERS.name, 2 * SOURCE_STRANGERS.in_a_row);
    assert!(over.header("ratelimit-policy").starts_with(&quota), "{}", over.header("ratelimit-policy"));
}
