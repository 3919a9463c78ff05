//! 入出金明細 as a table for people (RFC 4180). It begins with a byte order mark, since the spreadsheet most accountants
//! use takes UTF-8 for something else without one. A text that a spreadsheet would run as a formula gets an apostrophe
//! before it; amounts are numbers and stay as they are.

use csv::{Terminator, Writer, WriterBuilder};

use crate::error::Fault;
use crate::ledger::entry::{Cheque, Coded, EntryBody, Office, Remitter, WireDirection};

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";
/// What spreadsheets take for the beginning of a formula, and what hides one.
const FORMULA_BEGINS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

const HEADINGS: [&str; 23] = [
    "明細識別子",
    "通番",
    "勘定日",
    "起算日",
    "入払区分",
    "取引区分",
    "取引名",
    "入金額",
    "出金額",
    "うち他店券",
    "取引後残高",
    "摘要",
    "摘要（全角）",
    "振込依頼人コード",
    "振込依頼人",
    "振込依頼人（全角）",
    "契約者番号",
    "仕向銀行",
    "仕向店",
    "EDI情報",
    "手形・小切手",
    "手形・小切手番号",
    "訂正対象",
];

/// The table, headings first.
///
/// # Errors
/// [`Fault::Defect`] when a field can't be written, which memory never refuses.
pub fn table(entries: &[EntryBody]) -> Result<String, Fault> {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    let defect = |error: csv::Error| Fault::Defect(error.to_string());
    writer.write_record(HEADINGS).map_err(defect)?;
    for entry in entries {
        write(&mut writer, entry).map_err(defect)?;
    }
    let bytes = writer.into_inner().map_err(|error| Fault::Defect(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| Fault::Defect(error.to_string()))?;
    Ok(format!("{BYTE_ORDER_MARK}{text}"))
}

fn write(writer: &mut Writer<Vec<u8>>, entry: &EntryBody) -> Result<(), csv::Error> {
    let number = |number: i64| number.to_string();
    let (word, credit, debit) = match entry.direction {
        WireDirection::Credit => ("入金", number(entry.amount), String::new()),
        WireDirection::Debit => ("出金", String::new(), number(entry.amount)),
    };
    let kind = |field: fn(&Coded) -> &String| entry.kind.as_ref().map(field);
    let remitter = |field: fn(&Remitter) -> &Option<String>| entry.remitter.as_ref().and_then(|r| field(r).as_ref());
    let name = |office: &Option<Office>| text(office.as_ref().map(|office| &office.name));
    let cheque = |field: fn(&Cheque) -> Option<&String>| text(entry.cheque.as_ref().and_then(field));
    writer.write_record([
        text(Some(&entry.transaction_id)),
        number(entry.sequence),
        entry.booked_on.clone(),
        entry.value_on.clone(),
        word.to_owned(),
        text(kind(|kind| &kind.code)),
        text(kind(|kind| &kind.name)),
        credit,
        debit,
        number(entry.uncleared),
        number(entry.balance_after),
        text(entry.description.as_ref()),
        text(entry.description_normalised.as_ref()),
        text(remitter(|remitter| &remitter.code)),
        text(remitter(|remitter| &remitter.name)),
        text(remitter(|remitter| &remitter.name_normalised)),
        text(entry.contract_number.as_ref()),
        name(&entry.bank),
        name(&entry.branch),
        text(entry.edi.as_ref()),
        cheque(|cheque| cheque.kind.as_ref().map(|kind| &kind.name)),
        cheque(|cheque| cheque.number.as_ref()),
        text(entry.correction_of.as_ref()),
    ])
}

/// A text that no spreadsheet runs.
fn text(text: Option<&String>) -> String {
    let text = text.map_or("", String::as_str);
    if text.starts_with(FORMULA_BEGINS) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(description: &str) -> EntryBody {
        let body = serde_json::json!({
            "transaction_id": "a-1", "sequence": 1, "booked_on": "2026-10-01", "value_on": "2026-10-01",
            "direction": "debit", "amount": 500, "uncleared": 0, "balance_after": -500, "description": description,
        });
        serde_json::from_value(body).unwrap()
    }

    fn description_of(table: &str) -> String {
        let mut reader = csv::Reader::from_reader(table.trim_start_matches(BYTE_ORDER_MARK).as_bytes());
        reader.records().next().unwrap().unwrap()[11].to_owned()
    }

    #[test]
    fn r_231_formulas_are_neutralised_and_numbers_stay_numbers() {
        for formula in ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠1"] {
            assert_eq!(description_of(&table(&[entry(formula)]).unwrap()), format!("'{formula}"), "{formula:?}");
        }
        assert!(table(&[entry("ﾌﾘｺﾐ")]).unwrap().contains(",500,0,-500,ﾌﾘｺﾐ,"));
    }

    #[test]
    fn r_231_quotes_commas_and_line_breaks_are_quoted() {
        let awkward = "ｱ,ｲ\"ｳ\r\nｴ";
        let table = table(&[entry(awkward)]).unwrap();
        assert_eq!(description_of(&table), awkward);
        assert!(table.starts_with("\u{feff}明細識別子,通番,") && table.ends_with("\r\n"));
    }
}
