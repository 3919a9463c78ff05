//! What a connection may not do for ever: send what no request asked for, leave answers unread, and ask for things only
//! to turn away. And what it may not do at all: send a request that could be read in two ways.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Sleep, sleep};

use super::framing::Framing;

/// Most bytes between two requests of a connection, bodies and protocol frames together. A flood of frames that carry
/// no request (settings, pings, window updates) ends here.
const UNASKED_BYTES_MAX: u64 = 1024 * 1024;
/// Requests of one connection that its peer may abandon before they are answered (rapid reset).
const ABANDONED_MAX: u32 = 100;
/// Answers are handed on in pieces of this size, so that it shows when the other end takes no more.
const PIECE_BYTES: usize = 16 * 1024;

/// What is known of a connection while it runs.
#[derive(Default)]
pub struct Meter {
    unasked: AtomicU64,
    abandoned: AtomicU32,
    cut: Notify,
}

impl Meter {
    /// Returns when the connection is to be cut.
    pub async fn cut(&self) {
        self.cut.notified().await;
    }

    /// A request has come. Until it is [`Asked::answered`] it counts as abandoned if this is dropped.
    pub fn asked(self: &Arc<Meter>) -> Asked {
        self.unasked.store(0, Ordering::Relaxed);
        Asked { meter: Arc::clone(self), is_answered: false }
    }
}

/// A request on its way.
pub struct Asked {
    meter: Arc<Meter>,
    is_answered: bool,
}

impl Asked {
    /// The answer is there.
    pub fn answered(mut self, body: Body) -> Body {
        self.is_answered = true;
        body
    }

    /// The answer is there. Its body must be taken within this time, or the connection is cut.
    pub fn answered_within(mut self, body: Body, within: Duration) -> Body {
        self.is_answered = true;
        let meter = Arc::clone(&self.meter);
        let overdue = tokio::spawn(async move {
            sleep(within).await;
            meter.cut.notify_one();
        });
        Body::new(Pieces { body, rest: Bytes::new(), _deadline: Deadline(overdue.abort_handle()) })
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.is_answered && self.meter.abandoned.fetch_add(1, Ordering::Relaxed) >= ABANDONED_MAX {
            self.meter.cut.notify_one();
        }
    }
}

/// Called off when dropped.
struct Deadline(AbortHandle);

impl Drop for Deadline {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A body in pieces; the deadline goes when the last one was taken.
struct Pieces {
    body: Body,
    rest: Bytes,
    _deadline: Deadline,
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end => return Poll::Ready(end),
            }
        }
        // The last byte goes by itself: it is asked for only once those before it found room at the other end.
        let length = self.rest.len().saturating_sub(1).clamp(1, PIECE_BYTES).min(self.rest.len());
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

/// A stream whose reads are counted and whose writes have to get through in time.
pub struct Watched<S> {
    stream: S,
    meter: Arc<Meter>,
    within: Duration,
    /// For HTTP/1; in HTTP/2 frames say where a request ends.
    framing: Option<Framing>,
    /// Set while something was written that the other end has not taken.
    due: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    /// The stream; what is written must have been taken within this time.
    pub fn new(stream: S, meter: Arc<Meter>, within: Duration, framing: Option<Framing>) -> Watched<S> {
        Watched { stream, meter, within, framing, due: None }
    }

    /// An error once writing has waited for too long.
    fn check(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let due = self.due.get_or_insert_with(|| Box::pin(sleep(self.within)));
        due.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
        let fresh = into.filled_mut().get_mut(before..).unwrap_or_default();
        let read = fresh.len() as u64;
        let unasked = self.meter.unasked.fetch_add(read, Ordering::Relaxed).saturating_add(read);
        if unasked > UNASKED_BYTES_MAX {
            return Poll::Ready(Err(io::Error::other("more was sent than any request needs")));
        }
        if let Some(framing) = &mut self.framing {
            let admitted = framing.admit(fresh);
            into.set_filled(before.saturating_add(admitted));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            // A trickle is no way out: the time runs until everything was taken.
            Poll::Ready(Ok(written)) if self.due.is_some() => match self.check(context) {
                Poll::Ready(late) => Poll::Ready(late),
                Poll::Pending => Poll::Ready(Ok(written)),
            },
            Poll::Pending => self.check(context),
            done => done,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(context) {
            Poll::Ready(Ok(())) => {
                self.due = None;
                Poll::Ready(Ok(()))
            }
            Poll::Pending => self.check(context).map_ok(|_| ()),
            failed => failed,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_shutdown(context) {
            Poll::Pending => self.check(context).map_ok(|_| ()),
            done => done,
        }
    }
}
