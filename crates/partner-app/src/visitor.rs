//! Who is asking: one session cookie, a language, and the token that proves a form is the site's own.

use aws_lc_rs::digest::{Context, SHA256};
use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use base64ct::{Base64UrlUnpadded, Encoding};
use renkei_client::{Error, Random};
use subtle::ConstantTimeEq;

use crate::language::Language;

/// Random bytes in a session cookie.
const SESSION_BYTES: usize = 32;
/// The text length of a session: [`SESSION_BYTES`] in base64url.
const SESSION_CHARS: usize = 43;

/// The cookie's name: with the host prefix where the site is on https (RFC 6265bis section 4.1.3).
pub(crate) fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-kakeibo" } else { "kakeibo" }
}

/// A visitor of the site.
#[derive(Clone)]
pub(crate) struct Visitor {
    session: String,
    pub(crate) language: Language,
}

impl Visitor {
    /// Knows a visitor by the cookies sent, or begins a new session; says which.
    pub(crate) fn meet(headers: &HeaderMap, secure: bool, random: &dyn Random) -> Result<(Self, bool), Error> {
        let language = cookie(headers, "lang").and_then(Language::from_tag).unwrap_or_default();
        if let Some(session) = cookie(headers, cookie_name(secure)).filter(|text| text.len() == SESSION_CHARS) {
            return Ok((Self { session: session.to_owned(), language }, false));
        }
        let mut bytes = [0; SESSION_BYTES];
        random.fill(&mut bytes)?;
        Ok((Self { session: Base64UrlUnpadded::encode_string(&bytes), language }, true))
    }

    /// The cookie to set. `Lax`, because the browser comes back from the institution with it.
    pub(crate) fn set_cookie(&self, secure: bool) -> String {
        let name = cookie_name(secure);
        let secure = if secure { "; Secure" } else { "" };
        format!("{name}={}; Path=/; HttpOnly; SameSite=Lax{secure}", self.session)
    }

    /// The token in every form. It comes from the session, which no other site can read.
    pub(crate) fn csrf(&self) -> String {
        self.hash("csrf")
    }

    /// Whether a form carries the token, compared in constant time.
    pub(crate) fn sent(&self, csrf: &str) -> bool {
        self.csrf().as_bytes().ct_eq(csrf.as_bytes()).into()
    }

    /// What a flow under way is bound to.
    pub(crate) fn browser(&self) -> String {
        self.hash("browser")
    }

    fn hash(&self, purpose: &str) -> String {
        let mut context = Context::new(&SHA256);
        context.update(purpose.as_bytes());
        context.update(b"|");
        context.update(self.session.as_bytes());
        Base64UrlUnpadded::encode_string(context.finish().as_ref())
    }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}
