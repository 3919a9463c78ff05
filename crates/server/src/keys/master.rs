//! The file of the master keys: one key after another, each a generation, in clear or wrapped under a key that never
//! leaves a hardware module.
//!
//! A file of exactly 32 bytes holds generation 0 alone. Generation 0 also keys what can't be made anew (password hashes,
//! what users are called towards partners), so it stays; what is sealed moves on to a newer generation.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use base64ct::{Base64, Encoding};
use renkei_domain::time::Timestamp;
use renkei_store::Random;
use serde::{Deserialize, Serialize};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::KeyError;
use super::hsm::Hsm;

/// Bytes of a master key.
pub const MASTER_BYTES: usize = 32;
/// Most generations a file holds: as many as can be numbered.
pub const GENERATIONS_MAX: usize = 256;

/// One master key.
#[derive(Clone)]
pub struct Generation {
    /// Its number; 0 is the first.
    pub number: u8,
    /// From when on values are sealed under it.
    pub seals_from: Timestamp,
    /// The key.
    pub key: Zeroizing<[u8; MASTER_BYTES]>,
}

/// All master keys of an installation, oldest first, generation 0 among them.
#[derive(Clone)]
pub struct MasterKeys {
    /// In the order of their numbers.
    pub generations: Vec<Generation>,
    /// The label of the key in the module under which the file is wrapped; `None`: the file is in clear.
    pub wrapped_under: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Stored {
    Wrapped { wrapped_under: String, sealed: String },
    Clear { generations: Vec<StoredGeneration> },
}

#[derive(Serialize, Deserialize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct StoredGeneration {
    number: u8,
    seals_from: String,
    key: String,
}

impl MasterKeys {
    /// Generation 0 alone.
    #[must_use]
    pub fn first(key: &[u8; MASTER_BYTES]) -> MasterKeys {
        let first = Generation { number: 0, seals_from: Timestamp::from_seconds(0), key: Zeroizing::new(*key) };
        MasterKeys { generations: vec![first], wrapped_under: None }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it can't be read, others than its owner may read it, it holds no master keys, or the module that wraps it does
    /// not open it.
    pub fn read(path: &Path, hsm: Option<&Hsm>) -> Result<MasterKeys, KeyError> {
        let bytes = read_private(path)?;
        MasterKeys::parse(&bytes, hsm).map_err(|reason| KeyError::file(path, reason))
    }

    /// Reads what a file of master keys holds.
    ///
    /// # Errors
    /// Why that is not possible, in words; nothing of the keys.
    pub fn parse(bytes: &[u8], hsm: Option<&Hsm>) -> Result<MasterKeys, String> {
        if let Ok(key) = <&[u8; MASTER_BYTES]>::try_from(bytes) {
            return Ok(MasterKeys::first(key));
        }
        let no_keys = || format!("it must hold exactly {MASTER_BYTES} bytes, or what `renkei keys master` wrote");
        match serde_json::from_slice(bytes).map_err(|_| no_keys())? {
            Stored::Clear { generations } => from_stored(generations, None),
            Stored::Wrapped { wrapped_under, sealed } => {
                let hsm = hsm.ok_or("it is wrapped under a key of a hardware module: name the module in [hsm]")?;
                let sealed = Base64::decode_vec(&sealed).map_err(|_| no_keys())?;
                let clear = hsm.unwrap(&wrapped_under, &sealed).map_err(|error| error.to_string())?;
                match serde_json::from_slice(&clear).map_err(|_| no_keys())? {
                    Stored::Clear { generations } => from_stored(generations, Some(wrapped_under)),
                    Stored::Wrapped { .. } => Err(no_keys()),
                }
            }
        }
    }

    /// Puts the keys in place of the file, whole or not at all.
    ///
    /// # Errors
    /// When the file can't be written, or the module refuses.
    pub fn write(&self, path: &Path, hsm: Option<&Hsm>, random: &dyn Random) -> Result<(), KeyError> {
        let generations = self.generations.iter().map(StoredGeneration::of).collect();
        let failed = |error: serde_json::Error| KeyError::file(path, error.to_string());
        let clear = Zeroizing::new(serde_json::to_vec_pretty(&Stored::Clear { generations }).map_err(failed)?);
        let Some(label) = &self.wrapped_under else { return replace(path, &clear) };
        let hsm = hsm.ok_or_else(|| KeyError::file(path, "name the module in [hsm]".into()))?;
        let sealed = Base64::encode_string(&hsm.wrap(label, &clear, random)?);
        let wrapped = Stored::Wrapped { wrapped_under: label.clone(), sealed };
        replace(path, &serde_json::to_vec_pretty(&wrapped).map_err(failed)?)
    }

    /// The key of generation 0.
    #[must_use]
    pub fn root(&self) -> Option<&[u8; MASTER_BYTES]> {
        self.generations.first().map(|first| &*first.key)
    }
}

impl StoredGeneration {
    fn of(generation: &Generation) -> StoredGeneration {
        StoredGeneration {
            number: generation.number,
            seals_from: generation.seals_from.to_rfc3339(),
            key: Base64::encode_string(generation.key.as_slice()),
        }
    }
}

fn from_stored(stored: Vec<StoredGeneration>, wrapped_under: Option<String>) -> Result<MasterKeys, String> {
    let mut generations: Vec<Generation> = Vec::new();
    for one in stored {
        let number = one.number;
        let wrong = |what: &str| format!("generation {number}: {what}");
        let seals_from = one.seals_from.parse::<jiff::Timestamp>().map_err(|_| wrong("seals_from is no time"))?;
        let mut key = Zeroizing::new([0; MASTER_BYTES]);
        let decoded = Base64::decode(one.key.as_bytes(), key.as_mut_slice()).map(<[u8]>::len);
        if decoded != Ok(MASTER_BYTES) {
            return Err(wrong("the key is not of 32 bytes"));
        }
        if generations.last().is_some_and(|last| last.number >= number) {
            return Err(wrong("the generations are not in order"));
        }
        generations.push(Generation { number, seals_from: Timestamp(seals_from.as_microsecond()), key });
    }
    match generations.first() {
        Some(first) if first.number == 0 => Ok(MasterKeys { generations, wrapped_under }),
        _ => Err("generation 0 is missing".into()),
    }
}

/// Reads a file that only its owner may read.
///
/// # Errors
/// When it can't be read, or others may.
pub fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let failed = |error: std::io::Error| KeyError::file(path, error.to_string());
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeyError::file(path, "others than its owner may read it; set its mode to 600".into()));
    }
    fs::read(path).map(Zeroizing::new).map_err(failed)
}

