//! Figures for partners and supervisors: what this node counted goes into the store every minute, where all nodes add up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::{Day, Timestamp};
use renkei_store::histogram::{BOUNDS_MICROS, BUCKETS, Counts};
use renkei_store::statistics::{FAILING, Figure, MINUTES, SERVED, minute_of};
use renkei_store::{StoreError, Tx};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::app::App;
use crate::metrics::{Endpoint, FAILED, InstitutionSeries, STATUSES};

/// How often what was counted is written down.
const EVERY: Duration = Duration::from_secs(60);
/// The bucket without an upper end.
const MORE: &str = "le_more";

/// What was written down of an institution so far.
#[derive(Default, Clone, Copy)]
struct Written {
    answers: [[u64; STATUSES.len()]; Endpoint::ALL.len()],
    latencies: [Counts; Endpoint::ALL.len()],
}

/// Writes what was counted since the last time.
#[derive(Default)]
pub struct Recorder {
    written: HashMap<String, Written>,
}

/// Writes every minute and once more at the end.
pub async fn keep(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let mut recorder = Recorder::default();
    loop {
        if let Err(error) = recorder.write(&app).await {
            tracing::error!(%error, "figures could not be written down");
        }
        let stopping = *stop.borrow();
        if stopping {
            return;
        }
        tokio::select! {
            () = sleep(EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

impl Recorder {
    /// Tells new institutions apart, and adds to the figures of each: a minute served, and what was answered.
    ///
    /// # Errors
    /// [`StoreError`]; what was not written is written next time.
    pub async fn write(&mut self, app: &App) -> Result<(), StoreError> {
        let now = app.now();
        let metrics = &app.memory.metrics;
        for institution in app.store.read_all().list_institutions().await? {
            metrics.know(&institution.code);
            let code = institution.code.as_str();
            let Some(series) = metrics.institutions().find(|series| series.label == code) else { continue };
            let before = self.written.get(code).copied().unwrap_or_default();
            let after = Written::of(series);
            let mut tx = app.store.begin(&institution.code).await?;
            after.add_since(&before, &mut tx, now).await?;
            tx.fold_minutes(now).await?;
            tx.commit().await?;
            self.written.insert(code.to_owned(), after);
        }
        Ok(())
    }
}

impl Written {
    fn of(series: &InstitutionSeries) -> Written {
        let mut written = Written::default();
        let places = Endpoint::ALL.iter().zip(written.answers.iter_mut()).zip(written.latencies.iter_mut());
        for ((endpoint, answers), latency) in places {
            for (status, count) in answers.iter_mut().enumerate() {
                *count = series.answers(*endpoint, status);
            }
            *latency = series.latency(*endpoint);
        }
        written
    }

    async fn add_since(&self, before: &Written, tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
        let (mut all, mut failed) = (0, 0);
        for (place, endpoint) in Endpoint::ALL.iter().enumerate() {
            let (answers, latency) = (self.answers.get(place), self.latencies.get(place));
            let (old, old_latency) = (before.answers.get(place), before.latencies.get(place));
            let statuses = answers.into_iter().flatten().zip(old.into_iter().flatten()).zip(STATUSES).enumerate();
            for (status, ((new, old), word)) in statuses {
                let more = since(*new, *old);
                all += more;
                failed += if status == FAILED { more } else { 0 };
                add(tx, now.day(), endpoint.word(), word, more).await?;
            }
            let buckets = latency.into_iter().flat_map(|counts| counts.buckets);
            let old = old_latency.into_iter().flat_map(|counts| counts.buckets);
            for (bucket, (new, old)) in buckets.zip(old).enumerate() {
                add(tx, now.day(), endpoint.word(), &measure(bucket), since(new, old)).await?;
            }
        }
        tx.add_minute(minute_of(now), all, failed).await
    }
}

fn since(new: u64, old: u64) -> i64 {
    i64::try_from(new.saturating_sub(old)).unwrap_or(i64::MAX)
}

async fn add(tx: &mut Tx, day: Day, endpoint: &str, measure: &str, more: i64) -> Result<(), StoreError> {
    if more > 0 { tx.add_figure(day, endpoint, measure, more).await } else { Ok(()) }
}

fn measure(bucket: usize) -> String {
    BOUNDS_MICROS.get(bucket).map_or_else(|| MORE.to_owned(), |bound| format!("le_{bound}"))
}

/// A day of an institution.
#[derive(Debug, PartialEq, Serialize)]
pub struct Report {
    /// Whose day.
    pub institution: String,
    /// Which day, of the Japanese calendar.
    pub day: String,
    /// Minutes of it that are over.
    pub minutes: i64,
    /// Minutes in which no node served.
    pub minutes_down: i64,
    /// Minutes in which more than 5 in 100 answers were server errors.
    pub minutes_failing: i64,
    /// The part of the minutes that were neither, in hundredths.
    pub availability_percent: f64,
    /// Endpoint by endpoint, those that were asked.
    pub endpoints: Vec<EndpointReport>,
}

/// What one endpoint answered on a day.
#[derive(Debug, PartialEq, Serialize)]
pub struct EndpointReport {
    /// Which.
    pub endpoint: String,
    /// Answers in all.
    pub answers: i64,
    /// Those that refused something (4xx).
    pub refused: i64,
    /// Those that failed on this side (5xx).
    pub failed: i64,
    /// [`EndpointReport::failed`] in hundredths of all.
    pub failed_percent: f64,
    /// Half of the answers took no longer, in milliseconds; none where nothing was measured.
    pub p50_ms: Option<f64>,
    /// 95 of 100 took no longer.
    pub p95_ms: Option<f64>,
    /// 99 of 100.
    pub p99_ms: Option<f64>,
}

/// Makes a report of a day's figures.
#[must_use]
pub fn report(institution: &InstitutionCode, day: Day, figures: &[Figure], now: Timestamp) -> Report {
    let sum = |endpoint: &str, measure: &str| {
        let those = figures.iter().filter(|figure| figure.endpoint == endpoint && figure.measure == measure);
        those.map(|figure| figure.value).sum::<i64>()
    };
    let end = day.plus_days(1).begins_at().min(now);
    let minutes = (minute_of(end) - minute_of(day.begins_at())).max(0);
    // The minute that is not over may be counted already.
    let served = sum(MINUTES, SERVED).min(minutes);
    let failing = sum(MINUTES, FAILING).min(served);
    let endpoints = Endpoint::ALL.iter().filter_map(|endpoint| {
        let word = endpoint.word();
        let buckets: [u64; BUCKETS] = std::array::from_fn(|bucket| sum(word, &measure(bucket)).unsigned_abs());
        let counts = Counts { buckets, sum_micros: 0 };
        let quantile = |part| counts.quantile(part).map(milliseconds);
        let answers = STATUSES.iter().map(|status| sum(word, status)).sum();
        let (refused, failed) = (sum(word, "4xx"), sum(word, "5xx"));
        (answers > 0).then(|| EndpointReport {
            endpoint: word.to_owned(),
            answers,
            refused,
            failed,
            failed_percent: percent(failed, answers),
            p50_ms: quantile(0.5),
            p95_ms: quantile(0.95),
            p99_ms: quantile(0.99),
        })
    });
    Report {
        institution: institution.to_string(),
        day: day.to_string(),
        minutes,
        minutes_down: minutes - served,
        minutes_failing: failing,
        availability_percent: if minutes == 0 { 100.0 } else { percent(served - failing, minutes) },
        endpoints: endpoints.collect(),
    }
}

#[allow(clippy::cast_precision_loss, reason = "far below where it matters")]
fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

/// A part of a whole in hundredths, to three places.
#[allow(clippy::cast_precision_loss, reason = "far below where it matters")]
fn percent(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64 * 100_000.0).round() / 1_000.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use renkei_testing::aoi;

    fn figure(endpoint: &str, measure: &str, value: i64) -> Figure {
        Figure { endpoint: endpoint.to_owned(), measure: measure.to_owned(), value }
    }

    #[test]
    fn a_day_is_available_in_the_minutes_somebody_served_without_failing() {
        let day: Day = "2026-11-22".parse().unwrap();
        let figures = [
            figure(MINUTES, SERVED, 1_430),
            figure(MINUTES, FAILING, 5),
            figure("token", "2xx", 990),
            figure("token", "4xx", 8),
            figure("token", "5xx", 2),
            figure("token", "le_10000", 950),
            figure("token", "le_25000", 50),
        ];
        let after = day.plus_days(1).begins_at();
        let whole = report(&aoi(), day, &figures, after);
        assert_eq!((whole.minutes, whole.minutes_down, whole.minutes_failing), (1_440, 10, 5));
        assert!((whole.availability_percent - 98.958).abs() < 1e-9, "{whole:?}");
        let token = &whole.endpoints[0];
        assert_eq!((token.answers, token.refused, token.failed, token.p95_ms), (1_000, 8, 2, Some(10.0)));
        assert!((token.failed_percent - 0.2).abs() < 1e-9);
        assert_eq!(whole.endpoints.len(), 1, "what nobody asked for is not told of");
        let noon = report(&aoi(), day, &[figure(MINUTES, SERVED, 700)], day.begins_at().plus_seconds(43_200));
        assert_eq!((noon.minutes, noon.minutes_down), (720, 20), "today so far");
        assert_eq!(report(&aoi(), day, &[], day.begins_at().plus_seconds(-1)).minutes, 0, "tomorrow");
    }
}
