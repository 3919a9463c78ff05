//! Entity tags: strong, since equal tags mean equal bytes.

use axum::http::{HeaderMap, header};

use crate::keys::sha256;

/// Counts up whenever the form of answers changes, so that no old tag passes for a new answer.
const FORM: u8 = 1;
/// Bytes of the digest in a tag: enough that no two answers to one caller ever share one by chance.
const TAG_BYTES: usize = 12;

/// The tag of what these parts decide, quotes included.
pub fn of(parts: &[&str]) -> String {
    let mut text = vec![FORM];
    for part in parts {
        // The length before each part: no two lists run together to the same bytes.
        text.extend_from_slice(&(part.len() as u64).to_be_bytes());
        text.extend_from_slice(part.as_bytes());
    }
    let digest = sha256(&text);
    let hex = digest.iter().take(TAG_BYTES).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    format!("\"{hex}\"")
}

/// Whether `If-None-Match` names the tag. Comparison is weak, as RFC 9110 §13.1.2 asks.
pub fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn asked(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (header::IF_NONE_MATCH, HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_tag_is_known_in_any_list_weak_or_strong() {
        for known in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert!(is_known(&asked(&[known]), "\"a\""), "{known}");
        }
        assert!(is_known(&asked(&["\"b\"", "\"a\""]), "\"a\""));
        for other in ["\"b\"", "a", "", "\"a"] {
            assert!(!is_known(&asked(&[other]), "\"a\""), "{other}");
        }
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_eq!(of(&["ab", "c"]), of(&["ab", "c"]));
    }
}
