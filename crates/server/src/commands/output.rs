//! What commands write for whoever called them. That reader may leave before the end (`renkei linkages list | head -1`),
//! which is no failure: the command goes on in silence, as what it does has nothing to do with who watches.

use std::fmt;
use std::io::{self, ErrorKind, Write as _};
use std::sync::OnceLock;

use super::CommandError;

/// The first failure other than a reader who left: a full disk, say.
static FAILED: OnceLock<String> = OnceLock::new();

/// Writes a line to standard output, as `println!` does, but never panics.
macro_rules! say {
    ($($words:tt)*) => { $crate::commands::output::out(format_args!($($words)*)) };
}
pub(crate) use say;

/// Writes a line to standard error, as `eprintln!` does, but never panics.
macro_rules! remark {
    ($($words:tt)*) => { $crate::commands::output::aside(format_args!("{}\n", format_args!($($words)*))) };
}
pub(crate) use remark;

/// A line of standard output.
pub(crate) fn out(line: fmt::Arguments<'_>) {
    let written = writeln!(io::stdout().lock(), "{line}");
    if let Some(failure) = written.err().filter(|error| error.kind() != ErrorKind::BrokenPipe) {
        FAILED.get_or_init(|| failure.to_string());
    }
}

/// Text on standard error. Where that is gone, nobody could be told so.
pub(crate) fn aside(text: fmt::Arguments<'_>) {
    let _ = write!(io::stderr().lock(), "{text}");
}

/// Tells why a command failed.
pub fn complain(error: &CommandError) {
    remark!("renkei: {error}");
}

/// Whether everything that was said could be written.
///
/// # Errors
/// When not, although the reader was still there: what the command did is done, but its caller can't know it.
pub fn check() -> Result<(), CommandError> {
    match FAILED.get() {
        None => Ok(()),
        Some(why) => Err(CommandError::Unavailable(format!("what was to be printed could not be written: {why}"))),
    }
}
