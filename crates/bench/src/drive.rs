//! Keeping a server busy for a while, and what that cost it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use renkei_client::{Client, Error, Grant};

use crate::process::Server;
use crate::{CONNECTIONS, MEASURE, Problem};

/// What an operation cost.
pub struct Figures {
    /// Processor time of the server for each request, in microseconds.
    pub cpu_micros: f64,
    /// Requests answered in a second.
    pub per_second: f64,
    /// Half of the requests took no longer.
    pub p50_millis: f64,
    /// All but one in a hundred took no longer.
    pub p99_millis: f64,
}

/// Drives an operation of a linked client from several tasks at once, each with its own copy of the grant.
///
/// # Errors
/// The first refusal: a benchmark of errors would be fast and wrong.
pub async fn many<F, W>(server: &Server, client: &Arc<Client>, grant: &Grant, operation: F) -> Result<Figures, Problem>
where
    F: Fn(Arc<Client>, Grant) -> W + Clone + Send + 'static,
    W: Future<Output = Result<Grant, Error>> + Send,
{
    measure(server, || {
        let (client, mut grant, operation) = (Arc::clone(client), grant.clone(), operation.clone());
        async move |until: Instant| {
            let mut times = Vec::new();
            while Instant::now() < until {
                let begun = Instant::now();
                grant = operation(Arc::clone(&client), grant).await?;
                times.push(begun.elapsed());
            }
            Ok::<_, Problem>(times)
        }
    })
    .await
}

/// Drives a plain `GET` from several tasks at once.
///
/// # Errors
/// The first failure.
pub async fn plain(server: &Server) -> Result<Figures, Problem> {
    let http = renkei_client::http_client()?;
    let url = format!("{}/", server.origin);
    measure(server, || {
        let (http, url) = (http.clone(), url.clone());
        async move |until: Instant| {
            let mut times = Vec::new();
            while Instant::now() < until {
                let begun = Instant::now();
                http.get(&url).send().await?.error_for_status()?.bytes().await?;
                times.push(begun.elapsed());
            }
            Ok::<_, Problem>(times)
        }
    })
    .await
}

async fn measure<T>(server: &Server, task: impl Fn() -> T) -> Result<Figures, Problem>
where
    T: AsyncFnOnce(Instant) -> Result<Vec<Duration>, Problem>,
{
    let (cpu_before, begun) = (server.cpu()?, Instant::now());
    let until = begun + MEASURE;
    let tasks = (0..CONNECTIONS).map(|_| task()(until));
    let mut times: Vec<Duration> = futures_util::future::try_join_all(tasks).await?.into_iter().flatten().collect();
    let (wall, cpu) = (begun.elapsed(), server.cpu()?.saturating_sub(cpu_before));
    times.sort_unstable();
    let count = times.len().max(1) as f64;
    let quantile = |share: f64| {
        let index = (share * (count - 1.0)) as usize;
        times.get(index).map_or(0.0, Duration::as_secs_f64) * 1e3
    };
    Ok(Figures {
        cpu_micros: cpu.as_secs_f64() * 1e6 / count,
        per_second: count / wall.as_secs_f64(),
        p50_millis: quantile(0.5),
        p99_millis: quantile(0.99),
    })
}
