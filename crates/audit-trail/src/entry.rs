//! An entry: what the tree is made of. The record it tells of stands beside it.
//!
//! An entry holds who kind of actor did what, when, with which outcome, and a salted commitment to the rest of its record
//! (the actor, the object, the particulars: what may be about a person). So a record can be deleted when the law asks
//! for it, and its entry, and every hash after it, stays what it was.

use crate::bytes::{Reader, put_optional, put_optional_short, put_short};
use crate::tree::leaf_hash;
use crate::{Hash, sha256};

/// The one format there is. The first byte of each entry and each record.
pub const VERSION: u8 = 1;
/// What stands before the bytes of a commitment, so that it is the hash of nothing else.
const COMMITMENT: &[u8] = b"renkei audit record 1\n";

/// The action of an entry that says records were deleted; its object is [`removed_object`].
pub const REMOVED: &str = "records_removed";

/// How the object of a [`REMOVED`] record names the first and last position whose records are gone.
#[must_use]
pub fn removed_object(first: u64, last: u64) -> String {
    format!("positions {first}-{last}")
}

/// The first and last position an object of [`REMOVED`] names.
#[must_use]
pub fn removed_positions(object: &str) -> Option<(u64, u64)> {
    let (first, last) = object.strip_prefix("positions ")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// The bytes are no entry or record of this format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not of the format")]
pub struct Malformed;

/// What was recorded: a row of the table `audit` as it stands, but for the institution.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Its identifier: a UUID of version 7.
    pub id: [u8; 16],
    /// When it was written, by the clock of the node that wrote it: UTC microseconds since 1970.
    pub at: i64,
    /// The node that wrote it; none where it had no name.
    pub node: Option<String>,
    /// user, visitor, product, resource_server, operator, system.
    pub actor_kind: String,
    /// The actor within its kind.
    pub actor: Option<String>,
    /// What was done.
    pub action: String,
    /// done or refused.
    pub outcome: String,
    /// What it was done to.
    pub object: Option<String>,
    /// Reason or particulars.
    pub detail: Option<String>,
    /// The request it belongs to.
    pub request_id: Option<String>,
    /// Random bytes that keep the commitment from being guessed. Deleted with the record; none in records that are
    /// older than the sealing.
    pub salt: Option<[u8; 16]>,
}

impl Record {
    /// The commitment to what may be about a person.
    #[must_use]
    pub fn commitment(&self) -> Hash {
        let mut fields = Vec::new();
        for field in [&self.actor, &self.object, &self.detail] {
            put_optional(&mut fields, field.as_deref());
        }
        sha256(&[COMMITMENT, self.salt.as_ref().map_or(&[], <[u8; 16]>::as_slice), &fields])
    }

    /// Its bytes in an export.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&self.at.to_be_bytes());
        for word in [&self.actor_kind, &self.action, &self.outcome] {
            put_short(&mut out, word);
        }
        for field in [&self.node, &self.request_id, &self.actor, &self.object, &self.detail] {
            put_optional(&mut out, field.as_deref());
        }
        out.extend_from_slice(self.salt.as_ref().map_or(&[], <[u8; 16]>::as_slice));
        out
    }

    /// Reads the bytes of an export.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Record, Malformed> {
        let mut reader = Reader(bytes);
        if reader.byte()? != VERSION {
            return Err(Malformed);
        }
        let (id, at) = (reader.array()?, i64::from_be_bytes(reader.array()?));
        let (actor_kind, action, outcome) = (reader.short()?, reader.short()?, reader.short()?);
        let (node, request_id) = (reader.optional()?, reader.optional()?);
        let (actor, object, detail) = (reader.optional()?, reader.optional()?, reader.optional()?);
        let salt = if reader.0.is_empty() { None } else { Some(reader.array()?) };
        reader.end()?;
        Ok(Record { id, at, node, actor_kind, actor, action, outcome, object, detail, request_id, salt })
    }
}

/// An entry of an institution's trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose trail it is in: the institution's code.
    pub institution: String,
    /// Its position in the trail, from 0.
    pub position: u64,
    /// The leaf hash of the entry before it; zeros in the first.
    pub previous: Hash,
    /// When it was given its position: UTC microseconds since 1970.
    pub sealed_at: i64,
    /// The record's identifier.
    pub id: [u8; 16],
    /// When the record was written.
    pub at: i64,
    /// The node that wrote it.
    pub node: Option<String>,
    /// The actor's kind.
    pub actor_kind: String,
    /// What was done.
    pub action: String,
    /// done or refused.
    pub outcome: String,
    /// The request it belongs to.
    pub request_id: Option<String>,
    /// [`Record::commitment`].
    pub commitment: Hash,
}

