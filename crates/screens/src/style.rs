//! The one stylesheet, served under a name that changes with its content.

use std::sync::LazyLock;

/// The stylesheet's bytes.
pub const STYLE: &str = include_str!("../style.css");

static PATH: LazyLock<String> = LazyLock::new(|| format!("/style-{:016x}.css", fnv1a(STYLE.as_bytes())));

/// Where pages look for the stylesheet: `/style-<hash>.css`. May be cached for ever.
#[must_use]
pub fn style_path() -> &'static str {
    &PATH
}

/// FNV-1a, 64 bits: enough to give every version its own name; nothing secret hangs on it.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Most bytes the stylesheet may have.
    const STYLE_BYTES_MAX: usize = 15_000;

    #[test]
    fn the_stylesheet_is_small_and_loads_nothing() {
        assert!(STYLE.len() <= STYLE_BYTES_MAX, "{} bytes", STYLE.len());
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }

    #[test]
    fn the_path_changes_with_the_content() {
        assert_ne!(fnv1a(b"a{}"), fnv1a(b"b{}"));
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(style_path().len(), "/style-0123456789abcdef.css".len());
    }
}
