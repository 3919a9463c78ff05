//! Between the ways to log in and the words the wire has for them (RFC 9470).

use renkei_domain::customer::LoginMethod;
use renkei_oauth::acr::Acr;
use renkei_store::institutions::Institution;

use crate::app::App;

/// The word for a login.
#[must_use]
pub const fn of(method: LoginMethod) -> Acr {
    match method {
        LoginMethod::Password => Acr::Password,
        LoginMethod::Certificate => Acr::Certificate,
    }
}

/// The strongest login of users who may, or may not, have certificates.
#[must_use]
pub const fn strongest(app: &App, certificates: bool) -> Acr {
    if certificates && app.site.certificate_origin.is_some() { Acr::Certificate } else { Acr::Password }
}

/// Every login that can be asked for: none that is too weak for reading, none that users don't have.
#[must_use]
pub fn offered(app: &App, institution: &Institution) -> Vec<Acr> {
    let possible = of(institution.minimum_login)..=strongest(app, institution.user_ca.is_some());
    Acr::ALL.into_iter().filter(|acr| possible.contains(acr)).collect()
}

/// Whether only a certificate will do for a login that a request asks for.
#[must_use]
pub fn needs_certificate(institution: &Institution, asked: Option<Acr>) -> bool {
    of(institution.minimum_login).max(asked.unwrap_or(Acr::Password)) == Acr::Certificate
}
