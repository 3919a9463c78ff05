//! The registry: which institutions there are, with which branches and terms, and which partners may ask their customers.
//!
//! One file describes all of it. Applying the file compares it with the store and writes what is different, all or
//! nothing; applying it again changes nothing. What left the file is ended, never deleted: linkages name it.

mod check;
mod compare;
mod file;
mod plan;
mod policy;
mod problem;
mod product;
mod resource_server;
mod values;

use std::path::Path;

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;
use renkei_store::{Random, Store, StoreError, Tx};

use crate::keys::{KeyError, Keys, sha256};
use crate::signing;
use check::{Surroundings, Wanted};
use compare::{Difference, compare};
use problem::Problems;

pub use plan::{Change, InstitutionPlan, Kind, Plan, ProductLine, ResourceServerLine, What};
pub use problem::Problem;

/// Random bytes of a client identifier.
const CLIENT_ID_BYTES: usize = 16;

/// A registry file and what it may refer to.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// How the file is called in messages.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Where the files it names are.
    pub folder: &'a Path,
    /// Whether redirect URIs may be plain http to this machine. For demonstrations and tests.
    pub loopback_http: bool,
}

/// A registry file that is right by itself.
pub struct Registry {
    file: String,
    digest: [u8; 32],
    wanted: Vec<Wanted>,
}

/// Why a registry was not applied. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The file is wrong; everything that is wrong with it.
    #[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
    Wrong(Vec<Problem>),
    /// The registry changed between the plan and its application.
    #[error("the registry was changed by somebody else since the plan was made; look at a new plan")]
    Overtaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A signing key could not be made or sealed.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

/// Reads and checks a whole registry file, with the files it names.
///
/// # Errors
/// [`RegistryError::Wrong`].
pub fn read(source: Source<'_>, now: Timestamp) -> Result<Registry, RegistryError> {
    let mut problems = Problems::new(source.name);
    let tables = file::read(source.text, &mut problems);
    let around = Surroundings { folder: source.folder, loopback_http: source.loopback_http, today: now.day() };
    let wanted = check::check(&tables, around, &mut problems);
    fail_if_any(problems)?;
    Ok(Registry { file: source.name.to_owned(), digest: sha256(source.text.as_bytes()), wanted })
}

/// What applying the registry would change now.
///
/// # Errors
/// [`RegistryError::Wrong`] when the file can't follow what is there; the store's.
pub async fn preview(store: &Store, registry: &Registry, now: Timestamp) -> Result<Plan, RegistryError> {
    let known = store.read_all().list_institutions().await?.into_iter().map(|institution| institution.code).collect();
    let mut problems = Problems::new(&registry.file);
    let mut institutions = Vec::new();
    for wanted in &registry.wanted {
        let mut session = store.read(&wanted.institution.code);
        institutions.push(compare(&mut session, wanted, now, &mut problems).await?.plan);
    }
    fail_if_any(problems)?;
    Ok(registry.plan(institutions, known))
}

/// Applies the registry in one transaction, if what it changes is what was shown, and tells what it changed. `operator` is
/// who answers for it in the audit trail.
///
/// # Errors
/// Any [`RegistryError`]; nothing has changed then.
pub async fn apply(
    store: &Store,
    keys: &Keys,
    registry: &Registry,
    shown: Option<&Plan>,
    operator: &str,
    now: Timestamp,
    random: &dyn Random,
) -> Result<Plan, RegistryError> {
    let mut tx = store.begin_all().await?;
    let known = tx.list_institutions().await?.into_iter().map(|institution| institution.code).collect();
    let mut problems = Problems::new(&registry.file);
    let mut differences = Vec::new();
    for wanted in &registry.wanted {
        tx.turn_to(&wanted.institution.code);
        differences.push(compare(&mut tx, wanted, now, &mut problems).await?);
    }
    fail_if_any(problems)?;
    let plan = registry.plan(differences.iter().map(|difference| difference.plan.clone()).collect(), known);
    if shown.is_some_and(|shown| !plan.is_as_shown(shown)) {
        return Err(RegistryError::Overtaken);
    }
    if plan.is_empty() {
        return Ok(plan);
    }
    let mut institutions = Vec::new();
    for difference in differences {
        tx.turn_to(&difference.plan.institution);
        institutions.push(write(&mut tx, keys, registry, difference, operator, now, random).await?);
    }
    tx.commit().await?;
    Ok(Plan { institutions, ..plan })
}

