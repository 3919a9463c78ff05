//! The demo's partner products: the registry file with its addresses filled in, and a key for each product.

use std::path::Path;

use renkei_domain::time::Day;
use serde::Deserialize;
use serde_json::{Value, json};

use super::authority::{self, PartnerWanted};
use super::{Origins, files, keys};
use crate::commands::CommandError;

/// The registry file in the demo's folder.
pub const REGISTRY_FILE: &str = "registry.toml";
/// The company whose products are for tools.
const TESTERS: &str = "testers";
/// The algorithm of keys that are for certificates alone.
const CERTIFICATE_ALGORITHM: &str = "ES256";
const TEMPLATE: &str = include_str!("../../demo/registry.toml");
/// The texts the registry names.
const TERMS: [(&str, &str); 4] = [
    ("terms-2990.ja.txt", include_str!("../../demo/terms-2990.ja.txt")),
    ("terms-2990.en.txt", include_str!("../../demo/terms-2990.en.txt")),
    ("terms-2991.ja.txt", include_str!("../../demo/terms-2991.ja.txt")),
    ("terms-2991.en.txt", include_str!("../../demo/terms-2991.en.txt")),
];

/// A partner product with its private key.
#[derive(Debug, Clone)]
pub struct Product {
    /// Its key in the registry.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its name on English pages.
    pub name_en: String,
    /// ES256 or PS256.
    pub algorithm: String,
    /// How it authenticates.
    pub auth_method: String,
    /// What its tokens are bound to.
    pub sender_constraint: String,
    /// What it signs and is sent signed.
    pub profile: String,
    /// Whether customers choose its operations.
    pub choice: bool,
    /// Where customers may be sent back to.
    pub redirect_uris: Vec<String>,
    /// Whether it is for tools that drive the demo.
    pub for_tools: bool,
    /// Its private key.
    pub private_jwk: Value,
}

impl Product {
    /// Whether it connects with a certificate.
    #[must_use]
    pub fn has_certificate(&self) -> bool {
        self.auth_method != "private_key_jwt" || self.sender_constraint == "mtls"
    }
}

/// Writes the registry file with what it names, and makes the keys and certificates that are missing.
///
/// # Errors
/// When a file can't be read or written.
pub fn make(folder: &Path, origins: &Origins, today: Day) -> Result<Vec<Product>, CommandError> {
    let text = TEMPLATE.replace("@PARTNER@", &origins.partner).replace("@TEST_URIS@", &test_uris(origins));
    let registry: Registry =
        toml::from_str(&text).map_err(|error| CommandError::Setup(format!("the demo registry: {error}")))?;
    for (name, terms) in TERMS {
        files::write(&folder.join(name), terms.as_bytes())?;
    }
    let mut products: Vec<Product> = Vec::new();
    for partner in registry.partners {
        for product in partner.products {
            let private_jwk = key(folder, &product)?;
            products.push(Product {
                key: product.key,
                name: product.name,
                name_en: product.name_en,
                algorithm: product.signing_alg.unwrap_or_else(|| CERTIFICATE_ALGORITHM.to_owned()),
                auth_method: product.auth_method,
                sender_constraint: product.sender_constraint,
                profile: product.profile,
                choice: product.choice,
                redirect_uris: product.redirect_uris,
                for_tools: partner.key == TESTERS,
                private_jwk,
            });
        }
    }
    let wanted = products.iter().filter(|product| product.has_certificate()).map(|product| PartnerWanted {
        name: &product.key,
        pkcs8: keys::pkcs8(&product.private_jwk).unwrap_or_default(),
        self_signed: product.auth_method == "self_signed_tls_client_auth",
    });
    authority::partners(folder, &wanted.collect::<Vec<_>>(), today)?;
    files::write(&folder.join(REGISTRY_FILE), text.as_bytes())?;
    Ok(products)
}

/// Where the tools' clients may have customers sent back to: the partner app, addresses nobody answers at, and one with a
/// query.
fn test_uris(origins: &Origins) -> String {
    let here = format!("{}/callback", origins.partner);
    let uris = [
        here.as_str(),
        "http://127.0.0.1:8765/callback",
        "http://127.0.0.1:8765/callback?from=renkei&n=1",
        "https://client.example/callback",
        "https://client.example/callback?from=renkei&n=1",
    ];
    uris.map(|uri| format!("{uri:?}")).join(", ")
}

fn key(folder: &Path, product: &ProductTable) -> Result<Value, CommandError> {
    let private = folder.join(format!("keys/{}.private.json", product.key));
    if private.exists() {
        let unreadable = |error| CommandError::Setup(format!("{}: {error}", private.display()));
        return serde_json::from_str(&files::read(&private)?).map_err(unreadable);
    }
    let algorithm = product.signing_alg.as_deref().unwrap_or(CERTIFICATE_ALGORITHM);
    let jwk = keys::generate(algorithm, &format!("{}-1", product.key))?;
    if let Some(file) = &product.jwks_file {
        let public = json!({ "keys": [keys::public_half(&jwk)] });
        files::write(&folder.join(file), public.to_string().as_bytes())?;
    }
    files::write(&private, jwk.to_string().as_bytes())?;
    Ok(jwk)
}

/// What of the registry file the demo itself has to know.
#[derive(Deserialize)]
struct Registry {
    partners: Vec<PartnerTable>,
}

#[derive(Deserialize)]
struct PartnerTable {
    key: String,
    products: Vec<ProductTable>,
}

#[derive(Deserialize)]
struct ProductTable {
    key: String,
    name: String,
    name_en: String,
    #[serde(default)]
    choice: bool,
    redirect_uris: Vec<String>,
    jwks_file: Option<String>,
    signing_alg: Option<String>,
    #[serde(default = "private_key_jwt")]
    auth_method: String,
    #[serde(default = "dpop")]
    sender_constraint: String,
    #[serde(default = "fapi2_security")]
    profile: String,
}

fn private_key_jwt() -> String {
    "private_key_jwt".into()
}

fn fapi2_security() -> String {
    "fapi2_security".into()
}

fn dpop() -> String {
    "dpop".into()
}
