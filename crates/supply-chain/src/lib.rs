//! What the product is made of: the crates of other people that are built into it, with their licences, and a bill of
//! materials of them. What is allowed stands in `supply-chain/policy.toml`; the tests hold every crate against it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A crate in the product or in its tests.
#[derive(Debug, Clone, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence, an SPDX expression.
    pub license: Option<String>,
    /// Where it comes from; `None`: from this repository.
    pub source: Option<String>,
    /// Its manifest.
    pub manifest_path: PathBuf,
}

/// Why the list of crates could not be made.
#[derive(Debug)]
pub struct Unknown(String);

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cargo: {}", self.0)
    }
}

impl std::error::Error for Unknown {}

/// What of `cargo metadata` is needed here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// The folder of the repository.
#[must_use]
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every crate that is built on this kind of machine with the features in use, by name and version.
///
/// # Errors
/// When cargo can't tell; it is asked for nothing that would need the network.
pub fn packages(root: &Path) -> Result<Vec<Package>, Unknown> {
    let described = cargo(root, &["metadata", "--format-version=1", "--filter-platform", host()])?;
    let metadata: Metadata = serde_json::from_str(&described).map_err(|error| Unknown(error.to_string()))?;
    // The metadata name what any feature could bring in; the tree, what the features in use do.
    let tree =
        cargo(root, &["tree", "--workspace", "--prefix=none", "--no-dedupe", "--format={p}", "--target", host()])?;
    let built: HashSet<(&str, &str)> = tree.lines().filter_map(name_and_version).collect();
    let is_built = |package: &Package| built.contains(&(package.name.as_str(), package.version.as_str()));
    let mut packages: Vec<Package> = metadata.packages.into_iter().filter(is_built).collect();
    packages.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
    Ok(packages)
}

/// Of `rustls v0.23.46 (proc-macro)`, the first two.
fn name_and_version(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.split_once(" v")?;
    Some((name, rest.split(' ').next()?))
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<String, Unknown> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(arguments).args(["--locked", "--offline"]).current_dir(root).output();
    let output = output.map_err(|error| Unknown(error.to_string()))?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(Unknown(text(&output.stderr))) }
}

/// The platform the product runs on.
const fn host() -> &'static str {
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" }
}

/// A bill of materials (CycloneDX 1.5) of these crates.
#[must_use]
pub fn bill_of_materials(packages: &[Package]) -> Value {
    let component = |package: &Package| {
        let Package { name, version, license, .. } = package;
        let kind = if package.source.is_none() { "application" } else { "library" };
        let mut component = Map::new();
        component.insert("type".into(), kind.into());
        component.insert("name".into(), name.as_str().into());
        component.insert("version".into(), version.as_str().into());
        if package.source.is_some() {
            component.insert("purl".into(), format!("pkg:cargo/{name}@{version}").into());
        }
        if let Some(license) = license {
            let expression = license.replace('/', " OR ");
            component.insert("licenses".into(), json!([{ "expression": expression }]));
        }
        Value::Object(component)
    };
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": { "type": "application", "name": "renkei" } },
        "components": packages.iter().map(component).collect::<Vec<_>>(),
    })
}
