//! A hardware security module, over PKCS #11: it holds a key that never leaves it, under which the file of the master
//! keys is wrapped (AES-256-GCM). It is asked when the program starts and when the file has changed, not in requests.

use std::path::PathBuf;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use renkei_store::Random;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{KeyError, master};

const NONCE_BYTES: usize = 12;
const TAG_BITS: u64 = 128;
const KEY_BYTES: u64 = 32;
/// What a wrapped file is bound to, so that nothing else that the same key wrapped passes for one.
const PLACE: &[u8] = b"renkei master keys";

/// Where the module is and how to log in to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hsm {
    /// The vendor's PKCS #11 library.
    pub module: PathBuf,
    /// The label of the token in it.
    pub token: String,
    /// A file with the user PIN of the token and nothing else, readable by its owner alone.
    pub pin_file: PathBuf,
}

impl Hsm {
    /// Wraps bytes under the key of this label; makes the key when there is none.
    ///
    /// # Errors
    /// When the module can't be used, or the key could leave it.
    pub fn wrap(&self, label: &str, clear: &[u8], random: &dyn Random) -> Result<Vec<u8>, KeyError> {
        let mut nonce: [u8; NONCE_BYTES] = random.bytes();
        let front = nonce;
        let session = self.log_in()?;
        let key = match find(&session, label)? {
            Some(key) => key,
            None => session.generate_key(&Mechanism::AesKeyGen, &template(label))?,
        };
        refuse_key_that_can_leave(&session, key, label)?;
        let with = Mechanism::AesGcm(GcmParams::new(&mut nonce, PLACE, TAG_BITS.into())?);
        let sealed = session.encrypt(&with, key, clear)?;
        Ok([front.as_slice(), &sealed].concat())
    }

    /// Opens what [`Hsm::wrap`] made.
    ///
    /// # Errors
    /// When the module can't be used, it has no such key, or the bytes were changed.
    pub fn unwrap(&self, label: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(KeyError::Unsealable)?;
        let mut nonce = *nonce;
        let session = self.log_in()?;
        let key = find(&session, label)?
            .ok_or_else(|| KeyError::Hsm(format!("the token {} has no key {label}", self.token)))?;
        let with = Mechanism::AesGcm(GcmParams::new(&mut nonce, PLACE, TAG_BITS.into())?);
        session.decrypt(&with, key, body).map(Zeroizing::new).map_err(|_| KeyError::Unsealable)
    }

    fn log_in(&self) -> Result<Session, KeyError> {
        let pin = master::read_private(&self.pin_file)?;
        let pin = str::from_utf8(&pin).map_err(|_| KeyError::file(&self.pin_file, "it holds no PIN".into()))?;
        let pkcs11 = Pkcs11::new(&self.module)?;
        match pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(error.into()),
        }
        let session = pkcs11.open_rw_session(self.slot(&pkcs11)?)?;
        match session.login(UserType::User, Some(&AuthPin::new(pin.trim().into()))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(error) => Err(error.into()),
        }
    }

    fn slot(&self, pkcs11: &Pkcs11) -> Result<Slot, KeyError> {
        for slot in pkcs11.get_slots_with_initialized_token()? {
            if pkcs11.get_token_info(slot)?.label().trim_end() == self.token {
                return Ok(slot);
            }
        }
        Err(KeyError::Hsm(format!("it has no token {}", self.token)))
    }
}

fn find(session: &Session, label: &str) -> Result<Option<ObjectHandle>, KeyError> {
    let wanted = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Label(label.into())];
    match session.find_objects(&wanted)?.as_slice() {
        [] => Ok(None),
        [key] => Ok(Some(*key)),
        _ => Err(KeyError::Hsm(format!("more than one key is called {label}"))),
    }
}

fn template(label: &str) -> [Attribute; 9] {
    [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
        Attribute::KeyType(KeyType::AES),
        Attribute::ValueLen(KEY_BYTES.into()),
        Attribute::Label(label.into()),
    ]
}

/// A key that somebody can read out protects nothing.
fn refuse_key_that_can_leave(session: &Session, key: ObjectHandle, label: &str) -> Result<(), KeyError> {
    let kept = session.get_attributes(key, &[AttributeType::Sensitive, AttributeType::Extractable])?;
    if kept.contains(&Attribute::Sensitive(true)) && kept.contains(&Attribute::Extractable(false)) {
        return Ok(());
    }
    Err(KeyError::Hsm(format!("the key {label} can leave the module: it must be sensitive and not extractable")))
}

impl From<Error> for KeyError {
    fn from(error: Error) -> KeyError {
        KeyError::Hsm(error.to_string())
    }
}