/// Makes a private file that is not there yet.
///
/// # Errors
/// When it is there, or can't be made.
pub fn create(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let make = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    make().map_err(|error: std::io::Error| KeyError::file(path, error.to_string()))
}

fn replace(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let failed = |error: std::io::Error| KeyError::file(path, error.to_string());
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = Path::new(&name);
    match fs::remove_file(new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    create(new, bytes)?;
    fs::rename(new, path).map_err(failed)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use renkei_testing::SystemRandom;

    fn two() -> MasterKeys {
        let mut keys = MasterKeys::first(&[7; 32]);
        let seals_from = Timestamp::from_seconds(1_800_000_000);
        keys.generations.push(Generation { number: 3, seals_from, key: Zeroizing::new([8; 32]) });
        keys
    }

    #[test]
    fn what_is_written_reads_back_and_only_the_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/master.key");
        create(&path, &[7; 32]).unwrap();
        let old = MasterKeys::read(&path, None).unwrap();
        assert_eq!((old.generations.len(), old.root()), (1, Some(&[7; 32])));
        two().write(&path, None, &SystemRandom).unwrap();
        let read = MasterKeys::read(&path, None).unwrap();
        let numbers: Vec<_> = read.generations.iter().map(|one| (one.number, one.seals_from, one.key[0])).collect();
        let long_ago = Timestamp::from_seconds(0);
        assert_eq!(numbers, [(0, long_ago, 7), (3, Timestamp::from_seconds(1_800_000_000), 8)]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(MasterKeys::read(&path, None).is_err());
    }

    #[test]
    fn what_is_no_file_of_keys_is_refused_in_words_without_the_keys() {
        let key = Base64::encode_string(&[7; 32]);
        let one =
            |number: u8, from: &str, key: &str| format!(r#"{{"number":{number},"seals_from":"{from}","key":"{key}"}}"#);
        let file = |generations: &[String]| format!(r#"{{"generations":[{}]}}"#, generations.join(","));
        let now = "2026-11-22T00:00:00Z";
        for (text, says) in [
            (String::new(), "exactly 32 bytes"),
            ("x".repeat(31), "exactly 32 bytes"),
            (file(&[]), "generation 0 is missing"),
            (file(&[one(1, now, &key)]), "generation 0 is missing"),
            (file(&[one(0, now, &key), one(0, now, &key)]), "not in order"),
            (file(&[one(0, "soon", &key)]), "no time"),
            (file(&[one(0, now, "AAAA")]), "not of 32 bytes"),
            (r#"{"wrapped_under":"renkei","sealed":"AAAA"}"#.to_owned(), "name the module in [hsm]"),
        ] {
            let refused = MasterKeys::parse(text.as_bytes(), None).err().unwrap();
            assert!(refused.contains(says), "{text}: {refused}");
            assert!(!refused.contains(&key[..8]), "{refused}");
        }
    }
}
