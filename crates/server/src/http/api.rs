//! The account API: what a partner reads with a token. Every read is checked, recorded and answered the same way:
//! 1. [`Call`] tells who calls and by which linkage;
//! 2. the handler finds what is asked for, or the one reason it is not given;
//! 3. [`Call::finish`] uses the proof up and leaves the audit record, in one transaction, and only then answers.

pub mod accounts;
pub mod balances;
mod call;
mod csv;
mod cursor;
pub mod document;
mod etag;
pub mod guide;
pub mod linkage;
mod mark;
mod pages;
mod pin;
mod problem;
mod query;
pub mod transactions;

pub use call::Call;
pub use problem::{PROBLEMS, Problem, ProblemKind};
