//! API連携認証: the linkage flow in a browser.
//!
//! 1. The partner has pushed its request and sends the browser to `authorize` ([`open`]): a flow begins, bound to the
//!    browser's session, and the browser goes to the flow's current screen.
//! 2. Every screen is a `GET` that shows and a `POST` that acts. Both begin by loading the [`walk`]: is it this
//!    browser's flow, is it still running, is it still the same person? A `GET` of another screen than the current one,
//!    and a `POST` from a form that is no longer current, lead to the current screen.
//! 3. A `POST` asks the rules ([`renkei_domain::flow::Stage::advance`]) and saves the next stage, if nobody did so
//!    meanwhile, together with its audit record.
//! 4. `許可` ([`permission`]) claims the pushed request and makes linkage, consent, PINs and code stand in one
//!    transaction; every other way out ([`leave`]) claims it too and tells the partner why.

mod allow;
mod asked;
pub mod certificate;
pub mod frame;
pub mod leave;
pub mod login;
pub mod open;
pub mod operations;
pub mod permission;
pub mod pins;
pub mod results;
mod walk;

pub use walk::Walk;
