//! The demo's customer lists: the cast, written as the CSV files an institution would give.

use std::path::Path;

use zeroize::Zeroizing;

use super::cast::{Customer, House, Login, PASSWORD, User};
use super::{authority, files};
use crate::commands::CommandError;
use crate::customer_list::ListFile;

/// The rows of one file, its header first.
type Rows = Vec<Vec<String>>;

/// Writes an institution's lists into its folder and gives them for import.
///
/// # Errors
/// When a file can't be written.
pub fn write(folder: &Path, house: &House) -> Result<Vec<ListFile>, CommandError> {
    let tables = [
        ("customers.csv", customers(house)),
        ("users.csv", users(house)),
        ("certificates.csv", certificates(folder, house)),
        ("accounts.csv", accounts(house)),
        ("user-accounts.csv", user_accounts(house)),
    ];
    tables.into_iter().map(|(name, rows)| write_file(folder, name, &rows)).collect()
}

fn write_file(folder: &Path, name: &str, rows: &Rows) -> Result<ListFile, CommandError> {
    let failed = |error: String| CommandError::Unavailable(format!("{name}: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(|error| failed(error.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(error.to_string()))?;
    files::write(&folder.join(name), &bytes)?;
    Ok(ListFile { name: name.to_owned(), folder: folder.to_owned(), bytes: Zeroizing::new(bytes) })
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

fn customers(house: &House) -> Rows {
    let header = row(["customer", "name", "contract", "name_kana"]);
    let rows = house
        .customers
        .iter()
        .map(|customer| row([customer.number, customer.name[0], customer.contract, customer.name[1]]));
    [header].into_iter().chain(rows).collect()
}

fn users(house: &House) -> Rows {
    let header = row(["customer", "login_id", "name", "kind", "method", "operations", "state", "password"]);
    let rows = each_user(house).map(|(customer, user)| {
        let (method, password) = match user.login {
            Login::Password => ("password", PASSWORD),
            Login::Certificate | Login::RevokedCertificate => ("certificate", ""),
        };
        row([customer.number, user.login_id, user.name, user.kind, method, user.operations, "active", password])
    });
    [header].into_iter().chain(rows).collect()
}

fn certificates(folder: &Path, house: &House) -> Rows {
    let with_one = each_user(house).filter(|(_, user)| user.login != Login::Password);
    let rows = with_one.map(|(_, user)| {
        let path = authority::user_files(folder, user.login_id).certificate;
        row([user.login_id, &path.file_name().unwrap_or_default().to_string_lossy()])
    });
    [row(["login_id", "certificate"])].into_iter().chain(rows).collect()
}

fn accounts(house: &House) -> Rows {
    let header = row(["customer", "branch", "type", "number", "holder", "state", "holder_kana", "pin"]);
    let rows = house.customers.iter().flat_map(|customer| {
        customer.accounts.iter().map(|account| {
            let kind = account.kind.to_string();
            let [holder, kana] = customer.name;
            row([customer.number, account.branch, &kind, account.number, holder, "active", kana, account.pin])
        })
    });
    [header].into_iter().chain(rows).collect()
}

fn user_accounts(house: &House) -> Rows {
    let rows = each_user(house).flat_map(|(customer, user)| {
        user.accounts.iter().filter_map(|(position, memo)| {
            let account = customer.accounts.get(*position)?;
            Some(row([user.login_id, account.branch, &account.kind.to_string(), account.number, memo]))
        })
    });
    [row(["login_id", "branch", "type", "number", "memo"])].into_iter().chain(rows).collect()
}

fn each_user(house: &House) -> impl Iterator<Item = (&'static Customer, &'static User)> + use<> {
    house.customers.iter().flat_map(|customer| customer.users.iter().map(move |user| (customer, user)))
}
