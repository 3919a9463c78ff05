//! One walk over the items of a record, for reading and for writing alike.
//!
//! A record type names its items once, in order, in [`Walk::walk`]; [`FieldReader`] takes them from bytes and
//! [`FieldWriter`] puts them there. So what is written is what is read, and the layout stands in one place.

use super::codes::Code;
use super::era;
use super::frame::{RECORD_BYTES, Record};
use super::text::{CharacterClass, Text};
use crate::refusal::{Reason, RecordKind, excerpt};
use jiff::civil::{Date, Time};

/// The largest amount of one line, in yen: 12 digits.
pub const AMOUNT_MAX: i64 = 999_999_999_999;
/// The largest balance either side of zero, in yen: 14 digits.
pub const BALANCE_MAX: i64 = 99_999_999_999_999;
/// Digits an account number keeps at least, once leading zeros are dropped.
const ACCOUNT_DIGITS_MIN: usize = 7;

/// A record whose items can be walked.
pub(super) trait Walk: Default + Clone {
    /// Names every item in the order of the layout, [`RECORD_BYTES`] in all.
    fn walk<F: Fields>(&mut self, fields: &mut F) -> Result<(), F::Fault>;
}

/// What can be done with the items of a record. Each method takes the item's name and its width in bytes.
pub(super) trait Fields {
    /// Why an item stops the walk.
    type Fault;
    /// データ区分: which record this is.
    fn kind(&mut self, kind: RecordKind) -> Result<(), Self::Fault>;
    /// 種別コード: which file this is.
    fn type_code(&mut self, code: &'static str) -> Result<(), Self::Fault>;
    /// コード区分: 0, for JIS.
    fn code_set(&mut self) -> Result<(), Self::Fault>;
    /// N, mandatory: a number.
    fn number(&mut self, item: &'static str, width: usize, value: &mut i64) -> Result<(), Self::Fault>;
    /// N, optional: a number; blank is zero.
    fn number_or_blank(&mut self, item: &'static str, width: usize, value: &mut i64) -> Result<(), Self::Fault>;
    /// N, mandatory: digits that are a name, not a number; leading zeros count.
    fn digits(&mut self, item: &'static str, width: usize, value: &mut String) -> Result<(), Self::Fault>;
    /// N, optional: such digits; zeros and spaces are nothing.
    fn digits_or_blank(
        &mut self,
        item: &'static str,
        width: usize,
        value: &mut Option<String>,
    ) -> Result<(), Self::Fault>;
    /// 口座番号: digits; leading zeros are dropped down to seven digits.
    fn account_number(&mut self, width: usize, value: &mut String) -> Result<(), Self::Fault>;
    /// N, mandatory: a code of a closed list.
    fn code<C: Code>(&mut self, item: &'static str, value: &mut C) -> Result<(), Self::Fault>;
    /// N, optional: a code of a closed list; zeros and spaces are nothing.
    fn code_or_blank<C: Code>(&mut self, item: &'static str, value: &mut Option<C>) -> Result<(), Self::Fault>;
    /// 作成日: the date the record's other dates are resolved against.
    fn made_on(&mut self, value: &mut Date) -> Result<(), Self::Fault>;
    /// N6, mandatory: a date.
    fn date(&mut self, item: &'static str, value: &mut Date) -> Result<(), Self::Fault>;
    /// N6, optional: a date; zeros and spaces are nothing.
    fn date_or_blank(&mut self, item: &'static str, value: &mut Option<Date>) -> Result<(), Self::Fault>;
    /// N4, optional: a time of day, HHMM; zeros and spaces are nothing.
    fn time_or_blank(&mut self, item: &'static str, value: &mut Option<Time>) -> Result<(), Self::Fault>;
    /// C: text, left-aligned.
    fn text(
        &mut self,
        item: &'static str,
        width: usize,
        class: CharacterClass,
        value: &mut Text,
    ) -> Result<(), Self::Fault>;
    /// A dummy area of zeros (spaces are read too).
    fn zeros(&mut self, width: usize) -> Result<(), Self::Fault>;
    /// A dummy area of spaces.
    fn spaces(&mut self, width: usize) -> Result<(), Self::Fault>;
}

/// An item that can't be read.
#[derive(Debug)]
pub(super) struct FieldFault {
    pub(super) item: &'static str,
    /// Where the item begins in the record, from 0.
    pub(super) at: usize,
    pub(super) found: String,
    pub(super) reason: Reason,
}

/// Takes a record's items from its bytes.
pub(super) struct FieldReader<'a> {
    record: &'a [u8],
    at: usize,
    /// The day dates are resolved against: the day of receipt until 作成日 is read, then that.
    anchor: Date,
    /// An item to stop at, and why. See [`fault_at`].
    stop: Option<(&'static str, Reason)>,
}

/// Reads a whole record.
pub(super) fn read<W: Walk>(record: &Record, anchor: Date) -> Result<W, FieldFault> {
    let mut fields = FieldReader { record, at: 0, anchor, stop: None };
    let mut value = W::default();
    value.walk(&mut fields)?;
    debug_assert_eq!(fields.at, RECORD_BYTES, "a walk covers the whole record");
    Ok(value)
}

/// The fault of an item that was read well but disagrees with something outside its record: a second walk finds
/// where the item stands.
pub(super) fn fault_at<W: Walk>(record: &Record, anchor: Date, item: &'static str, reason: Reason) -> FieldFault {
    let mut fields = FieldReader { record, at: 0, anchor, stop: Some((item, reason.clone())) };
    match W::default().walk(&mut fields) {
        Err(fault) => fault,
        Ok(()) => FieldFault { item, at: 0, found: String::new(), reason },
    }
}

impl<'a> FieldReader<'a> {
    /// The next item's bytes.
    fn take(&mut self, item: &'static str, width: usize) -> Result<&'a [u8], FieldFault> {
        let bytes = self.record.get(self.at..self.at + width).unwrap_or_default();
        self.at += width;
        match &self.stop {
            Some((stop, reason)) if *stop == item => Err(self.fault(item, bytes, reason.clone())),
            _ => Ok(bytes),
        }
    }

    /// A fault of the item just taken.
    fn fault(&self, item: &'static str, bytes: &[u8], reason: Reason) -> FieldFault {
        FieldFault { item, at: self.at - bytes.len(), found: excerpt(bytes), reason }
    }

    /// The next item, which must be digits.
    fn take_digits(&mut self, item: &'static str, width: usize) -> Result<&'a [u8], FieldFault> {
        let bytes = self.take(item, width)?;
        if bytes.iter().all(u8::is_ascii_digit) {
            return Ok(bytes);
        }
        let blank = bytes.iter().all(|byte| *byte == b' ');
        Err(self.fault(item, bytes, if blank { Reason::Blank } else { Reason::NotDigits }))
    }

    /// The next item, which must be digits or spaces; `None` when it is only zeros or only spaces.
    fn take_optional(&mut self, item: &'static str, width: usize) -> Result<Option<&'a [u8]>, FieldFault> {
        let bytes = self.take(item, width)?;
        if bytes.iter().all(|byte| *byte == b' ') || bytes.iter().all(|byte| *byte == b'0') {
            return Ok(None);
        }
        if bytes.iter().all(u8::is_ascii_digit) {
            return Ok(Some(bytes));
        }
        Err(self.fault(item, bytes, Reason::NotDigits))
    }

    fn read_code<C: Code>(&self, item: &'static str, bytes: &[u8]) -> Result<C, FieldFault> {
        let number = number_of(bytes);
        let found = C::ALL.iter().copied().find(|code| i64::from(code.number()) == number);
        found.ok_or_else(|| self.fault(item, bytes, Reason::NotListed(C::WORDS)))
    }

    fn read_date(&self, item: &'static str, bytes: &[u8]) -> Result<Date, FieldFault> {
        let part = |range| number_of(bytes.get(range).unwrap_or_default());
        let year = i16::try_from(part(0..2)).unwrap_or_default();
        let month = i8::try_from(part(2..4)).unwrap_or_default();
        let day = i8::try_from(part(4..6)).unwrap_or_default();
        era::resolve(year, month, day, self.anchor).map_err(|reason| self.fault(item, bytes, reason))
    }

    fn read_time(&self, item: &'static str, bytes: &[u8]) -> Result<Time, FieldFault> {
        let part = |range| i8::try_from(number_of(bytes.get(range).unwrap_or_default())).unwrap_or(i8::MAX);
        Time::new(part(0..2), part(2..4), 0, 0).map_err(|_| self.fault(item, bytes, Reason::NoSuchTime))
    }
}

/// The number some digits make. Eighteen digits fit; the layout has no more than fourteen.
fn number_of(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |sum: i64, digit| sum.saturating_mul(10).saturating_add(i64::from(digit.wrapping_sub(b'0'))))
}

/// Digits as text.
fn text_of(digits: &[u8]) -> String {
    digits.iter().copied().map(char::from).collect()
}

impl Fields for FieldReader<'_> {
    type Fault = FieldFault;

    fn kind(&mut self, kind: RecordKind) -> Result<(), FieldFault> {
        let bytes = self.take("データ区分", 1)?;
        if bytes == [kind.byte()] { Ok(()) } else { Err(self.fault("データ区分", bytes, Reason::UnknownKind)) }
    }

    fn type_code(&mut self, code: &'static str) -> Result<(), FieldFault> {
        let bytes = self.take("種別コード", code.len())?;
        if bytes == code.as_bytes() {
            Ok(())
        } else {
            Err(self.fault("種別コード", bytes, Reason::TypeCode(code)))
        }
    }

    fn code_set(&mut self) -> Result<(), FieldFault> {
        match self.take("コード区分", 1)? {
            [b'0'] => Ok(()),
            bytes @ [b'1'] => Err(self.fault("コード区分", bytes, Reason::Ebcdic)),
            bytes => Err(self.fault("コード区分", bytes, Reason::NotListed("0 (JIS)"))),
        }
    }

    fn number(&mut self, item: &'static str, width: usize, value: &mut i64) -> Result<(), FieldFault> {
        *value = number_of(self.take_digits(item, width)?);
        Ok(())
    }

    fn number_or_blank(&mut self, item: &'static str, width: usize, value: &mut i64) -> Result<(), FieldFault> {
        *value = self.take_optional(item, width)?.map_or(0, number_of);
        Ok(())
    }

    fn digits(&mut self, item: &'static str, width: usize, value: &mut String) -> Result<(), FieldFault> {
        *value = text_of(self.take_digits(item, width)?);
        Ok(())
    }

    fn digits_or_blank(
        &mut self,
        item: &'static str,
        width: usize,
        value: &mut Option<String>,
    ) -> Result<(), FieldFault> {
        *value = self.take_optional(item, width)?.map(text_of);
        Ok(())
    }

    fn account_number(&mut self, width: usize, value: &mut String) -> Result<(), FieldFault> {
        let digits = self.take_digits("口座番号", width)?;
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        let dropped = zeros.min(width.saturating_sub(ACCOUNT_DIGITS_MIN));
        *value = text_of(digits.get(dropped..).unwrap_or_default());
        Ok(())
    }

    fn code<C: Code>(&mut self, item: &'static str, value: &mut C) -> Result<(), FieldFault> {
        let bytes = self.take_digits(item, C::DIGITS)?;
        *value = self.read_code(item, bytes)?;
        Ok(())
    }

    fn code_or_blank<C: Code>(&mut self, item: &'static str, value: &mut Option<C>) -> Result<(), FieldFault> {
        let bytes = self.take_optional(item, C::DIGITS)?;
        *value = bytes.map(|bytes| self.read_code(item, bytes)).transpose()?;
        Ok(())
    }

    fn made_on(&mut self, value: &mut Date) -> Result<(), FieldFault> {
        self.date("作成日", value)?;
        self.anchor = *value;
        Ok(())
    }

    fn date(&mut self, item: &'static str, value: &mut Date) -> Result<(), FieldFault> {
        let bytes = self.take_digits(item, 6)?;
        *value = self.read_date(item, bytes)?;
        Ok(())
    }

    fn date_or_blank(&mut self, item: &'static str, value: &mut Option<Date>) -> Result<(), FieldFault> {
        let bytes = self.take_optional(item, 6)?;
        *value = bytes.map(|bytes| self.read_date(item, bytes)).transpose()?;
        Ok(())
    }

    fn time_or_blank(&mut self, item: &'static str, value: &mut Option<Time>) -> Result<(), FieldFault> {
        let bytes = self.take_optional(item, 4)?;
        *value = bytes.map(|bytes| self.read_time(item, bytes)).transpose()?;
        Ok(())
    }

    fn text(
        &mut self,
        item: &'static str,
        width: usize,
        class: CharacterClass,
        value: &mut Text,
    ) -> Result<(), FieldFault> {
        let bytes = self.take(item, width)?;
        *value = Text::decode(bytes, class).map_err(|(place, fault)| {
            let byte = bytes.get(place..=place).unwrap_or_default();
            let at = self.at - bytes.len();
            FieldFault { item, at, found: excerpt(byte), reason: Reason::Character(place + 1, fault) }
        })?;
        Ok(())
    }

    fn zeros(&mut self, width: usize) -> Result<(), FieldFault> {
        let bytes = self.take("ダミー", width)?;
        let fits = bytes.iter().all(|byte| *byte == b'0') || bytes.iter().all(|byte| *byte == b' ');
        if fits { Ok(()) } else { Err(self.fault("ダミー", bytes, Reason::NotDummy)) }
    }

    fn spaces(&mut self, width: usize) -> Result<(), FieldFault> {
        let bytes = self.take("ダミー", width)?;
        match bytes.iter().position(|byte| *byte != b' ') {
            None => Ok(()),
            Some(first) => Err(self.fault("ダミー", bytes.get(first..).unwrap_or_default(), Reason::NotDummy)),
        }
    }
}

/// A value the layout has no room for, or no character.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteFault {
    /// The value takes more bytes than the item has.
    #[error("{0}: does not fit")]
    TooWide(&'static str),
    /// A negative number where the layout has no sign.
    #[error("{0}: negative")]
    Negative(&'static str),
    /// Not digits.
    #[error("{0}: not digits")]
    NotDigits(&'static str),
    /// The item does not admit this character.
    #[error("{0}: {1:?} is not admitted")]
    Character(&'static str, char),
    /// The day is in no era known here.
    #[error("{0}: no era has this day")]
    NoEra(&'static str),
}

/// Puts a record's items into bytes.
pub(super) struct FieldWriter {
    bytes: Vec<u8>,
}

/// Writes a whole record.
pub(super) fn write<W: Walk>(value: &W) -> Result<Vec<u8>, WriteFault> {
    let mut fields = FieldWriter { bytes: Vec::with_capacity(RECORD_BYTES) };
    value.clone().walk(&mut fields)?;
    debug_assert_eq!(fields.bytes.len(), RECORD_BYTES, "a walk covers the whole record");
    Ok(fields.bytes)
}

impl FieldWriter {
    /// Puts digits, zeros before them.
    fn put_digits(&mut self, item: &'static str, width: usize, digits: &str) -> Result<(), WriteFault> {
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(WriteFault::NotDigits(item));
        }
        let zeros = width.checked_sub(digits.len()).ok_or(WriteFault::TooWide(item))?;
        self.bytes.extend(std::iter::repeat_n(b'0', zeros));
        self.bytes.extend_from_slice(digits.as_bytes());
        Ok(())
    }

    fn put_spaces(&mut self, width: usize) {
        self.bytes.extend(std::iter::repeat_n(b' ', width));
    }
}

impl Fields for FieldWriter {
    type Fault = WriteFault;

    fn kind(&mut self, kind: RecordKind) -> Result<(), WriteFault> {
        self.bytes.push(kind.byte());
        Ok(())
    }

    fn type_code(&mut self, code: &'static str) -> Result<(), WriteFault> {
        self.put_digits("種別コード", code.len(), code)
    }

    fn code_set(&mut self) -> Result<(), WriteFault> {
        self.put_digits("コード区分", 1, "0")
    }

    fn number(&mut self, item: &'static str, width: usize, value: &mut i64) -> Result<(), WriteFault> {
        let number = u64::try_from(*value).map_err(|_| WriteFault::Negative(item))?;
        self.put_digits(item, width, &number.to_string())
    }

    fn number_or_blank(&mut self, item: &'static str, width: usize, value: &mut i64) -> Result<(), WriteFault> {
        self.number(item, width, value)
    }

    fn digits(&mut self, item: &'static str, width: usize, value: &mut String) -> Result<(), WriteFault> {
        self.put_digits(item, width, value)
    }

    fn digits_or_blank(
        &mut self,
        item: &'static str,
        width: usize,
        value: &mut Option<String>,
    ) -> Result<(), WriteFault> {
        match value {
            Some(digits) => self.put_digits(item, width, digits),
            None => {
                self.put_spaces(width);
                Ok(())
            }
        }
    }

    fn account_number(&mut self, width: usize, value: &mut String) -> Result<(), WriteFault> {
        self.put_digits("口座番号", width, value)
    }

    fn code<C: Code>(&mut self, item: &'static str, value: &mut C) -> Result<(), WriteFault> {
        self.put_digits(item, C::DIGITS, &value.number().to_string())
    }

    fn code_or_blank<C: Code>(&mut self, item: &'static str, value: &mut Option<C>) -> Result<(), WriteFault> {
        match value {
            Some(code) => self.code(item, code),
            None => {
                self.put_spaces(C::DIGITS);
                Ok(())
            }
        }
    }

    fn made_on(&mut self, value: &mut Date) -> Result<(), WriteFault> {
        self.date("作成日", value)
    }

    fn date(&mut self, item: &'static str, value: &mut Date) -> Result<(), WriteFault> {
        self.bytes.extend(era::digits(*value).ok_or(WriteFault::NoEra(item))?);
        Ok(())
    }

    fn date_or_blank(&mut self, item: &'static str, value: &mut Option<Date>) -> Result<(), WriteFault> {
        match value {
            Some(date) => self.date(item, date),
            None => self.put_digits(item, 6, "000000"),
        }
    }

    fn time_or_blank(&mut self, item: &'static str, value: &mut Option<Time>) -> Result<(), WriteFault> {
        let digits = value.map_or(String::new(), |time| format!("{:02}{:02}", time.hour(), time.minute()));
        self.put_digits(item, 4, &digits)
    }

    fn text(
        &mut self,
        item: &'static str,
        width: usize,
        class: CharacterClass,
        value: &mut Text,
    ) -> Result<(), WriteFault> {
        let bytes = value.encode(class).map_err(|letter| WriteFault::Character(item, letter))?;
        let room = width.checked_sub(bytes.len()).ok_or(WriteFault::TooWide(item))?;
        self.bytes.extend(bytes);
        self.put_spaces(room);
        Ok(())
    }

    fn zeros(&mut self, width: usize) -> Result<(), WriteFault> {
        self.bytes.extend(std::iter::repeat_n(b'0', width));
        Ok(())
    }

    fn spaces(&mut self, width: usize) -> Result<(), WriteFault> {
        self.put_spaces(width);
        Ok(())
    }
}
