//! Grant Management for OAuth 2.0 (FAPI working group, implementer's draft 1): a client asks what has become of a grant,
//! and gives one back.

use serde::Serialize;

use crate::authorization_details::Granted;

/// The scope word that lets a client ask about its grants (§6.1).
pub const QUERY: &str = "grant_management_query";
/// The scope word that lets a client give its grants back (§6.1).
pub const REVOKE: &str = "grant_management_revoke";
/// What can be done to grants; exactly what metadata advertises (§7.1).
pub const ACTIONS: [&str; 5] = ["query", "revoke", "create", "replace", "merge"];

/// The answer about a grant (§6.4). No `Debug`: it tells of a customer. Instants are in seconds.
#[derive(Serialize)]
pub struct GrantStatus {
    /// Why no token of it can be used now, by the code that the API uses too. The one member that is not the draft's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// What is granted now, by scope; empty when nothing is.
    pub scopes: Vec<GrantedScope>,
    /// The same in detail, with the accounts.
    pub authorization_details: Vec<Granted>,
    /// When it was first given.
    pub created_at: i64,
    /// When it was last given.
    pub last_updated_at: i64,
    /// When it ends.
    pub expires_at: i64,
}

/// Scope words and what they are for.
#[derive(Serialize)]
pub struct GrantedScope {
    /// The words, separated by spaces.
    pub scope: String,
    /// The API they are for.
    pub resource: [String; 1],
}
