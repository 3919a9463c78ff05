//! The checks of how a product proves who it is: its method, its keys or the name in its certificate, what its tokens are
//! bound to, and what it signs.

use renkei_domain::partner::{AuthMethod, Profile, SenderConstraint, TlsSubject};
use renkei_oauth::jose::{Algorithm, Jwk, KeySet};
use renkei_oauth::json::Object;

use super::check::Surroundings;
use super::file::ProductTable;
use super::problem::TableProblems;
use super::values;
use crate::certificates::partners::registered_name;
use crate::outbound::{HttpsUrl, UrlFault};

/// A set without keys.
const NO_KEYS: &str = r#"{"keys":[]}"#;

/// How a product proves who it is.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    pub auth_method: AuthMethod,
    pub tls_subject: Option<TlsSubject>,
    pub sender_constraint: SenderConstraint,
    pub profile: Profile,
    pub signing_alg: Option<Algorithm>,
    pub keys: Keys,
}

/// Where a product's public keys are.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    /// A JWK set as JSON text.
    pub jwks: String,
    /// The address of one, in which case `jwks` has none.
    pub jwks_uri: Option<String>,
}

/// Checks everything of a product that has to do with keys and certificates, each item in the light of the others.
pub(super) fn check(at: &mut TableProblems<'_>, table: &ProductTable, around: Surroundings<'_>) -> Option<Policy> {
    let auth_method = worded(at, "auth_method", table.auth_method.as_ref(), "private_key_jwt", AuthMethod::ALL);
    let sender_constraint =
        worded(at, "sender_constraint", table.sender_constraint.as_ref(), "dpop", SenderConstraint::ALL);
    let profile = worded(at, "profile", table.profile.as_ref(), "fapi2_security", Profile::ALL);
    let (auth_method, profile) = (auth_method?, profile?);
    let signs = auth_method == AuthMethod::PrivateKeyJwt || profile.signs_requests();
    let signing_alg = check_algorithm(at, table.signing_alg.as_deref(), signs);
    let keys = check_keys(at, table, signs || auth_method == AuthMethod::SelfSignedTlsClientAuth, signing_alg, around);
    let tls_subject = check_subject(at, table, auth_method);
    Some(Policy { auth_method, tls_subject, sender_constraint: sender_constraint?, profile, signing_alg, keys: keys? })
}

/// A word of a closed list.
trait Word: Copy + 'static {
    fn word(self) -> &'static str;
}

macro_rules! words {
    ($($name:ident)*) => {$(
        impl Word for $name {
            fn word(self) -> &'static str {
                $name::word(self)
            }
        }
    )*};
}

words! { AuthMethod SenderConstraint Profile }

fn worded<T: Word>(
    at: &mut TableProblems<'_>,
    key: &str,
    written: Option<&String>,
    otherwise: &str,
    all: &'static [T],
) -> Option<T> {
    let words: Vec<_> = all.iter().map(|value| value.word()).collect();
    let known = |word: &str| all.iter().copied().find(|value| value.word() == word);
    values::word(at, key, written.map_or(otherwise, String::as_str), known, &words)
}

pub(super) fn check_algorithm(at: &mut TableProblems<'_>, written: Option<&str>, signs: bool) -> Option<Algorithm> {
    match (written, signs) {
        (Some(name), true) => {
            let algorithm = Algorithm::parse(name);
            if algorithm.is_none() {
                at.add("signing_alg", format!("{name:?} is not one of PS256, ES256, EdDSA"));
            }
            algorithm
        }
        (None, true) => {
            at.add("signing_alg", "it is missing: PS256, ES256 or EdDSA");
            None
        }
        (Some(_), false) => {
            at.add("signing_alg", "this product signs nothing: leave it out");
            None
        }
        (None, false) => None,
    }
}

