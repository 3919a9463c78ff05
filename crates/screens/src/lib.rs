//! Every HTML page of the bank's side.
//!
//! Pure: a struct per page, filled by the server, and `render`. No I/O, no clock, no chance. Sentences stand once, in
//! the message catalogue (`messages/ja.ftl`, `messages/en.ftl`); structure stands in `templates/`; looks stand in one
//! stylesheet. No page needs a script or anything from elsewhere, so `default-src 'none'; style-src 'self'` is enough.
//!
//! What a partner or a customer typed is data: the template engine escapes all of it.

mod accent;
mod frame;
mod label;
mod message;
mod pages;
mod plain;
#[doc(hidden)]
pub mod samples;
mod style;

pub use accent::{Accent, NotAColour};
pub use frame::{Asking, CustomerFrame, FlowFrame, Frame, Institution, TimeLeft};
pub use label::AccountLabel;
pub use message::Lang;
pub use pages::*;
pub use style::{STYLE, style_path};
