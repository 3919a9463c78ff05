//! The embedded ledger on its way in and out: what an imported line becomes, once and for ever.

pub mod entry;
pub mod import;
