//! How long a flow lasts.

use super::{EXTENSION_SECONDS, FLOW_SECONDS, IDLE_SECONDS};
use crate::time::Timestamp;

/// The two clocks of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowClock {
    /// When it ends whatever happens.
    pub deadline_at: Timestamp,
    /// When it was last used.
    pub used_at: Timestamp,
    /// Whether the one extension has been taken.
    pub extended: bool,
}

impl FlowClock {
    /// The clock of a flow opened now.
    #[must_use]
    pub fn opened(now: Timestamp) -> FlowClock {
        FlowClock { deadline_at: now.plus_seconds(FLOW_SECONDS), used_at: now, extended: false }
    }

    /// When the flow ends if it is not used again.
    #[must_use]
    pub fn ends_at(self) -> Timestamp {
        self.deadline_at.min(self.used_at.plus_seconds(IDLE_SECONDS))
    }

    /// Whether the flow is over at this instant.
    #[must_use]
    pub fn timed_out(self, now: Timestamp) -> bool {
        now >= self.ends_at()
    }

    /// The clock with its one extension taken; `None` when it was taken before.
    #[must_use]
    pub fn extended(self, now: Timestamp) -> Option<FlowClock> {
        let deadline_at = self.deadline_at.plus_seconds(EXTENSION_SECONDS);
        (!self.extended).then_some(FlowClock { deadline_at, used_at: now, extended: true })
    }
}
