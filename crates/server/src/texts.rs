//! Texts that others wrote and customers will read: lengths are bounded, and what can't be seen can't be in them.

use unicode_normalization::is_nfc;

/// Why a text can't be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// Nothing in it, or only white space.
    #[error("it must not be empty")]
    Empty,
    /// Over its limit.
    #[error("it has {found} characters; {most} is the limit")]
    TooLong {
        /// Characters found.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// A character nobody sees: control, direction, zero width, or no character at all.
    #[error("it holds U+{:04X}, which can't be seen", u32::from(*.0))]
    Unseen(char),
    /// A character for private use, which each computer may show as something else.
    #[error("it holds U+{:04X}, which has no meaning of its own", u32::from(*.0))]
    PrivateUse(char),
    /// White space around it.
    #[error("it begins or ends with white space")]
    Untrimmed,
    /// Not in Unicode normalisation form C, so that another text could look the same.
    #[error("it is not in Unicode normalisation form C; type it anew instead of pasting it")]
    NotNfc,
}

/// Checks one line of text in normalisation form C: names, purposes, hours.
///
/// # Errors
/// The first [`TextFault`].
pub fn check_line(text: &str, most: usize) -> Result<(), TextFault> {
    check_name(text, most)?;
    check_meaning(text)?;
    if is_nfc(text) { Ok(()) } else { Err(TextFault::NotNfc) }
}

/// Checks a name as the institution keeps it: one line, of any normalisation form, as form C would change the shape of
/// some characters that names are registered with. Characters for private use (外字) are let be, as such names have them.
///
/// # Errors
/// The first [`TextFault`].
pub fn check_name(text: &str, most: usize) -> Result<(), TextFault> {
    check_length(text, most)?;
    text.chars()
        .find(|character| is_unseen(*character))
        .map_or(Ok(()), |character| Err(TextFault::Unseen(character)))?;
    if text.trim() == text { Ok(()) } else { Err(TextFault::Untrimmed) }
}

/// Checks a text of several paragraphs in normalisation form C. Lines end with a line feed alone.
///
/// # Errors
/// The first [`TextFault`].
pub fn check_paragraphs(text: &str, most: usize) -> Result<(), TextFault> {
    check_length(text, most)?;
    let unseen = text.chars().find(|character| *character != '\n' && is_unseen(*character));
    unseen.map_or(Ok(()), |character| Err(TextFault::Unseen(character)))?;
    check_meaning(text)?;
    if is_nfc(text) { Ok(()) } else { Err(TextFault::NotNfc) }
}

/// What partners and institutions write of themselves looks the same everywhere.
fn check_meaning(text: &str) -> Result<(), TextFault> {
    let private =
        |one: &char| matches!(one, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{ffffd}' | '\u{100000}'..='\u{10fffd}');
    text.chars().find(private).map_or(Ok(()), |character| Err(TextFault::PrivateUse(character)))
}

fn check_length(text: &str, most: usize) -> Result<(), TextFault> {
    let found = text.chars().count();
    if text.trim().is_empty() {
        return Err(TextFault::Empty);
    }
    if found > most { Err(TextFault::TooLong { found, most }) } else { Ok(()) }
}

/// Characters that change what a reader sees without being seen. Variation selectors are not among them: names need them.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_042_a_119_what_cant_be_seen_is_refused() {
        for hidden in ['\u{0}', '\u{9}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{200d}', '\u{feff}', '\u{85}'] {
            let text = format!("かけ{hidden}いぼ");
            assert_eq!(check_line(&text, 20), Err(TextFault::Unseen(hidden)));
            assert_eq!(check_paragraphs(&text, 20), Err(TextFault::Unseen(hidden)));
            assert_eq!(check_name(&text, 20), Err(TextFault::Unseen(hidden)));
        }
    }

    #[test]
    fn r_042_a_119_a_second_way_to_write_the_same_is_refused_but_in_names_of_customers() {
        assert_eq!(check_line("か\u{3099}", 20), Err(TextFault::NotNfc));
        assert_eq!(check_name("福\u{fa1b}", 20), Ok(()));
        assert_eq!(check_name("葛\u{e0100}城", 20), Ok(()));
    }

    #[test]
    fn a_119_what_each_computer_shows_otherwise_is_in_no_text_but_names_of_customers() {
        for character in ['\u{e000}', '\u{f8ff}', '\u{f0000}', '\u{10fffd}'] {
            let text = format!("かけ{character}いぼ");
            assert_eq!(check_line(&text, 20), Err(TextFault::PrivateUse(character)));
            assert_eq!(check_paragraphs(&text, 20), Err(TextFault::PrivateUse(character)));
            assert_eq!(check_name(&text, 20), Ok(()));
        }
    }

    #[test]
    fn a_119_look_alikes_are_different_texts_and_each_is_as_it_stands() {
        // Long vowel, kanji one, full-width hyphen; half-width kana beside full-width.
        for text in ["カー", "カ一", "カ－", "ﾊﾞ", "バ", "ば"] {
            assert_eq!(check_line(text, 20), Ok(()));
        }
        assert_eq!(check_line("ハ\u{3099}", 20), Err(TextFault::NotNfc));
    }

    #[test]
    fn r_042_lengths_are_counted_in_characters() {
        assert_eq!(check_line("信用金庫", 4), Ok(()));
        assert_eq!(check_line("信用金庫", 3), Err(TextFault::TooLong { found: 4, most: 3 }));
        assert_eq!(check_line("\u{3000}", 3), Err(TextFault::Empty));
        assert_eq!(check_line(" 信用", 3), Err(TextFault::Untrimmed));
        assert_eq!(check_line("信\n用", 3), Err(TextFault::Unseen('\n')));
        assert_eq!(check_paragraphs("信\n\n用\n", 9), Ok(()));
    }
}
