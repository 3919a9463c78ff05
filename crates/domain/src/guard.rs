//! Guess guards: how many times a secret may be tried before one has to wait.
//!
//! A try is counted, and the count stored durably, before the secret is looked at. A crash or a burst of parallel
//! tries therefore never gives a free guess; a right answer clears the count afterwards.

use crate::time::Timestamp;

/// Failures so far, and until when no try is allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Guard {
    /// Tries counted since the last success.
    pub failures: u32,
    /// No try is looked at before this instant.
    pub locked_until: Option<Timestamp>,
}

/// How strict a guard is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardPolicy {
    /// Tries allowed before the first wait.
    pub tries_max: u32,
    /// The waits after that, in seconds: one for the try that reached the maximum, the next for the next try …; the
    /// last one repeats.
    pub waits_seconds: &'static [i64],
    /// From this many failures on, only staff can unlock.
    pub hard_stop: u32,
}

/// One minute, five, fifteen, an hour each up to the nineteenth failure; from the twentieth on a day.
const LOGIN_WAITS: &[i64] =
    &[60, 300, 900, 3_600, 3_600, 3_600, 3_600, 3_600, 3_600, 3_600, 3_600, 3_600, 3_600, 3_600, 3_600, 86_400];

/// Logins of strangers at one login id: five tries, then growing waits; after twenty failures one try a day. Whoever
/// guesses that patiently shuts nobody out for good before NIST's ceiling of a hundred (SP 800-63B-4 §3.2.2); there
/// staff have to look. Known devices and certificates are not concerned.
pub const LOGIN: GuardPolicy = GuardPolicy { tries_max: 5, waits_seconds: LOGIN_WAITS, hard_stop: 100 };

/// Logins from one known device: the same waits, and never staff only.
pub const LOGIN_DEVICE: GuardPolicy = GuardPolicy { hard_stop: u32::MAX, ..LOGIN };

/// Inquiry PIN, per account: three tries, then a day; staff after nine.
pub const PIN: GuardPolicy = GuardPolicy { tries_max: 3, waits_seconds: &[86_400], hard_stop: 9 };

/// Inquiry PINs of one user over all accounts: twenty failures, then an hour.
pub const PIN_USER: GuardPolicy = GuardPolicy { tries_max: 20, waits_seconds: &[3_600], hard_stop: 200 };

/// How many guesses of one source, and of all sources at an institution, are too many, whatever they are at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpreadPolicy {
    /// Identities that one source may try in vain within an hour.
    pub source_subjects_max: i64,
    /// Vain tries at the institution within an hour that raise the alarm.
    pub institution_tries_max: i64,
    /// Identities a source may try in vain while the alarm lasts: enough for an honest mistake.
    pub source_subjects_in_alarm: i64,
}

/// Logins: a hundred identities for one source.
pub const LOGIN_SPREAD: SpreadPolicy =
    SpreadPolicy { source_subjects_max: 100, institution_tries_max: 1_000, source_subjects_in_alarm: 3 };

/// Inquiry PINs: a hundred vain tries, whoever makes them, are one expected hit in a hundred.
pub const PIN_SPREAD: SpreadPolicy =
    SpreadPolicy { source_subjects_max: 100, institution_tries_max: 100, source_subjects_in_alarm: 3 };

/// Far enough to mean "until staff unlock it".
const UNTIL_UNLOCKED: Timestamp = Timestamp(i64::MAX);

/// Which guard came back from a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// That of an account's inquiry PIN.
    Pin,
    /// That of one user's PINs over all accounts.
    PinUser,
    /// That of a login, of strangers or from a known device.
    Login,
}

/// No try is allowed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("locked")]
pub struct Locked {
    /// From when on a try is allowed again; `None` when only staff can unlock.
    pub until: Option<Timestamp>,
}

impl Guard {
    /// Counts one try. The result must be stored before the secret is looked at.
    ///
    /// # Errors
    /// [`Locked`] when no try is allowed now; nothing is counted then.
    pub fn count(self, now: Timestamp, policy: &GuardPolicy) -> Result<Guard, Locked> {
        if let Some(until) = self.locked_until.filter(|until| *until > now) {
            return Err(Locked { until: (until != UNTIL_UNLOCKED).then_some(until) });
        }
        let failures = self.failures.saturating_add(1);
        let locked_until = if failures >= policy.hard_stop {
            Some(UNTIL_UNLOCKED)
        } else if failures >= policy.tries_max {
            let step = (failures - policy.tries_max) as usize;
            let wait = policy.waits_seconds.get(step).or(policy.waits_seconds.last()).copied().unwrap_or(0);
            Some(now.plus_seconds(wait))
        } else {
            None
        };
        Ok(Guard { failures, locked_until })
    }

