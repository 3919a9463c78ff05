//! `renkei-audit-verify`: the offline verifier of exported audit trails.

use std::path::PathBuf;
use std::process::ExitCode;

use renkei_audit_verify::{Trust, read_keys, verify};

const USAGE: &str = "\
Usage: renkei-audit-verify FOLDER --key FILE [--checkpoint FILE]... [--witness FILE]...

  FOLDER             what `renkei audit export` wrote
  --key FILE         the trail's public keys, got from the institution and not from the folder
  --checkpoint FILE  a signed checkpoint held since earlier or by a witness: the trail must go on from it
  --witness FILE     public keys of witnesses: one of them must have cosigned the trail

Exit codes: 0 all is as it was signed, 1 it is not (the first bad index is told), 2 the command line is wrong.";

fn main() -> ExitCode {
    let (folder, trust) = match arguments(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(reason) => {
            eprintln!("renkei-audit-verify: {reason}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match verify(&folder, &trust) {
        Ok(report) => {
            println!("{}: {} entries, as they were signed", report.origin, report.size);
            println!("checkpoints verified: {}", report.checkpoints);
            if let Some((size, seconds)) = report.cosigned {
                println!("cosigned by a witness up to size {size}, at {seconds} seconds since 1970");
            }
            if report.removed > 0 {
                println!("records deleted, as the trail says itself: {}", report.removed);
            }
            ExitCode::SUCCESS
        }
        Err(fault) => {
            println!("{fault}");
            ExitCode::from(1)
        }
    }
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
