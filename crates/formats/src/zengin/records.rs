//! What the readers of all type codes share: records one after another, and refusals that say where they stand.

use super::fields::{self, FieldFault, Walk};
use super::frame::Frames;
use crate::refusal::{ReadError, Reason, RecordKind, Refusal, excerpt};
use jiff::civil::Date;
use std::io::BufRead;

/// `1` in EBCDIC: how a file begins whose code set is not JIS.
const EBCDIC_ONE: u8 = 0xF1;

/// A file's records, read one by one.
pub(super) struct Records<R> {
    frames: Frames<R>,
    /// The day of receipt, against which a header's 作成日 is resolved.
    received_on: Date,
    /// What the dates of other records are resolved against: the 作成日 of the header before them.
    made_on: Date,
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(input: R, received_on: Date) -> Records<R> {
        Records { frames: Frames::new(input), received_on, made_on: received_on }
    }

    /// Goes to the next record and says its kind.
    pub(super) fn advance(&mut self) -> Result<RecordKind, ReadError> {
        if !self.frames.advance()? {
            let (record, offset) = self.frames.end_place();
            let (kind, item, found, reason) = (None, None, String::new(), Reason::EndMissing);
            return Err(Refusal { record, offset, kind, item, found, reason }.into());
        }
        let first = self.first_byte();
        RecordKind::of(first).ok_or_else(|| {
            let reason = if first == EBCDIC_ONE { Reason::Ebcdic } else { Reason::UnknownKind };
            self.refusal(None, "データ区分", 0, excerpt(&[first]), reason)
        })
    }

    /// The number of the record (counted from 1) and the byte it begins at.
    pub(super) const fn place(&self) -> (u64, u64) {
        self.frames.place()
    }

    /// The record's bytes.
    pub(super) const fn bytes(&self) -> &[u8] {
        self.frames.record()
    }

    /// Reads the record's items.
    pub(super) fn read<W: Walk>(&self, kind: RecordKind) -> Result<W, ReadError> {
        fields::read(self.frames.record(), self.anchor(kind)).map_err(|fault| self.of_fault(kind, fault))
    }

    /// Resolves the dates of the records that follow a header against its 作成日.
    pub(super) const fn follow(&mut self, made_on: Date) {
        self.made_on = made_on;
    }

    /// The refusal of an item that was read well but does not agree with something else.
    pub(super) fn refuse<W: Walk>(&self, kind: RecordKind, item: &'static str, reason: Reason) -> ReadError {
        self.of_fault(kind, fields::fault_at::<W>(self.frames.record(), self.anchor(kind), item, reason))
    }

    /// Refuses a record that does not agree with what the records before it add up to; each check is an item, what
    /// it states and what it should state.
    pub(super) fn compare<W: Walk>(
        &self,
        kind: RecordKind,
        checks: &[(&'static str, i64, i64)],
    ) -> Result<(), ReadError> {
        match checks.iter().find(|(_, stated, expected)| stated != expected) {
            Some((item, _, expected)) => Err(self.refuse::<W>(kind, item, Reason::Differs(*expected))),
            None => Ok(()),
        }
    }

    /// Refuses when the record does not come in order; `expected` says which would.
    pub(super) fn out_of_order(&self, expected: &'static str) -> ReadError {
        let first = self.first_byte();
        let reason = Reason::OutOfOrder(expected);
        self.refusal(RecordKind::of(first), "データ区分", 0, excerpt(&[first]), reason)
    }

    /// Refuses an end record that counts neither the records before it nor itself with them, and whatever follows.
    pub(super) fn close<W: Walk>(&mut self, stated: Option<i64>) -> Result<(), ReadError> {
        let records = i64::try_from(self.place().0).unwrap_or(i64::MAX);
        if stated.is_some_and(|stated| stated != records && stated != records - 1) {
            return Err(self.refuse::<W>(RecordKind::End, "レコード総件数", Reason::Differs(records)));
        }
        self.frames.expect_end()
    }

    fn anchor(&self, kind: RecordKind) -> Date {
        if kind == RecordKind::Header { self.received_on } else { self.made_on }
    }

    fn first_byte(&self) -> u8 {
        self.bytes().first().copied().unwrap_or_default()
    }

    fn of_fault(&self, kind: RecordKind, fault: FieldFault) -> ReadError {
        self.refusal(Some(kind), fault.item, fault.at, fault.found, fault.reason)
    }

    fn refusal(
        &self,
        kind: Option<RecordKind>,
        item: &'static str,
        at: usize,
        found: String,
        reason: Reason,
    ) -> ReadError {
        let (record, offset) = self.place();
        Refusal { record, offset: offset + at as u64, kind, item: Some(item), found, reason }.into()
    }
}
