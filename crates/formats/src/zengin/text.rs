//! Characters: JIS X 0201, one byte each, and the text made of them.
//!
//! The tables are fixed and written out here; no general encoder or normaliser is asked, because both know
//! far more characters than a bank file may hold.

use crate::refusal::CharacterFault;
use std::borrow::Cow;
use std::fmt;

/// The yen sign stands where ASCII has the backslash.
const YEN_BYTE: u8 = 0x5C;
/// First and last byte of the half-width katakana block of JIS X 0201.
const KANA_BYTES: std::ops::RangeInclusive<u8> = 0xA1..=0xDF;
/// Unicode's half-width katakana block stands in the same order, from U+FF61.
const KANA_OFFSET: u32 = 0xFF61 - 0xA1;
/// `ﾞ`, the voicing mark.
const VOICED: char = '\u{FF9E}';
/// `ﾟ`, the semi-voicing mark.
const SEMI_VOICED: char = '\u{FF9F}';

/// Which characters an item may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CharacterClass {
    /// Bank and branch names: kana, `A`–`Z`, digits and `-`.
    Office,
    /// Names of persons and companies: those, and space `(` `)` `.`.
    Party,
    /// Descriptions and EDI information: those, and `¥` `｢` `｣` `/`.
    Message,
}

impl CharacterClass {
    /// Whether the class admits this byte of JIS X 0201.
    const fn admits(self, byte: u8) -> bool {
        let office = matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'-' | 0xA6 | 0xB1..=0xDF);
        let party = office || matches!(byte, b' ' | b'(' | b')' | b'.');
        match self {
            CharacterClass::Office => office,
            CharacterClass::Party => party,
            CharacterClass::Message => party || matches!(byte, YEN_BYTE | b'/' | 0xA2 | 0xA3),
        }
    }
}

/// The text of one item, as stored: half-width characters without the spaces that fill the item's end.
/// An item left blank is the empty text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(String);

impl Text {
    /// Text to be written. It is taken as it is; the writer refuses what the item can't hold.
    #[must_use]
    pub fn new(half_width: &str) -> Text {
        Text(half_width.trim_end_matches(' ').to_owned())
    }

    /// The characters as the file has them.
    #[must_use]
    pub fn as_stored(&self) -> &str {
        &self.0
    }

    /// The same text for people and for matching: see [`normalised`].
    #[must_use]
    pub fn normalised(&self) -> Cow<'_, str> {
        normalised(&self.0)
    }

    /// Whether the item is blank.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads an item's bytes. On a character the class does not admit: its place and what is wrong with it.
    pub(super) fn decode(bytes: &[u8], class: CharacterClass) -> Result<Text, (usize, CharacterFault)> {
        let end = bytes.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
        let mut text = String::with_capacity(if end == 0 { 0 } else { end * 3 });
        for (at, byte) in bytes.iter().copied().take(end).enumerate() {
            match to_char(byte) {
                Some(letter) if class.admits(byte) => text.push(letter),
                _ => return Err((at, fault_of(bytes.get(at..).unwrap_or_default()))),
            }
        }
        Ok(Text(text))
    }

    /// The item's bytes, without the spaces that fill it.
    pub(super) fn encode(&self, class: CharacterClass) -> Result<Vec<u8>, char> {
        let byte_of = |letter| to_byte(letter).filter(|byte| class.admits(*byte)).ok_or(letter);
        self.0.chars().map(byte_of).collect()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The character a byte of JIS X 0201 stands for; `None` for control characters and unassigned bytes.
pub(crate) fn to_char(byte: u8) -> Option<char> {
    match byte {
        YEN_BYTE => Some('¥'),
        0x7E => Some('‾'),
        b' '..=b'}' => Some(char::from(byte)),
        _ if KANA_BYTES.contains(&byte) => char::from_u32(u32::from(byte) + KANA_OFFSET),
        _ => None,
    }
}

/// The byte of JIS X 0201 for a character, if it has one.
fn to_byte(letter: char) -> Option<u8> {
    match letter {
        '¥' => Some(YEN_BYTE),
        '\\' | '~' => None,
        '‾' => Some(0x7E),
        ' '..='}' => u8::try_from(letter).ok(),
        _ => u32::from(letter)
            .checked_sub(KANA_OFFSET)
            .and_then(|byte| u8::try_from(byte).ok())
            .filter(|byte| KANA_BYTES.contains(byte)),
    }
}

/// Says what is wrong with the first of these bytes. Those after it tell UTF-8 from double-byte characters.
fn fault_of(bytes: &[u8]) -> CharacterFault {
    match bytes {
        [0xE0..=0xEF, 0x80..=0xBF, 0x80..=0xBF, ..] | [0xC2..=0xDF, 0x80..=0xA0, ..] => CharacterFault::Utf8,
        [0x81..=0x9F | 0xE0..=0xFC, ..] => CharacterFault::DoubleByte,
        [b'a'..=b'z', ..] => CharacterFault::LowerCase,
        [0xA7..=0xAF, ..] => CharacterFault::SmallKana,
        [0xB0, ..] => CharacterFault::LongVowelMark,
        [b',', ..] => CharacterFault::Comma,
        [0x00..=0x1F | 0x7F, ..] => CharacterFault::Control,
        _ => CharacterFault::NotAdmitted,
    }
}

/// Full-width katakana and punctuation for U+FF61 to U+FF9F, in that order.
const FULL_WIDTH: [char; 63] = [
    '。', '「', '」', '、', '・', 'ヲ', 'ァ', 'ィ', 'ゥ', 'ェ', 'ォ', 'ャ', 'ュ', 'ョ', 'ッ', 'ー', 'ア', 'イ', 'ウ',
    'エ', 'オ', 'カ', 'キ', 'ク', 'ケ', 'コ', 'サ', 'シ', 'ス', 'セ', 'ソ', 'タ', 'チ', 'ツ', 'テ', 'ト', 'ナ', 'ニ',
    'ヌ', 'ネ', 'ノ', 'ハ', 'ヒ', 'フ', 'ヘ', 'ホ', 'マ', 'ミ', 'ム', 'メ', 'モ', 'ヤ', 'ユ', 'ヨ', 'ラ', 'リ', 'ル',
    'レ', 'ロ', 'ワ', 'ン', '\u{3099}', '\u{309A}',
];

/// Half-width kana made full-width, voicing marks joined to the letter before them: `ﾔﾏﾀﾞ` becomes `ヤマダ`.
///
/// Exactly Unicode's NFKC for the characters a bank file may hold: all others stay as they are, a mark with
/// nothing to voice becomes the combining mark. Text without kana is handed back without a copy.
#[must_use]
pub fn normalised(half_width: &str) -> Cow<'_, str> {
    if half_width.chars().all(|letter| full_width(letter).is_none()) {
        return Cow::Borrowed(half_width);
    }
    let mut text = String::with_capacity(half_width.len());
    let mut letters = half_width.chars().peekable();
    while let Some(letter) = letters.next() {
        let Some(wide) = full_width(letter) else {
            text.push(letter);
            continue;
        };
        match letters.peek().and_then(|mark| joined(wide, *mark)) {
            Some(voiced) => {
                text.push(voiced);
                letters.next();
            }
            None => text.push(wide),
        }
    }
    Cow::Owned(text)
}

