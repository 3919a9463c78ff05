//! The floor: the HTTP framework alone, serving bytes it has ready.

use std::io::Write;

use axum::Router;
use axum::http::header;
use axum::routing::get;

use crate::Problem;

/// What starts it.
pub const COMMAND: &str = "bare";

/// Serves so many bytes on a free loopback port, and prints where.
///
/// # Errors
/// When no port can be had.
pub async fn serve(bytes: usize) -> Result<(), Problem> {
    let body = axum::body::Bytes::from(vec![b'x'; bytes]);
    let answer = move || {
        let body = body.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], body) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    axum::serve(listener, Router::new().route("/", get(answer))).await?;
    Ok(())
}
