//! The floor: the HTTP framework alone, serving bytes it was given.

use std::io::{Read, Write};

use axum::Router;
use axum::http::header;
use axum::routing::get;

use crate::Problem;

/// Serves what came on standard input, on a free loopback port, and prints where.
///
/// # Errors
/// When no port can be had.
pub async fn serve() -> Result<(), Problem> {
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body)?;
    let body = axum::body::Bytes::from(body);
    let answer = move || {
        let body = body.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], body) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    axum::serve(listener, Router::new().route("/", get(answer))).await?;
    Ok(())
}
