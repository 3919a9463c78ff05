//! What the OpenID Foundation's FAPI 2.0 conformance suite looks at, module by module: a test has the name of the module
//! and runs in every variant in which the suite would run it. The list of modules is `modules.txt`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "../support/mod.rs"]
mod support;

#[allow(dead_code, reason = "the linkage tests use the rest of it")]
#[path = "../linkage/browser.rs"]
mod browser;

#[allow(dead_code, reason = "the tests of listeners use the rest of it")]
#[path = "../serve/authority.rs"]
mod authority;

#[allow(dead_code, reason = "the tests of certificates use the rest of it")]
#[path = "../mtls/bank.rs"]
mod mtls_bank;

/// What the browser of the linkage tests needs to know.
mod bank {
    pub use crate::support::REDIRECT_URI as BACK;

    pub const PASSWORD: &str = "aozora-2026-haru";
    pub const PIN: &str = "7391";
    pub const STATE: &str = "s";
}

mod assertions;
mod checks;
mod discovery;
mod dpop;
mod modules;
mod parameters;
mod proofs;
mod pushing;
mod redeeming;
mod refresh;
mod refusals;
mod rsa;
mod signed_requests;
mod stage;
mod variant;
mod well_behaved;
