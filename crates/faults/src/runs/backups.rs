//! Backups made under load: each shows the installation as it was at one instant.

use std::time::{Duration, Instant};

use super::stage::{Size, Stage};
use crate::check::violations;
use crate::history::{Event, Said};
use crate::report::Report;
use crate::truth::Truth;
use crate::{Trouble, trouble};

/// The longest a backup with its check may take, on however busy a machine: what counts is what it shows.
const BACKUP: Duration = Duration::from_secs(600);

/// F-09: a backup under load, so many times, with so much time before each; each is restored elsewhere, and what stands
/// there is what had been acknowledged when it began, and nothing that was asked for after it. Its audit trail verifies.
///
/// # Errors
/// What failed.
pub async fn f_09(size: &Size, every: Duration, url: Option<&str>) -> Result<(), Trouble> {
    let stage = Stage::set(url, 1, size).await?;
    let load = stage.load(size);
    let mut report = Report::of("f-09");
    let (mut took, mut verified) = (Vec::new(), 0);
    for round in 0..size.n {
        tokio::time::sleep(every).await;
        let file = stage.bank.file(&format!("backup-{round}"));
        let (begun, from) = (Instant::now(), stage.oracle.history.now());
        stage.bank.run_aside(&["backup", "--to", &file]).await?;
        let (until, events) = (stage.oracle.history.now(), stage.oracle.history.events());
        took.push(begun.elapsed());
        let spare = stage.bank.beside()?;
        spare.run_aside(&["restore", &file]).await?;
        let truth = Truth::read(&spare.store().await?).await?;
        let known = as_of(events, from, until);
        for wrong in violations(&known, &truth) {
            report.expect(false, format!("backup {round}: {wrong}"));
        }
        verified += spare.verify_trail().await?;
        std::fs::remove_file(&file).map_err(trouble("a backup"))?;
    }
    report.expect_within("backup under load, read back", &took, BACKUP);
    report.say(format!("{} backups restored and held against the history; {verified} audit entries verified", size.n));
    stage.end(load, report).await.map(drop)
}

/// The history as far as a backup made between these instants must show it: what was answered before stands; what was
/// on its way meanwhile may stand or not.
fn as_of(events: Vec<Event>, from: u64, until: u64) -> Vec<Event> {
    let begun = events.into_iter().take_while(|event| event.begin <= until);
    let known = begun.map(|event| match event.end {
        Some(end) if end <= from => event,
        _ => Event { end: None, said: Said::Silent, ..event },
    });
    known.collect()
}
