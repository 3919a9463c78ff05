//! Era dates (和暦): six digits `YYMMDD` whose year counts from the beginning of an era the file does not name.
//!
//! 08 may be 令和8 (2026) or 平成8 (1996). The era is the one that puts the day nearest to a day already known:
//! 作成日 is resolved against the day the file is received, every other date of the file against 作成日.

use crate::refusal::Reason;
use jiff::civil::Date;

/// A date further than this many years from the day it is resolved against is refused: eras lie some thirty
/// years apart, so a date further away is more likely wrong than meant.
pub const YEARS_APART_MAX: i16 = 15;

/// One era: its first and last day, and the year before its first.
struct Era {
    first: Date,
    last: Date,
    base: i16,
}

/// 昭和, 平成 and 令和. The last ends with the calendar; its two digits last until 2117.
const ERAS: [Era; 3] = [
    Era { first: Date::constant(1926, 12, 25), last: Date::constant(1989, 1, 7), base: 1925 },
    Era { first: Date::constant(1989, 1, 8), last: Date::constant(2019, 4, 30), base: 1988 },
    Era { first: Date::constant(2019, 5, 1), last: Date::constant(2117, 12, 31), base: 2018 },
];

/// The day six digits mean, nearest to `anchor`.
///
/// # Errors
/// [`Reason::NoSuchDay`] when no era has such a day, [`Reason::FarFrom`] when the nearest is more than
/// [`YEARS_APART_MAX`] years away.
pub(super) fn resolve(year: i16, month: i8, day: i8, anchor: Date) -> Result<Date, Reason> {
    let candidates = ERAS.iter().filter_map(|era| {
        let date = Date::new(era.base.checked_add(year)?, month, day).ok()?;
        (year > 0 && era.first <= date && date <= era.last).then_some(date)
    });
    let nearest = candidates.min_by_key(|date| days_between(*date, anchor)).ok_or(Reason::NoSuchDay)?;
    if (i32::from(nearest.year()) - i32::from(anchor.year())).abs() > i32::from(YEARS_APART_MAX) {
        return Err(Reason::FarFrom(anchor));
    }
    Ok(nearest)
}

/// The six digits of a day in its own era; `None` outside the eras known here.
pub(super) fn digits(date: Date) -> Option<[u8; 6]> {
    let era = ERAS.iter().find(|era| era.first <= date && date <= era.last)?;
    let year = u8::try_from(date.year() - era.base).ok()?;
    let month = u8::try_from(date.month()).ok()?;
    let day = u8::try_from(date.day()).ok()?;
    let (tens, ones) = (|n: u8| b'0' + n / 10, |n: u8| b'0' + n % 10);
    Some([tens(year), ones(year), tens(month), ones(month), tens(day), ones(day)])
}

/// Days from one date to the other, whichever comes first.
fn days_between(one: Date, other: Date) -> i32 {
    one.since(other).map_or(i32::MAX, |span| span.get_days().abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn the_era_is_the_one_nearest_to_the_anchor() {
        assert_eq!(resolve(8, 10, 1, date(2026, 11, 22)), Ok(date(2026, 10, 1)));
        assert_eq!(resolve(8, 10, 1, date(1997, 1, 1)), Ok(date(1996, 10, 1)));
        assert_eq!(resolve(28, 5, 3, date(2016, 6, 1)), Ok(date(2016, 5, 3)));
    }

    #[test]
    fn heisei_ends_where_reiwa_begins() {
        let made = date(2019, 5, 2);
        assert_eq!(resolve(31, 4, 30, made), Ok(date(2019, 4, 30)));
        assert_eq!(resolve(1, 5, 1, made), Ok(date(2019, 5, 1)));
        assert_eq!(resolve(31, 5, 1, made), Err(Reason::FarFrom(made)));
        assert_eq!(resolve(1, 4, 30, made), Err(Reason::FarFrom(made)));
        assert_eq!(digits(date(2019, 4, 30)), Some(*b"310430"));
        assert_eq!(digits(date(2019, 5, 1)), Some(*b"010501"));
    }

    #[test]
    fn days_that_never_were_are_refused() {
        let made = date(2026, 11, 22);
        assert_eq!(resolve(8, 2, 30, made), Err(Reason::NoSuchDay));
        assert_eq!(resolve(8, 2, 29, made), Err(Reason::FarFrom(made)), "1996 had one, 2026 has none");
        assert_eq!(resolve(8, 13, 1, made), Err(Reason::NoSuchDay));
        assert_eq!(resolve(0, 1, 1, made), Err(Reason::NoSuchDay));
        assert_eq!(resolve(10, 2, 29, date(2028, 3, 1)), Ok(date(2028, 2, 29)));
    }

    #[test]
    fn digits_and_days_are_one_to_one_near_the_day() {
        let mut day = date(2012, 1, 1);
        while day < date(2040, 1, 1) {
            let [y1, y2, m1, m2, d1, d2] = digits(day).unwrap().map(|digit| i16::from(digit - b'0'));
            let (month, of_month) = (i8::try_from(m1 * 10 + m2).unwrap(), i8::try_from(d1 * 10 + d2).unwrap());
            assert_eq!(resolve(y1 * 10 + y2, month, of_month, day), Ok(day));
            day = day.tomorrow().unwrap();
        }
    }
}
