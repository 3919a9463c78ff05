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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    pub auth: Auth,
    pub bound: Bound,
    pub asks: Asks,
}

const ALL: [Variant; 1] = [Variant { auth: Auth::PrivateKeyJwt, bound: Bound::Dpop, asks: Asks::Scope }];

/// Every variant of the security profile.
pub fn every() -> impl Iterator<Item = Variant> {
    ALL.into_iter()
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
