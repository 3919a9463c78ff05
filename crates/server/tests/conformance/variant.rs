//! In how many ways a plan is run.

/// How a client authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    PrivateKeyJwt,
}

/// What access tokens are bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    Dpop,
}

/// How a request says what it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    Scope,
}

/// The profile the clients are registered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// The security profile.
    Plain,
    /// Message signing, of requests.
    SignedRequests,
}

impl Profile {
    /// As the registry has it.
    pub fn word(self) -> &'static str {
        match self {
            Profile::Plain => "fapi2_security",
            Profile::SignedRequests => "fapi2_signed_requests",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    pub auth: Auth,
    pub bound: Bound,
    pub asks: Asks,
    pub profile: Profile,
}

const AUTH: [Auth; 1] = [Auth::PrivateKeyJwt];
const BOUND: [Bound; 1] = [Bound::Dpop];
const ASKS: [Asks; 1] = [Asks::Scope];
const PROFILE: [Profile; 2] = [Profile::Plain, Profile::SignedRequests];

/// Every variant in which the plans are run.
pub fn every() -> impl Iterator<Item = Variant> {
    AUTH.into_iter().flat_map(|auth| {
        BOUND.into_iter().flat_map(move |bound| {
            ASKS.into_iter()
                .flat_map(move |asks| PROFILE.into_iter().map(move |profile| Variant { auth, bound, asks, profile }))
        })
    })
}

/// Those of the message signing plan.
pub fn with_request_objects() -> impl Iterator<Item = Variant> {
    every().filter(|variant| variant.profile != Profile::Plain)
}

/// Those whose clients sign assertions.
pub fn with_assertions() -> impl Iterator<Item = Variant> {
    every().filter(|variant| variant.auth == Auth::PrivateKeyJwt)
}

/// Those whose clients send DPoP proofs.
pub fn with_proofs() -> impl Iterator<Item = Variant> {
    every().filter(|variant| variant.bound == Bound::Dpop)
}

/// Those whose requests say by scope what they want.
pub fn with_scope() -> impl Iterator<Item = Variant> {
    every().filter(|variant| variant.asks == Asks::Scope)
}
