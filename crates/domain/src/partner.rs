//! Partners and their products: who may ask, and for what.

use serde::{Deserialize, Serialize};

use crate::operation::Operations;

/// Whether a partner or one of its products may act. Suspension keeps linkages and stops calls at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartnerState {
    /// May act.
    Active,
    /// Stopped for a time; linkages stay.
    Suspended,
    /// Over; its linkages have ended.
    Ended,
}

impl PartnerState {
    /// Every state there is.
    pub const ALL: [PartnerState; 3] = [PartnerState::Active, PartnerState::Suspended, PartnerState::Ended];

    /// How it stands in the registry file and in tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            PartnerState::Active => "active",
            PartnerState::Suspended => "suspended",
            PartnerState::Ended => "ended",
        }
    }

    /// The state of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<PartnerState> {
        PartnerState::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// What a product asks of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Offer {
    /// These and no others; the choice of operations is not shown.
    Fixed(Operations),
    /// The customer picks from these.
    Choice(Operations),
}

impl Offer {
    /// All operations it may lead to.
    #[must_use]
    pub fn operations(&self) -> &Operations {
        match self {
            Offer::Fixed(operations) | Offer::Choice(operations) => operations,
        }
    }

    /// The same offer, cut down to what one request asked for. An empty request asks for everything.
    #[must_use]
    pub fn narrowed(&self, asked: &Operations) -> Offer {
        if asked.is_empty() {
            return self.clone();
        }
        match self {
            Offer::Fixed(all) => Offer::Fixed(all.intersection(asked)),
            Offer::Choice(all) => Offer::Choice(all.intersection(asked)),
        }
    }
}

/// The one way a product authenticates (`token_endpoint_auth_method`, RFC 7591 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMethod {
    /// A signed assertion (RFC 7523).
    PrivateKeyJwt,
    /// A certificate of a trusted authority with the registered name (RFC 8705 §2.1).
    TlsClientAuth,
    /// A certificate of a registered key, whoever issued it (RFC 8705 §2.2).
    SelfSignedTlsClientAuth,
}

/// What a product's access tokens are bound to, so that nobody else can use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderConstraint {
    /// A key that signs a proof with each request (RFC 9449).
    Dpop,
    /// The client certificate of the connection (RFC 8705 §3).
    Mtls,
}

/// What a product has to sign, and what it is sent signed: a profile of FAPI 2.0 as a whole, not a heap of switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// FAPI 2.0 Security Profile: requests and answers as plain parameters.
    Security,
    /// Besides, authorization requests are signed (FAPI 2.0 Message Signing §5.3).
    SignedRequests,
    /// Besides, authorization responses and introspection answers are signed (§5.4, §5.5).
    MessageSigning,
}

words! {
    AuthMethod {
        PrivateKeyJwt = "private_key_jwt",
        TlsClientAuth = "tls_client_auth",
        SelfSignedTlsClientAuth = "self_signed_tls_client_auth",
    }
    SenderConstraint { Dpop = "dpop", Mtls = "mtls" }
    Profile {
        Security = "fapi2_security",
        SignedRequests = "fapi2_signed_requests",
        MessageSigning = "fapi2_message_signing",
    }
}

impl Profile {
    /// Whether authorization requests must be signed.
    #[must_use]
    pub const fn signs_requests(self) -> bool {
        !matches!(self, Profile::Security)
    }

    /// Whether authorization responses and introspection answers must be signed.
    #[must_use]
    pub const fn signs_responses(self) -> bool {
        matches!(self, Profile::MessageSigning)
    }
}

/// The one name by which a certificate is known to be a product's (RFC 8705 §2.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsSubject {
    /// `tls_client_auth_subject_dn`: the whole distinguished name, as RFC 4514 writes it.
    SubjectDn(String),
    /// `tls_client_auth_san_dns`: one DNS name.
    SanDns(String),
    /// `tls_client_auth_san_uri`: one URI.
    SanUri(String),
    /// `tls_client_auth_san_ip`: one address.
    SanIp(String),
    /// `tls_client_auth_san_email`: one mail address.
    SanEmail(String),
}
