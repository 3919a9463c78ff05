//! Between the ways to log in and the words the wire has for them (RFC 9470).

use renkei_domain::customer::LoginMethod;
use renkei_oauth::acr::Acr;

/// The word for a login.
#[must_use]
pub const fn of(method: LoginMethod) -> Acr {
    match method {
        LoginMethod::Password => Acr::Password,
        LoginMethod::Certificate => Acr::Certificate,
    }
}
