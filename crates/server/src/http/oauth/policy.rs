//! What a product's registration demands of its requests and its tokens, in one place.
//!
//! Asked at the push, again when the browser opens the request and on every screen, and again where tokens are made, each
//! time of what is registered then. It looks at what was verified, never at whether a parameter or a header was there.

use renkei_domain::token::Binding;
use renkei_oauth::error::OAuthError;
use renkei_oauth::request::{PushedRequest, ResponseMode};
use renkei_store::codes::RequestFacts;
use renkei_store::partners::Product;

/// What counts of a request that was checked.
#[must_use]
pub fn facts(request: &PushedRequest) -> RequestFacts {
    RequestFacts { signed: request.signed, answer_signed: request.response_mode == ResponseMode::Jwt }
}

/// Refuses a request that is less than the product's profile demands.
///
/// # Errors
/// `invalid_request`: the request is not signed and must be (FAPI 2.0 Message Signing §5.3.1-1), or asks for an answer that
/// is not signed and must be (§5.4.1-1).
pub fn check_request(product: &Product, request: &PushedRequest) -> Result<(), OAuthError> {
    unmet(product, facts(request)).map_or(Ok(()), |unmet| Err(OAuthError::invalid_request(unmet)))
}

/// Refuses a code whose request was less than the product's profile demands now.
///
/// # Errors
/// `invalid_grant`.
pub fn check_code(product: &Product, request: RequestFacts) -> Result<(), OAuthError> {
    unmet(product, request).map_or(Ok(()), |unmet| Err(OAuthError::invalid_grant(unmet)))
}

/// Refuses a token that would not be bound as the product's tokens are.
///
/// # Errors
/// `invalid_request`.
pub fn check_binding(product: &Product, binding: &Binding) -> Result<(), OAuthError> {
    if binding.constraint() == product.sender_constraint {
        return Ok(());
    }
    Err(OAuthError::invalid_request("access tokens of this client are bound in another way"))
}

fn unmet(product: &Product, request: RequestFacts) -> Option<&'static str> {
    if product.profile.signs_requests() && !request.signed {
        return Some("this client must push signed requests");
    }
    if product.profile.signs_responses() && !request.answer_signed {
        return Some("this client must ask for response_mode jwt");
    }
    None
}
