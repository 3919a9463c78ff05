//! Every crate of other people against `supply-chain/policy.toml`, and every crate of ours against its own rule.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::str::FromStr;

use renkei_supply_chain::{Package, bill_of_materials, packages, root};
use rustsec::advisory::{Id, Informational};
use rustsec::report::Settings;
use rustsec::{Database, Lockfile, Report};
use spdx::{Expression, ParseMode};
use toml::{Table, Value};

fn policy() -> Table {
    fs::read_to_string(root().join("supply-chain/policy.toml")).unwrap().parse().unwrap()
}

fn texts<'a>(policy: &'a Table, key: &str) -> Vec<&'a str> {
    policy[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn of_others() -> Vec<Package> {
    let others: Vec<_> = packages(&root()).unwrap().into_iter().filter(|package| package.source.is_some()).collect();
    assert!(others.len() > 100, "only {} crates were looked at", others.len());
    others
}

/// The lock files of everything that is built here, the tools of the tests included.
fn lock_files() -> [PathBuf; 3] {
    ["Cargo.lock", "fuzz/Cargo.lock", "interop/rust/Cargo.lock"].map(|path| root().join(path))
}

fn advisories(policy: &Table) -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let archive = root().join("supply-chain").join(policy["advisories"].as_str().unwrap());
    let unpacked = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder.path()).status();
    assert!(unpacked.unwrap().success());
    let database = Database::open(folder.path()).unwrap();
    (folder, database)
}

#[test]
fn r_242_no_crate_has_an_advisory_that_nobody_has_looked_at() {
    let policy = policy();
    let (_folder, database) = advisories(&policy);
    assert!(database.iter().count() > 500, "the advisories are not there");
    let accepted = policy["accepted"].as_array().unwrap().iter();
    let ignore = accepted.inspect(|entry| assert!(entry["reason"].as_str().unwrap().len() > 20, "{entry}"));
    let ignore = ignore.map(|entry: &Value| Id::from_str(entry["id"].as_str().unwrap()).unwrap()).collect();
    let kinds = vec![Informational::Unmaintained, Informational::Unsound, Informational::Notice];
    let settings = Settings { ignore, informational_warnings: kinds, ..Settings::default() };
    let mut found = Vec::new();
    for path in lock_files() {
        let report = Report::generate(&database, &Lockfile::load(&path).unwrap(), &settings);
        let known = report.vulnerabilities.list.iter().map(|found| (&found.package, found.advisory.id.to_string()));
        let warned = report.warnings.values().flatten();
        let warned = warned.map(|warning| {
            let id = warning.advisory.as_ref().map(|advisory| advisory.id.to_string()).unwrap_or_default();
            (&warning.package, id)
        });
        found.extend(known.chain(warned).map(|(package, id)| format!("{id}: {} {}", package.name, package.version)));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn r_242_an_advisory_is_noticed() {
    let (_folder, database) = advisories(&policy());
    let lock = "[[package]]\nname = \"time\"\nversion = \"0.1.43\"\n\
        source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
    let report = Report::generate(&database, &Lockfile::from_str(lock).unwrap(), &Settings::default());
    assert!(report.vulnerabilities.found, "a crate of which there is an advisory passed");
}

#[test]
fn r_242_every_crate_may_be_used_under_a_licence_of_the_list() {
    let policy = policy();
    let allowed = texts(&policy, "licences");
    let may_be_used = |package: &Package| {
        let Some(licence) = &package.license else { return false };
        let expression = Expression::parse_mode(licence, ParseMode::LAX).unwrap();
        expression.evaluate(|asked| asked.license.id().is_some_and(|id| allowed.contains(&id.name)))
    };
    let not_allowed: Vec<_> = of_others().into_iter().filter(|package| !may_be_used(package)).collect();
    assert!(not_allowed.is_empty(), "{not_allowed:#?}");
}

#[test]
fn r_242_crates_come_from_the_registry_and_none_is_banned() {
    let policy = policy();
    let banned = texts(&policy, "banned");
    for package in of_others() {
        assert_eq!(package.source.as_deref(), policy["source"].as_str(), "{}", package.name);
        assert!(!banned.contains(&package.name.as_str()), "{} is banned", package.name);
    }
    for path in lock_files() {
        for package in Lockfile::load(&path).unwrap().packages {
            let source = package.source.map(|source| source.to_string());
            assert!(source.is_none() || source.as_deref() == policy["source"].as_str(), "{}", package.name);
        }
    }
}

#[test]
fn every_crate_of_ours_forbids_unsafe_code() {
    let read = |path: PathBuf| fs::read_to_string(path).unwrap().parse::<Table>().unwrap();
    let workspace = read(root().join("Cargo.toml"));
    assert_eq!(workspace["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
    let ours: Vec<_> = packages(&root()).unwrap().into_iter().filter(|package| package.source.is_none()).collect();
    assert!(ours.len() > 10, "only {} crates are ours", ours.len());
    for package in ours {
        let manifest = read(package.manifest_path);
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{}", package.name);
    }
}

#[test]
fn r_242_the_bill_of_materials_names_every_crate() {
    let packages = packages(&root()).unwrap();
    let bill = bill_of_materials(&packages);
    assert_eq!(bill["components"].as_array().unwrap().len(), packages.len());
    let rustls = bill["components"].as_array().unwrap().iter().find(|component| component["name"] == "rustls").unwrap();
    assert!(rustls["purl"].as_str().unwrap().starts_with("pkg:cargo/rustls@0.23"), "{rustls}");
    assert_eq!(rustls["licenses"][0]["expression"], "Apache-2.0 OR ISC OR MIT");
}
