//! What a token is bound to: the one place where a client shows that it holds what its registration asks for.

use renkei_domain::partner::SenderConstraint;
use renkei_domain::token::Binding;
use renkei_oauth::client_auth::certificate::thumbprint;
use renkei_oauth::dpop::{DpopFault, Proof};
use renkei_oauth::error::OAuthError;
use renkei_oauth::token::TokenType;
use renkei_store::partners::Product;

use super::call::Call;

/// Something the client was seen to hold. There is no other way to one than [`prove`].
pub struct Possession {
    binding: Binding,
    proof: Option<Proof>,
}

/// Sees that the client holds what its tokens are to be bound to, by its registration alone: the certificate of this
/// connection, whoever issued it (RFC 8705 §3), or the key of the request's proof (RFC 9449 §5). A proof of a client
/// whose tokens are bound to certificates is not looked at; the answer's `token_type` tells it so.
///
/// # Errors
/// `invalid_request` without a certificate, `invalid_dpop_proof` without a proof that holds.
pub fn prove(call: &Call, product: &Product) -> Result<Possession, OAuthError> {
    const MISSING: OAuthError =
        OAuthError::invalid_request("access tokens of this client are bound to its certificate: connect with it");
    match product.sender_constraint {
        SenderConstraint::Mtls => {
            let certificate = call.connection.certificate().ok_or(MISSING)?;
            Ok(Possession { binding: Binding::Certificate(thumbprint(&certificate.leaf)), proof: None })
        }
        SenderConstraint::Dpop => {
            let proof = call.proof()?.ok_or(DpopFault::Missing)?;
            Ok(Possession { binding: Binding::Dpop(proof.jkt.clone()), proof: Some(proof) })
        }
    }
}

impl Possession {
    /// What tokens issued now are bound to.
    #[must_use]
    pub const fn binding(&self) -> &Binding {
        &self.binding
    }

    /// The proof to be used up, if it was one.
    #[must_use]
    pub const fn proof(&self) -> Option<&Proof> {
        self.proof.as_ref()
    }

    /// Whether it is the key of this thumbprint. A certificate is no such key.
    #[must_use]
    pub fn is_key(&self, jkt: &str) -> bool {
        self.proof.as_ref().is_some_and(|proof| proof.is_by(jkt))
    }

    /// What tokens issued now are called.
    #[must_use]
    pub const fn token_type(&self) -> TokenType {
        match self.binding {
            Binding::Dpop(_) => TokenType::Dpop,
            Binding::Certificate(_) => TokenType::Bearer,
        }
    }
}
