//! Prints the bill of materials.

use std::process::ExitCode;

fn main() -> ExitCode {
    match renkei_supply_chain::packages(&renkei_supply_chain::root()) {
        Ok(packages) => {
            println!("{:#}", renkei_supply_chain::bill_of_materials(&packages));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
