//! Bank files: bytes in, typed records out, and back.
//!
//! This crate reads and writes the files Japanese institutions exchange. It knows layouts, characters,
//! dates and the arithmetic inside one file; it knows nothing of ledgers, customers or tables. Reading is
//! streaming: a file of any permitted size is walked in constant memory, and nothing is handed out before the
//! record it came from has passed every check. Every refusal says where it stands and why
//! ([`refusal::Refusal`]).

pub mod anser;
pub mod refusal;
pub mod zengin;
