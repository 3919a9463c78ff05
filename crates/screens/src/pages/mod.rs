//! The pages, a struct each.

mod ended;
mod existing;
mod institutions;
mod linkages;
mod login;
mod operations;
mod permission;
mod pins;
mod public;
mod reference;
mod stop;
mod terms;

pub use ended::{EndedPage, Ending, WayOn};
pub use existing::{ExistingLinkage, ExistingPage};
pub use institutions::{InstitutionLine, InstitutionsPage};
pub use linkages::{ConsentLine, LinkageAccount, LinkageLine, LinkageNews, LinkagePage, LinkagesPage, NoticeLine};
pub use login::{CertificatePage, Disclaimer, LoginError, LoginPage, LoginPurpose};
pub use operations::{OperationLine, OperationsPage};
pub use permission::{Evidence, PermissionAccount, PermissionError, PermissionPage, PermittedOperation};
pub use pins::{AccountsPage, PinError, PinLine, PinResult, PinState, PinsPage, ResultLine, ResultsPage};
pub use public::{PublicPage, PublicPartner, TermsLink};
pub use reference::{ReferencePage, ReferencePart, ReferenceRow, ReferenceTable};
pub use stop::{StopPage, StoppedPage};
pub use terms::{Clause, TermsKind, TermsPage};

/// Gives pages their `render`.
macro_rules! renders {
    ($($page:ty),+) => {$(
        impl $page {
            /// The whole page as HTML, UTF-8.
            #[must_use]
            pub fn render(&self) -> String {
                // Writing into a string can't fail, and no template calls anything that can.
                askama::Template::render(self).unwrap_or_default()
            }
        }
    )+};
}
pub(crate) use renders;
