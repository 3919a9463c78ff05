//! `renkei statistics`: how available and how fast an institution's service was on a day.

use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Day;

use super::CommandError;
use super::data::DataArgs;
use super::output::say;
use crate::statistics::{Report, report};

/// What `renkei statistics` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Whose service
    #[arg(long, value_name = "CODE")]
    institution: InstitutionCode,
    /// A day in Japan, such as 2026-11-22; without it today
    #[arg(long, value_name = "DAY")]
    day: Option<Day>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Prints the figures that all nodes have written down.
///
/// # Errors
/// When the installation or the institution is not there.
pub async fn run(args: Args) -> Result<(), CommandError> {
    let data = args.data.open_to_read().await?;
    let now = data.clock.now();
    let day = args.day.unwrap_or(now.day());
    let mut read = data.store.read(&args.institution);
    if read.find_institution().await?.is_none() {
        return Err(CommandError::Refused(format!("there is no institution {}", args.institution)));
    }
    let report = report(&args.institution, day, &read.figures_of(day).await?, now);
    if args.json {
        let text = serde_json::to_string(&report).map_err(|error| CommandError::Unavailable(error.to_string()))?;
        say!("{text}");
    } else {
        print(&report);
    }
    Ok(())
}

fn print(report: &Report) {
    let Report { institution, day, minutes, minutes_down, minutes_failing, availability_percent, endpoints } = report;
    say!("{institution} on {day}: available {availability_percent} % of {minutes} minutes");
    say!("  {minutes_down} minutes nobody served, {minutes_failing} minutes failed");
    say!("{:<14} {:>9} {:>8} {:>7} {:>9} {:>9} {:>9}", "endpoint", "answers", "refused", "failed", "p50", "p95", "p99");
    let ms = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1} ms"));
    for one in endpoints {
        let (p50, p95, p99) = (ms(one.p50_ms), ms(one.p95_ms), ms(one.p99_ms));
        say!("{:<14} {:>9} {:>8} {:>7} {p50:>9} {p95:>9} {p99:>9}", one.endpoint, one.answers, one.refused, one.failed);
    }
}