impl Entry {
    /// The entry of a record at a position.
    #[must_use]
    pub fn of(record: &Record, institution: &str, position: u64, previous: Hash, sealed_at: i64) -> Entry {
        Entry {
            institution: institution.to_owned(),
            position,
            previous,
            sealed_at,
            id: record.id,
            at: record.at,
            node: record.node.clone(),
            actor_kind: record.actor_kind.clone(),
            action: record.action.clone(),
            outcome: record.outcome.clone(),
            request_id: record.request_id.clone(),
            commitment: record.commitment(),
        }
    }

    /// Whether this is the record the entry was made of, to the last byte.
    #[must_use]
    pub fn tells_of(&self, record: &Record) -> bool {
        *self == Entry::of(record, &self.institution, self.position, self.previous, self.sealed_at)
    }

    /// Its bytes: what is hashed, and what stands in a bundle.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.push(VERSION);
        put_short(&mut out, &self.institution);
        out.extend_from_slice(&self.position.to_be_bytes());
        out.extend_from_slice(&self.previous);
        out.extend_from_slice(&self.sealed_at.to_be_bytes());
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&self.at.to_be_bytes());
        for word in [&self.actor_kind, &self.action, &self.outcome] {
            put_short(&mut out, word);
        }
        for field in [&self.node, &self.request_id] {
            put_optional_short(&mut out, field.as_deref());
        }
        out.extend_from_slice(&self.commitment);
        out
    }

    /// Reads its bytes.
    ///
    /// # Errors
    /// [`Malformed`]: no two texts of an entry are read as the same one.
    pub fn decode(bytes: &[u8]) -> Result<Entry, Malformed> {
        let mut reader = Reader(bytes);
        if reader.byte()? != VERSION {
            return Err(Malformed);
        }
        let entry = Entry {
            institution: reader.short()?,
            position: u64::from_be_bytes(reader.array()?),
            previous: reader.array()?,
            sealed_at: i64::from_be_bytes(reader.array()?),
            id: reader.array()?,
            at: i64::from_be_bytes(reader.array()?),
            actor_kind: reader.short()?,
            action: reader.short()?,
            outcome: reader.short()?,
            node: reader.optional_short()?,
            request_id: reader.optional_short()?,
            commitment: reader.array()?,
        };
        reader.end()?;
        Ok(entry)
    }

    /// The hash of its leaf in the tree.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        leaf_hash(&self.encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            id: [7; 16],
            at: 1_800_000_000_000_000,
            node: Some("node-a".into()),
            actor_kind: "user".into(),
            actor: Some("0190…".into()),
            action: "linkage_begun".into(),
            outcome: "done".into(),
            object: None,
            detail: Some("balances".into()),
            request_id: Some("r".into()),
            salt: Some([9; 16]),
        }
    }

    #[test]
    fn entries_and_records_are_read_as_they_were_written() {
        for salt in [Some([9; 16]), None] {
            let record = Record { salt, ..record() };
            assert_eq!(Record::decode(&record.encode()), Ok(record.clone()));
            let entry = Entry::of(&record, "1001", 5, [3; 32], 1);
            assert_eq!(Entry::decode(&entry.encode()), Ok(entry));
        }
    }

    /// The format is what auditors hold for years: a change of it is a new version, never another hash for version 1.
    #[test]
    fn the_bytes_of_version_1_never_change() {
        let leaf = Entry::of(&record(), "1001", 5, [3; 32], 1_800_000_000_500_000).leaf();
        let hex: String = leaf.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "1d856abf78b127e49bc5e3e9116004ba324f6eb50c1c262b70737433973b9774");
    }

    #[test]
    fn each_field_of_a_record_counts() {
        let entry = Entry::of(&record(), "1001", 5, [3; 32], 1);
        assert!(entry.tells_of(&record()));
        let other = [
            Record { id: [8; 16], ..record() },
            Record { at: 1, ..record() },
            Record { node: None, ..record() },
            Record { actor_kind: "visitor".into(), ..record() },
            Record { actor: None, ..record() },
            Record { action: "linkage_ended".into(), ..record() },
            Record { outcome: "refused".into(), ..record() },
            Record { object: Some(String::new()), ..record() },
            Record { detail: None, object: Some("balances".into()), ..record() },
            Record { request_id: None, ..record() },
            Record { salt: Some([1; 16]), ..record() },
            Record { salt: None, ..record() },
        ];
        assert!(other.iter().all(|other| !entry.tells_of(other)));
    }

    #[test]
    fn bytes_left_over_cut_off_or_of_another_version_are_refused() {
        let bytes = Entry::of(&record(), "1001", 5, [3; 32], 1).encode();
        for length in 0..bytes.len() {
            assert!(Entry::decode(&bytes[..length]).is_err());
        }
        assert!(Entry::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
        assert!(Entry::decode(&[&[2], &bytes[1..]].concat()).is_err());
    }
}
