//! Figures, no thresholds: what one operation costs the server in processor time, beside a bare HTTP framework that
//! serves the same bytes, in the same run.
//!
//! The server under test is the demo, in a process of its own, so that its processor time can be read apart from the
//! driver's, which signs two tokens for each request. The `renkei` binary is looked for beside this one; `renkei-bench
//! bare` is the bare framework's process.

mod bare;
mod drive;
mod process;
mod walk;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How long each operation is measured.
const MEASURE: Duration = Duration::from_secs(8);
/// Requests in flight.
const CONNECTIONS: usize = 16;
/// Transactions on a page.
const PAGE: usize = 100;
/// Bytes of such a page, for the bare framework to serve as many.
const PAGE_BYTES: usize = 60_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("bare") => finish(block_on(bare::serve())),
        _ => finish(block_on(run())),
    }
}

fn block_on<T>(work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(work)
}

/// Whatever went wrong; a benchmark has one answer to all of it.
pub type Problem = Box<dyn std::error::Error + Send + Sync>;

fn finish<T>(outcome: Result<T, Problem>) -> ExitCode {
    match outcome {
        Ok(_) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("renkei-bench: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Problem> {
    let demo = process::demo()?;
    let (client, mut grant) = walk::link(&demo).await?;
    let account = walk::busiest(&client, &mut grant).await?;
    let client = Arc::new(client);

    println!("{CONNECTIONS} in flight, {} s each; processor time of the server process alone", MEASURE.as_secs());
    println!("{:<44}{:>14}{:>12}{:>10}{:>10}", "operation", "CPU us/request", "requests/s", "p50 ms", "p99 ms");
    let refresh = drive::many(&demo, &client, &grant, |client, mut grant| async move {
        client.refresh(&mut grant).await.map(|()| grant)
    });
    row("token refresh (ES256 assertion, DPoP)", &refresh.await?);
    let page = drive::many(&demo, &client, &grant, move |client, mut grant| {
        let account = account.clone();
        async move { client.transactions_after(&mut grant, &account, None, PAGE, None).await.map(|_| grant) }
    });
    row(&format!("page of {PAGE} transactions (DPoP)"), &page.await?);
    let bare = process::bare(&vec![b'x'; PAGE_BYTES])?;
    row(&format!("bare framework, {PAGE_BYTES} bytes"), &drive::plain(&bare).await?);
    Ok(())
}

fn row(name: &str, figures: &drive::Figures) {
    println!(
        "{name:<44}{:>14.1}{:>12.0}{:>10.2}{:>10.2}",
        figures.cpu_micros, figures.per_second, figures.p50_millis, figures.p99_millis
    );
}
