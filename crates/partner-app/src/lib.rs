//! かけいぼ会計 (Kakeibo): a small accounting site that links bank accounts and reads them.
//!
//! It stands where a real accounting service stands in the linkage flow: the customer chooses an
//! institution here, gives permission there, and comes back to balances and transactions. Forms and
//! redirects only; no script.

mod book;
mod config;
mod flow;
mod http;
mod language;
mod pages;
mod shop;
mod sync;
mod visitor;
mod words;

pub use config::{InstitutionConfig, PartnerAppConfig, StartError};
pub use http::{router, serve};
