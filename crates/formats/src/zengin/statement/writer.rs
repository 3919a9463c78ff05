//! Writes statement files. Totals and counts are computed from the lines, so what is written always adds up.

use super::{Data, End, Header, Trailer};
use crate::zengin::codes::Direction;
use crate::zengin::fields::{self, Walk, WriteFault};
use crate::zengin::frame::LineBreaks;
use std::io::{self, Write};

/// Writing stopped.
#[derive(Debug, thiserror::Error)]
pub enum StatementWriteError {
    /// A record can't hold what it was given.
    #[error(transparent)]
    Fault(#[from] WriteFault),
    /// The output failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes account statements (type code 03).
pub struct StatementWriter<W> {
    output: W,
    breaks: LineBreaks,
    end: End,
}

impl<W: Write> StatementWriter<W> {
    /// Writes to `output`; a file is complete after [`StatementWriter::finish`].
    pub const fn new(output: W, breaks: LineBreaks) -> StatementWriter<W> {
        StatementWriter { output, breaks, end: End { records: 0, accounts: 0 } }
    }

    /// Writes one account: its header, its lines and the trailer that follows from them.
    ///
    /// # Errors
    /// [`StatementWriteError`]; the output then holds half an account.
    pub fn account<'a>(
        &mut self,
        header: &Header,
        lines: impl IntoIterator<Item = &'a Data>,
    ) -> Result<Trailer, StatementWriteError> {
        let mut trailer = Trailer { balance_after: header.balance_before, ..Trailer::default() };
        self.put(header)?;
        for line in lines {
            self.put(line)?;
            let (count, total) = match line.direction {
                Direction::Credit => (&mut trailer.credits, &mut trailer.credit_total),
                Direction::Debit => (&mut trailer.debits, &mut trailer.debit_total),
            };
            *count += 1;
            *total = total.saturating_add(line.amount);
            trailer.lines += 1;
            trailer.balance_after = trailer.balance_after.saturating_add(line.signed_amount());
        }
        self.put(&trailer)?;
        self.end.accounts += 1;
        Ok(trailer)
    }

    /// Writes the end record, which counts itself, and hands back the output.
    ///
    /// # Errors
    /// [`StatementWriteError`].
    pub fn finish(mut self) -> Result<W, StatementWriteError> {
        let end = End { records: self.end.records + 1, accounts: self.end.accounts };
        self.put(&end)?;
        self.output.flush()?;
        Ok(self.output)
    }

    fn put<R: Walk>(&mut self, record: &R) -> Result<(), StatementWriteError> {
        self.output.write_all(&fields::write(record)?)?;
        if self.breaks == LineBreaks::CrLf {
            self.output.write_all(b"\r\n")?;
        }
        self.end.records += 1;
        Ok(())
    }
}
