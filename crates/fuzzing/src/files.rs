//! Files that institutions bring.

use std::path::PathBuf;

use jiff::civil::{Date, date};
use renkei_domain::time::Timestamp;
use renkei_formats::anser::AnserReader;
use renkei_formats::refusal::ReadError;
use renkei_formats::zengin::balance_notice::BalanceNoticeReader;
use renkei_formats::zengin::statement::{self, StatementReader};
use renkei_formats::zengin::transfer_notice::TransferNoticeReader;
use renkei_server::customer_list::{self, ListFile};
use renkei_server::registry;
use zeroize::Zeroizing;

use crate::protocol::NOW;

const RECEIVED_ON: Date = date(2026, 11, 22);
/// Where the files are that an input names: nowhere.
const FOLDER: &str = "/nonexistent";

/// Both texts of a refusal can be shown on a terminal.
fn is_fit_to_be_told(error: &ReadError) {
    let ReadError::Refused(refusal) = error else { return };
    for text in [refusal.to_string(), refusal.to_japanese()] {
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
}

/// 入出金取引明細. What is accepted adds up: credits less debits lead from the balance before to the balance after.
pub fn statement(data: &[u8]) {
    let (mut balance, mut ended) = (0, false);
    for event in StatementReader::new(data, RECEIVED_ON) {
        assert!(!ended, "something after the end");
        match event {
            Ok(statement::Event::Account(header)) => balance = header.balance_before,
            Ok(statement::Event::Line(line)) => balance += line.signed_amount(),
            Ok(statement::Event::AccountEnd(trailer)) => assert_eq!(balance, trailer.balance_after),
            Ok(statement::Event::End(_)) => ended = true,
            Err(error) => {
                is_fit_to_be_told(&error);
                ended = true;
            }
        }
    }
}

/// 振込入金通知.
pub fn transfer_notice(data: &[u8]) {
    let mut reader = TransferNoticeReader::new(data, RECEIVED_ON);
    loop {
        match reader.next_event() {
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(error) => is_fit_to_be_told(&error),
        }
    }
}

/// 残高通知.
pub fn balance_notice(data: &[u8]) {
    let mut reader = BalanceNoticeReader::new(data, RECEIVED_ON);
    loop {
        match reader.next_event() {
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(error) => is_fit_to_be_told(&error),
        }
    }
}

/// CSV of ANSER services.
pub fn anser(data: &[u8]) {
    let mut reader = AnserReader::new(data);
    loop {
        match reader.next_line() {
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(error) => is_fit_to_be_told(&error),
        }
    }
}

/// Files of a customer list, parted by a line of `---`. No password and no PIN comes back in a message.
pub fn customer_list(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // Bytes that are no UTF-8 have to arrive as they are.
    let whole = [data.to_vec()];
    let parts: Vec<Vec<u8>> = text.split("\n---\n").map(|part| part.as_bytes().to_vec()).collect();
    let parts = if std::str::from_utf8(data).is_ok() { parts.as_slice() } else { whole.as_slice() };
    let files: Vec<ListFile> = parts.iter().enumerate().map(|(at, bytes)| list_file(at, bytes)).collect();
    for problem in customer_list::check(&files) {
        assert!(!problem.reason.contains("Canary-Password"), "{problem}");
    }
}

fn list_file(at: usize, bytes: &[u8]) -> ListFile {
    ListFile { name: format!("{at}.csv"), folder: PathBuf::from(FOLDER), bytes: Zeroizing::new(bytes.to_vec()) }
}

/// A registry file.
pub fn registry(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let source = registry::Source { name: "registry.toml", text, folder: FOLDER.as_ref(), loopback_http: false };
    if let Err(error) = registry::read(source, Timestamp::from_seconds(NOW)) {
        assert!(!error.to_string().is_empty());
    }
}
