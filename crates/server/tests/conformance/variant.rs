//! In how many ways a plan is run.

/// How a client authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    PrivateKeyJwt,
    Mtls,
}

/// What access tokens are bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    Dpop,
    Mtls,
}

/// How a request says what it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// "simple".
    Scope,
    /// "rar": authorization details (RFC 9396).
    Details,
}

/// The profile the clients are registered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// The security profile.
    Plain,
    /// Message signing, of requests.
    SignedRequests,
    /// Message signing, of requests and answers (JARM).
    SignedAnswers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    pub auth: Auth,
    pub bound: Bound,
    pub asks: Asks,
    pub profile: Profile,
}

/// Every pair of choices is in one of these at least.
const COVERING: [Variant; 8] = [
    Variant::of(Auth::PrivateKeyJwt, Bound::Dpop, Asks::Scope, Profile::Plain),
    Variant::of(Auth::Mtls, Bound::Mtls, Asks::Scope, Profile::Plain),
    Variant::of(Auth::PrivateKeyJwt, Bound::Mtls, Asks::Details, Profile::Plain),
    Variant::of(Auth::Mtls, Bound::Dpop, Asks::Details, Profile::Plain),
    Variant::of(Auth::PrivateKeyJwt, Bound::Dpop, Asks::Scope, Profile::SignedRequests),
    Variant::of(Auth::Mtls, Bound::Mtls, Asks::Details, Profile::SignedRequests),
    Variant::of(Auth::PrivateKeyJwt, Bound::Mtls, Asks::Scope, Profile::SignedAnswers),
    Variant::of(Auth::Mtls, Bound::Dpop, Asks::Details, Profile::SignedAnswers),
];

impl Variant {
    const fn of(auth: Auth, bound: Bound, asks: Asks, profile: Profile) -> Variant {
        Variant { auth, bound, asks, profile }
    }

    fn product() -> Vec<Variant> {
        let mut all = Vec::new();
        for auth in [Auth::PrivateKeyJwt, Auth::Mtls] {
            for bound in [Bound::Dpop, Bound::Mtls] {
                for asks in [Asks::Scope, Asks::Details] {
                    for profile in [Profile::Plain, Profile::SignedRequests, Profile::SignedAnswers] {
                        all.push(Variant::of(auth, bound, asks, profile));
                    }
                }
            }
        }
        all
    }
}

/// The variants in which the plans are run: enough for every pair of choices, or all where `RENKEI_CONFORMANCE=all`.
pub fn every() -> impl Iterator<Item = Variant> {
    let all = std::env::var("RENKEI_CONFORMANCE").is_ok_and(|word| word == "all");
    if all { Variant::product() } else { COVERING.to_vec() }.into_iter()
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
