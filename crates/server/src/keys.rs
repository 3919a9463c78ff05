//! Keys that never stand in the data: master keys in a file of their own, and what is derived from them.
//!
//! Each purpose has its own key (HKDF-SHA-256 with the purpose as info), so that what is sealed for one can't be opened
//! for another; the place it belongs to is bound as associated data, so that a sealed value can't be moved. A sealed value
//! says which generation of the master keys it was sealed under; one that says nothing is of generation 0.

pub mod follow;
pub mod hsm;
pub mod master;

use std::path::Path;

use arc_swap::ArcSwap;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, hkdf, hmac};
use renkei_domain::time::Timestamp;
use renkei_store::Random;
use zeroize::Zeroizing;

use hsm::Hsm;
use master::{Generation, MASTER_BYTES, MasterKeys};

/// What a value sealed under a generation after the first begins with; the generation's number follows.
const SEALED_LATER: u8 = b'R';

/// Why keys could not be had or a sealed value not be opened. Never carries key or value.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The key file can't be read or made.
    #[error("the key file {path}: {reason}")]
    File {
        /// Its path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The hardware module can't be used.
    #[error("the hardware module: {0}")]
    Hsm(String),
    /// The first master key is another than the one that is in use.
    #[error("generation 0 of the master keys is another than before: this is not the file of this installation")]
    Foreign,
    /// The sealed value was changed, moved, or sealed under another key.
    #[error("a sealed value does not open: it was changed, moved, or sealed under a master key that is not here")]
    Unsealable,
}

impl KeyError {
    fn file(path: &Path, reason: String) -> KeyError {
        KeyError::File { path: path.display().to_string(), reason }
    }
}

/// The keys of an installation.
pub struct Keys {
    seals: ArcSwap<Seals>,
    root: Zeroizing<[u8; MASTER_BYTES]>,
    forms: hmac::Key,
    cursors: hmac::Key,
    codes: hmac::Key,
    nonces: hmac::Key,
    logins: hmac::Key,
    devices: hmac::Key,
    subjects: hmac::Key,
    backups: hmac::Key,
    pepper: Zeroizing<[u8; 32]>,
}

/// What values are sealed with, by generation.
struct Seals {
    all: Vec<Seal>,
    /// The one that new values are sealed under.
    current: u8,
}

struct Seal {
    number: u8,
    pins: LessSafeKey,
    filed_pins: LessSafeKey,
    signing: LessSafeKey,
}

impl Seals {
    fn of(keys: &MasterKeys, now: Timestamp) -> Result<Seals, KeyError> {
        let all = keys.generations.iter().map(Seal::of).collect::<Result<_, _>>()?;
        let current = keys.generations.iter().rev().find(|one| one.seals_from <= now).map_or(0, |one| one.number);
        Ok(Seals { all, current })
    }

    fn find(&self, number: u8) -> Option<&Seal> {
        self.all.iter().find(|seal| seal.number == number)
    }
}

impl Seal {
    fn of(generation: &Generation) -> Result<Seal, KeyError> {
        let root = extract(&generation.key);
        Ok(Seal {
            number: generation.number,
            pins: sealing(&root, b"inquiry pins")?,
            filed_pins: sealing(&root, b"filed pins")?,
            signing: sealing(&root, b"signing keys")?,
        })
    }

    fn key(&self, purpose: Purpose) -> &LessSafeKey {
        match purpose {
            Purpose::Pin => &self.pins,
            Purpose::FiledPin => &self.filed_pins,
            Purpose::SigningKey => &self.signing,
        }
    }

    fn open(&self, purpose: Purpose, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(KeyError::Unsealable)?;
        let mut body = Zeroizing::new(body.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.key(purpose).open_in_place(nonce, Aad::from(place.as_bytes()), &mut body);
        let length = opened.map_err(|_| KeyError::Unsealable)?.len();
        body.truncate(length);
        Ok(body)
    }
}

/// The generation a sealed value says it is of. One of generation 0 says nothing and begins with random bytes, so that
/// this is a guess where the answer is another: whoever opens a value looks for generation 0, too.
#[must_use]
pub fn generation_of(sealed: &[u8]) -> u8 {
    match sealed {
        [SEALED_LATER, number, ..] => *number,
        _ => 0,
    }
}

/// What a sealed value is for; each has its own key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Inquiry PINs registered by customers.
    Pin,
    /// Inquiry PINs filed at the branch: core banking's own copy in the embedded ledger.
    FiledPin,
    /// Private signing keys of institutions.
    SigningKey,
}

