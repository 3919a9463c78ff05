//! お知らせ: what a user is told of having happened to the login and the linkages.

use crate::customer::LoginMethod;
use crate::linkage::EndedBy;

/// Notices kept for each user; older ones go.
pub const NOTICES_MAX: u32 = 50;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// The user logged in, by this method, from this address or /64.
    LoggedIn(LoginMethod, String),
    /// So many logins failed, or came while the login was locked, before one was right.
    LoginsFailed(i64),
    /// The user permitted a linkage with the product of this `client_id`.
    Permitted(String),
    /// A linkage with the product of this `client_id` was ended, by somebody else than the user.
    Ended(EndedBy, String),
    /// A certificate was registered for the user.
    CertificateAdded,
    /// A certificate of the user was taken away.
    CertificateRemoved,
}

impl Happened {
    /// The kind, and what there is to say about it.
    #[must_use]
    pub fn parts(&self) -> (&'static str, String) {
        match self {
            Happened::LoggedIn(method, source) => ("logged_in", format!("{} {source}", method.word())),
            Happened::LoginsFailed(count) => ("logins_failed", count.to_string()),
            Happened::Permitted(client_id) => ("permitted", client_id.clone()),
            Happened::Ended(by, client_id) => ("ended", format!("{} {client_id}", by.word())),
            Happened::CertificateAdded => ("certificate_added", String::new()),
            Happened::CertificateRemoved => ("certificate_removed", String::new()),
        }
    }

    /// What was taken apart so.
    #[must_use]
    pub fn from_parts(kind: &str, detail: &str) -> Option<Happened> {
        Some(match kind {
            "logged_in" => {
                let (method, source) = detail.split_once(' ')?;
                Happened::LoggedIn(LoginMethod::from_word(method)?, source.to_owned())
            }
            "logins_failed" => Happened::LoginsFailed(detail.parse().ok()?),
            "permitted" => Happened::Permitted(detail.to_owned()),
            "ended" => {
                let (by, client_id) = detail.split_once(' ')?;
                Happened::Ended(EndedBy::from_word(by)?, client_id.to_owned())
            }
            "certificate_added" => Happened::CertificateAdded,
            "certificate_removed" => Happened::CertificateRemoved,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_reads_back() {
        for what in [
            Happened::LoggedIn(LoginMethod::Certificate, "2001:db8:1:2::/64".to_owned()),
            Happened::LoginsFailed(7),
            Happened::Permitted("c-kakeibo".to_owned()),
            Happened::Ended(EndedBy::Institution, "c-kakeibo".to_owned()),
            Happened::CertificateAdded,
            Happened::CertificateRemoved,
        ] {
            let (kind, detail) = what.parts();
            assert_eq!(Happened::from_parts(kind, &detail), Some(what));
        }
        assert_eq!(Happened::from_parts("logged_in", "password"), None);
    }
}
