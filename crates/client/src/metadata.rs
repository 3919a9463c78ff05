//! The institution's metadata (RFC 8414), read once and checked before anything is sent anywhere.

use std::net::IpAddr;

use reqwest::Url;
use serde::Deserialize;

use crate::error::Error;
use crate::http::Answer;

/// The well-known segment (RFC 8414 section 3), inserted between host and path.
const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

/// What of the metadata is used.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: String,
    pub(crate) token_endpoint: String,
    pub(crate) pushed_authorization_request_endpoint: String,
    pub(crate) revocation_endpoint: String,
    pub(crate) jwks_uri: Option<String>,
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// Reads the metadata of `issuer`.
    pub(crate) async fn read(issuer: &str, http: &reqwest::Client) -> Result<Self, Error> {
        let mut address = safe_url(issuer)?;
        let path = format!("{WELL_KNOWN}{}", address.path().trim_end_matches('/'));
        address.set_path(&path);
        let answer = Answer::to(http.get(address)).await?;
        if !answer.is_success() {
            return Err(Error::Problem(answer.problem()));
        }
        let metadata: Self = answer.json("metadata")?;
        metadata.check(issuer)?;
        Ok(metadata)
    }

    /// RFC 8414 section 3.3: the issuer is the one asked for, byte for byte. RFC 9207 section 2.4: an
    /// answer without `iss` could come from anybody, so an institution that sends none is refused.
    fn check(&self, issuer: &str) -> Result<(), Error> {
        if self.issuer != issuer {
            return Err(Error::Issuer { expected: issuer.to_owned(), found: self.issuer.clone() });
        }
        if !self.authorization_response_iss_parameter_supported {
            return Err(Error::Unreadable("metadata: the institution does not name itself in its answers"));
        }
        for endpoint in [
            &self.authorization_endpoint,
            &self.token_endpoint,
            &self.pushed_authorization_request_endpoint,
            &self.revocation_endpoint,
        ] {
            safe_url(endpoint)?;
        }
        Ok(())
    }
}

/// An address that may be spoken to: https, or plain http on this very machine.
pub(crate) fn safe_url(address: &str) -> Result<Url, Error> {
    let insecure = || Error::Insecure(address.to_owned());
    let url = Url::parse(address).map_err(|_| insecure())?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(insecure()),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_only() {
        for address in ["https://bank.example/1001", "http://127.0.0.1:8080/1001", "http://[::1]/1001"] {
            assert!(safe_url(address).is_ok(), "{address}");
        }
        for address in ["http://bank.example/1001", "http://127.0.0.1.bank.example/", "ftp://localhost/", "x"] {
            assert!(matches!(safe_url(address), Err(Error::Insecure(_))), "{address}");
        }
    }
}
