//! What the suite looks at in every answer.

use std::collections::BTreeMap;

use crate::support::Answer;

/// The suite's estimate for tickets, in bits.
const ENTROPY_MIN: f64 = 96.0;
/// The fewest bits of a ticket, counted by its length.
const LENGTH_BITS_MIN: usize = 128;

/// Shannon's estimate over the characters of the text itself, and the length.
pub fn expect_entropy(text: &str) {
    let mut counts: BTreeMap<char, f64> = BTreeMap::new();
    for character in text.chars() {
        *counts.entry(character).or_default() += 1.0;
    }
    let length = text.chars().count() as f64;
    let each: f64 = counts.values().map(|count| -(count / length) * (count / length).log2()).sum();
    assert!(each * length > ENTROPY_MIN, "{} bits: {text}", each * length);
    assert!(text.len() * 8 >= LENGTH_BITS_MIN, "{text}");
}

/// A refusal as RFC 6749 section 5.2 has it: one of these errors, 400, or 401 for the client.
#[track_caller]
pub fn expect_refusal(answer: &Answer, errors: &[&str]) {
    assert_eq!(answer.header("content-type"), "application/json", "{}", answer.text);
    let (status, error) = answer.refusal();
    assert!(errors.contains(&error), "{}", answer.text);
    assert!(status == 400 || (status == 401 && error == "invalid_client"), "{status}: {}", answer.text);
    assert!(answer.header("cache-control").contains("no-store"));
    if let Some(description) = answer.body.get("error_description") {
        let description = description.as_str().unwrap();
        let allowed = |byte: u8| (0x20..=0x7e).contains(&byte) && byte != b'"' && byte != b'\\';
        assert!(description.bytes().all(allowed), "{description}");
    }
}
