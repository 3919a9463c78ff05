//! Login passwords: argon2id, keyed, and bounded so that a flood of logins leaves the processors to others.
//!
//! Passwords are taken exactly as typed: no normalisation, no cutting of white space (NIST SP 800-63B-4 §3.1.1.2).

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use renkei_domain::institution::InstitutionCode;
use renkei_store::customers::{PasswordHash, User};
use renkei_store::{Random, Store};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::keys::Keys;

/// Memory of one hash, in KiB (OWASP Password Storage: argon2id with 19 MiB, two passes, one lane).
pub const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over that memory.
pub const PASSES: u32 = 2;
/// Lanes computed in parallel.
pub const LANES: u32 = 1;
/// Bytes of a salt.
pub const SALT_BYTES: usize = 16;
/// Bytes of a hash.
pub const HASH_BYTES: usize = 32;
/// Most bytes of a password; a longer one is wrong without being hashed.
pub const PASSWORD_BYTES_MAX: usize = 512;

/// Logins that may wait for a processor; further ones are told to come back. At a twentieth of a second each, nobody
/// waits for longer than a few seconds.
pub const LOGINS_WAITING_MAX: usize = 64;

/// How many hashes are computed at a time: one per processor, as each keeps one busy.
static HASHING: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get)));

/// The passwords of logins: how many wait, and how many were hashed.
#[derive(Debug)]
pub struct Hashing {
    waiting_max: usize,
    waiting: AtomicUsize,
    computed: AtomicU64,
}

impl Default for Hashing {
    fn default() -> Hashing {
        Hashing::with_room_for(LOGINS_WAITING_MAX)
    }
}

/// A login that waits or is looked at; no longer when dropped.
struct Waiting<'a>(&'a Hashing);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hashing {
    /// Lets so many wait, those looked at included.
    #[must_use]
    pub fn with_room_for(waiting_max: usize) -> Hashing {
        Hashing { waiting_max, waiting: AtomicUsize::new(0), computed: AtomicU64::new(0) }
    }

    /// Checks the password of a login, as [`verify`] does.
    ///
    /// # Errors
    /// [`Fault::Busy`] when too many wait already; those of [`verify`].
    pub async fn verify(
        &self,
        keys: &Keys,
        password: Zeroizing<String>,
        known: Option<PasswordHash>,
    ) -> Result<Verdict, Fault> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(self);
        if before >= self.waiting_max {
            return Err(Fault::Busy("too many logins wait for a processor"));
        }
        let verdict = verify(keys, password, known).await?;
        self.computed.fetch_add(1, Ordering::Relaxed);
        Ok(verdict)
    }

    /// Whether one more would be told to come back.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= self.waiting_max
    }

    /// Logins that wait for a processor, those looked at included.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Hashes computed so far.
    #[must_use]
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }
}

/// What a password turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not the user's, or the user has none, or there is no such user.
    Wrong,
    /// The user's.
    Right,
    /// The user's, but hashed under other parameters than today's: hash it anew.
    RightButOutdated,
}

/// Hashes a password with a fresh salt, in PHC form. Waits for a free processor.
///
/// # Errors
/// [`Fault`] when the hash can't be computed, which is a defect or a lack of memory.
pub async fn hash(keys: &Keys, password: Zeroizing<String>, random: &dyn Random) -> Result<PasswordHash, Fault> {
    let pepper = Zeroizing::new(*keys.pepper());
    let salt: [u8; SALT_BYTES] = random.bytes();
    on_a_processor(move || {
        let hashed = hasher(&pepper)?.hash_password_with_salt(password.as_bytes(), &salt).map_err(failed)?;
        Ok(PasswordHash(hashed.to_string()))
    })
    .await
}

/// Checks a password. Costs the same whether there is such a user, whether it has a password and whether it is right:
/// without a hash to check against, one is computed all the same. Waits for a free processor.
///
/// # Errors
/// [`Fault`] when the stored hash can't be read or none be computed.
pub async fn verify(keys: &Keys, password: Zeroizing<String>, known: Option<PasswordHash>) -> Result<Verdict, Fault> {
    let pepper = Zeroizing::new(*keys.pepper());
    on_a_processor(move || {
        let fits = password.len() <= PASSWORD_BYTES_MAX;
        let password = if fits { password.as_bytes() } else { b"" };
        let hasher = hasher(&pepper)?;
        let Some(known) = known.filter(|_| fits) else {
            hasher.hash_password_with_salt(password, &[0; SALT_BYTES]).map_err(failed)?;
            return Ok(Verdict::Wrong);
        };
        let known = phc::PasswordHash::new(&known.0).map_err(defect)?;
        match hasher.verify_password(password, &known) {
            Ok(()) if is_current(&known) => Ok(Verdict::Right),
            Ok(()) => Ok(Verdict::RightButOutdated),
            Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Verdict::Wrong),
            Err(error) => Err(failed(error)),
        }
    })
    .await
}

/// Replaces a user's hash by one under today's parameters, after a login that found it outdated. A password
/// that was changed in the meantime stays as it is.
///
/// # Errors
/// [`Fault`] when the hash can't be computed or the store fails.
pub async fn upgrade(
    store: &Store,
    institution: &InstitutionCode,
    keys: &Keys,
    user: &User,
    password: Zeroizing<String>,
    random: &dyn Random,
) -> Result<(), Fault> {
    let Some(known) = &user.password_hash else { return Ok(()) };
    let fresh = hash(keys, password, random).await?;
    let mut tx = store.begin(institution).await?;
    tx.rehash_password(user.id, known, &fresh).await?;
    Ok(tx.commit().await?)
}

