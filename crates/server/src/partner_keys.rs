//! The public keys of partner products: from the registry, or from an address that the product publishes them at.
//!
//! What was read at an address is kept in the store, so a restart, a further node or an outage of the partner changes
//! nothing, and all nodes go by the same keys. It is read anew when it is too old, and when a key is missing that
//! somebody names. Whoever names one is not authenticated yet: so one attempt a minute is made for each product, by one
//! node, and its outcome stands until the next. No transaction is open while a partner's server is waited for.

use std::sync::Arc;

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;
use renkei_oauth::jose::{JwkFault, KeySet, MAX_KEY_SET_BYTES};
use renkei_oauth::json::JsonFault;
use renkei_store::partner_keys::{FetchedSet, PartnerKeys};
use renkei_store::partners::Product;
use renkei_store::{Random, Store, StoreError};

use crate::app::App;
use crate::error::Fault;
use crate::keys::sha256;
use crate::outbound::{Document, HttpsUrl, Outbound, OutboundFault, UrlFault, Wanted};

/// The shortest time a set is kept before it is read anew, in seconds, whatever its server says.
pub const KEPT_SECONDS_MIN: i64 = 300;
/// The longest: so long a key that its owner has withdrawn may still count.
pub const KEPT_SECONDS_MAX: i64 = 3_600;
/// How long a set that can't be read anew stays in force after that, in seconds.
pub const GRACE_SECONDS: i64 = 86_400;
/// How long after an attempt to read a product's keys there is no other, in seconds.
pub const ATTEMPT_SECONDS: i64 = 60;
/// What a key set is served as (RFC 7517 §8.5).
const MEDIA_TYPES: &[&str] = &["application/json", "application/jwk-set+json"];

