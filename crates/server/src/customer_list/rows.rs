//! The rows of a customer list, each checked by itself.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::path::Path;

use renkei_domain::account::{AccountNumber, AccountState, AccountType, BranchCode};
use renkei_domain::customer::{
    ContractState, LOGIN_ID_CHARS_MAX, LoginMethod, MEMO_CHARS_MAX, UserKind, UserState, fold_login_id,
};
use renkei_domain::operation::Operations;
use renkei_domain::pin::InquiryPin;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use zeroize::Zeroizing;

use super::cells::{Cells, Place};
use super::{FILE_BYTES_MAX, Kind, ListFile, Problem};
use crate::certificates::Fingerprint;
use crate::texts::check_name;

/// Most characters of a customer number.
pub const CUSTOMER_NUMBER_CHARS_MAX: usize = 32;
/// Most characters of a name.
pub const NAME_CHARS_MAX: usize = 100;
/// Fewest characters of a password. Passwords that customers set anew have to be longer; these are taken over.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Most characters of a password.
pub const PASSWORD_CHARS_MAX: usize = 128;
/// Hex digits of a certificate's fingerprint.
const FINGERPRINT_DIGITS: usize = 64;

/// What has a place.
pub(super) struct Placed<T> {
    pub place: Place,
    pub row: T,
}

pub(super) struct CustomerRow {
    pub number: String,
    pub name: String,
    pub name_kana: Option<String>,
    pub contract: ContractState,
}

pub(super) struct UserRow {
    pub customer: String,
    pub login_id: String,
    pub name: String,
    pub kind: UserKind,
    pub method: LoginMethod,
    pub operations: Operations,
    pub state: UserState,
    /// None: as it was.
    pub password: Option<Zeroizing<String>>,
}

pub(super) struct CertificateRow {
    pub login_id: String,
    pub fingerprint: String,
    /// Whether the user is to have it, or to lose it.
    pub present: bool,
}

/// By which an account is known in files.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct AccountKey {
    pub branch: BranchCode,
    pub kind: AccountType,
    pub number: AccountNumber,
}

pub(super) struct AccountRow {
    pub customer: String,
    pub key: AccountKey,
    pub holder: String,
    pub holder_kana: Option<String>,
    pub state: AccountState,
    /// None: as it was.
    pub pin: Option<InquiryPin>,
}

pub(super) struct UserAccountRow {
    pub login_id: String,
    pub key: AccountKey,
    pub memo: Option<String>,
    /// Whether the user is to have the right, or to lose it.
    pub present: bool,
}

/// All rows of a run, by kind.
#[derive(Default)]
pub(super) struct Lists {
    /// The kind of each file.
    pub kinds: Vec<Kind>,
    pub customers: Vec<Placed<CustomerRow>>,
    pub users: Vec<Placed<UserRow>>,
    pub certificates: Vec<Placed<CertificateRow>>,
    pub accounts: Vec<Placed<AccountRow>>,
    pub user_accounts: Vec<Placed<UserAccountRow>>,
}

/// Reads all files. Worth using only if no problem was found.
pub(super) fn read(files: &[ListFile], problems: &mut Vec<Problem>) -> Lists {
    let mut lists = Lists::default();
    for (at, file) in files.iter().enumerate() {
        match read_file(at, file, &mut lists, problems) {
            Ok(kind) => lists.kinds.push(kind),
            Err(problem) => problems.push(problem),
        }
    }
    refuse_twice(&lists, files, problems);
    lists
}

fn read_file(at: usize, file: &ListFile, lists: &mut Lists, problems: &mut Vec<Problem>) -> Result<Kind, Problem> {
    let broken = |line, reason: String| Problem { file: file.name.clone(), line, column: String::new(), reason };
    if file.bytes.len() > FILE_BYTES_MAX {
        return Err(broken(0, format!("it is longer than {FILE_BYTES_MAX} bytes")));
    }
    let bytes = file.bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&file.bytes);
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
    let header = reader.headers().map_err(|error| broken(1, describe(&error)))?.clone();
    let kind = Kind::of_header(&header.iter().collect::<Vec<_>>()).map_err(|reason| broken(1, reason))?;
    let columns: HashMap<String, usize> = header.iter().map(str::to_owned).zip(0..).collect();
    let mut record = csv::StringRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(false) => return Ok(kind),
            Ok(true) => {
                let place = Place { file: at, line: record.position().map_or(line, csv::Position::line) };
                let cells = Cells { columns: &columns, record: &record, place, file: &file.name, problems };
                read_row(kind, cells, &file.folder, lists);
            }
            Err(error) => problems.push(broken(error.position().map_or(line, csv::Position::line), describe(&error))),
        }
        if reader.is_done() {
            return Ok(kind);
        }
    }
}

