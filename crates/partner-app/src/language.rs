//! The two languages, and how numbers and times are written in them.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use renkei_client::Coded;

/// Japan Standard Time, in hours ahead of UTC; the calendar of all days shown.
const JST_HOURS: i8 = 9;

/// The language of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Language {
    #[default]
    Japanese,
    English,
}

impl Language {
    pub(crate) fn from_tag(tag: &str) -> Option<Self> {
        match tag {
            "ja" => Some(Self::Japanese),
            "en" => Some(Self::English),
            _ => None,
        }
    }

    pub(crate) fn tag(self) -> &'static str {
        self.pick("ja", "en")
    }

    /// One of two wordings.
    pub(crate) fn pick<T>(self, japanese: T, english: T) -> T {
        match self {
            Self::Japanese => japanese,
            Self::English => english,
        }
    }

    /// The name of what has a code; the Japanese one where the institution gives no other.
    pub(crate) fn name_of(self, coded: &Coded) -> String {
        self.pick(&coded.name, coded.name_en.as_ref().unwrap_or(&coded.name)).clone()
    }

    /// An amount with separators: `1,234,567円` or `¥1,234,567`.
    pub(crate) fn yen(self, amount: i64) -> String {
        let sign = if amount < 0 { "-" } else { "" };
        let digits = separated(amount);
        self.pick(format!("{sign}{digits}円"), format!("{sign}¥{digits}"))
    }

    /// A day given as `YYYY-MM-DD`; anything else as it is.
    pub(crate) fn day(self, text: &str) -> String {
        let Ok(day) = text.parse::<Date>() else { return text.to_owned() };
        self.write_day(day)
    }

    fn write_day(self, day: Date) -> String {
        match self {
            Self::Japanese => format!("{}年{}月{}日", day.year(), day.month(), day.day()),
            Self::English => day.strftime("%-d %b %Y").to_string(),
        }
    }

    /// The day of an instant, in seconds since 1970.
    pub(crate) fn day_of(self, seconds: u64) -> String {
        self.write_day(jst(seconds).date())
    }

    /// Day and minute of an instant, in seconds since 1970.
    pub(crate) fn minute_of(self, seconds: u64) -> String {
        let at = jst(seconds);
        format!("{} {}", self.write_day(at.date()), at.strftime("%H:%M"))
    }

    /// Day and minute of an RFC 3339 time or a bare day; anything else as it is.
    pub(crate) fn moment(self, text: &str) -> String {
        match text.parse::<Timestamp>() {
            Ok(at) => self.minute_of(u64::try_from(at.as_second()).unwrap_or(0)),
            Err(_) => self.day(text),
        }
    }
}

/// The digits of an amount in threes, without its sign.
pub(crate) fn separated(amount: i64) -> String {
    let digits = amount.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The month an instant falls into, as `YYYY-MM`.
pub(crate) fn month_of(seconds: u64) -> String {
    jst(seconds).strftime("%Y-%m").to_string()
}

fn jst(seconds: u64) -> jiff::Zoned {
    let at = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.unwrap_or(Timestamp::MAX).to_zoned(TimeZone::fixed(Offset::constant(JST_HOURS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_separated_in_threes() {
        assert_eq!(Language::Japanese.yen(0), "0円");
        assert_eq!(Language::Japanese.yen(-1_234_567), "-1,234,567円");
        assert_eq!(Language::English.yen(123_456), "¥123,456");
        assert_eq!(Language::Japanese.yen(i64::MIN), "-9,223,372,036,854,775,808円");
    }

    #[test]
    fn days_and_times_are_japanese_ones() {
        assert_eq!(Language::Japanese.day("2026-10-01"), "2026年10月1日");
        assert_eq!(Language::English.day("2026-10-01"), "1 Oct 2026");
        assert_eq!(Language::Japanese.day("soon"), "soon");
        // 2026-10-30T15:05:00Z is already the 31st in Japan.
        assert_eq!(Language::Japanese.minute_of(1_793_372_700), "2026年10月31日 00:05");
        assert_eq!(Language::Japanese.moment("2026-10-31T09:00:00+09:00"), "2026年10月31日 09:00");
        assert_eq!(month_of(1_793_372_700), "2026-10");
    }
}