impl Keys {
    /// Reads the master keys from their file, or makes the first and the file when there is none.
    ///
    /// # Errors
    /// When the file can't be read or made, is not what it should be, or others than its owner may read it.
    pub fn load_or_create(
        path: &Path,
        hsm: Option<&Hsm>,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<Keys, KeyError> {
        if !path.exists() {
            let first: Zeroizing<[u8; MASTER_BYTES]> = Zeroizing::new(random.bytes());
            master::create(path, first.as_slice())?;
        }
        Keys::of(&MasterKeys::read(path, hsm)?, now)
    }

    /// Derives all keys from the master keys.
    ///
    /// # Errors
    /// Without a generation 0.
    pub fn of(masters: &MasterKeys, now: Timestamp) -> Result<Keys, KeyError> {
        let keys = Keys::from_master(masters.root().ok_or(KeyError::Unsealable)?)?;
        keys.take(masters, now)?;
        Ok(keys)
    }

    /// Takes master keys into use that were added since, and seals under the newest whose time has come.
    ///
    /// # Errors
    /// [`KeyError::Foreign`] when they are another installation's; nothing changes then.
    pub fn take(&self, masters: &MasterKeys, now: Timestamp) -> Result<(), KeyError> {
        if masters.root() != Some(&self.root) {
            return Err(KeyError::Foreign);
        }
        self.seals.store(Seals::of(masters, now)?.into());
        Ok(())
    }

    /// The generation that new values are sealed under.
    #[must_use]
    pub fn current_generation(&self) -> u8 {
        self.seals.load().current
    }

    /// Derives all keys from a first master key alone.
    ///
    /// # Errors
    /// Never with a key of the right length; the library's signature allows it.
    pub fn from_master(master: &[u8; MASTER_BYTES]) -> Result<Keys, KeyError> {
        let root = extract(master);
        Ok(Keys {
            seals: ArcSwap::from_pointee(Seals::of(&MasterKeys::first(master), Timestamp::from_seconds(0))?),
            root: Zeroizing::new(*master),
            forms: hmac::Key::new(hmac::HMAC_SHA256, derive(&root, b"form tokens")?.as_slice()),
            cursors: hmac::Key::new(hmac::HMAC_SHA256, derive(&root, b"page cursors")?.as_slice()),
            nonces: hmac::Key::new(hmac::HMAC_SHA256, derive(&root, b"dpop nonces")?.as_slice()),
            codes: hmac::Key::new(hmac::HMAC_SHA256, derive(&root, b"authorization codes")?.as_slice()),
            logins: hmac::Key::new(hmac::HMAC_SHA256, derive(&root, b"login guards")?.as_slice()),
            devices: hmac::Key::new(hmac::HMAC_SHA256, derive(&root, b"known devices")?.as_slice()),
            subjects: hmac::Key::new(hmac::HMAC_SHA256, derive(&root, b"subjects")?.as_slice()),
            backups: hmac::Key::new(hmac::HMAC_SHA256, derive(&root, b"backups")?.as_slice()),
            pepper: derive(&root, b"password hashes")?,
        })
    }

    /// Seals a value for its place (AES-256-GCM, random nonce in front) under the current generation.
    ///
    /// # Errors
    /// [`KeyError::Unsealable`] if the library refuses, which it does only beyond its size limits.
    pub fn seal(&self, purpose: Purpose, place: &str, value: &[u8], random: &dyn Random) -> Result<Vec<u8>, KeyError> {
        let seals = self.seals.load();
        let seal = seals.find(seals.current).ok_or(KeyError::Unsealable)?;
        let nonce: [u8; NONCE_LEN] = random.bytes();
        let mut sealed = value.to_vec();
        seal.key(purpose)
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place.as_bytes()), &mut sealed)
            .map_err(|_| KeyError::Unsealable)?;
        let later = [SEALED_LATER, seal.number];
        let front: &[u8] = if seal.number == 0 { &[] } else { &later };
        Ok([front, &nonce, &sealed].concat())
    }

    /// Opens a value sealed for this place, under whichever generation.
    ///
    /// # Errors
    /// [`KeyError::Unsealable`] when it was changed, moved, or sealed under a key that is not here.
    pub fn open(&self, purpose: Purpose, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let seals = self.seals.load();
        let later = match (generation_of(sealed), sealed.get(2..)) {
            (0, _) | (_, None) => None,
            (number, Some(rest)) => seals.find(number).map(|seal| seal.open(purpose, place, rest)),
        };
        match later {
            Some(Ok(value)) => Ok(value),
            _ => seals.find(0).ok_or(KeyError::Unsealable)?.open(purpose, place, sealed),
        }
    }

    /// The key of the tokens in forms.
    #[must_use]
    pub fn forms(&self) -> &hmac::Key {
        &self.forms
    }

    /// The key that authenticates page cursors.
    #[must_use]
    pub fn cursors(&self) -> &hmac::Key {
        &self.cursors
    }

    /// The secret part of the code that one act of permission gave: the same for the same act, a guess for anybody
    /// without the key.
    #[must_use]
    pub fn code_secret(&self, act: &str) -> [u8; 32] {
        tag(&self.codes, act)
    }

    /// The nonce for DPoP proofs of one place and span of time: a guess for anybody without the key.
    #[must_use]
    pub fn nonce_secret(&self, place: &str) -> [u8; 32] {
        tag(&self.nonces, place)
    }

    /// What the guard of a login id is called: whoever types the password where the login id belongs must not find it
    /// stored.
    #[must_use]
    pub fn login_guard(&self, folded_id: &str) -> String {
        hex_tag(&self.logins, folded_id)
    }

    /// What a user is called towards one audience: the same each time, and of no use to find the user anywhere else.
    /// `u-`, so that it can't be taken for a client's identifier.
    #[must_use]
    pub fn subject(&self, user_at_audience: &str) -> String {
        format!("u-{}", hex_tag(&self.subjects, user_at_audience))
    }

    /// The key of the marks that make a browser known.
    #[must_use]
    pub fn devices(&self) -> &hmac::Key {
        &self.devices
    }

    /// The key that authenticates backups.
    #[must_use]
    pub fn backups(&self) -> &hmac::Key {
        &self.backups
    }

    /// The secret that keys password hashes.
    #[must_use]
    pub fn pepper(&self) -> &[u8; 32] {
        &self.pepper
    }
}

