//! What a partner needs to link an account and to read it.
//!
//! One walk: [`Client::discover`] reads the institution's metadata, [`Client::begin`] pushes the
//! authorization request and gives the address to send the browser to, [`Client::complete`] checks what
//! the browser brought back and exchanges the code for a [`Grant`]. With the grant the account API is
//! read: [`Client::accounts`], [`Client::balances`], [`Client::feed`], [`Client::transactions_range`],
//! [`Client::linkage`]. A [`Pending`] and a [`Grant`] are serialisable and hold secrets: keep them
//! where you keep passwords.
//!
//! The protocol is the FAPI 2.0 Security Profile: pushed requests (RFC 9126), PKCE with S256 (RFC 7636),
//! `private_key_jwt` whose audience is the issuer as one string (RFC 7523), DPoP (RFC 9449), and the
//! issuer in the answer (RFC 9207). A product registered for FAPI 2.0 Message Signing says so in its
//! [`ClientConfig`]: it then signs its requests (RFC 9101), and takes no answers but signed ones (JARM).

mod account;
mod api;
mod client;
mod error;
mod feed;
mod grant;
mod http;
mod jwt;
mod key;
mod metadata;
mod outside;
mod pending;
mod secret;
mod signed;

pub use account::{Account, AccountState, Balance, Coded, Institution, Linkage, PermittedOperation, Remitter};
pub use account::{Direction, Page, Transaction};
pub use api::{Fetched, RangePage};
pub use client::{Client, ClientConfig, MessageSigning};
pub use error::{Error, Problem, ProofFault, Reason, Refusal};
pub use feed::{Feed, FeedPage, Mark};
pub use grant::Grant;
pub use key::AssertionKey;
pub use outside::{Clock, Outside, Random, SystemClock, SystemRandom, http_client, http_client_trusting};
pub use pending::{Pending, unverified_state};
