//! The protocol: OAuth 2.0 in the shape of the FAPI 2.0 Security Profile.
//!
//! Everything here is pure. No clock: `now` is an argument, in whole seconds of UTC since 1970. No input or
//! output, no state: what must be remembered (a proof's [`replay::Replay`], a pushed request) is handed
//! back to the caller. Nothing here knows accounts, customers or linkages, beyond what a request of the one type of
//! [`authorization_details`] says of them; the wire's own words (`client_id`, `scope`) are used throughout.
//!
//! A protocol endpoint is a list of small checks, in the order of its specification:
//!
//! | endpoint | checks |
//! | --- | --- |
//! | PAR (RFC 9126) | [`form`] → [`client_auth`] → [`dpop`] and [`request_object`] (if sent) → [`request`] ([`scope`], [`pkce`]) |
//! | token (RFC 6749 §3.2) | [`form`] → [`client_auth`] → [`dpop`] → [`token`] → [`pkce`] |
//! | revocation (RFC 7009) | [`form`] → [`client_auth`] → [`token`] |
//! | introspection (RFC 7662) | [`form`] → [`client_auth`] → [`introspection`] |
//! | resource (RFC 9449 §7) | [`authorization`] → [`dpop`] |
//! | the way back to the client | [`redirect`], or [`jarm`] → [`redirect`] |
//! | discovery (RFC 8414, RFC 9728) | [`metadata`], [`jwks`] |

pub mod acr;
pub mod authorization;
pub mod authorization_details;
pub mod client_auth;
pub mod dpop;
pub mod error;
pub mod form;
pub mod grant_management;
pub mod introspection;
pub mod jarm;
pub mod jose;
pub mod json;
pub mod jwks;
pub mod metadata;
pub mod pkce;
pub mod redirect;
pub mod replay;
pub mod request;
pub mod request_object;
pub mod scope;
pub mod token;
mod uri;
