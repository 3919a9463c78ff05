//! `renkei migrate`: bring the tables up to date before the servers of a new version start.

use super::CommandError;
use super::data::DataArgs;

/// What `renkei migrate` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
}

/// Opens the store, which applies what is missing, and says which engine it was.
///
/// # Errors
/// When the store can't be opened or was made by a newer version.
pub async fn run(args: Args) -> Result<(), CommandError> {
    let data = args.data.open().await?;
    println!("The tables in {} are up to date.", data.store.engine_name());
    Ok(())
}
