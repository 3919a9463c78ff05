//! Why a file is refused: where it stands in the file, what was found there, and the reason in words.

use crate::zengin::{RECORD_BYTES, RECORDS_MAX, YEARS_APART_MAX};
use jiff::civil::Date;
use std::{fmt, io};

/// The most characters of a file's own content a refusal repeats.
const EXCERPT_CHARS_MAX: usize = 20;

/// データ区分: the first byte of every record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// `1`, ヘッダ・レコード: opens one account.
    Header,
    /// `2`, データ・レコード: one line of the account.
    Data,
    /// `8`, トレーラ・レコード: closes the account with its totals.
    Trailer,
    /// `9`, エンド・レコード: closes the file.
    End,
}

impl RecordKind {
    /// The byte this kind begins with.
    pub(crate) const fn byte(self) -> u8 {
        match self {
            RecordKind::Header => b'1',
            RecordKind::Data => b'2',
            RecordKind::Trailer => b'8',
            RecordKind::End => b'9',
        }
    }

    /// The kind a record's first byte names.
    pub(crate) const fn of(byte: u8) -> Option<RecordKind> {
        match byte {
            b'1' => Some(RecordKind::Header),
            b'2' => Some(RecordKind::Data),
            b'8' => Some(RecordKind::Trailer),
            b'9' => Some(RecordKind::End),
            _ => None,
        }
    }

    /// The kind in English and in Japanese.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            RecordKind::Header => ("header", "ヘッダ・レコード"),
            RecordKind::Data => ("data", "データ・レコード"),
            RecordKind::Trailer => ("trailer", "トレーラ・レコード"),
            RecordKind::End => ("end", "エンド・レコード"),
        }
    }
}

/// What is wrong with a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CharacterFault {
    /// The bytes are UTF-8.
    Utf8,
    /// A full-width (double-byte) character.
    DoubleByte,
    /// A lower-case Latin letter.
    LowerCase,
    /// Small kana such as `ｬ`.
    SmallKana,
    /// The long-vowel mark `ｰ`; files write `-`.
    LongVowelMark,
    /// A comma.
    Comma,
    /// A control character.
    Control,
    /// A character of JIS X 0201 that this item does not admit.
    NotAdmitted,
}

