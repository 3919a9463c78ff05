//! Bank files for the demo's accounts that no sample file has: a quarter of a small shop's life, the same at every start.

use jiff::civil::{Date, date};
use renkei_formats::zengin::statement::{Data, Header, StatementWriteError, StatementWriter};
use renkei_formats::zengin::{AccountType, Direction, EntryKind, LineBreaks, Text};

use super::cast::{Account, Customer, House, IN_SAMPLE_FILES};

const FIRST: Date = date(2026, 8, 1);
const LAST: Date = date(2026, 10, 31);
const MADE_ON: Date = date(2026, 11, 2);

/// What happens on a day of the month, every month: day, description, whether money comes in, thousands of yen, kind.
const HABITS: [(i8, &str, Direction, i64, EntryKind); 9] = [
    (1, "ﾔﾁﾝ", Direction::Debit, 180, EntryKind::BookTransfer),
    (5, "ｹﾞﾝｷﾝ", Direction::Credit, 96, EntryKind::Cash),
    (8, "ｲﾝﾀ-ﾈﾂﾄ ﾘﾖｳﾘﾖｳ", Direction::Debit, 7, EntryKind::BookTransfer),
    (10, "ﾌﾘｺﾐ", Direction::Credit, 640, EntryKind::Transfer),
    (15, "ｼﾞﾄﾞｳｼﾔ ﾘ-ｽ", Direction::Debit, 44, EntryKind::BookTransfer),
    (20, "ﾌﾘｺﾐ", Direction::Credit, 385, EntryKind::Transfer),
    (25, "ｷﾕｳﾖ", Direction::Debit, 520, EntryKind::Transfer),
    (27, "ﾃﾞﾝｷﾘﾖｳ", Direction::Debit, 23, EntryKind::BookTransfer),
    (28, "ｹﾞﾝｷﾝ", Direction::Credit, 112, EntryKind::Cash),
];

/// A file of account statements (入出金取引明細) for the accounts of this institution that no sample file has.
///
/// # Errors
/// When the writer refuses a value; the test below shows that it refuses none.
pub fn file(house: &House) -> Result<Vec<u8>, StatementWriteError> {
    let mut writer = StatementWriter::new(Vec::new(), LineBreaks::None);
    for customer in house.customers {
        let made_up = customer.accounts.iter().filter(|account| !IN_SAMPLE_FILES.contains(&account.number));
        for account in made_up {
            writer.account(&header(house, customer, account), &lines(account))?;
        }
    }
    writer.finish()
}

fn header(house: &House, customer: &Customer, account: &Account) -> Header {
    Header {
        made_on: MADE_ON,
        from: FIRST,
        to: LAST,
        institution_code: house.code.to_owned(),
        institution_name: Text::new(house.name_kana),
        branch_code: account.branch.to_owned(),
        account_type: match account.kind {
            2 => AccountType::Current,
            4 => AccountType::Savings,
            _ => AccountType::Ordinary,
        },
        account_number: account.number.to_owned(),
        holder: Text::new(customer.name[1]),
        balance_before: 1_000_000 + 1_000 * trait_of(account),
        ..Header::default()
    }
}

fn lines(account: &Account) -> Vec<Data> {
    let months = [8_i8, 9, 10].into_iter();
    let habits = months.flat_map(|month| HABITS.iter().map(move |habit| (month, habit)));
    let lines = (1..).zip(habits).map(|(number, (month, (day, what, direction, thousands, kind)))| {
        let booked_on = date(2026, month, *day);
        let is_transfer = *what == "ﾌﾘｺﾐ";
        Data {
            inquiry_number: Some(format!("{number:08}")),
            booked_on,
            value_on: booked_on,
            direction: *direction,
            entry_kind: Some(*kind),
            amount: thousands * 1_000 + trait_of(account) * i64::from(month),
            party: Text::new(if is_transfer { "ﾕ)ﾜｶﾊﾞﾌﾞﾂｻﾝ" } else { "" }),
            bank_name: Text::new(if is_transfer { "ﾐﾂﾊﾞ" } else { "" }),
            branch_name: Text::new(if is_transfer { "ﾆﾎﾝﾊﾞｼ" } else { "" }),
            description: Text::new(what),
            ..Data::default()
        }
    });
    lines.collect()
}

/// A number of the account's own, so that no two accounts show the same figures.
fn trait_of(account: &Account) -> i64 {
    account.number.bytes().fold(7, |sum, digit| (sum * 31 + i64::from(digit)) % 997)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::cast::HOUSES;

    #[test]
    fn every_account_without_a_sample_file_gets_a_quarter_of_entries() {
        let lengths = HOUSES.iter().map(|house| file(house).unwrap().len() / 200);
        let records = |accounts: usize| accounts * (2 + 3 * HABITS.len()) + 1;
        assert_eq!(lengths.collect::<Vec<_>>(), [records(15), records(3)]);
    }
}