/// Why keys could not be read at an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchFault {
    /// The registered address is none that is contacted.
    #[error("the address: {0}")]
    Url(#[from] UrlFault),
    /// The document was not got.
    #[error(transparent)]
    Outbound(#[from] OutboundFault),
    /// The document is no key set that is taken.
    #[error("the document is not a key set that is taken: {0}")]
    Keys(#[from] JwkFault),
}

/// The keys of a product, with the one of this `kid` if it can be had.
///
/// # Errors
/// A failure of the store. Keys that can't be read are no error: none are handed back, or those of before.
pub async fn of(
    app: &Arc<App>,
    institution: &InstitutionCode,
    product: &Product,
    wanted_kid: Option<&str>,
) -> Result<Arc<KeySet>, Fault> {
    holding(app, institution, product, |keys| wanted_kid.is_none_or(|kid| keys.has_key_id(kid))).await
}

/// The keys of a product as they are known here, fresh or not: for a look that must make no request.
///
/// # Errors
/// As [`of`].
pub async fn known(app: &App, institution: &InstitutionCode, product: &Product) -> Result<Arc<KeySet>, Fault> {
    match product.jwks_uri.as_deref() {
        None => app.memory.keys(institution, &product.client_id, &product.jwks),
        Some(uri) => Ok(Place::new(app, institution, &product.client_id, uri).known(app).await?.keys),
    }
}

/// The keys of a product; if they don't suffice, those that its address has now, unless they were read a moment ago.
///
/// # Errors
/// As [`of`].
pub async fn holding(
    app: &Arc<App>,
    institution: &InstitutionCode,
    product: &Product,
    suffice: impl Fn(&KeySet) -> bool,
) -> Result<Arc<KeySet>, Fault> {
    let Some(uri) = product.jwks_uri.as_deref() else {
        return app.memory.keys(institution, &product.client_id, &product.jwks);
    };
    let at = Place::new(app, institution, &product.client_id, uri);
    let known = at.known(app).await?;
    if !product.is_active() || (known.is_fresh() && suffice(&known.keys)) {
        return Ok(known.keys);
    }
    let flight = app.memory.key_flight(institution, &product.client_id);
    let guard = match Arc::clone(&flight).try_lock_owned() {
        Ok(guard) => guard,
        // Somebody is reading them: who can do with the old ones does not wait.
        Err(_) if suffice(&known.keys) && known.is_usable() => return Ok(known.keys),
        Err(_) => flight.lock_owned().await,
    };
    let known = at.known(app).await?;
    if known.was_tried() || (known.is_fresh() && suffice(&known.keys)) || !at.claim(ATTEMPT_SECONDS, known.now).await? {
        return Ok(known.keys);
    }
    // A task of its own, so that a caller who hangs up does not use up the attempt.
    let (app, institution) = (Arc::clone(app), institution.clone());
    let (client_id, uri, asked_at) = (product.client_id.clone(), uri.to_owned(), known.now);
    let reading = tokio::spawn(async move {
        let _guard = guard;
        let at = Place::new(&app, &institution, &client_id, &uri);
        match fetch(&app.outbound, &uri).await {
            Ok(set) => at.save(set, asked_at, Actor::System).await?,
            Err(fault) => tracing::warn!(%institution, client_id, uri, %fault, "a partner's keys were not read"),
        }
        Ok::<_, Fault>(at.known(&app).await?.keys)
    });
    reading.await.map_err(|error| Fault::Defect(format!("reading a partner's keys: {error}")))?
}

/// A key set as it came.
#[derive(Debug, Clone)]
pub struct ReadSet {
    /// The JWK set, JSON text.
    pub jwks: String,
    /// How long it is kept before it is read anew, in seconds.
    pub kept_seconds: i64,
}

/// Reads the keys at an address, now.
///
/// # Errors
/// [`FetchFault`].
pub async fn fetch(outbound: &Outbound, uri: &str) -> Result<ReadSet, FetchFault> {
    let url: HttpsUrl = uri.parse()?;
    let wanted = Wanted { media_types: MEDIA_TYPES, bytes_max: MAX_KEY_SET_BYTES };
    let Document { body, max_age } = outbound.get(&url, wanted).await?;
    KeySet::parse(&body)?;
    let jwks = String::from_utf8(body).map_err(|_| JwkFault::from(JsonFault::Malformed))?;
    let kept_seconds = i64::from(max_age.unwrap_or(0)).clamp(KEPT_SECONDS_MIN, KEPT_SECONDS_MAX);
    Ok(ReadSet { jwks, kept_seconds })
}

/// Whose keys, and where.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The rows.
    pub store: &'a Store,
    /// For identifiers of records.
    pub random: &'a dyn Random,
    /// Whose product.
    pub institution: &'a InstitutionCode,
    /// The product.
    pub client_id: &'a str,
    /// The address of its keys.
    pub uri: &'a str,
}

/// What is known of a product's keys at one instant.
struct Known {
    /// Those in force; none when there are none, or they are too old to be believed.
    keys: Arc<KeySet>,
    row: Option<PartnerKeys>,
    now: Timestamp,
}

impl Known {
    fn is_fresh(&self) -> bool {
        self.set().is_some_and(|set| self.now < set.fresh_until)
    }

    fn is_usable(&self) -> bool {
        self.set().is_some_and(|set| self.now < set.fresh_until.plus_seconds(GRACE_SECONDS))
    }

    fn was_tried(&self) -> bool {
        self.row.as_ref().is_some_and(|row| self.now < row.tried_at.plus_seconds(ATTEMPT_SECONDS))
    }

    fn set(&self) -> Option<&FetchedSet> {
        self.row.as_ref()?.set.as_ref()
    }
}

impl<'a> Place<'a> {
    fn new(app: &'a App, institution: &'a InstitutionCode, client_id: &'a str, uri: &'a str) -> Place<'a> {
        Place { store: &app.store, random: app.random.as_ref(), institution, client_id, uri }
    }

    async fn known(&self, app: &App) -> Result<Known, Fault> {
        let row = self.store.read(self.institution).find_partner_keys(self.client_id, self.uri).await?;
        let mut known = Known { keys: Arc::default(), row, now: app.now() };
        let set = known.set().filter(|_| known.is_usable());
        let keys = set.map(|set| app.memory.keys(self.institution, self.client_id, &set.jwks));
        match keys {
            Some(Ok(keys)) => known.keys = keys,
            // What an earlier version took and this one does not is as good as nothing, and is read anew.
            Some(Err(_)) => known.row.iter_mut().for_each(|row| row.set = None),
            None => {}
        }
        Ok(known)
    }

    /// Takes it on oneself to read the keys. `false`: somebody did in the last so many seconds.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn claim(&self, seconds: i64, now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.store.begin(self.institution).await?;
        let claimed = tx.claim_partner_keys(self.client_id, self.uri, now.plus_seconds(-seconds), now).await?;
        tx.commit().await?;
        Ok(claimed)
    }

    /// Keeps what was read for all nodes, and records it where it is something new. What was asked for earlier than
    /// what is kept already, and what is of an address no longer in force, goes nowhere.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn save(&self, set: ReadSet, asked_at: Timestamp, by: Actor) -> Result<(), StoreError> {
        let fresh_until = asked_at.plus_seconds(set.kept_seconds);
        let set = FetchedSet { jwks: set.jwks, fetched_at: asked_at, fresh_until };
        let mut tx = self.store.begin(self.institution).await?;
        let before = tx.find_partner_keys(self.client_id, self.uri).await?.and_then(|row| row.set);
        if !tx.save_partner_keys(self.client_id, self.uri, &set).await? {
            return Ok(());
        }
        if before.is_none_or(|before| before.jwks != set.jwks) {
            let digest: String = sha256(set.jwks.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
            let record = Record::done(by, Action::PartnerKeysRead).on(self.client_id).with(format!("sha256={digest}"));
            tx.record(&record, asked_at, self.random).await?;
        }
        tx.commit().await
    }
}
