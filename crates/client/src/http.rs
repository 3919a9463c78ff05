//! One answer, read within bounds.

use reqwest::header::{ETAG, HeaderMap, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Problem, Reason};

/// The longest answer accepted, in bytes. A page of 1,000 transactions takes about one megabyte.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The header in which a server hands out its nonce (RFC 9449 section 8).
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// An answer with its body read.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) etag: Option<String>,
    pub(crate) nonce: Option<String>,
    retry_after: Option<u64>,
    challenge: Option<String>,
    body: Vec<u8>,
}

/// The members of a problem body (RFC 9457) and of an OAuth error (RFC 6749 section 5.2) in one.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Complaint {
    error: Option<String>,
    error_description: Option<String>,
    reason: Option<String>,
    detail: Option<String>,
    title: Option<String>,
}

impl Answer {
    /// Sends the request and reads the whole answer.
    pub(crate) async fn to(request: reqwest::RequestBuilder) -> Result<Self, Error> {
        let mut response = request.send().await.map_err(Error::network)?;
        let headers = response.headers();
        let mut answer = Self {
            status: response.status().as_u16(),
            etag: text(headers, &ETAG),
            nonce: text(headers, &DPOP_NONCE),
            retry_after: text(headers, &RETRY_AFTER).and_then(|seconds| seconds.parse().ok()),
            challenge: text(headers, &WWW_AUTHENTICATE),
            body: Vec::new(),
        };
        while let Some(chunk) = response.chunk().await.map_err(Error::network)? {
            if answer.body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(Error::TooLarge);
            }
            answer.body.extend_from_slice(&chunk);
        }
        Ok(answer)
    }

    /// The body as JSON; `what` names it in the error.
    pub(crate) fn json<T: DeserializeOwned>(&self, what: &'static str) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|_| Error::Unreadable(what))
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the server wants the same request again with the nonce it just gave.
    pub(crate) fn wants_nonce(&self) -> bool {
        const CODE: &str = "use_dpop_nonce";
        let challenged = self.challenge.as_deref().is_some_and(|text| text.contains(CODE));
        self.nonce.is_some() && matches!(self.status, 400 | 401) && {
            challenged || self.complaint().error.as_deref() == Some(CODE)
        }
    }

    fn complaint(&self) -> Complaint {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// What the institution complains of. The token endpoint may only say `invalid_grant` as its error
    /// and keeps the closer reason beside it, so a known closer reason goes first.
    pub(crate) fn problem(&self) -> Problem {
        let complaint = self.complaint();
        let known = |code: &Option<String>| {
            let reason = code.clone().map(Reason::from);
            reason.filter(|reason| !matches!(reason, Reason::Other(_)))
        };
        let reason = known(&complaint.reason)
            .or_else(|| known(&complaint.error_description))
            .or_else(|| complaint.error.map(Reason::from))
            .unwrap_or_else(|| Reason::Other(format!("http_{}", self.status)));
        Problem {
            status: self.status,
            reason,
            detail: complaint.detail.or(complaint.title).or(complaint.error_description),
            retry_after: self.retry_after,
        }
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