/// The keys, in one of the three ways to give them.
fn check_keys(
    at: &mut TableProblems<'_>,
    table: &ProductTable,
    needed: bool,
    algorithm: Option<Algorithm>,
    around: Surroundings<'_>,
) -> Option<Keys> {
    let (key, text) = match (&table.jwks, &table.jwks_file, &table.jwks_uri) {
        (Some(inline), None, None) => ("jwks", at.take("jwks", serde_json::to_string(inline))?),
        (None, Some(name), None) => ("jwks_file", values::file_text(at, "jwks_file", around.folder, name)?),
        (None, None, Some(uri)) => {
            at.take("jwks_uri", check_jwks_uri(uri, around.loopback_http));
            return Some(Keys { jwks: NO_KEYS.to_owned(), jwks_uri: Some(uri.clone()) });
        }
        (None, None, None) if needed => {
            at.add("jwks", "it is missing: give jwks, jwks_file or jwks_uri");
            return None;
        }
        (None, None, None) => return Some(Keys { jwks: NO_KEYS.to_owned(), jwks_uri: None }),
        _ => {
            at.add("jwks", "it is there twice: give one of jwks, jwks_file, jwks_uri");
            return None;
        }
    };
    Some(Keys { jwks: check_set(at, key, &text, algorithm)?, jwks_uri: None })
}

/// A set of public keys, among them one for this algorithm; in one written form.
pub(super) fn check_set(
    at: &mut TableProblems<'_>,
    key: &str,
    text: &str,
    algorithm: Option<Algorithm>,
) -> Option<String> {
    at.take(key, KeySet::parse(text.as_bytes()))?;
    let set: serde_json::Value = at.take(key, serde_json::from_str(text))?;
    if let Some(algorithm) = algorithm
        && !has_key_for(&set, algorithm)
    {
        at.add(key, format!("it has no key for {}", algorithm.name()));
    }
    Some(set.to_string())
}

/// An address of a named host. `localhost` is for demonstrations and tests.
fn check_jwks_uri(uri: &str, loopback: bool) -> Result<(), UrlFault> {
    let url: HttpsUrl = uri.parse()?;
    if url.is_localhost() && !loopback { Err(UrlFault::Host) } else { Ok(()) }
}

fn has_key_for(set: &serde_json::Value, algorithm: Algorithm) -> bool {
    let keys = set.get("keys").and_then(serde_json::Value::as_array);
    keys.into_iter().flatten().any(|key| {
        let object = Object::parse(key.to_string().as_bytes()).ok();
        object.and_then(|object| Jwk::read(&object).ok()).is_some_and(|key| key.algorithm() == algorithm)
    })
}

/// Exactly one name where a certificate's name says who it is, and none elsewhere (R-033).
fn check_subject(at: &mut TableProblems<'_>, table: &ProductTable, method: AuthMethod) -> Option<TlsSubject> {
    let written = [
        table.tls_client_auth_subject_dn.clone().map(TlsSubject::SubjectDn),
        table.tls_client_auth_san_dns.clone().map(TlsSubject::SanDns),
        table.tls_client_auth_san_uri.clone().map(TlsSubject::SanUri),
        table.tls_client_auth_san_ip.clone().map(TlsSubject::SanIp),
        table.tls_client_auth_san_email.clone().map(TlsSubject::SanEmail),
    ];
    let mut written = written.into_iter().flatten();
    match (written.next(), written.next(), method) {
        (Some(subject), None, AuthMethod::TlsClientAuth) => {
            check_subject_text(at, &subject);
            return Some(subject);
        }
        (None, _, AuthMethod::TlsClientAuth) => {
            at.add("tls_client_auth_subject_dn", "it is missing: name the certificate by its DN, or by a SAN");
        }
        (Some(_), Some(_), AuthMethod::TlsClientAuth) => {
            at.add("tls_client_auth_subject_dn", "name the certificate in one way: by its DN or one SAN");
        }
        (Some(_), _, _) => at.add("tls_client_auth_subject_dn", "only auth_method tls_client_auth goes by a name"),
        (None, _, _) => {}
    }
    None
}

/// The name is read as it will be when a certificate comes.
fn check_subject_text(at: &mut TableProblems<'_>, subject: &TlsSubject) {
    let key = match subject {
        TlsSubject::SubjectDn(_) => "tls_client_auth_subject_dn",
        TlsSubject::SanDns(_) => "tls_client_auth_san_dns",
        TlsSubject::SanUri(_) => "tls_client_auth_san_uri",
        TlsSubject::SanIp(_) => "tls_client_auth_san_ip",
        TlsSubject::SanEmail(_) => "tls_client_auth_san_email",
    };
    at.take(key, registered_name(subject));
    if let TlsSubject::SanDns(name) = subject {
        values::domain(at, key, name);
    }
}
