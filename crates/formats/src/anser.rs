//! ANSER CSV: account statements as business internet banking hands them to its users.
//!
//! Bytes of CP932. Each line ends with CR LF; every item is in double quotes, a missing one is `""`. The first line
//! holds thirteen captions, each line after it thirteen values of one statement line. Unlike a Zengin file it has a
//! balance on every line, and up to 69 characters of description.

use crate::refusal::{ReadError, Reason, Refusal, excerpt};
use encoding_rs::SHIFT_JIS;
use jiff::civil::Date;
use std::io::{BufRead, Read};

/// The most bytes of one line, line break included. All items at their widest take some 550.
pub const LINE_BYTES_MAX: usize = 2_048;
/// The most lines of one file.
pub const LINES_MAX: u64 = 1_000_000;
/// The largest amount or balance either side of zero, in yen: 14 digits.
pub const AMOUNT_MAX: i64 = 99_999_999_999_999;
/// Items on a line.
const ITEMS: usize = 13;
/// The captions, with half-width parentheses; files also write them full-width.
const CAPTIONS: [&str; ITEMS] = [
    "照会口座",
    "番号",
    "勘定日",
    "起算日",
    "出金金額(円)",
    "入金金額(円)",
    "小切手区分",
    "残高(円)",
    "取引区分",
    "明細区分",
    "金融機関名",
    "支店名",
    "摘要",
];

/// 明細: one line. Texts are as stored; an item left blank is the empty text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvLine {
    /// 照会口座: institution, branch, type and number, as one text.
    pub account: String,
    /// 番号: the line's number within its account.
    pub number: i64,
    /// 勘定日.
    pub booked_on: Date,
    /// 起算日, on a line whose value date differs.
    pub value_on: Option<Date>,
    /// 出金金額 or 入金金額, in yen: positive for a credit, negative for a debit.
    pub signed_amount: i64,
    /// 小切手区分.
    pub cheque: String,
    /// 残高 after the line, in yen.
    pub balance_after: i64,
    /// 取引区分, in words.
    pub entry_kind: String,
    /// 明細区分.
    pub line_kind: String,
    /// 金融機関名.
    pub bank_name: String,
    /// 支店名.
    pub branch_name: String,
    /// 摘要.
    pub description: String,
}

/// Reads an ANSER CSV line by line, in bounded memory. Balances are checked from line to line.
pub struct AnserReader<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
    offset: u64,
    /// The line before: account, number and balance.
    before: Option<(String, i64, i64)>,
    done: bool,
}

/// One item of the line being read: its caption, and its characters.
type Item<'a> = (&'static str, &'a str);

impl<R: BufRead> AnserReader<R> {
    /// Reads `input`.
    pub const fn new(input: R) -> AnserReader<R> {
        AnserReader { input, line: Vec::new(), number: 0, offset: 0, before: None, done: false }
    }

    /// The next line; `None` at the end of the file.
    ///
    /// # Errors
    /// [`ReadError`]; its record is the line counted from 1, captions included. What follows is `None`.
    pub fn next_line(&mut self) -> Result<Option<CsvLine>, ReadError> {
        if self.done {
            return Ok(None);
        }
        self.done = true;
        if self.number == 0 {
            self.read_captions()?;
        }
        let Some(items) = self.read_items()? else { return Ok(None) };
        let line = self.parse(&items)?;
        self.check_order(&line)?;
        self.before = Some((line.account.clone(), line.number, line.balance_after));
        self.done = false;
        Ok(Some(line))
    }

    fn read_captions(&mut self) -> Result<(), ReadError> {
        let items = self.read_items()?.ok_or_else(|| self.refuse(None, "", Reason::Empty))?;
        for (caption, found) in CAPTIONS.into_iter().zip(&items) {
            if found.replace('（', "(").replace('）', ")") != caption {
                return Err(self.refuse(Some(caption), found, Reason::Caption(caption)));
            }
        }
        Ok(())
    }

    /// Reads a line and cuts it into its items; `None` at the end of the file.
    fn read_items(&mut self) -> Result<Option<[String; ITEMS]>, ReadError> {
        self.offset += self.line.len() as u64;
        self.line.clear();
        self.number += 1;
        let limit = LINE_BYTES_MAX as u64 + 1;
        let read = self.input.by_ref().take(limit).read_until(b'\n', &mut self.line);
        read.map_err(|source| ReadError::Io { record: self.number, source })?;
        if self.line.is_empty() {
            return Ok(None);
        }
        if self.line.len() > LINE_BYTES_MAX {
            return Err(self.refuse(None, "", Reason::LineTooLong(LINE_BYTES_MAX)));
        }
        if self.number > LINES_MAX {
            return Err(self.refuse(None, "", Reason::TooManyRecords));
        }
        if self.number == 1 && std::str::from_utf8(&self.line).is_ok_and(|text| !text.is_ascii()) {
            return Err(self.refuse(None, "", Reason::NotCp932));
        }
        let items = cut(&self.line).ok_or_else(|| self.refuse(None, "", Reason::NotQuoted(ITEMS)))?;
        let mut texts: [String; ITEMS] = std::array::from_fn(|_| String::new());
        for ((text, bytes), caption) in texts.iter_mut().zip(&items).zip(CAPTIONS) {
            let (decoded, _, failed) = SHIFT_JIS.decode(bytes);
            if failed || decoded.chars().any(char::is_control) {
                return Err(self.refuse(Some(caption), &excerpt(bytes), Reason::NotCp932));
            }
            *text = decoded.into_owned();
        }
        Ok(Some(texts))
    }

