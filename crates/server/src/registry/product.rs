//! The checks of a partner product: where it sends customers back to and what it asks for.

use std::collections::BTreeSet;

use renkei_domain::institution::InstitutionCode;
use renkei_domain::operation::Operation;
use renkei_domain::partner::PartnerState;
use renkei_oauth::redirect::check_redirect_uri;
use renkei_store::partners::{OfferedOperation, Partner, Product};

use super::check::{NAME_CHARS_MAX, Surroundings, check_state};
use super::file::{OperationEntry, ProductTable};
use super::policy::{self, Policy};
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
    policy: Policy,
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
            jwks: self.policy.keys.jwks.clone(),
            jwks_uri: self.policy.keys.jwks_uri.clone(),
            signing_alg: self.policy.signing_alg.map(|algorithm| algorithm.name().to_owned()),
            auth_method: self.policy.auth_method,
            tls_subject: self.policy.tls_subject.clone(),
            sender_constraint: self.policy.sender_constraint,
            profile: self.policy.profile,
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
    let policy = policy::check(at, table, around);
    let state = check_state(at, table.state.as_deref());
    let names = [&table.name, &table.name_en, &table.purpose, &table.purpose_en].map(String::clone);
    let (key, choice, redirect_uris) = (table.key.clone(), table.choice, table.redirect_uris.clone());
    let table = ProductParts { key, names, choice, redirect_uris };
    Some(CheckedProduct { codes, table, operations, policy: policy?, state: state? })
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
