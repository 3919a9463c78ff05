//! Institution by institution: keys, products, files.

use renkei_domain::id::{AuditId, time_ordered};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::partner::AuthMethod;
use renkei_domain::time::Timestamp;
use renkei_oauth::jose::{Algorithm, KeySet};
use renkei_store::audit_sealing::FIRST_ID;
use renkei_store::partners::Product;
use renkei_store::{Session, StoreError};

use super::Finding;
use crate::commands::data::Data;
use crate::signing;

const DAY_SECONDS: i64 = 86_400;
/// A signing key older than this should be followed by another.
const KEY_DAYS_MAX: i64 = 400;
/// Bank days come at least this often, New Year included.
const IMPORT_DAYS_MAX: i64 = 7;
/// Rows that ran out a day ago and more than this many of which stand there still.
const SPENT_ROWS_MAX: i64 = 1_000_000;

/// How long a record may wait to be sealed; a server does it within seconds.
const UNSEALED_SECONDS_MAX: i64 = 600;
/// Unsealed records that are counted one by one.
const UNSEALED_COUNTED: u32 = 100_000;

/// Looks at every institution.
///
/// # Errors
/// [`StoreError`].
pub async fn examine_institutions(data: &Data, now: Timestamp) -> Result<Vec<Finding>, StoreError> {
    let institutions = data.store.read_all().list_institutions().await?;
    if institutions.is_empty() {
        let what = "there is no institution to serve";
        return Ok(vec![Finding::problem("no_institution", what, "describe one and run `renkei apply`")]);
    }
    let mut found = Vec::new();
    for institution in institutions {
        let code = institution.code;
        let mut read = data.store.read(&code);
        found.extend(signing_keys(data, &mut read, &code, now).await?);
        found.extend(products(&mut read, &code, now).await?);
        found.extend(files(&mut read, &code, now).await?);
        found.extend(audit_trail(&mut read, &code, now).await?);
    }
    Ok(found)
}

async fn signing_keys(
    data: &Data,
    read: &mut Session,
    code: &InstitutionCode,
    now: Timestamp,
) -> Result<Vec<Finding>, StoreError> {
    let published = read.list_published_keys(now).await?;
    let mut found = Vec::new();
    if let Some(stored) = published.iter().find(|stored| signing::open(&data.keys, code, stored).is_err()) {
        let what = format!("{code}: the signing key {} does not open with the master key that is here", stored.kid);
        let advice = "put the right master key back: with this one no PIN and no signing key can be used";
        found.push(Finding::problem("other_master_key", what, advice));
    }
    let Some(key) = signing::in_force(&published, now) else {
        let what = format!("{code}: no key may sign now");
        found.push(Finding::problem("no_signing_key", what, format!("renkei keys announce --institution {code}")));
        return Ok(found);
    };
    let days = key.signs_from.seconds_until(now) / DAY_SECONDS;
    if days > KEY_DAYS_MAX {
        let what = format!("{code}: the signing key {} has signed for {days} days", key.kid);
        found.push(Finding::problem("old_signing_key", what, format!("renkei keys announce --institution {code}")));
    }
    Ok(found)
}

async fn products(read: &mut Session, code: &InstitutionCode, now: Timestamp) -> Result<Vec<Finding>, StoreError> {
    let products = read.list_products().await?;
    let mut found = Vec::new();
    if !products.iter().any(Product::is_active) {
        let what = format!("{code}: no partner's product may link");
        found.push(Finding::note("no_product", what, "add one to the registry and run `renkei apply`"));
    }
    for product in products.iter().filter(|product| product.is_active()) {
        found.extend(product_keys(read, code, product, now).await?);
    }
    Ok(found)
}

