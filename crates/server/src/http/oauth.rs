//! The partner's side of the protocol: discovery, pushed requests, tokens, revocation, and who calls the account API.

pub mod bearer;
mod memory;

pub use memory::Memory;
