//! Keys that never stand in the data: one master key in a file of its own, and what is derived from it.
//!
//! Each purpose has its own key (HKDF-SHA-256 with the purpose as info), so that what is sealed for one can't be opened
//! for another; the place it belongs to is bound as associated data, so that a sealed value can't be moved.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, hkdf, hmac};
use renkei_store::Random;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of the master key.
const MASTER_BYTES: usize = 32;

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
    /// The sealed value was changed, moved, or sealed under another key.
    #[error("a sealed value does not open: it was changed, moved, or sealed under another key")]
    Unsealable,
}

/// The keys of an installation.
pub struct Keys {
    pins: LessSafeKey,
    filed_pins: LessSafeKey,
    signing: LessSafeKey,
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
    /// Reads the master key from its file, or makes both when there is none.
    ///
    /// # Errors
    /// When the file can't be read or made, has another length, or others than its owner may read it.
    pub fn load_or_create(path: &Path, random: &dyn Random) -> Result<Keys, KeyError> {
        let file_error = |reason: String| KeyError::File { path: path.display().to_string(), reason };
        if !path.exists() {
            let master: Zeroizing<[u8; MASTER_BYTES]> = Zeroizing::new(random.bytes());
            create(path, &master).map_err(|error| file_error(error.to_string()))?;
        }
        Keys::from_master(&*read_master(path)?)
    }

    /// Puts a master key that came out of a backup into its file.
    ///
    /// # Errors
    /// When the file is there already or can't be made.
    pub fn put_master(path: &Path, master: &[u8; MASTER_BYTES]) -> Result<(), KeyError> {
        create(path, master)
            .map_err(|error| KeyError::File { path: path.display().to_string(), reason: error.to_string() })
    }

    /// Derives all keys from a master key.
    ///
    /// # Errors
    /// Never with a key of the right length; the library's signature allows it.
    pub fn from_master(master: &[u8; MASTER_BYTES]) -> Result<Keys, KeyError> {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"renkei keys 1").extract(master);
        Ok(Keys {
            pins: sealing(&root, b"inquiry pins")?,
            filed_pins: sealing(&root, b"filed pins")?,
            signing: sealing(&root, b"signing keys")?,
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

    fn sealing(&self, purpose: Purpose) -> &LessSafeKey {
        match purpose {
            Purpose::Pin => &self.pins,
            Purpose::FiledPin => &self.filed_pins,
            Purpose::SigningKey => &self.signing,
        }
    }

    /// Seals a value for its place (AES-256-GCM, random nonce in front).
    ///
    /// # Errors
    /// [`KeyError::Unsealable`] if the library refuses, which it does only beyond its size limits.
    pub fn seal(&self, purpose: Purpose, place: &str, value: &[u8], random: &dyn Random) -> Result<Vec<u8>, KeyError> {
        let nonce: [u8; NONCE_LEN] = random.bytes();
        let mut sealed = value.to_vec();
        self.sealing(purpose)
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place.as_bytes()), &mut sealed)
            .map_err(|_| KeyError::Unsealable)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens a value sealed for this place.
    ///
    /// # Errors
    /// [`KeyError::Unsealable`] when it was changed, moved, or sealed under another key.
    pub fn open(&self, purpose: Purpose, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(KeyError::Unsealable)?;
        let mut body = Zeroizing::new(body.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self
            .sealing(purpose)
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut body)
            .map_err(|_| KeyError::Unsealable)?
            .len();
        body.truncate(length);
        Ok(body)
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

/// Reads the master key from its file.
///
/// # Errors
/// When the file can't be read, has another length, or others than its owner may read it.
pub fn read_master(path: &Path) -> Result<Zeroizing<[u8; MASTER_BYTES]>, KeyError> {
    let file_error = |reason: String| KeyError::File { path: path.display().to_string(), reason };
    let mode = fs::metadata(path).map_err(|error| file_error(error.to_string()))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(file_error("others than its owner may read it; set its mode to 600".into()));
    }
    let mut bytes = Zeroizing::new(fs::read(path).map_err(|error| file_error(error.to_string()))?);
    let mut master = Zeroizing::new([0; MASTER_BYTES]);
    if bytes.len() != MASTER_BYTES {
        return Err(file_error(format!("it must hold exactly {MASTER_BYTES} bytes")));
    }
    master.copy_from_slice(&bytes);
    bytes.zeroize();
    Ok(master)
}

fn create(path: &Path, master: &[u8; MASTER_BYTES]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(master.as_slice())?;
    file.sync_all()
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
    fn the_master_key_is_made_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/master.key");
        Keys::load_or_create(&path, &SystemRandom).unwrap();
        let first = fs::read(&path).unwrap();
        Keys::load_or_create(&path, &SystemRandom).unwrap();
        assert_eq!(fs::read(&path).unwrap(), first);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Keys::load_or_create(&path, &SystemRandom), Err(KeyError::File { .. })));
    }
}