/// What is wrong with the form of a line, without what stands in it.
fn describe(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".to_owned(),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("it has {len} columns; the header has {expected_len}")
        }
        _ => "it can't be read as CSV".to_owned(),
    }
}

fn read_row(kind: Kind, mut cells: Cells<'_>, folder: &Path, lists: &mut Lists) {
    let place = cells.place;
    let cells = &mut cells;
    match kind {
        Kind::Customers => lists.customers.extend(read_customer(cells).map(|row| Placed { place, row })),
        Kind::Users => lists.users.extend(read_user(cells).map(|row| Placed { place, row })),
        Kind::Certificates => {
            lists.certificates.extend(read_certificate(cells, folder).map(|row| Placed { place, row }));
        }
        Kind::Accounts => lists.accounts.extend(read_account(cells).map(|row| Placed { place, row })),
        Kind::UserAccounts => {
            lists.user_accounts.extend(read_user_account(cells).map(|row| Placed { place, row }));
        }
    }
}

fn read_customer(cells: &mut Cells<'_>) -> Option<CustomerRow> {
    Some(CustomerRow {
        number: line(cells, "customer", CUSTOMER_NUMBER_CHARS_MAX),
        name: line(cells, "name", NAME_CHARS_MAX),
        name_kana: optional_line(cells, "name_kana", NAME_CHARS_MAX),
        contract: cells.word("contract", ContractState::from_word, "active, suspended, ended")?,
    })
}

fn read_user(cells: &mut Cells<'_>) -> Option<UserRow> {
    let login_id = login_id(cells);
    let kind = cells.word("kind", UserKind::from_word, "master, ordinary");
    let method = cells.word("method", LoginMethod::from_word, "password, certificate");
    let state = cells.word("state", UserState::from_word, "active, suspended, removed");
    let operations = cells.take("operations", Operations::from_scope(cells.get("operations")));
    let password = Zeroizing::new(cells.optional("password").unwrap_or_default().to_owned());
    if !password.is_empty() {
        check_password(cells, &password, login_id.as_deref(), method);
    }
    Some(UserRow {
        customer: line(cells, "customer", CUSTOMER_NUMBER_CHARS_MAX),
        login_id: login_id?,
        name: line(cells, "name", NAME_CHARS_MAX),
        kind: kind?,
        method: method?,
        operations: operations?,
        state: state?,
        password: (!password.is_empty()).then_some(password),
    })
}

fn check_password(cells: &mut Cells<'_>, password: &str, login_id: Option<&str>, method: Option<LoginMethod>) {
    let length = password.chars().count();
    if !(PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&length) {
        cells.wrong("password", format!("it must have {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters"));
    }
    if password.chars().any(char::is_control) {
        cells.wrong("password", "it holds a control character");
    }
    if login_id.is_some() && fold_login_id(password).as_deref() == login_id {
        cells.wrong("password", "it must differ from the login id");
    }
    if method == Some(LoginMethod::Certificate) {
        cells.wrong("password", "a certificate user has no password");
    }
}

fn read_certificate(cells: &mut Cells<'_>, folder: &Path) -> Option<CertificateRow> {
    let login_id = login_id(cells);
    let fingerprint = cells.take("certificate", fingerprint(cells.get("certificate"), folder));
    let present = presence(cells);
    Some(CertificateRow { login_id: login_id?, fingerprint: fingerprint?, present: present? })
}

/// The fingerprint itself, with or without colons, or that of the certificate in a PEM file.
fn fingerprint(cell: &str, folder: &Path) -> Result<String, String> {
    let digits = cell.replace(':', "").to_ascii_lowercase();
    if digits.len() == FINGERPRINT_DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Ok(digits);
    }
    if !cell.ends_with(".pem") {
        return Err("it must be a SHA-256 fingerprint of 64 hexadecimal digits, or the name of a .pem file".into());
    }
    let der = CertificateDer::from_pem_file(folder.join(cell)).map_err(|_| "the file holds no certificate in PEM")?;
    Ok(Fingerprint::of(&der).as_str().to_owned())
}

