//! What a product's registered profile demands, in one place.
//!
//! Asked at the push, again when the browser opens the request, and again where tokens are made, each time of what is
//! registered then. It looks at what was verified, never at whether a parameter or a header was there.

use renkei_domain::partner::Profile;
use renkei_oauth::error::OAuthError;
use renkei_oauth::request::PushedRequest;
use renkei_store::partners::Product;

/// Refuses a request that is less than the product's profile demands.
///
/// # Errors
/// `invalid_request`: the request is not signed and must be (FAPI 2.0 Message Signing §5.3.1-1).
pub fn check_request(product: &Product, request: &PushedRequest) -> Result<(), OAuthError> {
    check(product.profile, request.signed)
}

fn check(profile: Profile, signed: bool) -> Result<(), OAuthError> {
    if profile.signs_requests() && !signed {
        return Err(OAuthError::invalid_request("this client must push signed requests"));
    }
    Ok(())
}
