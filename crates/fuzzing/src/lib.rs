//! Fuzz targets: one function for each parser that reads what strangers send. A target takes any bytes and returns; it
//! panics when the parser does, or when the parser's answer contradicts itself.
//!
//! The same functions are driven twice: by `cargo test`, with a bounded number of mutations of the inputs in
//! `fuzz/corpus` that are the same in every run, and by libFuzzer (`fuzz/`) for as long as one likes.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a target that finds something panics")]
// So `expect` has two uses here, and says which: `found: …` is a finding, the words being what was taken for granted; any
// other is about something of our own that no input reaches, with the proof that it is there.

mod certificates;
mod connection;
pub mod corpus;
mod files;
mod jose;
pub mod mutation;
mod protocol;
mod signed;

/// A target.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which is also that of its folder of inputs and of its libFuzzer program.
    pub name: &'static str,
    /// Reads one input.
    pub run: fn(&[u8]),
    /// How many mutated inputs a short run takes: fewer where one takes long.
    pub short_run: u32,
}

/// Inputs of a short run for targets that only parse.
const MANY: u32 = 20_000;
/// Inputs of a short run for targets that check signatures.
const SOME: u32 = 4_000;
/// Inputs of a short run for targets that take long.
const FEW: u32 = 1_500;

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "jws", run: jose::jws, short_run: MANY },
    Target { name: "jwk", run: jose::jwk, short_run: MANY },
    Target { name: "jwk_set", run: jose::jwk_set, short_run: MANY },
    Target { name: "dpop_header", run: protocol::dpop_header, short_run: MANY },
    Target { name: "dpop_proof", run: protocol::dpop_proof, short_run: MANY },
    Target { name: "dpop_signed", run: signed::dpop, short_run: SOME },
    Target { name: "assertion", run: protocol::assertion, short_run: MANY },
    Target { name: "assertion_signed", run: signed::assertion, short_run: SOME },
    Target { name: "form", run: protocol::form, short_run: MANY },
    Target { name: "pushed_request", run: protocol::pushed_request, short_run: MANY },
    Target { name: "request_object", run: protocol::request_object, short_run: MANY },
    Target { name: "request_object_signed", run: signed::request_object, short_run: SOME },
    Target { name: "authorization_details", run: protocol::authorization_details, short_run: MANY },
    Target { name: "token_request", run: protocol::token_request, short_run: MANY },
    Target { name: "authorization_query", run: protocol::authorization_query, short_run: MANY },
    Target { name: "authorization_header", run: protocol::authorization_header, short_run: MANY },
    Target { name: "accept_header", run: protocol::accept_header, short_run: MANY },
    Target { name: "redirect_uri", run: protocol::redirect_uri, short_run: MANY },
    Target { name: "ticket", run: protocol::ticket, short_run: MANY },
    Target { name: "cursor", run: protocol::cursor, short_run: MANY },
    Target { name: "request_head", run: connection::request_head, short_run: MANY },
    Target { name: "client_cert", run: connection::client_cert, short_run: MANY },
    Target { name: "statement", run: files::statement, short_run: SOME },
    Target { name: "transfer_notice", run: files::transfer_notice, short_run: SOME },
    Target { name: "balance_notice", run: files::balance_notice, short_run: SOME },
    Target { name: "anser", run: files::anser, short_run: SOME },
    Target { name: "customer_list", run: files::customer_list, short_run: SOME },
    Target { name: "registry", run: files::registry, short_run: FEW },
    Target { name: "distinguished_name", run: certificates::distinguished_name, short_run: SOME },
    Target { name: "certificate", run: certificates::certificate, short_run: SOME },
    Target { name: "ocsp_answer", run: certificates::ocsp_answer, short_run: SOME },
];

/// The target of this name.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn target(name: &str) -> Target {
    *TARGETS
        .iter()
        .find(|target| target.name == name)
        .expect("each program of fuzz/Cargo.toml is called after one, as `tests/short_run.rs` compares")
}