async fn product_keys(
    read: &mut Session,
    code: &InstitutionCode,
    product: &Product,
    now: Timestamp,
) -> Result<Option<Finding>, StoreError> {
    let name = format!("{code}: the product {} ({})", product.key, product.client_id);
    let check = format!("renkei keys check --institution {code} --client {}", product.client_id);
    let jwks = match product.jwks_uri.as_deref() {
        None => product.jwks.clone(),
        Some(uri) => match read.find_partner_keys(&product.client_id, uri).await?.and_then(|known| known.set) {
            None => {
                let what = format!("{name}: its keys at {uri} have not been read yet");
                return Ok(Some(Finding::note("partner_keys_unread", what, check)));
            }
            Some(set) if set.fresh_until.plus_seconds(DAY_SECONDS) < now => {
                let what = format!("{name}: its keys at {uri} were last read {}", set.fetched_at.to_rfc3339());
                return Ok(Some(Finding::note("partner_keys_old", what, check)));
            }
            Some(set) => set.jwks,
        },
    };
    let algorithm = product.signing_alg.as_deref().and_then(Algorithm::parse);
    let is_fit = KeySet::parse(jwks.as_bytes())
        .is_ok_and(|keys| algorithm.is_none_or(|algorithm| keys.iter().any(|key| key.algorithm() == algorithm)));
    // Whoever authenticates by a certificate of an authority needs no registered key.
    if is_fit || product.auth_method == AuthMethod::TlsClientAuth {
        return Ok(None);
    }
    let what = format!("{name} has no key it could authenticate with");
    Ok(Some(Finding::problem("partner_without_keys", what, format!("ask the partner for its keys; {check}"))))
}

async fn audit_trail(
    read: &mut Session,
    code: &InstitutionCode,
    now: Timestamp,
) -> Result<Option<Finding>, StoreError> {
    let until = AuditId(time_ordered(now.plus_seconds(-UNSEALED_SECONDS_MAX), &[0; 10]));
    let backlog = read.unsealed(FIRST_ID, until, UNSEALED_COUNTED).await?;
    let Some(oldest) = backlog.oldest else { return Ok(None) };
    let (count, more) = (backlog.count, if backlog.count >= u64::from(UNSEALED_COUNTED) { " or more" } else { "" });
    let what = format!("{code}: {count}{more} audit records are not sealed, the oldest of {}", oldest.to_rfc3339());
    let advice = "until they are, a change of them goes unnoticed: see that a server runs, and what its log says after \
         `audit_alarm`; records that came in long after their time are found by the server within days";
    Ok(Some(Finding::problem("audit_unsealed", what, advice)))
}

async fn files(read: &mut Session, code: &InstitutionCode, now: Timestamp) -> Result<Vec<Finding>, StoreError> {
    let last = read.last_imports().await?;
    let mut found = Vec::new();
    if let Some(at) = last.get("entries")
        && at.seconds_until(now) > IMPORT_DAYS_MAX * DAY_SECONDS
    {
        let what = format!("{code}: the last statement was taken in on {}", at.to_rfc3339());
        let advice = "see why no newer one came; customers and partners see old balances";
        found.push(Finding::problem("entries_old", what, advice));
    }
    if let Some(epoch) = read.find_epoch().await? {
        let lacks = |at: Option<Timestamp>| at.is_none_or(|at| at < epoch.began_at);
        if lacks(read.last_applied().await?) {
            let what =
                format!("{code}: restored on {}, and the registry not applied since", epoch.began_at.to_rfc3339());
            let advice = "renkei apply registry.toml: a partner that was suspended since the backup is not";
            found.push(Finding::problem("restored_registry", what, advice));
        }
        if lacks(last.get("customers").copied()) {
            let what = format!("{code}: restored, and no customer file taken in since");
            let advice = "renkei import customers with the newest files: a user suspended since the backup is not";
            found.push(Finding::problem("restored_customers", what, advice));
        }
    }
    let spent = read.count_spent(now.plus_seconds(-DAY_SECONDS)).await?;
    if spent > SPENT_ROWS_MAX {
        let what = format!("{code}: {spent} rows are past their use and not tidied away");
        found.push(Finding::problem("upkeep_behind", what, "see that a server runs, and what its log says of upkeep"));
    }
    Ok(found)
}
