//! Filling the demo: customer lists and bank files, through the same imports as a real installation. A demo that is
//! filled already stays as it is, as both take nothing twice.

use std::path::{Path, PathBuf};

use super::cast::{HOUSES, House};
use super::{OPERATOR, Stage, code_of, files, lists, statements};
use crate::commands::CommandError;
use crate::commands::data::Data;
use crate::customer_list;
use crate::ledger::import::{Importer, Progress, Step, import_entries};

/// Sample files of the first institution, oldest first.
const SAMPLES: [(&str, &[u8]); 2] = [
    ("2026-07-to-09.txt", include_bytes!("../../../../testdata/minato/minato-03-2026-07-to-09.txt")),
    ("2026-09-to-10.txt", include_bytes!("../../../../testdata/minato/minato-03-2026-09-to-10-crlf.txt")),
];
/// The institution the sample files are of.
const SAMPLES_OF: &str = "2990";

impl Stage {
    /// Imports every institution's customers and entries.
    ///
    /// # Errors
    /// When a file can't be written or an import is refused.
    pub async fn import(&self, data: &Data) -> Result<(), CommandError> {
        for house in HOUSES {
            let folder = self.folder.join(house.code);
            import_customers(data, house, &folder).await?;
            import_statements(data, house, &folder).await?;
        }
        Ok(())
    }
}

async fn import_customers(data: &Data, house: &House, folder: &Path) -> Result<(), CommandError> {
    let run = customer_list::Run {
        store: &data.store,
        keys: &data.keys,
        institution: &code_of(house)?,
        operator: OPERATOR,
        now: data.clock.now(),
        random: &*data.random,
    };
    customer_list::import(run, &lists::write(folder, house)?).await?;
    Ok(())
}

async fn import_statements(data: &Data, house: &House, folder: &Path) -> Result<(), CommandError> {
    let made_up = statements::file(house).map_err(|error| CommandError::Unavailable(error.to_string()))?;
    let samples = if house.code == SAMPLES_OF { &SAMPLES[..] } else { &[] };
    let mut paths: Vec<PathBuf> = Vec::new();
    for (name, bytes) in samples.iter().copied().chain([("made-up.txt", made_up.as_slice())]) {
        let path = folder.join(name);
        files::write(&path, bytes)?;
        paths.push(path);
    }
    let importer = Importer {
        store: &data.store,
        institution: &code_of(house)?,
        clock: &*data.clock,
        random: &*data.random,
        operator: OPERATOR,
        host: OPERATOR,
        create_accounts: false,
    };
    let imported = import_entries(&importer, &paths, &mut Quiet).await;
    imported.map(|_| ()).map_err(|failure| CommandError::Refused(format!("{}: {failure}", house.code)))
}

/// Nobody watches: it takes a moment.
struct Quiet;

impl Progress for Quiet {
    fn step(&mut self, _: Step<'_>) {}
}
