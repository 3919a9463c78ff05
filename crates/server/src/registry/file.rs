//! The registry file as it is written: TOML, where a key nobody knows is an error.
//!
//! Each table is read on its own, so that one run tells what is wrong with all of them.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::Problems;

/// `[[institutions]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InstitutionTable {
    pub code: String,
    pub kind: String,
    pub name: String,
    pub name_en: String,
    pub accent: String,
    pub telephone: String,
    pub hours: String,
    pub hours_en: String,
    pub privacy_url: Option<String>,
    pub period_days: i64,
    pub terms: TermsTable,
    pub user_ca: Option<String>,
    pub user_crl: Option<String>,
    pub user_ocsp: Option<String>,
    pub minimum_login: Option<String>,
    #[serde(default)]
    pub dpop_nonces: bool,
    pub branches: Vec<BranchTable>,
}

/// `[institutions.terms]`: each text stands in the file or in one of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TermsTable {
    pub version: String,
    pub text: Option<String>,
    pub text_file: Option<String>,
    pub text_en: Option<String>,
    pub text_en_file: Option<String>,
}

/// `[[institutions.branches]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BranchTable {
    pub code: String,
    pub name: String,
    pub name_en: String,
}

/// `[[resource_servers]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResourceServerTable {
    pub key: String,
    pub institutions: Reach,
    pub name: String,
    pub resource: Option<String>,
    pub jwks: Option<toml::Value>,
    pub jwks_file: Option<String>,
    pub signing_alg: String,
    #[serde(default)]
    pub signed_introspection: bool,
    pub state: Option<String>,
}

/// `[[partners]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartnerTable {
    pub key: String,
    pub institutions: Reach,
    pub name: String,
    pub name_en: String,
    pub registration: Option<String>,
    pub domain: String,
    pub state: Option<String>,
    #[serde(default)]
    pub products: Vec<toml::Value>,
}

/// `[[partners.products]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProductTable {
    pub key: String,
    pub institutions: Option<Reach>,
    pub name: String,
    pub name_en: String,
    pub purpose: String,
    pub purpose_en: String,
    #[serde(default)]
    pub choice: bool,
    pub operations: Vec<OperationEntry>,
    pub redirect_uris: Vec<String>,
    pub jwks: Option<toml::Value>,
    pub jwks_file: Option<String>,
    pub jwks_uri: Option<String>,
    pub signing_alg: Option<String>,
    pub auth_method: Option<String>,
    pub tls_client_auth_subject_dn: Option<String>,
    pub tls_client_auth_san_dns: Option<String>,
    pub tls_client_auth_san_uri: Option<String>,
    pub tls_client_auth_san_ip: Option<String>,
    pub tls_client_auth_san_email: Option<String>,
    pub sender_constraint: Option<String>,
    pub profile: Option<String>,
    pub state: Option<String>,
}

/// Which institutions a partner or product is for.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "institutions must be \"all\" or a list of codes")]
pub(super) enum Reach {
    /// The word `all`.
    Word(String),
    /// Their codes.
    Codes(Vec<String>),
}

/// One operation: its word, or its word with a period of its own.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "an operation is a word or { operation = …, period_days = … }")]
pub(super) enum OperationEntry {
    /// Under the institution's period.
    Word(String),
    /// Under a period of its own.
    Timed(TimedOperation),
}

/// `{ operation = "transactions", period_days = 90 }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimedOperation {
    pub operation: String,
    pub period_days: i64,
}

/// The tables of a file, each with its place.
#[derive(Default)]
pub(super) struct Tables {
    pub institutions: Vec<InstitutionTable>,
    pub partners: Vec<(PartnerTable, Vec<ProductTable>)>,
    pub resource_servers: Vec<ResourceServerTable>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    institutions: Vec<toml::Value>,
    #[serde(default)]
    partners: Vec<toml::Value>,
    #[serde(default)]
    resource_servers: Vec<toml::Value>,
}

/// Reads the tables that can be read and tells of the others.
pub(super) fn read(text: &str, problems: &mut Problems) -> Tables {
    let document = toml::from_str::<Document>(text).unwrap_or_else(|error| {
        problems.add(String::new(), "", describe(&error, text));
        Document::default()
    });
    let mut tables = Tables::default();
    for (at, table) in document.institutions.into_iter().enumerate() {
        let place = format!("institutions {}", name_of(&table, "code", at));
        tables.institutions.extend(read_table(table, place, problems));
    }
    for (at, table) in document.partners.into_iter().enumerate() {
        let place = format!("partners {}", name_of(&table, "key", at));
        if let Some(partner) = read_table(table, place, problems) {
            tables.partners.push(read_products(partner, problems));
        }
    }
    for (at, table) in document.resource_servers.into_iter().enumerate() {
        let place = format!("resource_servers {}", name_of(&table, "key", at));
        tables.resource_servers.extend(read_table(table, place, problems));
    }
    tables
}

fn read_products(mut partner: PartnerTable, problems: &mut Problems) -> (PartnerTable, Vec<ProductTable>) {
    let mut products = Vec::new();
    for (at, table) in std::mem::take(&mut partner.products).into_iter().enumerate() {
        let place = format!("partners {:?} products {}", partner.key, name_of(&table, "key", at));
        products.extend(read_table(table, place, problems));
    }
    (partner, products)
}

fn read_table<T: DeserializeOwned>(table: toml::Value, place: String, problems: &mut Problems) -> Option<T> {
    table.try_into().map_err(|error: toml::de::Error| problems.add(place, "", error.message())).ok()
}

/// How a table is called in messages: by its key if it has one, else by its position from 1.
fn name_of(table: &toml::Value, key: &str, at: usize) -> String {
    table.get(key).and_then(toml::Value::as_str).map_or_else(|| format!("#{}", at + 1), |name| format!("{name:?}"))
}

/// A syntax error with its line, without the line's text: it may hold what must not be printed.
fn describe(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    format!("line {line}: {}", error.message())
}
