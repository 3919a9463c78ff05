//! `renkei migrate`: bring the tables up to date before the servers of a new version start.

use renkei_store::rights;

use super::CommandError;
use super::data::DataArgs;
use super::output::say;

/// What `renkei migrate` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Give this role of PostgreSQL the rights a server needs, which leave the audit trail only to be added to
    #[arg(long, value_name = "ROLE")]
    grant: Option<String>,
}

/// Opens the store, which applies what is missing, and says which engine it was.
///
/// # Errors
/// When the store can't be opened or was made by a newer version.
pub async fn run(args: Args) -> Result<(), CommandError> {
    let data = args.data.open().await?;
    say!("The tables in {} are up to date.", data.store.engine_name());
    if let Some(role) = args.grant {
        let granted = rights::grant_serving(&data.store, &role).await;
        granted.map_err(|error| CommandError::Refused(format!("rights for {role}: {error}")))?;
        say!("{role} may serve, and only add to the audit trail.");
    }
    Ok(())
}
