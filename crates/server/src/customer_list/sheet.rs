//! What a file holds, by its header.

use serde::Serialize;

/// What the rows of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Customers.
    Customers,
    /// Users.
    Users,
    /// Users' certificates.
    Certificates,
    /// Accounts.
    Accounts,
    /// Which accounts a user may inquire on.
    UserAccounts,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::Customers, Kind::Users, Kind::Certificates, Kind::Accounts, Kind::UserAccounts];

    /// The word in reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Customers => "customers",
            Kind::Users => "users",
            Kind::Certificates => "certificates",
            Kind::Accounts => "accounts",
            Kind::UserAccounts => "user accounts",
        }
    }

    /// The columns that must be there, and those that may.
    const fn columns(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Kind::Customers => (&["customer", "name", "contract"], &["name_kana"]),
            Kind::Users => (&["customer", "login_id", "name", "kind", "method", "operations", "state"], &["password"]),
            Kind::Certificates => (&["login_id", "certificate"], &["state"]),
            Kind::Accounts => (&["customer", "branch", "type", "number", "holder", "state"], &["holder_kana", "pin"]),
            Kind::UserAccounts => (&["login_id", "branch", "type", "number"], &["memo", "state"]),
        }
    }

    /// What a file with this header holds.
    ///
    /// # Errors
    /// Why it holds nothing known: which columns are missing or unknown for the kind it is nearest to. Columns are told by
    /// their number: in a file without a header, a row with a password and a PIN stands in its place.
    pub(super) fn of_header(header: &[&str]) -> Result<Kind, String> {
        let misfits = |kind: Kind| {
            let (required, optional) = kind.columns();
            let missing: Vec<&str> = required.iter().filter(|name| !header.contains(name)).copied().collect();
            let known = |name: &str| required.contains(&name) || optional.contains(&name);
            let numbered = (1..).zip(header);
            let unknown: Vec<usize> = numbered.filter(|(_, name)| !known(name)).map(|(number, _)| number).collect();
            (missing, unknown)
        };
        let twice = header.iter().enumerate().find(|(at, name)| header.iter().take(*at).any(|other| other == *name));
        if let Some((at, _)) = twice {
            return Err(format!("column {} has the name of a column before it", at + 1));
        }
        let nearest = Kind::ALL.into_iter().map(|kind| (misfits(kind), kind));
        let nearest = nearest.min_by_key(|((missing, unknown), _)| missing.len() + unknown.len());
        match nearest {
            Some(((missing, unknown), kind)) if missing.is_empty() && unknown.is_empty() => Ok(kind),
            Some(((missing, unknown), kind)) => Err(format!(
                "the header fits no kind of rows; nearest are {}: missing {missing:?}, unknown are the columns {unknown:?}",
                kind.word()
            )),
            None => Err("there is no header".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_known_by_its_own_header_with_and_without_what_may_be_left_out() {
        for kind in Kind::ALL {
            let (required, optional) = kind.columns();
            assert_eq!(Kind::of_header(required), Ok(kind));
            assert_eq!(Kind::of_header(&[optional, required].concat()), Ok(kind));
        }
    }

    #[test]
    fn a_header_of_no_kind_is_told_what_it_lacks() {
        let told = Kind::of_header(&["customer", "name", "contact"]).unwrap_err();
        assert!(told.contains(r#"customers: missing ["contract"], unknown are the columns [3]"#), "{told}");
        let told = Kind::of_header(&["login_id", "login_id"]).unwrap_err();
        assert_eq!(told, "column 2 has the name of a column before it");
    }

    #[test]
    fn r_222_a_row_in_the_place_of_the_header_is_not_repeated() {
        let row = ["0001", "001", "1", "2000002", "Aoi", "7391", "active", "active"];
        let told = Kind::of_header(&row).unwrap_err();
        assert!(row.iter().all(|cell| !told.contains(cell)), "{told}");
        assert!(!Kind::of_header(&row[..7]).unwrap_err().contains("7391"));
    }
}