/// The full-width form of one half-width kana character.
fn full_width(letter: char) -> Option<char> {
    let place = u32::from(letter).checked_sub(0xFF61)?;
    FULL_WIDTH.get(usize::try_from(place).ok()?).copied()
}

/// A full-width letter and the half-width mark after it as one letter, where such a letter exists.
fn joined(wide: char, mark: char) -> Option<char> {
    let step = match (wide, mark) {
        ('ウ', VOICED) => return Some('ヴ'),
        ('ワ', VOICED) => return Some('ヷ'),
        ('ヲ', VOICED) => return Some('ヺ'),
        ('ッ', _) => return None,
        ('カ'..='ト' | 'ハ'..='ホ', VOICED) => 1,
        ('ハ'..='ホ', SEMI_VOICED) => 2,
        _ => return None,
    };
    char::from_u32(u32::from(wide) + step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

    #[test]
    fn voicing_marks_join_the_letter_before_them() {
        assert_eq!(normalised("ﾔﾏﾀﾞ ﾀﾛｳ"), "ヤマダ タロウ");
        assert_eq!(normalised("ﾊﾟﾋﾞﾘｵﾝ(ｶ"), "パビリオン(カ");
        assert_eq!(normalised("ｳﾞｧｲｵﾘﾝ"), "ヴァイオリン");
    }

    #[test]
    fn text_without_kana_is_untouched() {
        assert!(matches!(normalised("NO.8601 ¥100"), Cow::Borrowed("NO.8601 ¥100")));
    }

    #[test]
    fn every_byte_goes_to_a_character_and_back() {
        let assigned: Vec<u8> = (0..=255).filter(|byte| to_char(*byte).is_some()).collect();
        assert_eq!(assigned.len(), 95 + 63);
        for byte in assigned {
            assert_eq!(to_char(byte).and_then(to_byte), Some(byte), "{byte:02X}");
        }
        assert_eq!(to_char(0x5C), Some('¥'));
        assert_eq!(to_byte('\\'), None);
    }

    #[test]
    fn the_classes_grow_and_never_admit_small_kana_long_marks_or_commas() {
        for byte in 0..=255_u8 {
            let (office, party, message) = (
                CharacterClass::Office.admits(byte),
                CharacterClass::Party.admits(byte),
                CharacterClass::Message.admits(byte),
            );
            assert!(!office || party, "{byte:02X}");
            assert!(!party || message, "{byte:02X}");
            let never = matches!(byte, b',' | 0xB0 | 0xA7..=0xAF | b'a'..=b'z' | 0..=0x1F | 0x80..=0xA1);
            assert!(!(never && message), "{byte:02X}");
        }
    }

    #[test]
    fn faults_are_told_apart() {
        let fault = |bytes: &[u8]| Text::decode(bytes, CharacterClass::Message).unwrap_err();
        assert_eq!(fault("ABｱ".as_bytes()), (2, CharacterFault::Utf8));
        assert_eq!(fault(&[0x83, 0x41]), (0, CharacterFault::DoubleByte));
        assert_eq!(fault(b"A b "), (2, CharacterFault::LowerCase));
        assert_eq!(fault(&[0xB1, 0xAC]), (1, CharacterFault::SmallKana));
        assert_eq!(fault(&[0xB1, 0xB0]), (1, CharacterFault::LongVowelMark));
        assert_eq!(fault(b"1,000"), (1, CharacterFault::Comma));
        assert_eq!(fault(b"A\tB"), (1, CharacterFault::Control));
        assert_eq!(fault(b"A*B"), (1, CharacterFault::NotAdmitted));
    }

    proptest! {
        #[test]
        fn a_119_normalising_is_nfkc_of_what_a_file_may_hold(bytes in prop::collection::vec(0x20_u8..=0xDF, 0..48)) {
            let text: String = bytes.iter().filter(|byte| **byte != 0x7E).filter_map(|byte| to_char(*byte)).collect();
            prop_assert_eq!(normalised(&text).into_owned(), text.nfkc().collect::<String>());
        }
    }
}
