//! `renkei import`: take over what the institution's other systems hand out as files.

pub mod customers;
pub mod entries;
mod progress;

use super::CommandError;

/// What `renkei import` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Customers, users, certificates and accounts, from CSV files
    Customers(customers::Args),
    /// Entries of accounts, from account statements (全銀 type 03)
    Entries(entries::Args),
}

/// Imports.
///
/// # Errors
/// When a file can't be read or is wrong, or the store fails.
pub async fn run(args: Args) -> Result<(), CommandError> {
    match args.what {
        What::Customers(args) => customers::run(args).await,
        What::Entries(args) => entries::run(args).await,
    }
}
