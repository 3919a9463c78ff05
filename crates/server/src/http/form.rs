//! Forms as pages send them: names that may repeat, within limits, and not a panic whatever comes.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::Response;
use renkei_screens::Ending;
use zeroize::Zeroize;

use super::bare::Bare;
use crate::app::App;

/// Most bytes of a form.
pub const FORM_BYTES_MAX: usize = 64 * 1024;
/// Most fields of a form: every account of a large customer with its PIN, and then some.
const FIELDS_MAX: usize = 1_000;

/// The fields of a form, in order. Overwritten when dropped: passwords and PINs come this way.
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form. Fields beyond the limit are not read. `None` when it holds what no form of ours can send: bytes
    /// that are not UTF-8 (or their replacement character), or a NUL.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Form> {
        let fields = form_urlencoded::parse(body).take(FIELDS_MAX);
        let form = Form(fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect());
        let strange = |text: &str| text.contains(['\0', char::REPLACEMENT_CHARACTER]);
        let is_text = !form.0.iter().any(|(name, value)| strange(name) || strange(value));
        is_text.then_some(form)
    }

    /// The first value of a name, or nothing.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// Every value of a name.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let name = name.to_owned();
        self.0.iter().filter(move |(key, _)| *key == name).map(|(_, value)| value.as_str())
    }
}

/// A handler that asks for a form gets one, or the page that says it can't be taken: too large, or not text.
impl FromRequest<Arc<App>> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Form, Response> {
        let (parts, body) = request.into_parts();
        let bare = Bare::of(&parts, app);
        let refused = |status| bare.end(Ending::FormNotValid, status, None);
        let body = Bytes::from_request(Request::from_parts(parts, body), app).await;
        let body = body.map_err(|rejection| refused(rejection.status()))?;
        Form::parse(&body).ok_or_else(|| refused(StatusCode::BAD_REQUEST))
    }
}

impl Drop for Form {
    fn drop(&mut self) {
        for (_, value) in &mut self.0 {
            value.zeroize();
        }
    }
}