/// Why a file is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The file has no bytes.
    Empty,
    /// The file begins with a byte order mark.
    ByteOrderMark,
    /// A record ends with LF alone.
    LineFeedAlone,
    /// A record ends with CR alone.
    CarriageReturnAlone,
    /// A record is this many bytes long before its line break.
    RecordWidth(usize),
    /// Some records end with CR LF and this one does not, or the other way round.
    LineBreaksMixed,
    /// The file ends after this many bytes of a record.
    Truncated(usize),
    /// The file holds more than [`RECORDS_MAX`] records.
    TooManyRecords,
    /// Something follows the end record.
    AfterEnd,
    /// The file ends before its end record.
    EndMissing,
    /// A record of another kind belongs here.
    OutOfOrder(&'static str),
    /// データ区分 is none of 1, 2, 8, 9.
    UnknownKind,
    /// 種別コード is not the one this reader reads.
    TypeCode(&'static str),
    /// The file is EBCDIC.
    Ebcdic,
    /// The account is a time deposit, whose lines use another layout.
    TimeDeposit,
    /// An item that must be there is blank.
    Blank,
    /// A numeric item holds something else than digits.
    NotDigits,
    /// The code is not on the list given.
    NotListed(&'static str),
    /// A dummy area holds something.
    NotDummy,
    /// A character the item does not admit; its place within the item, from 1.
    Character(usize, CharacterFault),
    /// No calendar has this day.
    NoSuchDay,
    /// No clock has this time.
    NoSuchTime,
    /// No era puts this day near the one given.
    FarFrom(Date),
    /// The day lies outside the days the header gives.
    OutsidePeriod(Date, Date),
    /// The header's last day is before its first, which is given.
    PeriodBackwards(Date),
    /// うち他店券金額 is more than the amount it is part of.
    MoreThanAmount(i64),
    /// The account's lines add up to more than a trailer can hold.
    TotalTooLarge,
    /// The item does not agree with what the records before it add up to.
    Differs(i64),
    /// A line of the CSV is longer than this many bytes.
    LineTooLong(usize),
    /// A line of the CSV does not have this many items, each in double quotes with commas between.
    NotQuoted(usize),
    /// A caption of the CSV is not the one given.
    Caption(&'static str),
    /// Bytes that are no character of CP932.
    NotCp932,
    /// Not a date written as 2026年10月01日.
    NotADate,
    /// Not an amount in yen.
    NotAnAmount,
    /// A line must have either 出金金額 or 入金金額.
    OneAmount,
    /// 支払可能残高 is not 現在残高 − 他店券残高 + 貸越極度額, which is given.
    NotAvailable(i64),
    /// The same account was already opened by the record given.
    AccountTwice(u64),
}

/// A refusal: nothing of the file may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The record, counted from 1.
    pub record: u64,
    /// The byte in the file at which the item (or the record) begins, counted from 0.
    pub offset: u64,
    /// The record's kind, where it is known.
    pub kind: Option<RecordKind>,
    /// The item's name in the layout (such as 銀行コード), where the fault lies in one.
    pub item: Option<&'static str>,
    /// What was found: the item's characters, or one byte of it, cut short and without control characters.
    pub found: String,
    /// Why that is refused.
    pub reason: Reason,
}

/// Reading stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file is not what it should be.
    #[error("{0}")]
    Refused(Refusal),
    /// The file could not be read.
    #[error("the file could not be read at record {record}: {source}")]
    Io {
        /// The record being read, counted from 1.
        record: u64,
        /// What the system said.
        source: io::Error,
    },
}

impl From<Refusal> for ReadError {
    fn from(refusal: Refusal) -> ReadError {
        ReadError::Refused(refusal)
    }
}

/// Bytes of a file made fit for a log: characters of JIS X 0201 as they are, others as `\xNN`, cut to
/// [`EXCERPT_CHARS_MAX`].
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes.iter().take(EXCERPT_CHARS_MAX) {
        match crate::zengin::to_char(*byte) {
            Some(letter) => text.push(letter),
            None => text.push_str(&format!("\\x{byte:02X}")),
        }
    }
    if bytes.len() > EXCERPT_CHARS_MAX {
        text.push('…');
    }
    text
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}", self.record)?;
        if let Some(kind) = self.kind {
            write!(f, " ({})", kind.words().0)?;
        }
        write!(f, ", byte {}", self.offset)?;
        if let Some(item) = self.item {
            write!(f, ", {item}")?;
        }
        if !self.found.is_empty() {
            write!(f, " \"{}\"", self.found)?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl Refusal {
    /// The same for people who read Japanese.
    #[must_use]
    pub fn to_japanese(&self) -> String {
        let kind = self.kind.map_or(String::new(), |kind| format!("（{}）", kind.words().1));
        let item = self.item.map_or(String::new(), |item| format!("の{item}"));
        let found = if self.found.is_empty() { String::new() } else { format!("「{}」", self.found) };
        let place = format!("{}件目{kind}、先頭から{}バイト目{item}{found}", self.record, self.offset);
        format!("{place}：{}", self.reason.to_japanese())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Empty => f.write_str("the file is empty"),
            Reason::ByteOrderMark => f.write_str("the file begins with a byte order mark; JIS X 0201 has none"),
            Reason::LineFeedAlone => f.write_str("records end with LF alone; no line breaks or CR LF are read"),
            Reason::CarriageReturnAlone => f.write_str("records end with CR alone; no line breaks or CR LF are read"),
            Reason::RecordWidth(width) => {
                write!(f, "the record is {width} bytes long before its line break, not {RECORD_BYTES}")
            }
            Reason::LineBreaksMixed => f.write_str("some records end with CR LF and some do not"),
            Reason::Truncated(bytes) => {
                write!(f, "the file ends after {bytes} of the record's {RECORD_BYTES} bytes")
            }
            Reason::TooManyRecords => write!(f, "the file holds more than {RECORDS_MAX} records"),
            Reason::AfterEnd => f.write_str("something follows the end record"),
            Reason::EndMissing => f.write_str("the file ends without an end record"),
            Reason::OutOfOrder(expected) => write!(f, "out of order: {expected} belongs here"),
            Reason::UnknownKind => {
                write!(f, "not a record kind (1, 2, 8, 9); the records may not be {RECORD_BYTES} bytes long")
            }
            Reason::TypeCode(expected) => write!(f, "type code {expected} expected"),
            Reason::Ebcdic => f.write_str("code set EBCDIC is not read; ask the sender for JIS (code set 0)"),
            Reason::TimeDeposit => f.write_str("lines of time deposits use a layout that is not read"),
            Reason::Blank => f.write_str("must not be blank"),
            Reason::NotDigits => f.write_str("not digits"),
            Reason::NotListed(list) => write!(f, "not one of {list}"),
            Reason::NotDummy => f.write_str("a dummy area must be blank"),
            Reason::Character(place, fault) => write!(f, "character {place} of the item: {fault}"),
            Reason::NoSuchDay => f.write_str("no such day in any era"),
            Reason::NoSuchTime => f.write_str("no such time of day"),
            Reason::FarFrom(day) => write!(f, "no era puts this day within {YEARS_APART_MAX} years of {day}"),
            Reason::OutsidePeriod(from, to) => write!(f, "outside the header's days {from} to {to}"),
            Reason::PeriodBackwards(from) => write!(f, "before the period's first day {from}"),
            Reason::MoreThanAmount(amount) => write!(f, "more than the line's amount {amount}"),
            Reason::TotalTooLarge => f.write_str("the account's lines add up to more than 13 digits"),
            Reason::Differs(expected) => write!(f, "the records before it give {expected}"),
            Reason::LineTooLong(most) => write!(f, "the line is longer than {most} bytes"),
            Reason::NotQuoted(items) => {
                write!(f, "not a line of {items} items, each in double quotes with commas between, ended by CR LF")
            }
            Reason::Caption(expected) => write!(f, "caption {expected} expected"),
            Reason::NotCp932 => f.write_str("not CP932 (Shift_JIS)"),
            Reason::NotADate => f.write_str("not a date such as 2026年10月01日"),
            Reason::NotAnAmount => f.write_str("not an amount in yen"),
            Reason::OneAmount => f.write_str("a line has either 出金金額 or 入金金額"),
            Reason::NotAvailable(expected) => write!(f, "balance, uncleared items and overdraft limit give {expected}"),
            Reason::AccountTwice(record) => write!(f, "record {record} already opened this account"),
        }
    }
}

