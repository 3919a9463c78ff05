//! The last step: one transaction puts everything of the run in force.

use renkei_domain::audit::Outcome;
use renkei_store::Tx;
use renkei_store::db::to_json;

use super::account::{AccountKey, Ledger};
use super::lease::Lease;
use super::{Failure, Importer, Run};

/// Puts the run in force, notes what it brought, and gives the lease back.
pub(super) async fn finish(at: &Importer<'_>, lease: &mut Lease, run: &Run) -> Result<(), Failure> {
    let mut tx = at.store.begin(at.institution).await?;
    lease.hold(&mut tx, at).await?;
    for (key, ledger) in run.ledgers.iter() {
        put_in_force(&mut tx, key, ledger).await?;
    }
    for file in &run.files {
        let now = at.now();
        tx.end_import(file.id, Outcome::Done, &to_json(&file.report)?, now).await?;
        let (records, accounts) = (file.report.records, file.report.accounts.len());
        let detail = format!("type=03 records={records} accounts={accounts} new={}", file.report.new_lines());
        tx.record(&at.record(file.id, Outcome::Done, detail), now, at.random).await?;
    }
    lease.release(&mut tx).await?;
    Ok(tx.commit().await?)
}

async fn put_in_force(tx: &mut Tx, key: &AccountKey, ledger: &Ledger) -> Result<(), Failure> {
    let Some(posting) = ledger.posting() else {
        return Ok(());
    };
    if ledger.is_new {
        tx.add_unowned_account(&ledger.to_account(key)).await?;
    } else {
        tx.fill_holder_kana(ledger.id, &ledger.holder_kana).await?;
    }
    if !tx.post_entries(&posting).await? {
        return Err(Failure::Overtaken);
    }
    for statement in &ledger.statements {
        tx.add_statement(statement).await?;
    }
    Ok(())
}
