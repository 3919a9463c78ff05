//! The lists: tab-separated lines of three items under headings that begin with `# `.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// `R-046` or `A-010`: how requirements and attacks are called everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number {
    /// Attacks come after requirements.
    pub attack: bool,
    /// 1 to 999.
    pub value: u16,
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = if self.attack { 'A' } else { 'R' };
        write!(f, "{letter}-{:03}", self.value)
    }
}

impl FromStr for Number {
    type Err = String;

    /// Reads `R-046`, and `r_046` as it stands in names.
    fn from_str(text: &str) -> Result<Number, String> {
        let fault = || format!("{text} is no number of a requirement or an attack");
        let (letter, digits) = text.split_once(['-', '_']).ok_or_else(fault)?;
        let attack = match letter {
            "R" | "r" => false,
            "A" | "a" => true,
            _ => return Err(fault()),
        };
        let three_digits = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let value = digits.parse().ok().filter(|_| three_digits).ok_or_else(fault)?;
        Ok(Number { attack, value })
    }
}

/// A requirement or an attack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub number: Number,
    /// What must hold, or what is tried.
    pub what: String,
    /// Of a requirement: where it comes from. Of an attack: what must happen.
    pub then: String,
}

/// A heading and the rows under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The heading.
    pub title: String,
    /// In the order of the file.
    pub rows: Vec<Row>,
}

/// Reads a list of rows.
///
/// # Errors
/// The line that is wrong, in words.
pub fn read_groups(text: &str) -> Result<Vec<Group>, String> {
    let mut groups: Vec<Group> = Vec::new();
    let mut last: Option<Number> = None;
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(title) = line.strip_prefix("# ") {
            groups.push(Group { title: title.to_owned(), rows: Vec::new() });
            continue;
        }
        let [number, what, then] = items(line)?;
        let row = Row { number: number.parse()?, what: what.to_owned(), then: then.to_owned() };
        if last >= Some(row.number) {
            return Err(format!("{number} stands out of order"));
        }
        last = Some(row.number);
        groups.last_mut().ok_or("the first line is no heading")?.rows.push(row);
    }
    Ok(groups)
}

/// Why no test, or no test alone, shows a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing shows it.
    Open,
    /// Its tests show a part.
    Partial,
    /// It is not meant to hold here; tests may show what holds instead.
    Otherwise,
    /// There is nothing here it could speak of.
    NotApplicable,
}

impl Kind {
    /// Each, in the order of the summary.
    pub const ALL: [Kind; 4] = [Kind::Partial, Kind::Open, Kind::Otherwise, Kind::NotApplicable];

    /// The word in the list and in the document.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::Open => "not yet true",
            Kind::Partial => "in part",
            Kind::Otherwise => "decided otherwise",
            Kind::NotApplicable => "not applicable",
        }
    }

    /// Whether tests must, may or can't stand beside it.
    #[must_use]
    pub fn fits(self, tests: usize) -> bool {
        match self {
            Kind::Open | Kind::NotApplicable => tests == 0,
            Kind::Partial => tests > 0,
            Kind::Otherwise => true,
        }
    }
}

/// An entry of the list of what is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// How it is open.
    pub kind: Kind,
    /// Why.
    pub reason: String,
}

/// Reads the list of what is open.
///
/// # Errors
/// The line that is wrong, in words.
pub fn read_open(text: &str) -> Result<BTreeMap<Number, Open>, String> {
    let mut entries = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let [number, word, reason] = items(line)?;
        let number: Number = number.parse()?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word);
        let kind = kind.ok_or_else(|| format!("{number}: {word} is no way to be open"))?;
        if entries.insert(number, Open { kind, reason: reason.to_owned() }).is_some() {
            return Err(format!("{number} stands twice"));
        }
    }
    Ok(entries)
}

fn items(line: &str) -> Result<[&str; 3], String> {
    let parts: Vec<&str> = line.split('\t').collect();
    match parts.as_slice() {
        [first, second, third] if parts.iter().all(|part| !part.trim().is_empty()) => Ok([first, second, third]),
        _ => Err(format!("not three items: {line}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_with_its_headings() {
        let groups = read_groups("# Tokens\nR-094\tonly POST\tOAuth 2.1\nR-095\tno other\tFAPI\n").unwrap_or_default();
        let numbers: Vec<String> =
            groups.iter().flat_map(|group| &group.rows).map(|row| row.number.to_string()).collect();
        assert_eq!(numbers, ["R-094", "R-095"]);
    }

    #[test]
    fn a_line_out_of_order_or_out_of_shape_is_named() {
        for text in ["# T\nR-002\ta\tb\nR-001\ta\tb\n", "# T\nR-002\ta\n", "R-001\ta\tb\n", "# T\nR-1\ta\tb\n"] {
            assert!(read_groups(text).is_err(), "{text}");
        }
        for text in ["R-001\tnever\tx\n", "R-001\tin part\t \n", "R-001\tin part\tx\nR-001\tin part\tx\n"] {
            assert!(read_open(text).is_err(), "{text}");
        }
    }
}
