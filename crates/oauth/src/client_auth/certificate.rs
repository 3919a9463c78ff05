//! Client authentication by certificate (RFC 8705 §2), as far as it can be told from the certificate alone.
//!
//! The certificate is the leaf whose key signed the handshake, never another one of the chain that came with it. Whether
//! a trusted authority stands behind it is the caller's to find out, for `tls_client_auth` before anything here is asked.

use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::ClientAuthFault;
use super::name::RegisteredName;
use crate::jose::{Jwk, KeySet, P384, sha256_base64url};

/// Authentication by the name in a certificate of a trusted authority (RFC 8705 §2.1.1).
pub const TLS_CLIENT_AUTH: &str = "tls_client_auth";
/// Authentication by a registered key, whoever issued its certificate (RFC 8705 §2.2.1).
pub const SELF_SIGNED_TLS_CLIENT_AUTH: &str = "self_signed_tls_client_auth";

/// `x5t#S256` of a certificate in DER (RFC 8705 §3.1): 43 characters of base64url.
pub fn thumbprint(certificate: &[u8]) -> String {
    sha256_base64url(certificate)
}

/// Checks that the certificate has the registered name (RFC 8705 §2.1.2).
///
/// # Errors
/// [`ClientAuthFault::Certificate`] or [`ClientAuthFault::OtherName`].
pub fn check_name(certificate: &[u8], name: &RegisteredName) -> Result<(), ClientAuthFault> {
    if name.is_of(&read(certificate)?) { Ok(()) } else { Err(ClientAuthFault::OtherName) }
}

/// Checks that the certificate's key is one of the registered ones (RFC 8705 §2.2). Nothing else in the certificate
/// counts, its dates included.
///
/// # Errors
/// [`ClientAuthFault::Certificate`] or [`ClientAuthFault::OtherKey`].
pub fn check_key(certificate: &[u8], keys: &KeySet) -> Result<(), ClientAuthFault> {
    let certificate = read(certificate)?;
    let registered = match Jwk::of_certificate(&certificate) {
        Some(key) => keys.holds(&key),
        None => P384::of_certificate(&certificate).is_some_and(|key| keys.holds_p384(&key)),
    };
    if registered { Ok(()) } else { Err(ClientAuthFault::OtherKey) }
}

fn read(certificate: &[u8]) -> Result<X509Certificate<'_>, ClientAuthFault> {
    match X509Certificate::from_der(certificate) {
        Ok(([], read)) => Ok(read),
        _ => Err(ClientAuthFault::Certificate),
    }
}
