//! `renkei keys check`: read a partner product's keys now, and say in plain words what is wrong with them.

use renkei_domain::audit::Actor;
use renkei_domain::institution::InstitutionCode;
use renkei_oauth::jose::{Algorithm, KeySet};
use renkei_store::partners::Product;
use serde::Serialize;

use crate::commands::CommandError;
use crate::commands::data::{Data, DataArgs};
use crate::commands::output::say;
use crate::partner_keys::{self, FetchFault, Place, ReadSet};

/// What `renkei keys check` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "Keys that can be used are in force at once, on every node. Exit codes: 0 the product can \
    authenticate and sign with them, 1 something is wrong with them, 3 they can't be reached now."
)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Whose partner it is
    #[arg(long, value_name = "CODE")]
    institution: InstitutionCode,
    /// The product, by its client_id
    #[arg(long, value_name = "CLIENT_ID")]
    client: String,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
    /// Who answers for it in the audit trail
    #[arg(long, value_name = "NAME", env = "USER", default_value = "unknown")]
    operator: String,
}

/// What was found.
#[derive(Serialize)]
struct Report {
    client_id: String,
    /// Where the keys are; none when they stand in the registry.
    jwks_uri: Option<String>,
    /// How long they are kept before they are read anew.
    kept_seconds: Option<i64>,
    keys: Vec<Key>,
    /// What is wrong, in sentences; empty when nothing is.
    problems: Vec<String>,
}

#[derive(Serialize)]
struct Key {
    kid: Option<String>,
    alg: &'static str,
}

/// Reads, keeps and shows.
///
/// # Errors
/// When there is no such product, its keys can't be reached or used, or the store fails.
pub async fn run(args: &Args) -> Result<(), CommandError> {
    let data = args.data.open().await?;
    let product = data.store.read(&args.institution).find_product(&args.client).await?;
    let product = product.ok_or_else(|| CommandError::Refused("there is no product of this client_id".into()))?;
    let (jwks, kept_seconds) = match product.jwks_uri.as_deref() {
        None => (product.jwks.clone(), None),
        Some(uri) => {
            let read = read(args, &data, uri).await?;
            (read.jwks, Some(read.kept_seconds))
        }
    };
    let keys = KeySet::parse(jwks.as_bytes()).map_err(|fault| CommandError::Refused(fault.to_string()))?;
    let report = Report::new(&product, &keys, kept_seconds);
    report.print(args.json)?;
    if report.problems.is_empty() { Ok(()) } else { Err(CommandError::Refused(report.problems.join("\n"))) }
}

async fn read(args: &Args, data: &Data, uri: &str) -> Result<ReadSet, CommandError> {
    let now = data.clock.now();
    let (store, random) = (&data.store, data.random.as_ref());
    let at = Place { store, random, institution: &args.institution, client_id: &args.client, uri };
    at.claim(0, now).await?;
    let set = partner_keys::fetch(&data.outbound, uri).await.map_err(|fault| {
        let message = format!("{uri}: {fault}");
        match fault {
            FetchFault::Outbound(fault) if fault.may_pass() => CommandError::Unavailable(message),
            _ => CommandError::Refused(message),
        }
    })?;
    at.save(set.clone(), now, Actor::Operator(args.operator.clone())).await?;
    Ok(set)
}

impl Report {
    fn new(product: &Product, keys: &KeySet, kept_seconds: Option<i64>) -> Report {
        let shown = keys.iter().map(|key| Key { kid: key.key_id().map(str::to_owned), alg: key.algorithm().name() });
        let shown: Vec<Key> = shown.collect();
        Report {
            client_id: product.client_id.clone(),
            jwks_uri: product.jwks_uri.clone(),
            kept_seconds,
            problems: problems(product, &shown),
            keys: shown,
        }
    }

    fn print(&self, json: bool) -> Result<(), CommandError> {
        if json {
            let text = serde_json::to_string_pretty(self).map_err(|error| CommandError::Setup(error.to_string()))?;
            say!("{text}");
            return Ok(());
        }
        say!("{} of {}", self.jwks_uri.as_deref().unwrap_or("the registry's keys"), self.client_id);
        for Key { kid, alg } in &self.keys {
            say!("  {alg} {}", kid.as_deref().map_or_else(|| "(no kid)".to_owned(), |kid| format!("{kid:?}")));
        }
        if let Some(seconds) = self.kept_seconds {
            say!("  read anew after {seconds} seconds");
        }
        Ok(())
    }
}

/// What would keep the product from authenticating or signing, or make its next key unknown here.
fn problems(product: &Product, keys: &[Key]) -> Vec<String> {
    let mut found = Vec::new();
    if keys.is_empty() {
        found.push(
            "It has no key that can be used here: keys are for ES256, PS256 or EdDSA, and for signatures.".into(),
        );
    }
    let algorithm = product.signing_alg.as_deref().and_then(Algorithm::parse);
    if let Some(algorithm) = algorithm
        && !keys.iter().any(|key| key.alg == algorithm.name())
    {
        found.push(format!("It has no key for {}, with which this product is registered to sign.", algorithm.name()));
    }
    let missing = keys.iter().filter(|key| key.kid.is_none()).count();
    if missing > 0 && keys.len() > 1 {
        found
            .push(format!("{missing} of its keys have no kid; a new key is noticed at once only by a kid of its own."));
    }
    for (position, key) in keys.iter().enumerate() {
        let repeated = |other: &Key| other.kid.is_some() && other.kid == key.kid && other.alg == key.alg;
        if keys.iter().take(position).any(repeated) {
            found.push(format!(
                "The kid {:?} stands at two keys for {}.",
                key.kid.as_deref().unwrap_or_default(),
                key.alg
            ));
        }
    }
    found
}
