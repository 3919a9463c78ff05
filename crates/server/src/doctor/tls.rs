//! Certificates and keys of the listeners.

use renkei_domain::time::Timestamp;
use webpki::anchor_from_trusted_cert;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Finding;
use crate::config::Config;
use crate::listener::tls::{ClientCertificates, TlsFiles, read_certificates};

/// A certificate that ends within so many days should have been renewed.
const ENDS_SOON_DAYS: i64 = 21;
const DAY_SECONDS: i64 = 86_400;

/// Looks at each listener's files as `renkei serve` would, and ahead.
#[must_use]
pub fn judge_tls(config: &Config, now: Timestamp) -> Vec<Finding> {
    let named = [config.main_tls(), config.login_tls(), config.partner_tls_files()];
    let mut looked_at: Vec<TlsFiles> = Vec::new();
    let mut found = Vec::new();
    for (host, files) in named.into_iter().flatten() {
        if let Err(error) = files.load(&host, &ClientCertificates::NotAsked, now) {
            let advice =
                "put the certificate for that host and its own key there; the server takes them within a minute";
            found.push(Finding::problem("tls_unusable", error.to_string(), advice));
        } else if !looked_at.contains(&files) {
            found.extend(judge_chain(&files, now));
        }
        looked_at.push(files);
    }
    found
}

fn judge_chain(files: &TlsFiles, now: Timestamp) -> Vec<Finding> {
    let path = files.certificate.display();
    let Ok(chain) = read_certificates(&files.certificate) else { return Vec::new() };
    let parsed: Vec<_> = chain.iter().filter_map(|der| Some(X509Certificate::from_der(der).ok()?.1)).collect();
    let mut found = Vec::new();
    let ends = parsed.iter().map(|certificate| certificate.validity().not_after).min_by_key(|end| end.timestamp());
    if let Some(end) = ends
        && end.timestamp() < now.plus_seconds(ENDS_SOON_DAYS * DAY_SECONDS).seconds()
    {
        let days = (end.timestamp() - now.seconds()).div_euclid(DAY_SECONDS);
        let what = format!("the TLS certificate {path} ends in {days} days, on {end}");
        found.push(Finding::problem("tls_ends_soon", what, "renew it; a running server takes the new file by itself"));
    }
    let broken = parsed.windows(2).any(|pair| matches!(pair, [one, next] if one.issuer() != next.subject()));
    if broken {
        let what = format!("the certificates in {path} are not a chain: each must be issued by the one after it");
        found.push(Finding::problem(
            "tls_chain",
            what,
            "put them in the order server, intermediate, and leave others out",
        ));
    }
    let is_alone = parsed.len() == 1 && parsed.iter().all(|leaf| leaf.issuer() != leaf.subject());
    if is_alone && chain.first().is_some_and(|leaf| anchor_from_trusted_cert(leaf).is_ok()) {
        let what = format!("{path} holds one certificate and no intermediate");
        let advice = "add the intermediate, unless partners and browsers know the issuer itself";
        found.push(Finding::note("tls_no_intermediate", what, advice));
    }
    found
}
