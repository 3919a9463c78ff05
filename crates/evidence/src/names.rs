//! What numbers a test's name carries: `r_046_a_037_an_endpoint_is_no_audience` in Rust, `R-192 A-089: …` in the title of
//! a test in another language.

use crate::rows::Number;

/// The numbers at the head of a Rust name, `r_004_to_r_011_` standing for eight of them.
#[must_use]
pub fn of_function(name: &str) -> Vec<Number> {
    let mut numbers: Vec<Number> = Vec::new();
    let mut rest = name;
    let mut range = false;
    while let Some(number) = rest.get(..5).and_then(|head| head.parse::<Number>().ok()) {
        let after = rest.get(5..).unwrap_or_default();
        if !(after.is_empty() || after.starts_with('_')) {
            break;
        }
        if let Some(from) = numbers.last().copied().filter(|from| range && from.attack == number.attack) {
            numbers.extend((from.value + 1..number.value).map(|value| Number { value, ..from }));
        }
        numbers.push(number);
        rest = after.strip_prefix('_').unwrap_or_default();
        range = rest.starts_with("to_");
        rest = rest.strip_prefix("to_").or_else(|| rest.strip_prefix("and_")).unwrap_or(rest);
    }
    numbers
}

/// The numbers anywhere in a title.
#[must_use]
pub fn of_title(title: &str) -> Vec<Number> {
    let words = title.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    words.filter(|word| word.starts_with(['R', 'A'])).filter_map(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(numbers: &[Number]) -> String {
        numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn numbers_stand_at_the_head_of_a_name() {
        let cases = [
            ("r_046_a_037_only_the_issuer", "R-046 A-037"),
            ("r_004_to_r_007_what_is_advertised", "R-004 R-005 R-006 R-007"),
            ("r_137_and_a_059_a_leaf", "R-137 A-059"),
            ("every_redirect_is_a_303_and_kept", ""),
            ("r_085_every_redirect_is_a_303_and_kept", "R-085"),
            ("a_code_dies", ""),
            ("a_0461_is_no_number", ""),
        ];
        for (name, expected) in cases {
            assert_eq!(words(&of_function(name)), expected, "{name}");
        }
    }

    #[test]
    fn numbers_stand_anywhere_in_a_title() {
        assert_eq!(words(&of_title("R-192 A-089: a frame stays blank (R-191)")), "R-192 A-089 R-191");
        assert_eq!(words(&of_title("RFC-123 and AR-046 and R-46 are none")), "");
    }
}
