//! The fault tests, each under its number.

mod backups;
mod deploy;
mod disk;
mod failover;
mod hung;
mod nodes;
mod overload;
mod points;
mod room;
mod rot;
mod rotation;
mod soak;
mod stage;
pub mod time;

pub use backups::f_09;
pub use deploy::{f_24, f_25};
pub use disk::{f_03, f_04, f_06};
pub use failover::{f_11, f_12, f_13, f_14, f_15, f_16, f_19};
pub use hung::f_16_hung;
pub use nodes::{f_01, f_18, f_28};
pub use overload::f_31;
pub use points::{f_02, f_29};
pub use room::{f_05, f_08};
pub use rot::f_07;
pub use rotation::f_26;
pub use soak::f_27;
pub use stage::Size;
pub use time::{f_20, f_21, f_22};
