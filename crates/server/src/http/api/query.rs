//! What a read of transactions asks for.

use axum::extract::Query;
use axum::http::{HeaderMap, Uri, header};
use renkei_domain::time::Day;
use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::Problem;

/// Most lines of one page.
pub const LIMIT_MAX: u32 = 500;
/// Lines of a page when nothing else is asked for.
pub const LIMIT_DEFAULT: u32 = 100;
/// Most days of one read by days: ten years with their leap days.
pub const RANGE_DAYS_MAX: i32 = 3_653;

/// The parameters as they come. One that is unknown or sent twice is refused.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Feed: the last page's `next_mark`; absent: from the beginning. マーク。
    #[param(example = "5f0c6f0e-42")]
    after: Option<String>,
    /// By days: first booking day. 勘定日の始め。
    #[param(format = Date, example = "2026-10-01")]
    from: Option<String>,
    /// By days: last booking day, included. 勘定日の終わり。
    #[param(format = Date, example = "2026-10-31")]
    to: Option<String>,
    /// By days: the last page's `next_cursor`, with the same `from` and `to`. カーソル。
    cursor: Option<String>,
    /// Lines of a page, 1 to 500; 100 when absent. 1ページの件数。
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<String>,
    /// `json` or `csv`; goes before `Accept`. 形式。
    #[param(example = "json")]
    format: Option<String>,
}

/// A read of transactions.
#[derive(Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which lines.
    pub lines: Lines,
    /// Most lines of the page.
    pub limit: u32,
    /// A table for people instead of JSON.
    pub csv: bool,
}

/// Which lines are asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Lines {
    /// In posting order, after a mark or from the beginning.
    Feed {
        /// The mark.
        after: Option<String>,
    },
    /// By booking day.
    Range {
        /// First day.
        from: Day,
        /// Last day, included.
        to: Day,
        /// Where an earlier page ended.
        cursor: Option<String>,
    },
}

impl Wanted {
    /// Reads the query of an address.
    ///
    /// # Errors
    /// [`Problem`] with what is wrong.
    pub fn read(uri: &Uri, headers: &HeaderMap) -> Result<Wanted, Problem> {
        let Query(parameters) = Query::<Parameters>::try_from_uri(uri).map_err(|_| Problem::invalid_parameter())?;
        let limit = read_limit(parameters.limit.as_deref())?;
        let csv = read_format(parameters.format.as_deref(), headers)?;
        let lines = match parameters {
            Parameters { after, from: None, to: None, cursor: None, .. } => Lines::Feed { after },
            Parameters { after: None, from: Some(from), to: Some(to), cursor, .. } => {
                let (from, to) = read_days(&from, &to)?;
                Lines::Range { from, to, cursor }
            }
            Parameters { after: Some(_), .. } => return Err(Problem::invalid_parameter()),
            _ => return Err(Problem::invalid_range()),
        };
        Ok(Wanted { lines, limit, csv })
    }
}

fn read_limit(limit: Option<&str>) -> Result<u32, Problem> {
    let Some(limit) = limit else { return Ok(LIMIT_DEFAULT) };
    let digits = limit.bytes().all(|byte| byte.is_ascii_digit());
    let limit = limit.parse().ok().filter(|limit| digits && (1..=LIMIT_MAX).contains(limit));
    limit.ok_or_else(Problem::invalid_limit)
}

fn read_days(from: &str, to: &str) -> Result<(Day, Day), Problem> {
    let day = |text: &str| text.parse::<Day>().map_err(|_| Problem::invalid_range());
    let (from, to) = (day(from)?, day(to)?);
    let days = to.days_since_epoch().saturating_sub(from.days_since_epoch());
    if (0..=RANGE_DAYS_MAX).contains(&days) { Ok((from, to)) } else { Err(Problem::invalid_range()) }
}

/// CSV is given to whom asks for it by name; a browser's or tool's `*/*` gets JSON.
fn read_format(format: Option<&str>, headers: &HeaderMap) -> Result<bool, Problem> {
    match format {
        Some("csv") => Ok(true),
        Some("json") => Ok(false),
        Some(_) => Err(Problem::invalid_parameter()),
        None => {
            let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
            let mut types = accept.flat_map(|value| value.split(','));
            let named = |media: &str| media.split(';').next().is_some_and(|name| name.trim() == "text/csv");
            Ok(types.any(named))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(query: &str) -> Result<Wanted, &'static str> {
        let uri = format!("/1001/api/v1/accounts/a/transactions?{query}").parse().unwrap();
        Wanted::read(&uri, &HeaderMap::new()).map_err(|problem| problem.kind.code)
    }

    #[test]
    fn without_days_it_is_the_feed_and_with_days_a_range() {
        let feed = Wanted { lines: Lines::Feed { after: None }, limit: 100, csv: false };
        assert_eq!(read(""), Ok(feed));
        let after = Some("5f0c6f0e-42".to_owned());
        let feed = Wanted { lines: Lines::Feed { after }, limit: 7, csv: true };
        assert_eq!(read("after=5f0c6f0e-42&limit=7&format=csv"), Ok(feed));
        let (from, to) = ("2026-10-01".parse().unwrap(), "2026-10-31".parse().unwrap());
        let range = Wanted { lines: Lines::Range { from, to, cursor: None }, limit: 500, csv: false };
        assert_eq!(read("from=2026-10-01&to=2026-10-31&limit=500&format=json"), Ok(range));
    }

    #[test]
    fn r_150_sizes_of_nothing_less_and_too_much_are_refused() {
        for limit in ["0", "-1", "501", "1000000000", "99999999999999999999", "+1", "1.0", "", "1e2", "１"] {
            assert_eq!(read(&format!("limit={limit}")), Err("invalid_limit"), "{limit}");
        }
    }

    #[test]
    fn days_that_are_no_range_are_refused() {
        for query in [
            "from=2026-10-01",
            "to=2026-10-01",
            "cursor=x",
            "from=2026-10-02&to=2026-10-01",
            "from=2026-10-01&to=2026-02-30",
            "from=1900-01-01&to=2026-10-01",
            "from=x&to=y",
        ] {
            assert_eq!(read(query), Err("invalid_range"), "{query}");
        }
    }

    #[test]
    fn unknown_repeated_and_contradicting_parameters_are_refused() {
        for query in [
            "offset=3",
            "after=a&after=b",
            "after=a&from=2026-10-01&to=2026-10-02",
            "format=xml",
            "after=a&cursor=b",
            "access_token=x",
        ] {
            assert_eq!(read(query), Err("invalid_parameter"), "{query}");
        }
    }

    #[test]
    fn csv_is_for_whom_names_it() {
        let uri = "/".parse().unwrap();
        for (accept, csv) in
            [("text/csv", true), ("*/*", false), ("application/json, text/csv;q=0.9", true), ("text/*", false)]
        {
            let headers = [(header::ACCEPT, HeaderValue::from_static(accept))].into_iter().collect();
            assert_eq!(Wanted::read(&uri, &headers).unwrap().csv, csv, "{accept}");
        }
    }
}
