//! 監査証跡 as evidence: what an entry's bytes are, how entries hang together, and how a checkpoint is signed.
//!
//! Pure, and shared by whoever writes the trail and whoever verifies it: no clock, no randomness, no I/O. The formats
//! are those of RFC 6962 (tree) and C2SP (tlog-tiles, tlog-checkpoint, signed-note); docs/audit.md describes them.

mod bytes;
pub mod checkpoint;
pub mod entry;
pub mod note;
pub mod proof;
pub mod tile;
pub mod tree;

use aws_lc_rs::digest;

/// A SHA-256.
pub type Hash = [u8; 32];

/// SHA-256 over these parts, one after the other.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut hash = [0; 32];
    hash.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    hash
}
