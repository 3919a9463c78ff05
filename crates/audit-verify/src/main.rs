//! `renkei-audit-verify`: the offline verifier of exported audit trails.

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use renkei_audit_verify::{Report, Trust, read_keys, verify};

const USAGE: &str = "\
Usage: renkei-audit-verify FOLDER --key FILE [--checkpoint FILE]... [--witness FILE]...

  FOLDER             what `renkei audit export` wrote
  --key FILE         the trail's public keys, got from the institution and not from the folder
  --checkpoint FILE  a signed checkpoint held since earlier or by a witness: the trail must go on from it
  --witness FILE     public keys of witnesses: one of them must have cosigned the trail

Exit codes: 0 all is as it was signed, 1 it is not (the first bad index is told), 2 the command line is wrong,
3 the report could not be written.";

fn main() -> ExitCode {
    let (folder, trust) = match arguments(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(reason) => {
            eprintln!("renkei-audit-verify: {reason}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let (text, code) = match verify(&folder, &trust) {
        Ok(report) => (told(&report), ExitCode::SUCCESS),
        Err(fault) => (format!("{fault}\n"), ExitCode::from(1)),
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        // The exit code says it all where nobody reads on.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("renkei-audit-verify: the report could not be written: {error}");
            ExitCode::from(3)
        }
        _ => code,
    }
}

/// What is told of a trail that is as it was signed.
fn told(report: &Report) -> String {
    let mut text = format!("{}: {} entries, as they were signed\n", report.origin, report.size);
    text += &format!("checkpoints verified: {}\n", report.checkpoints);
    if let Some((size, seconds)) = report.cosigned {
        text += &format!("cosigned by a witness up to size {size}, at {seconds} seconds since 1970\n");
    }
    if report.removed > 0 {
        text += &format!("records deleted, as the trail says itself: {}\n", report.removed);
    }
    text
}

fn arguments(arguments: impl Iterator<Item = String>) -> Result<(PathBuf, Trust), String> {
    let (mut folder, mut trust, mut arguments) = (None, Trust::default(), arguments);
    while let Some(argument) = arguments.next() {
        let mut file = || arguments.next().map(PathBuf::from).ok_or(format!("{argument} needs a file"));
        match argument.as_str() {
            "--key" => trust.keys.extend(read_keys(&file()?)?),
            "--witness" => trust.witnesses.extend(read_keys(&file()?)?),
            "--checkpoint" => {
                let path = file()?;
                let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                trust.held.push(text);
            }
            _ if argument.starts_with('-') => return Err(format!("{argument} is unknown")),
            _ if folder.is_some() => return Err("one folder at a time".into()),
            _ => folder = Some(PathBuf::from(argument)),
        }
    }
    if trust.keys.is_empty() {
        return Err("name the trail's public keys with --key".into());
    }
    Ok((folder.ok_or("name the folder")?, trust))
}
