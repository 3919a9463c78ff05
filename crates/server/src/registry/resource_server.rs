//! The checks of a resource server: what it serves and how it proves who it is.

use std::collections::BTreeSet;

use renkei_domain::institution::InstitutionCode;
use renkei_store::resource_servers::ResourceServer;

use super::check::{NAME_CHARS_MAX, Surroundings, check_reach, check_state};
use super::file::{ResourceServerTable, Tables};
use super::policy;
use super::problem::{Problems, TableProblems};
use super::values;

/// A resource server as the file has it, for several institutions; its identifiers are not in the file and stay empty.
pub(super) struct CheckedServer {
    /// Those it is for.
    pub codes: BTreeSet<InstitutionCode>,
    pub server: ResourceServer,
}

/// Checks all of them.
pub(super) fn check_all(
    tables: &Tables,
    known: &BTreeSet<InstitutionCode>,
    around: Surroundings<'_>,
    problems: &mut Problems,
) -> Vec<CheckedServer> {
    let mut keys = BTreeSet::new();
    let mut checked = Vec::new();
    for table in &tables.resource_servers {
        let mut at = problems.of_table(format!("resource_servers {:?}", table.key));
        if !keys.insert(&table.key) {
            at.add("key", "it stands in the file twice");
        }
        let codes = check_reach(&mut at, &table.institutions, known);
        checked.extend(check(&mut at, table, around).map(|server| CheckedServer { codes, server }));
    }
    checked
}

fn check(at: &mut TableProblems<'_>, table: &ResourceServerTable, around: Surroundings<'_>) -> Option<ResourceServer> {
    values::key(at, "key", &table.key);
    values::line(at, "name", &table.name, NAME_CHARS_MAX);
    if let Some(resource) = &table.resource {
        values::web_address(at, "resource", resource);
    }
    let algorithm = policy::check_algorithm(at, Some(&table.signing_alg), true);
    let jwks = match (&table.jwks, &table.jwks_file) {
        (Some(inline), None) => at.take("jwks", serde_json::to_string(inline)).map(|text| ("jwks", text)),
        (None, Some(name)) => values::file_text(at, "jwks_file", around.folder, name).map(|text| ("jwks_file", text)),
        _ => {
            at.add("jwks", "give one of jwks, jwks_file");
            None
        }
    };
    let jwks = jwks.and_then(|(key, text)| policy::check_set(at, key, &text, algorithm));
    let state = check_state(at, table.state.as_deref());
    Some(ResourceServer {
        server_id: String::new(),
        key: table.key.clone(),
        name: table.name.clone(),
        resource: table.resource.clone(),
        jwks: jwks?,
        signing_alg: algorithm?.name().to_owned(),
        signed_introspection: table.signed_introspection,
        state: state?,
    })
}