fn tag(key: &hmac::Key, text: &str) -> [u8; 32] {
    let mut secret = [0; 32];
    secret.iter_mut().zip(hmac::sign(key, text.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
    secret
}

/// SHA-256, for tickets and evidence.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.iter_mut().zip(digest::digest(&digest::SHA256, bytes).as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

fn hex_tag(key: &hmac::Key, text: &str) -> String {
    hmac::sign(key, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn extract(master: &[u8; MASTER_BYTES]) -> hkdf::Prk {
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"renkei keys 1").extract(master)
}

struct ThirtyTwo;

impl hkdf::KeyType for ThirtyTwo {
    fn len(&self) -> usize {
        32
    }
}

fn derive(root: &hkdf::Prk, purpose: &[u8]) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let mut key = Zeroizing::new([0; 32]);
    let info = [purpose];
    let output = root.expand(&info, ThirtyTwo).map_err(|_| KeyError::Unsealable)?;
    output.fill(key.as_mut_slice()).map_err(|_| KeyError::Unsealable)?;
    Ok(key)
}

fn sealing(root: &hkdf::Prk, purpose: &[u8]) -> Result<LessSafeKey, KeyError> {
    let key = derive(root, purpose)?;
    UnboundKey::new(&AES_256_GCM, key.as_slice()).map(LessSafeKey::new).map_err(|_| KeyError::Unsealable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use renkei_testing::SystemRandom;

    #[test]
    fn a_sealed_value_opens_only_in_its_place_and_for_its_purpose() {
        let keys = Keys::from_master(&[7; 32]).unwrap();
        let sealed = keys.seal(Purpose::Pin, "1001/account-a", b"7391", &SystemRandom).unwrap();
        assert_eq!(keys.open(Purpose::Pin, "1001/account-a", &sealed).unwrap().as_slice(), b"7391");
        assert!(keys.open(Purpose::Pin, "1001/account-b", &sealed).is_err());
        assert!(keys.open(Purpose::FiledPin, "1001/account-a", &sealed).is_err());
        assert!(Keys::from_master(&[8; 32]).unwrap().open(Purpose::Pin, "1001/account-a", &sealed).is_err());
        assert!(!sealed.windows(4).any(|window| window == b"7391"));
    }

    #[test]
    fn the_master_key_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/master.key");
        let load = || Keys::load_or_create(&path, None, NOW, &SystemRandom).unwrap();
        let sealed = load().seal(Purpose::Pin, "1001/a", b"7391", &SystemRandom).unwrap();
        assert_eq!(load().open(Purpose::Pin, "1001/a", &sealed).unwrap().as_slice(), b"7391");
    }

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn generation(number: u8, seals_from: Timestamp) -> Generation {
        Generation { number, seals_from, key: Zeroizing::new([number; 32]) }
    }

    #[test]
    fn r_238_values_move_on_to_a_newer_generation_when_its_time_has_come_and_old_ones_open() {
        let mut masters = MasterKeys::first(&[7; 32]);
        let keys = Keys::of(&masters, NOW).unwrap();
        let seal = |keys: &Keys| keys.seal(Purpose::Pin, "1001/a", b"7391", &SystemRandom).unwrap();
        let open = |keys: &Keys, sealed: &[u8]| keys.open(Purpose::Pin, "1001/a", sealed).map(|pin| pin.to_vec());
        let before = seal(&keys);
        masters.generations.push(generation(1, NOW.plus_seconds(60)));
        keys.take(&masters, NOW).unwrap();
        assert_eq!(keys.current_generation(), 0, "announced");
        let ahead = Keys::of(&masters, NOW.plus_seconds(60)).unwrap();
        let after = seal(&ahead);
        assert_eq!((ahead.current_generation(), generation_of(&after)), (1, 1));
        for keys in [&keys, &ahead] {
            assert_eq!(open(keys, &before).unwrap(), b"7391");
            assert_eq!(open(keys, &after).unwrap(), b"7391");
        }
        assert!(Keys::from_master(&[7; 32]).unwrap().open(Purpose::Pin, "1001/a", &after).is_err());
        let mut renamed = after.clone();
        renamed[1] = 2;
        assert!(open(&ahead, &renamed).is_err());
    }

    #[test]
    fn the_master_keys_of_another_installation_are_not_taken() {
        let keys = Keys::from_master(&[7; 32]).unwrap();
        assert!(matches!(keys.take(&MasterKeys::first(&[8; 32]), NOW), Err(KeyError::Foreign)));
    }

    #[test]
    fn a_value_of_the_first_generation_that_looks_like_a_later_one_opens() {
        let mut masters = MasterKeys::first(&[7; 32]);
        masters.generations.push(generation(1, NOW.plus_seconds(60)));
        let keys = Keys::of(&masters, NOW).unwrap();
        struct Fixed;
        impl Random for Fixed {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(1);
                bytes[0] = SEALED_LATER;
            }
        }
        let sealed = keys.seal(Purpose::Pin, "1001/a", b"7391", &Fixed).unwrap();
        assert_eq!(generation_of(&sealed), 1);
        assert_eq!(keys.open(Purpose::Pin, "1001/a", &sealed).unwrap().as_slice(), b"7391");
    }
}
