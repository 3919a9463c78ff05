//! Instants and days. Instants are UTC microseconds; days are civil dates of the Japanese calendar day.

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};

/// Japan Standard Time is UTC+9 all year, so no time-zone table is needed.
const JST_OFFSET_HOURS: i8 = 9;
/// Microseconds in one second.
pub const MICROS_PER_SECOND: i64 = 1_000_000;
/// Microseconds in one day.
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The instant `seconds` after the epoch.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Timestamp {
        Timestamp(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// Milliseconds since the epoch, rounded down; never negative (time-ordered identifiers need that).
    #[must_use]
    pub fn millis(self) -> u64 {
        u64::try_from(self.0.div_euclid(1000)).unwrap_or(0)
    }

    /// This instant moved by whole seconds; saturates at the ends of time.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(seconds.saturating_mul(MICROS_PER_SECOND)))
    }

    /// This instant moved by microseconds; saturates at the ends of time.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(micros))
    }

    /// Whole seconds from `self` until `later`, rounded down; negative when `later` is past.
    #[must_use]
    pub const fn seconds_until(self, later: Timestamp) -> i64 {
        later.0.saturating_sub(self.0).div_euclid(MICROS_PER_SECOND)
    }

    /// The Japanese calendar day this instant falls on.
    #[must_use]
    pub fn day(self) -> Day {
        let days =
            self.0.saturating_add(i64::from(JST_OFFSET_HOURS) * 3600 * MICROS_PER_SECOND).div_euclid(MICROS_PER_DAY);
        Day::EPOCH.plus_days(i32::try_from(days).unwrap_or(i32::MAX))
    }

    /// RFC 3339 with the offset of Japan: `2026-11-22T09:30:00+09:00`. Fractions of a second are cut off.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let zone = TimeZone::fixed(Offset::constant(JST_OFFSET_HOURS));
        jiff::Timestamp::from_second(self.seconds())
            .map(|at| at.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
            .unwrap_or_else(|_| String::from("out of range"))
    }

    /// Hours and minutes of the Japanese day: `09:30`.
    #[must_use]
    pub fn to_clock(self) -> String {
        let minutes = self.seconds().saturating_add(i64::from(JST_OFFSET_HOURS) * 3600).rem_euclid(86_400) / 60;
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// A calendar day in Japan. In text and in tables it is `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub Date);

/// The text is not a day of the form `YYYY-MM-DD`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a day of the form YYYY-MM-DD")]
pub struct NotADay;

impl Day {
    /// 1970-01-01.
    const EPOCH: Day = Day(Date::constant(1970, 1, 1));

    /// The day so many days later (earlier when negative); stops at the ends of the calendar.
    #[must_use]
    pub fn plus_days(self, days: i32) -> Day {
        Day(self.0.saturating_add(jiff::Span::new().try_days(days).unwrap_or_default()))
    }

    /// The instant at which this day begins in Japan.
    #[must_use]
    pub fn begins_at(self) -> Timestamp {
        let days = i64::from(self.days_since_epoch());
        Timestamp(days * MICROS_PER_DAY - i64::from(JST_OFFSET_HOURS) * 3600 * MICROS_PER_SECOND)
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub fn days_since_epoch(self) -> i32 {
        self.0.since(Self::EPOCH.0).map_or(0, |span| span.get_days())
    }

    /// `2026年11月22日`.
    #[must_use]
    pub fn to_japanese(self) -> String {
        format!("{}年{}月{}日", self.0.year(), self.0.month(), self.0.day())
    }

    /// `22 November 2026`.
    #[must_use]
    pub fn to_english(self) -> String {
        self.0.strftime("%-d %B %Y").to_string()
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::str::FromStr for Day {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Day, NotADay> {
        if text.len() != 10 {
            return Err(NotADay);
        }
        text.parse::<Date>().map(Day).map_err(|_| NotADay)
    }
}

/// Where the time comes from: the operating system in the server, a hand in tests.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_japanese_midnight() {
        let day: Day = "2026-11-22".parse().unwrap();
        assert_eq!(day.begins_at().to_rfc3339(), "2026-11-22T00:00:00+09:00");
        assert_eq!(day.begins_at().day(), day);
        assert_eq!(Timestamp(day.begins_at().0 - 1).day(), day.plus_days(-1));
    }

    #[test]
    fn days_cross_month_and_leap_day_ends() {
        let day: Day = "2028-02-28".parse().unwrap();
        assert_eq!(day.plus_days(1).to_string(), "2028-02-29");
        assert_eq!(day.plus_days(2).to_string(), "2028-03-01");
        assert_eq!("2026-11-22".parse::<Day>().unwrap().plus_days(180).to_string(), "2027-05-21");
    }

    #[test]
    fn only_iso_days_parse() {
        for bad in ["2026-2-3", "20260203", "2026-02-30", "", "2026-02-03T00:00:00", "+002026-02-03"] {
            assert_eq!(bad.parse::<Day>(), Err(NotADay), "{bad}");
        }
    }

    #[test]
    fn a_clock_reads_japanese_time() {
        assert_eq!(Timestamp::from_seconds(0).to_clock(), "09:00");
    }
}