    fn parse(&self, items: &[String; ITEMS]) -> Result<CsvLine, ReadError> {
        let [account, number, booked, value, debit, credit, cheque, balance, kind, line_kind, bank, branch, text] =
            items;
        let item = |at: usize, found| (CAPTIONS.get(at).copied().unwrap_or_default(), found);
        let signed_amount = match (debit.as_str(), credit.as_str()) {
            (debit, "") if !debit.is_empty() => -self.amount(item(4, debit))?,
            ("", credit) if !credit.is_empty() => self.amount(item(5, credit))?,
            _ => return Err(self.refuse(Some("出金金額(円)"), debit, Reason::OneAmount)),
        };
        Ok(CsvLine {
            account: account.clone(),
            number: self.amount(item(1, number))?,
            booked_on: self.date(item(2, booked))?,
            value_on: if value.is_empty() { None } else { Some(self.date(item(3, value))?) },
            signed_amount,
            cheque: cheque.clone(),
            balance_after: match balance.strip_prefix('-') {
                Some(overdrawn) => -self.amount(item(7, overdrawn))?,
                None => self.amount(item(7, balance))?,
            },
            entry_kind: kind.clone(),
            line_kind: line_kind.clone(),
            bank_name: bank.clone(),
            branch_name: branch.clone(),
            description: text.clone(),
        })
    }

    /// Refuses a line that does not go on from the one before: numbers count up by one, balances follow.
    fn check_order(&self, line: &CsvLine) -> Result<(), ReadError> {
        let Some((_, number, balance)) = self.before.as_ref().filter(|before| before.0 == line.account) else {
            return Ok(());
        };
        if line.number != number + 1 {
            return Err(self.refuse(Some("番号"), &line.number.to_string(), Reason::Differs(number + 1)));
        }
        let expected = balance.saturating_add(line.signed_amount);
        if line.balance_after != expected {
            return Err(self.refuse(Some("残高(円)"), &line.balance_after.to_string(), Reason::Differs(expected)));
        }
        Ok(())
    }

    fn amount(&self, (caption, found): Item<'_>) -> Result<i64, ReadError> {
        let digits = !found.is_empty() && found.bytes().all(|byte| byte.is_ascii_digit());
        let amount = found.parse::<i64>().ok().filter(|amount| digits && *amount <= AMOUNT_MAX);
        amount.ok_or_else(|| self.refuse(Some(caption), found, Reason::NotAnAmount))
    }

    fn date(&self, (caption, found): Item<'_>) -> Result<Date, ReadError> {
        date_of(found).ok_or_else(|| self.refuse(Some(caption), found, Reason::NotADate))
    }

    fn refuse(&self, item: Option<&'static str>, found: &str, reason: Reason) -> ReadError {
        let found = found.chars().take(20).collect();
        Refusal { record: self.number, offset: self.offset, kind: None, item, found, reason }.into()
    }
}

impl<R: BufRead> Iterator for AnserReader<R> {
    type Item = Result<CsvLine, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_line().transpose()
    }
}

/// Cuts a line into its items. No second byte of a CP932 character is a quote or a comma, so bytes can be cut
/// before they are decoded. A quote inside an item is written twice.
fn cut(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut bytes = line.strip_suffix(b"\r\n")?.iter().copied().peekable();
    let mut items = Vec::with_capacity(ITEMS);
    loop {
        let mut item = Vec::new();
        (bytes.next()? == b'"').then_some(())?;
        loop {
            match bytes.next()? {
                b'"' if bytes.peek() == Some(&b'"') => item.extend(bytes.next()),
                b'"' => break,
                byte => item.push(byte),
            }
        }
        items.push(item);
        match bytes.next() {
            None => return (items.len() == ITEMS).then_some(items),
            Some(b',') => {}
            Some(_) => return None,
        }
    }
}

/// A date written as `2026年10月01日`.
fn date_of(text: &str) -> Option<Date> {
    let (year, rest) = text.strip_suffix('日')?.split_once('年')?;
    let (month, day) = rest.split_once('月')?;
    let digits = |part: &str, width| part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(year, 4) || !digits(month, 2) || !digits(day, 2) {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}
