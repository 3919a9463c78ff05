//! The checks of a partner product: where it sends customers back to, what it asks for, and its keys.

use std::collections::BTreeSet;

use renkei_domain::institution::InstitutionCode;
use renkei_domain::operation::Operation;
use renkei_domain::partner::PartnerState;
use renkei_oauth::jose::{Algorithm, Jwk, KeySet};
use renkei_oauth::json::Object;
use renkei_oauth::redirect::check_redirect_uri;
use renkei_store::partners::{OfferedOperation, Partner, Product};

use super::check::{NAME_CHARS_MAX, Surroundings, check_state};
use super::file::{OperationEntry, ProductTable};
use super::problem::TableProblems;
use super::values;

/// Most characters of a purpose.
pub const PURPOSE_CHARS_MAX: usize = 200;
/// Most redirect URIs of one product.
pub const REDIRECT_URIS_MAX: usize = 20;

/// A product as the file has it, for several institutions.
pub(super) struct CheckedProduct {
    /// Those it is for.
    pub codes: BTreeSet<InstitutionCode>,
    table: ProductParts,
    operations: Vec<(Operation, Option<u16>)>,
    jwks: String,
    signing_alg: String,
    state: PartnerState,
}

#[derive(Clone)]
struct ProductParts {
    key: String,
    names: [String; 4],
    choice: bool,
    redirect_uris: Vec<String>,
}

impl CheckedProduct {
    /// The product as one institution has it: periods of its own go before the institution's.
    pub fn for_institution(&self, partner: &Partner, period_days: u16) -> Product {
        let ProductParts { key, names: [name, name_en, purpose, purpose_en], choice, redirect_uris } =
            self.table.clone();
        let offered = |(operation, days): &(Operation, Option<u16>)| OfferedOperation {
            operation: *operation,
            days: days.unwrap_or(period_days),
        };
        Product {
            client_id: String::new(),
            key,
            partner: partner.clone(),
            name,
            name_en,
            purpose,
            purpose_en,
            choice,
            operations: self.operations.iter().map(offered).collect(),
            redirect_uris,
            jwks: self.jwks.clone(),
            signing_alg: self.signing_alg.clone(),
            state: self.state,
        }
    }
}

/// Checks a product that is for these institutions.
pub(super) fn check(
    at: &mut TableProblems<'_>,
    table: &ProductTable,
    codes: BTreeSet<InstitutionCode>,
    around: Surroundings<'_>,
) -> Option<CheckedProduct> {
    values::key(at, "key", &table.key);
    values::line(at, "name", &table.name, NAME_CHARS_MAX);
    values::line(at, "name_en", &table.name_en, NAME_CHARS_MAX);
    values::line(at, "purpose", &table.purpose, PURPOSE_CHARS_MAX);
    values::line(at, "purpose_en", &table.purpose_en, PURPOSE_CHARS_MAX);
    check_redirect_uris(at, &table.redirect_uris, around.loopback_http);
    let operations = check_operations(at, &table.operations);
    let signing_alg = Algorithm::parse(&table.signing_alg);
    if signing_alg.is_none() {
        at.add("signing_alg", format!("{:?} is not one of PS256, ES256, EdDSA", table.signing_alg));
    }
    let jwks = check_jwks(at, table, signing_alg, around);
    let state = check_state(at, table.state.as_deref());
    let names = [&table.name, &table.name_en, &table.purpose, &table.purpose_en].map(String::clone);
    let (key, choice, redirect_uris) = (table.key.clone(), table.choice, table.redirect_uris.clone());
    let table = ProductParts { key, names, choice, redirect_uris };
    let signing_alg = signing_alg?.name().to_owned();
    Some(CheckedProduct { codes, table, operations, jwks: jwks?, signing_alg, state: state? })
}

fn check_redirect_uris(at: &mut TableProblems<'_>, uris: &[String], loopback_http: bool) {
    if uris.is_empty() || uris.len() > REDIRECT_URIS_MAX {
        at.add("redirect_uris", format!("there must be 1 to {REDIRECT_URIS_MAX}"));
    }
    let mut seen = BTreeSet::new();
    for (position, uri) in (1..).zip(uris) {
        let key = format!("redirect_uris #{position}");
        at.take(&key, check_redirect_uri(uri, loopback_http));
        if !seen.insert(uri) {
            at.add(&key, "it stands in the list twice");
        }
    }
}

fn check_operations(at: &mut TableProblems<'_>, entries: &[OperationEntry]) -> Vec<(Operation, Option<u16>)> {
    let mut operations: Vec<(Operation, Option<u16>)> = Vec::new();
    for (position, entry) in (1..).zip(entries) {
        let key = format!("operations #{position}");
        let (word, days) = match entry {
            OperationEntry::Word(word) => (word, None),
            OperationEntry::Timed(timed) => (&timed.operation, values::period(at, &key, timed.period_days)),
        };
        let Some(operation) = at.take(&key, word.parse::<Operation>()) else { continue };
        if operations.iter().any(|(known, _)| *known == operation) {
            at.add(&key, "it stands in the list twice");
        }
        operations.push((operation, days));
    }
    if entries.is_empty() {
        at.add("operations", "there must be at least one");
    }
    // Always in the same order, so that writing them in another one in the file changes nothing.
    operations.sort_unstable();
    operations
}

/// The key set as JSON text, checked as the token endpoint will read it.
fn check_jwks(
    at: &mut TableProblems<'_>,
    table: &ProductTable,
    algorithm: Option<Algorithm>,
    around: Surroundings<'_>,
) -> Option<String> {
    let (key, text) = match (&table.jwks, &table.jwks_file) {
        (Some(inline), None) => ("jwks", at.take("jwks", serde_json::to_string(inline))?),
        (None, Some(name)) => ("jwks_file", values::file_text(at, "jwks_file", around.folder, name)?),
        (Some(_), Some(_)) => {
            at.add("jwks", "it is there twice: give jwks or jwks_file");
            return None;
        }
        (None, None) => {
            at.add("jwks", "it is missing: give jwks or jwks_file");
            return None;
        }
    };
    at.take(key, KeySet::parse(text.as_bytes()))?;
    let set: serde_json::Value = at.take(key, serde_json::from_str(&text))?;
    if let Some(algorithm) = algorithm
        && !has_key_for(&set, algorithm)
    {
        at.add(key, format!("it has no key for {}", algorithm.name()));
    }
    Some(set.to_string())
}

fn has_key_for(set: &serde_json::Value, algorithm: Algorithm) -> bool {
    let keys = set.get("keys").and_then(serde_json::Value::as_array);
    keys.into_iter().flatten().any(|key| {
        let object = Object::parse(key.to_string().as_bytes()).ok();
        object.and_then(|object| Jwk::read(&object).ok()).is_some_and(|key| key.algorithm() == algorithm)
    })
}
