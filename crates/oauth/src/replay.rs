//! What must be remembered so that a signed object is accepted once.

use aws_lc_rs::digest::{Context, SHA256};

/// Kept beyond an object's last acceptable second, for nodes whose clocks differ. Seconds.
const MARGIN_SECONDS: i64 = 60;

/// The trace of one accepted JWT. Whoever accepts it stores the digest with one conditional insert; a
/// digest already there means a replay, which is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    /// SHA-256 over the kind of object, its signer and its `jti`: fixed size, whatever the `jti` was.
    pub digest: [u8; 32],
    /// The digest may be forgotten after this time. Seconds of UTC since 1970.
    pub remember_until: i64,
}

impl Replay {
    /// The trace of a client assertion, which would be accepted again until `exp`.
    pub(crate) fn of_assertion(client_id: &str, jti: &str, exp: i64) -> Replay {
        Replay::new("client-assertion", client_id, jti, exp)
    }

    /// The trace of a DPoP proof, which would be accepted again until `last` (its `iat` plus the window).
    pub(crate) fn of_proof(jkt: &str, jti: &str, last: i64) -> Replay {
        Replay::new("dpop-proof", jkt, jti, last)
    }

    fn new(kind: &str, signer: &str, jti: &str, last: i64) -> Replay {
        let mut context = Context::new(&SHA256);
        for part in [kind, signer, jti] {
            // The length before each part: no two triples run together to the same bytes.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        Replay { digest, remember_until: last.saturating_add(MARGIN_SECONDS) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_signer_and_jti_all_count() {
        let one = Replay::of_assertion("kakeibo", "j1", 100);
        assert_eq!(one, Replay::of_assertion("kakeibo", "j1", 100));
        assert_ne!(one.digest, Replay::of_proof("kakeibo", "j1", 100).digest);
        assert_ne!(one.digest, Replay::of_assertion("kakeib", "oj1", 100).digest);
        assert_ne!(one.digest, Replay::of_assertion("kakeibo", "j2", 100).digest);
        assert_eq!(one.remember_until, 160);
    }
}
