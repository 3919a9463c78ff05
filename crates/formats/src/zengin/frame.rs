//! Frames: the file's bytes cut into records of one width, with or without line breaks.

use crate::refusal::{ReadError, Reason, RecordKind, Refusal, excerpt};
use std::io::{self, BufRead};

/// Width of a record, line break not counted. Transfer files (120 bytes) are other files.
pub const RECORD_BYTES: usize = 200;
/// The most records one file may hold; at 200 bytes a record that is 4 GB.
pub const RECORDS_MAX: u64 = 20_000_000;
/// CP/M's end-of-file mark, which some senders still put behind the last record.
const END_OF_FILE_MARK: u8 = 0x1A;
/// Byte order marks of UTF-8 and UTF-16.
const BYTE_ORDER_MARKS: [&[u8]; 3] = [&[0xEF, 0xBB, 0xBF], &[0xFE, 0xFF], &[0xFF, 0xFE]];

/// What stands between records. One file has one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineBreaks {
    /// Nothing: a record begins every 200 bytes.
    None,
    /// CR LF: a record begins every 202 bytes. The last record may lack its line break.
    CrLf,
}

/// One record's bytes.
pub(super) type Record = [u8; RECORD_BYTES];

/// Cuts a file into records. Holds one record at a time.
pub(super) struct Frames<R> {
    input: R,
    record: Record,
    /// The record last read, counted from 1; 0 before the first.
    number: u64,
    /// Where that record begins.
    offset: u64,
    /// Where the next one begins.
    next_offset: u64,
    /// Known once the first record is read.
    breaks: Option<LineBreaks>,
}

impl<R: BufRead> Frames<R> {
    pub(super) fn new(input: R) -> Frames<R> {
        Frames { input, record: [b' '; RECORD_BYTES], number: 0, offset: 0, next_offset: 0, breaks: None }
    }

    /// The record last read.
    pub(super) const fn record(&self) -> &Record {
        &self.record
    }

    /// The number of the record last read (counted from 1) and the byte it begins at.
    pub(super) const fn place(&self) -> (u64, u64) {
        (self.number, self.offset)
    }

    /// The number the next record would have and the byte it would begin at.
    pub(super) const fn end_place(&self) -> (u64, u64) {
        (self.number + 1, self.next_offset)
    }

    /// Reads the next record; `false` at the end of the file.
    pub(super) fn advance(&mut self) -> Result<bool, ReadError> {
        let bytes = self.fill()?;
        let found = self.record.get(..bytes).unwrap_or_default();
        match found {
            [] | [END_OF_FILE_MARK] if self.number > 0 => return Ok(false),
            [] => return Err(self.refuse(self.number + 1, 0, Reason::Empty)),
            _ => {}
        }
        self.number += 1;
        self.offset = self.next_offset;
        if self.number > RECORDS_MAX {
            return Err(self.refuse(self.number, 0, Reason::TooManyRecords));
        }
        self.check_breaks_within(bytes)?;
        if bytes < RECORD_BYTES {
            return Err(self.refuse(self.number, bytes, Reason::Truncated(bytes)));
        }
        let skipped = self.pass_break()?;
        self.next_offset = self.offset + RECORD_BYTES as u64 + skipped;
        Ok(true)
    }

    /// Refuses when anything but the end-of-file mark follows the record last read, which is the end record.
    pub(super) fn expect_end(&mut self) -> Result<(), ReadError> {
        let bytes = self.fill()?;
        let found = self.record.get(..bytes).unwrap_or_default();
        if matches!(found, [] | [END_OF_FILE_MARK]) {
            return Ok(());
        }
        let (record, offset) = self.end_place();
        let refusal =
            Refusal { record, offset, kind: None, item: None, found: excerpt(found), reason: Reason::AfterEnd };
        Err(refusal.into())
    }

    /// Fills the record from the input; the number of bytes there were.
    fn fill(&mut self) -> Result<usize, ReadError> {
        let mut filled = 0;
        while let Some(room) = self.record.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.input.read(room) {
                Ok(0) => break,
                Ok(bytes) => filled += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(ReadError::Io { record: self.number + 1, source }),
            }
        }
        Ok(filled)
    }

    /// Refuses a byte order mark and line breaks inside the 200 bytes of a record.
    fn check_breaks_within(&self, bytes: usize) -> Result<(), ReadError> {
        let found = self.record.get(..bytes).unwrap_or_default();
        if self.number == 1 && BYTE_ORDER_MARKS.iter().any(|mark| found.starts_with(mark)) {
            return Err(self.refuse(1, 0, Reason::ByteOrderMark));
        }
        let Some(at) = found.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
            return Ok(());
        };
        let reason = match found.get(at..).unwrap_or_default() {
            [b'\n', ..] => Reason::LineFeedAlone,
            [b'\r', b'\n', ..] | [b'\r'] => return Err(self.refuse_width(at)),
            _ => Reason::CarriageReturnAlone,
        };
        Err(self.refuse(self.number, at, reason))
    }

    /// Refuses a record whose line break comes `at` bytes into the bytes now held. Where the first record was
    /// longer than 200 bytes its line break shows up in what was taken for the second.
    fn refuse_width(&self, at: usize) -> ReadError {
        match (self.breaks, self.number) {
            (Some(LineBreaks::None), 2) => self.refuse(1, at, Reason::RecordWidth(RECORD_BYTES + at)),
            (Some(LineBreaks::None), _) => self.refuse(self.number, at, Reason::LineBreaksMixed),
            _ => self.refuse(self.number, at, Reason::RecordWidth(at)),
        }
    }

    /// Passes the line break after a record; how many bytes it took.
    fn pass_break(&mut self) -> Result<u64, ReadError> {
        let first = self.peek()?;
        let expected = *self.breaks.get_or_insert(match first {
            Some(b'\r') => LineBreaks::CrLf,
            _ => LineBreaks::None,
        });
        match (expected, first) {
            (LineBreaks::None, Some(b'\n')) => Err(self.refuse_break(Reason::LineFeedAlone)),
            (LineBreaks::None, Some(b'\r')) => Err(self.refuse_break(Reason::LineBreaksMixed)),
            (LineBreaks::None, _) | (LineBreaks::CrLf, None | Some(END_OF_FILE_MARK)) => Ok(0),
            (LineBreaks::CrLf, Some(b'\r')) => {
                self.input.consume(1);
                if self.peek()? != Some(b'\n') {
                    return Err(self.refuse_break(Reason::CarriageReturnAlone));
                }
                self.input.consume(1);
                Ok(2)
            }
            (LineBreaks::CrLf, Some(b'\n')) => Err(self.refuse_break(Reason::LineFeedAlone)),
            (LineBreaks::CrLf, Some(_)) => Err(self.refuse_break(Reason::LineBreaksMixed)),
        }
    }

    /// The next byte, left where it is.
    fn peek(&mut self) -> Result<Option<u8>, ReadError> {
        loop {
            match self.input.fill_buf() {
                Ok(bytes) => return Ok(bytes.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(ReadError::Io { record: self.number, source }),
            }
        }
    }

    fn refuse_break(&self, reason: Reason) -> ReadError {
        self.refuse(self.number, RECORD_BYTES, reason)
    }

    /// A refusal `at` bytes into the bytes now held, which have no item to name.
    fn refuse(&self, record: u64, at: usize, reason: Reason) -> ReadError {
        let first = self.record.first().copied().unwrap_or_default();
        let offset = self.offset + at as u64;
        Refusal { record, offset, kind: RecordKind::of(first), item: None, found: String::new(), reason }.into()
    }
}
