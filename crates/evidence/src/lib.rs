//! Which test shows which rule: reads the lists of requirements and attacks and the names of all tests of this
//! repository, and writes `docs/security.md` from them.

pub mod document;
pub mod names;
pub mod rows;
pub mod shown;
pub mod tree;

/// Where the repository begins, as the tests of this crate find it.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// The list of requirements, R-001 and on.
pub const REQUIREMENTS: &str = "docs/security/requirements.tsv";
/// The list of attacks, A-001 and on.
pub const ATTACKS: &str = "docs/security/attacks.tsv";
/// What is not, or not wholly, shown by a test, and why.
pub const OPEN: &str = "docs/security/open.tsv";
/// What is written from them.
pub const DOCUMENT: &str = "docs/security.md";