    /// The least a guard stands at after its count came back from a backup: what was tried since the backup is not in it,
    /// and must not be tried again. Of PINs, ten thousand in all, anything may have been tried: the longest wait begins
    /// anew, and the next wrong one closes the account's guard for staff to open. Of one user's tries over all accounts the
    /// wait begins anew. Of logins one try is left before the waits: nobody may be shut out of a whole bank by its own
    /// disaster, and a few more guesses at a password, each after a longer wait, find none.
    #[must_use]
    pub fn after_restore(restored: Restored, now: Timestamp) -> Guard {
        let wait = |policy: &GuardPolicy| policy.waits_seconds.last().map(|seconds| now.plus_seconds(*seconds));
        match restored {
            Restored::Pin => Guard { failures: PIN.hard_stop.saturating_sub(1), locked_until: wait(&PIN) },
            Restored::PinUser => Guard { failures: PIN_USER.tries_max, locked_until: wait(&PIN_USER) },
            Restored::Login => Guard { failures: LOGIN.tries_max.saturating_sub(1), locked_until: None },
        }
    }

    /// Whether no time opens it any more, only staff.
    #[must_use]
    pub fn is_staff_only(self) -> bool {
        self.locked_until == Some(UNTIL_UNLOCKED)
    }

    /// Tries left before the next wait.
    #[must_use]
    pub fn tries_left(self, policy: &GuardPolicy) -> u32 {
        policy.tries_max.saturating_sub(self.failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn after(tries: u32, policy: &GuardPolicy) -> Guard {
        let mut now = NOW;
        (0..tries).fold(Guard::default(), |guard, _| {
            now = guard.locked_until.map_or(now, |until| until.max(now));
            guard.count(now, policy).unwrap()
        })
    }

    #[test]
    fn the_last_free_try_is_looked_at_and_the_next_waits() {
        let guard = after(5, &LOGIN);
        assert_eq!(guard.locked_until, Some(NOW.plus_seconds(60)));
        assert_eq!(guard.count(NOW, &LOGIN), Err(Locked { until: Some(NOW.plus_seconds(60)) }));
        assert!(guard.count(NOW.plus_seconds(60), &LOGIN).is_ok());
    }

    #[test]
    fn a_100_parallel_tries_get_no_more_verdicts_than_allowed() {
        let mut guard = Guard::default();
        let mut verdicts = 0;
        for _ in 0..64 {
            if let Ok(counted) = guard.count(NOW, &LOGIN) {
                guard = counted;
                verdicts += 1;
            }
        }
        assert_eq!(verdicts, LOGIN.tries_max);
    }

    #[test]
    fn f_10_after_a_restore_a_pin_waits_a_day_and_its_next_failure_is_for_staff() {
        let restored = Guard::after_restore(Restored::Pin, NOW);
        let opens = NOW.plus_seconds(86_400);
        assert_eq!(restored.count(opens.plus_seconds(-1), &PIN), Err(Locked { until: Some(opens) }));
        assert!(restored.count(opens, &PIN).unwrap().is_staff_only());
    }

    #[test]
    fn f_10_after_a_restore_a_login_has_one_try_before_its_waits() {
        let counted = Guard::after_restore(Restored::Login, NOW).count(NOW, &LOGIN).unwrap();
        assert_eq!(counted.locked_until, Some(NOW.plus_seconds(60)));
    }

    #[test]
    fn r_216_a_106_a_known_device_is_never_stopped_for_good() {
        let guard = after(200, &LOGIN_DEVICE);
        let until = guard.locked_until.unwrap();
        assert!(guard.count(until, &LOGIN_DEVICE).is_ok());
    }

    #[test]
    fn r_216_a_106_ten_thousand_failures_in_a_row_bring_a_delay_and_no_stop() {
        let mut guard = Guard::default();
        for second in 0..10_000 {
            guard = guard.count(NOW.plus_seconds(second), &LOGIN).unwrap_or(guard);
        }
        assert!(guard.failures < 20, "{guard:?}");
        assert!(NOW.plus_seconds(10_000).seconds_until(guard.locked_until.unwrap()) <= 3_600);
    }

    #[test]
    fn r_212_waits_grow_to_a_day_after_twenty_and_end_in_a_hard_stop_at_the_ceiling() {
        let waits: Vec<i64> = [5, 6, 7, 8, 19, 20, 99]
            .into_iter()
            .map(|tries| {
                let before = after(tries - 1, &LOGIN);
                let now = before.locked_until.unwrap_or(NOW);
                now.seconds_until(before.count(now, &LOGIN).unwrap().locked_until.unwrap())
            })
            .collect();
        assert_eq!(waits, [60, 300, 900, 3_600, 3_600, 86_400, 86_400]);
        let stopped = after(100, &LOGIN);
        assert_eq!(stopped.count(NOW.plus_seconds(i64::from(u32::MAX)), &LOGIN), Err(Locked { until: None }));
    }
}
