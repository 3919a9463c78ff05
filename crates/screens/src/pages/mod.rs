//! The pages, a struct each.

mod ended;
mod existing;
mod login;
mod operations;
mod permission;
mod pins;

pub use ended::{EndedPage, Ending, WayOn};
pub use existing::{ExistingLinkage, ExistingPage};
pub use login::{CertificatePage, Disclaimer, LoginError, LoginPage, LoginPurpose};
pub use operations::{OperationLine, OperationsPage};
pub use permission::{PermissionAccount, PermissionError, PermissionPage, PermittedOperation};
pub use pins::{AccountsPage, PinError, PinLine, PinResult, PinState, PinsPage, ResultLine, ResultsPage};

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
