//! Whether what a request presents proves that its client sent it, by the one method the client is registered for.

use std::sync::Arc;

use renkei_domain::partner::AuthMethod;
use renkei_oauth::client_auth::certificate::{check_key, check_name};
use renkei_oauth::client_auth::{ClientAuthFault, Presented};
use renkei_oauth::jose::{Algorithm, KeySet};
use renkei_oauth::replay::Replay;
use renkei_store::partners::Product;

use super::call::Call;
use crate::certificates::partners::registered_name;
use crate::certificates::{CertificateRefusal, PeerCertificate};
use crate::error::Fault;
use crate::partner_keys;

/// Why a client did not prove who it is.
#[derive(Debug, thiserror::Error)]
pub enum Unproven {
    /// What was presented does not hold.
    #[error(transparent)]
    Fault(#[from] ClientAuthFault),
    /// It has no trusted chain.
    #[error("certificate: {0}")]
    Certificate(#[from] CertificateRefusal),
}

impl Call {
    /// Checks what was presented by the registered method. An unknown client is checked like one with an assertion, and
    /// a certificate that nobody vouches for is looked at just as long.
    pub(super) async fn prove(
        &self,
        sent: &Presented<'_>,
        product: Option<&Product>,
    ) -> Result<Result<Option<Replay>, Unproven>, Fault> {
        let chain = if sent.has_assertion() { None } else { self.connection.verify_chain(self.now) };
        if let Some(product) = product.filter(|product| product.auth_method != AuthMethod::PrivateKeyJwt) {
            let proven = sent.without_assertion().map_err(Unproven::from);
            return Ok(match proven {
                Ok(()) => self.prove_by_certificate(product, chain).await?.map(|()| None),
                Err(unproven) => Err(unproven),
            });
        }
        // Before the signature: the assertion is one method, a certificate that is another client's a second one.
        if let Some(chain) = self.connection.verify_chain(self.now)
            && self.is_of_another(product, chain).await?
        {
            return Ok(Err(ClientAuthFault::TwoMethods.into()));
        }
        let (keys, algorithm) = self.registered(product, sent.unverified_key_id()).await?;
        let issuer = self.app.site.issuer(&self.institution);
        let verified = sent.as_assertion().and_then(|sent| sent.verify(&keys, algorithm, &issuer, self.now.seconds()));
        Ok(verified.map(|verified| Some(verified.replay)).map_err(Unproven::from))
    }

    /// The leaf whose key signed the handshake must be the product's. A key that is not known yet may be at the address
    /// the product publishes its keys at.
    async fn prove_by_certificate(
        &self,
        product: &Product,
        chain: Option<Result<(), CertificateRefusal>>,
    ) -> Result<Result<(), Unproven>, Fault> {
        let (Some(PeerCertificate { leaf, .. }), Some(chain)) = (self.connection.certificate(), chain) else {
            return Ok(Err(ClientAuthFault::NoCertificate.into()));
        };
        let keys = match product.auth_method {
            AuthMethod::SelfSignedTlsClientAuth => {
                let suffice = |keys: &KeySet| check_key(leaf, keys).is_ok();
                partner_keys::holding(&self.app, &self.institution, product, suffice).await?
            }
            _ => Arc::default(),
        };
        check_certificate(product, leaf, chain, &keys)
    }

    /// Whether the connection's certificate would authenticate another client of this institution. To one that
    /// authenticates by assertion it could be no more than what its tokens are bound to.
    async fn is_of_another(
        &self,
        product: Option<&Product>,
        chain: Result<(), CertificateRefusal>,
    ) -> Result<bool, Fault> {
        let Some(PeerCertificate { leaf, .. }) = self.connection.certificate() else { return Ok(false) };
        let own = product.map(|product| product.client_id.as_str());
        let others = self.app.store.read(&self.institution).list_certified_products().await?;
        for other in others.iter().filter(|other| Some(other.client_id.as_str()) != own) {
            let keys = partner_keys::known(&self.app, &self.institution, other).await?;
            if check_certificate(other, leaf, chain, &keys)?.is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The keys and the algorithm that an assertion of this client is checked with; for an unknown one, and for one that
    /// authenticates otherwise, keys that nothing holds against.
    async fn registered(
        &self,
        product: Option<&Product>,
        kid: Option<&str>,
    ) -> Result<(Arc<KeySet>, Option<Algorithm>), Fault> {
        match product.filter(|product| product.auth_method == AuthMethod::PrivateKeyJwt) {
            Some(product) => self.signing_keys(product, kid).await,
            None => Ok((Arc::default(), None)),
        }
    }

    /// The keys and the one algorithm a product signs with, with the key of this `kid` if it can be had; none of either
    /// for one that signs nothing.
    ///
    /// # Errors
    /// [`Fault::Defect`] when what is registered can't be read, which registration refuses; a failure of the store.
    pub async fn signing_keys(
        &self,
        product: &Product,
        kid: Option<&str>,
    ) -> Result<(Arc<KeySet>, Option<Algorithm>), Fault> {
        let Some(name) = product.signing_alg.as_deref() else { return Ok((Arc::default(), None)) };
        let algorithm = Algorithm::parse(name)
            .ok_or_else(|| Fault::Defect(format!("client {} has an unknown algorithm", product.client_id)))?;
        Ok((partner_keys::of(&self.app, &self.institution, product, kid).await?, Some(algorithm)))
    }
}

/// Whether the certificate is the product's: by its name under a trusted authority, or by its key.
fn check_certificate(
    product: &Product,
    leaf: &[u8],
    chain: Result<(), CertificateRefusal>,
    keys: &KeySet,
) -> Result<Result<(), Unproven>, Fault> {
    if product.auth_method == AuthMethod::SelfSignedTlsClientAuth {
        return Ok(check_key(leaf, keys).map_err(Unproven::from));
    }
    let name = product.tls_subject.as_ref().and_then(|subject| registered_name(subject).ok());
    let name = name.ok_or_else(|| Fault::Defect(format!("client {} has no name", product.client_id)))?;
    Ok(chain.map_err(Unproven::from).and_then(|()| Ok(check_name(leaf, &name)?)))
}