impl Reason {
    /// The reason for people who read Japanese.
    #[must_use]
    pub fn to_japanese(&self) -> String {
        match self {
            Reason::Empty => "ファイルが空です".into(),
            Reason::ByteOrderMark => "先頭にBOMがあります。JISコードのファイルを使用してください".into(),
            Reason::LineFeedAlone => "改行がLFのみです。改行なしまたはCR LFのファイルを使用してください".into(),
            Reason::CarriageReturnAlone => "改行がCRのみです。改行なしまたはCR LFのファイルを使用してください".into(),
            Reason::RecordWidth(width) => {
                format!("レコード長が{width}バイトです（正しくは{RECORD_BYTES}バイト）")
            }
            Reason::LineBreaksMixed => "改行のあるレコードとないレコードが混在しています".into(),
            Reason::Truncated(bytes) => format!("レコードの途中（{bytes}バイト）でファイルが終わっています"),
            Reason::TooManyRecords => format!("レコード数が上限（{RECORDS_MAX}件）を超えています"),
            Reason::AfterEnd => "エンド・レコードの後にデータがあります".into(),
            Reason::EndMissing => "エンド・レコードがありません".into(),
            Reason::OutOfOrder(_) => "レコードの順序が正しくありません".into(),
            Reason::UnknownKind => "データ区分が1、2、8、9のいずれでもありません".into(),
            Reason::TypeCode(expected) => format!("種別コードが{expected}ではありません"),
            Reason::Ebcdic => "EBCDICのファイルは取り込めません。JISコード（コード区分0）で作成してください".into(),
            Reason::TimeDeposit => "定期性預金の明細は取り込めません".into(),
            Reason::Blank => "必須項目が空白です".into(),
            Reason::NotDigits => "数字ではありません".into(),
            Reason::NotListed(list) => format!("使用できる値（{list}）ではありません"),
            Reason::NotDummy => "ダミー項目が空白ではありません".into(),
            Reason::Character(place, fault) => format!("{place}文字目：{}", fault.words().1),
            Reason::NoSuchDay => "存在しない日付です".into(),
            Reason::NoSuchTime => "存在しない時刻です".into(),
            Reason::FarFrom(day) => format!("{day}から{YEARS_APART_MAX}年を超えて離れた日付です"),
            Reason::OutsidePeriod(from, to) => format!("勘定日の範囲（{from}～{to}）の外です"),
            Reason::PeriodBackwards(from) => format!("勘定日（自）{from}より前の日付です"),
            Reason::MoreThanAmount(amount) => format!("取引金額{amount}円を超えています"),
            Reason::TotalTooLarge => "金額の合計が13桁を超えています".into(),
            Reason::Differs(expected) => format!("明細から計算した値{expected}と一致しません"),
            Reason::LineTooLong(most) => format!("1行が{most}バイトを超えています"),
            Reason::NotQuoted(items) => {
                format!("引用符で囲んだ{items}項目をコンマで区切り、CR LFで終わる行ではありません")
            }
            Reason::Caption(expected) => format!("項目名が{expected}ではありません"),
            Reason::NotCp932 => "Shift_JIS（CP932）の文字ではありません".into(),
            Reason::NotADate => "2026年10月01日のような日付ではありません".into(),
            Reason::NotAnAmount => "金額ではありません".into(),
            Reason::OneAmount => "出金金額と入金金額のどちらか一方だけが必要です".into(),
            Reason::NotAvailable(expected) => {
                format!("現在残高−他店券残高＋貸越極度額の計算結果{expected}と一致しません")
            }
            Reason::AccountTwice(record) => format!("同じ口座が{record}件目にもあります"),
        }
    }
}

impl CharacterFault {
    /// The fault in English and in Japanese.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            CharacterFault::Utf8 => ("UTF-8; the file must be JIS X 0201", "UTF-8の文字です"),
            CharacterFault::DoubleByte => ("a full-width character", "全角文字です"),
            CharacterFault::LowerCase => ("a lower-case letter", "英小文字です"),
            CharacterFault::SmallKana => ("small kana", "カナ小文字です"),
            CharacterFault::LongVowelMark => ("the long-vowel mark; files write -", "長音符号です（-を使用）"),
            CharacterFault::Comma => ("a comma", "コンマです"),
            CharacterFault::Control => ("a control character", "制御文字です"),
            CharacterFault::NotAdmitted => ("not admitted here", "この項目に使えない文字です"),
        }
    }
}

impl fmt::Display for CharacterFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words().0)
    }
}