fn read_account(cells: &mut Cells<'_>) -> Option<AccountRow> {
    let key = account_key(cells);
    let state = cells.word("state", AccountState::from_word, "active, closed");
    let typed = cells.optional("pin").unwrap_or_default();
    let pin = if typed.is_empty() { Some(None) } else { cells.take("pin", InquiryPin::from_typed(typed).map(Some)) };
    Some(AccountRow {
        customer: line(cells, "customer", CUSTOMER_NUMBER_CHARS_MAX),
        holder: line(cells, "holder", NAME_CHARS_MAX),
        holder_kana: optional_line(cells, "holder_kana", NAME_CHARS_MAX),
        key: key?,
        state: state?,
        pin: pin?,
    })
}

fn read_user_account(cells: &mut Cells<'_>) -> Option<UserAccountRow> {
    let login_id = login_id(cells);
    let key = account_key(cells);
    let memo = optional_line(cells, "memo", MEMO_CHARS_MAX);
    let present = presence(cells);
    Some(UserAccountRow { login_id: login_id?, key: key?, memo, present: present? })
}

fn account_key(cells: &mut Cells<'_>) -> Option<AccountKey> {
    let branch = cells.take("branch", cells.get("branch").parse());
    let number = cells.take("number", cells.get("number").parse());
    let kind = cells.word("type", account_type, "1 to 9, or the type's name such as 普通");
    Some(AccountKey { branch: branch?, kind: kind?, number: number? })
}

fn account_type(word: &str) -> Option<AccountType> {
    AccountType::ALL.into_iter().find(|kind| kind.japanese() == word || kind.code().to_string() == word)
}

fn login_id(cells: &mut Cells<'_>) -> Option<String> {
    let folded = fold_login_id(cells.get("login_id"));
    if folded.is_none() {
        cells.wrong("login_id", format!("it must be 1 to {LOGIN_ID_CHARS_MAX} letters, digits and signs of ASCII"));
    }
    folded
}

/// Whether the row gives or takes away; it gives where the file does not say.
fn presence(cells: &mut Cells<'_>) -> Option<bool> {
    let known = |word: &str| match word {
        "active" => Some(true),
        "removed" => Some(false),
        _ => None,
    };
    if cells.optional("state").is_none() { Some(true) } else { cells.word("state", known, "active, removed") }
}

fn line(cells: &mut Cells<'_>, column: &str, most: usize) -> String {
    let text = cells.get(column);
    cells.take(column, check_name(text, most));
    text.to_owned()
}

/// A text that may be empty; none where the file does not have the column.
fn optional_line(cells: &mut Cells<'_>, column: &str, most: usize) -> Option<String> {
    let text = cells.optional(column)?;
    if !text.is_empty() {
        cells.take(column, check_name(text, most));
    }
    Some(text.to_owned())
}

fn refuse_twice(lists: &Lists, files: &[ListFile], problems: &mut Vec<Problem>) {
    let mut twice = Vec::new();
    let mut note = |place: Option<Place>, column: &'static str| twice.extend(place.map(|place| (place, column)));
    for_repeated(&lists.customers, |row| row.number.clone(), |place| note(Some(place), "customer"));
    for_repeated(&lists.users, |row| row.login_id.clone(), |place| note(Some(place), "login_id"));
    for_repeated(&lists.certificates, |row| row.fingerprint.clone(), |place| note(Some(place), "certificate"));
    for_repeated(&lists.accounts, |row| row.key.clone(), |place| note(Some(place), "number"));
    let right = |row: &UserAccountRow| (row.login_id.clone(), row.key.clone());
    for_repeated(&lists.user_accounts, right, |place| note(Some(place), "number"));
    problems.extend(twice.into_iter().filter_map(|(place, column)| {
        let file = files.get(place.file)?.name.clone();
        let reason = "an earlier row of this run is about the same".to_owned();
        Some(Problem { file, line: place.line, column: column.to_owned(), reason })
    }));
}

fn for_repeated<T, K: Eq + Hash>(rows: &[Placed<T>], key: impl Fn(&T) -> K, mut told: impl FnMut(Place)) {
    let mut seen = HashSet::new();
    rows.iter().filter(|placed| !seen.insert(key(&placed.row))).for_each(|placed| told(placed.place));
}