fn fail_if_any(problems: Problems) -> Result<(), RegistryError> {
    let found = problems.into_found();
    if found.is_empty() { Ok(()) } else { Err(RegistryError::Wrong(found)) }
}

impl Registry {
    fn plan(&self, institutions: Vec<InstitutionPlan>, known: Vec<InstitutionCode>) -> Plan {
        let is_ours = |code: &InstitutionCode| self.wanted.iter().any(|wanted| wanted.institution.code == *code);
        Plan { institutions, left_alone: known.into_iter().filter(|code| !is_ours(code)).collect() }
    }
}

/// Writes the differences of the institution the transaction is turned to, with one audit record.
async fn write(
    tx: &mut Tx,
    keys: &Keys,
    registry: &Registry,
    difference: Difference,
    operator: &str,
    now: Timestamp,
    random: &dyn Random,
) -> Result<InstitutionPlan, RegistryError> {
    let Difference {
        mut plan,
        institution,
        user_crl,
        terms,
        branches,
        partners,
        products,
        resource_servers,
        needs_key,
    } = difference;
    if plan.changes.is_empty() {
        return Ok(plan);
    }
    if let Some(institution) = institution {
        tx.save_institution(&institution, now).await.map_err(overtaken)?;
        tx.save_user_crl(user_crl.as_deref()).await?;
    }
    if let Some(terms) = terms {
        tx.add_terms(&terms, now).await.map_err(overtaken)?;
    }
    for branch in branches {
        tx.save_branch(&branch).await?;
    }
    for partner in partners {
        tx.save_partner(&partner).await?;
    }
    for mut product in products {
        if product.client_id.is_empty() {
            product.client_id = new_id("c", random);
            let line = plan.products.iter_mut().find(|line| line.product == product.key);
            line.into_iter().for_each(|line| line.client_id = Some(product.client_id.clone()));
        }
        tx.save_product(&product).await.map_err(overtaken)?;
    }
    for mut server in resource_servers {
        if server.server_id.is_empty() {
            server.server_id = new_id("rs", random);
            let line = plan.resource_servers.iter_mut().find(|line| line.resource_server == server.key);
            line.into_iter().for_each(|line| line.server_id = Some(server.server_id.clone()));
        }
        tx.save_resource_server(&server).await.map_err(overtaken)?;
    }
    if needs_key {
        let key = signing::new_key(keys, &plan.institution, now, now, random)?;
        tx.add_signing_key(&key).await.map_err(overtaken)?;
    }
    tx.record(&record(registry, &plan, operator), now, random).await?;
    Ok(plan)
}

/// A key that was free a moment ago is taken: somebody else applied a registry at the same time.
fn overtaken(error: StoreError) -> RegistryError {
    match error {
        StoreError::Taken => RegistryError::Overtaken,
        other => RegistryError::Store(other),
    }
}

fn record(registry: &Registry, plan: &InstitutionPlan, operator: &str) -> Record {
    let [added, changed, ended] = plan.counts();
    let detail = format!("added={added} changed={changed} ended={ended} file_sha256={}", hex(&registry.digest));
    Record::done(Actor::Operator(operator.to_owned()), Action::RegistryApplied).on(&plan.institution).with(detail)
}

/// Random, so that it can't be guessed or chosen; `c-` or `rs-`, so that clients, resource servers and users can't be taken
/// for one another.
fn new_id(kind: &str, random: &dyn Random) -> String {
    format!("{kind}-{}", hex(&random.bytes::<CLIENT_ID_BYTES>()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