/// Runs the work on a thread for such work, no more of it at a time than there are processors. The permit goes along:
/// work whose caller has gone away still counts.
async fn on_a_processor<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let permit = HASHING.acquire().await.map_err(defect)?;
    let run = move || {
        let _permit = permit;
        work()
    };
    tokio::task::spawn_blocking(run).await.map_err(defect)?
}

fn hasher(pepper: &[u8; 32]) -> Result<Argon2<'_>, Fault> {
    Argon2::new_with_secret(pepper, Algorithm::Argon2id, Version::V0x13, parameters()?).map_err(defect)
}

fn parameters() -> Result<Params, Fault> {
    Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_BYTES)).map_err(defect)
}

fn is_current(hash: &phc::PasswordHash) -> bool {
    let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    Params::try_from(hash).is_ok_and(|params| costs(&params) == (MEMORY_KIB, PASSES, LANES))
}

/// Without room for a hash nothing was looked at: somebody else's turn may come, and then one's own.
fn failed(error: argon2::password_hash::Error) -> Fault {
    match error {
        argon2::password_hash::Error::OutOfMemory => Fault::Unavailable("no memory to hash a password".into()),
        other => defect(other),
    }
}

/// None of these errors carries a password or a hash.
fn defect(error: impl std::fmt::Display) -> Fault {
    Fault::Defect(format!("password hashing: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use renkei_testing::SystemRandom;

    fn keys() -> Keys {
        Keys::from_master(&[7; 32]).unwrap()
    }

    fn typed(password: &str) -> Zeroizing<String> {
        Zeroizing::new(password.to_owned())
    }

    #[tokio::test]
    async fn r_210_a_password_is_kept_as_keyed_argon2id_with_a_salt_of_its_own() {
        let first = hash(&keys(), typed("aozora-2026-haru"), &SystemRandom).await.unwrap();
        let second = hash(&keys(), typed("aozora-2026-haru"), &SystemRandom).await.unwrap();
        assert!(first.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", first.0);
        assert_ne!(first, second);
        let right = verify(&keys(), typed("aozora-2026-haru"), Some(first.clone())).await.unwrap();
        assert_eq!(right, Verdict::Right);
        let other_key = Keys::from_master(&[8; 32]).unwrap();
        let unkeyed = verify(&other_key, typed("aozora-2026-haru"), Some(first)).await.unwrap();
        assert_eq!(unkeyed, Verdict::Wrong);
    }

    #[tokio::test]
    async fn r_209_a_password_is_checked_exactly_as_typed() {
        let known = hash(&keys(), typed("Aozora-2026"), &SystemRandom).await.unwrap();
        for wrong in ["aozora-2026", "Aozora-2026 ", "Ａozora-2026", "", &"x".repeat(PASSWORD_BYTES_MAX + 1)] {
            let verdict = verify(&keys(), typed(wrong), Some(known.clone())).await.unwrap();
            assert_eq!(verdict, Verdict::Wrong, "{wrong}");
        }
    }

    #[tokio::test]
    async fn r_211_no_more_is_hashed_at_a_time_than_there_are_processors_and_few_wait() {
        let (keys, hashing) = (keys(), Hashing::with_room_for(1));
        let busy = HASHING.acquire_many(std::thread::available_parallelism().unwrap().get() as u32).await.unwrap();
        assert_eq!(HASHING.available_permits(), 0, "a permit for each processor");
        let mut waits = Box::pin(hashing.verify(&keys, typed("x"), None));
        let first = std::future::poll_fn(|context| std::task::Poll::Ready(waits.as_mut().poll(context)));
        assert!(first.await.is_pending());
        assert!(hashing.is_full());
        assert!(matches!(hashing.verify(&keys, typed("x"), None).await, Err(Fault::Busy(_))));
        drop(busy);
        assert_eq!(waits.await.unwrap(), Verdict::Wrong);
        assert_eq!((hashing.computed(), hashing.is_full()), (1, false));
    }

    #[tokio::test]
    async fn nobody_has_a_right_password() {
        for password in ["", "aozora-2026-haru"] {
            assert_eq!(verify(&keys(), typed(password), None).await.unwrap(), Verdict::Wrong);
        }
    }

    #[tokio::test]
    async fn r_210_a_hash_under_older_parameters_verifies_and_says_so() {
        let keys = keys();
        let weaker = Params::new(8 * 1024, 1, 1, Some(HASH_BYTES)).unwrap();
        let old = Argon2::new_with_secret(keys.pepper(), Algorithm::Argon2id, Version::V0x13, weaker).unwrap();
        let old = old.hash_password_with_salt(b"aozora-2026-haru", &[1; SALT_BYTES]).unwrap();
        let known = Some(PasswordHash(old.to_string()));
        assert_eq!(verify(&keys, typed("aozora-2026-haru"), known).await.unwrap(), Verdict::RightButOutdated);
    }

    #[tokio::test]
    async fn a_hash_that_is_none_is_a_fault_and_not_printed() {
        let fault = verify(&keys(), typed("x"), Some(PasswordHash("himitsu".into()))).await.unwrap_err();
        assert!(!fault.to_string().contains("himitsu"), "{fault}");
    }
}
