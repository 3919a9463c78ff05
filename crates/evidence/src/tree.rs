//! The tests of this repository, by reading its files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::names;
use crate::rows::Number;

/// A test whose name carries numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Test {
    /// Its file, from the root of the repository.
    pub file: String,
    /// Its name or title.
    pub name: String,
    /// The numbers it carries, at least one.
    pub numbers: Vec<Number>,
}

/// Folders that hold nothing of ours, or nothing that is a test.
const PASSED_OVER: [&str; 4] = ["target", "node_modules", ".git", "docs"];
/// Folders of tests in other languages.
const OTHER_LANGUAGES: [&str; 3] = ["e2e", "interop", "fuzz"];
/// What their tests are written in.
const OTHER_ENDINGS: [&str; 11] = ["js", "mjs", "ts", "py", "go", "java", "kt", "rb", "php", "cs", "sh"];

/// Every numbered test of the tree under this folder, in the order of files and names.
///
/// # Errors
/// A file that can't be read, and a function named like a test that is none.
pub fn collect(root: &Path) -> Result<Vec<Test>, String> {
    let mut tests = Vec::new();
    for path in files(root).map_err(|error| format!("{}: {error}", root.display()))? {
        let file = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let folder = file.split('/').next().unwrap_or_default();
        let rust = ending == "rs" && !file.starts_with("crates/evidence/src/");
        let other = OTHER_LANGUAGES.contains(&folder) && OTHER_ENDINGS.contains(&ending);
        if rust || other {
            let text = fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
            tests.extend(if rust { in_rust(&file, &text)? } else { in_titles(&file, &text) });
        }
    }
    tests.sort();
    tests.dedup();
    Ok(tests)
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            if !PASSED_OVER.iter().any(|passed| name == *passed) {
                found.extend(files(&entry.path())?);
            }
        } else {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Tests of a Rust file: functions under a test attribute, and those a macro stamps for each database.
fn in_rust(file: &str, text: &str) -> Result<Vec<Test>, String> {
    let mut tests = Vec::new();
    let (mut marked, mut ignored, mut stamped) = (false, false, false);
    for line in text.lines().map(str::trim) {
        stamped |= line.starts_with("renkei_testing::on_each_engine!") || line.starts_with("on_each_engine!");
        if line.starts_with("#[") {
            marked |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            ignored |= line.starts_with("#[ignore");
        } else if let Some(name) = function(line) {
            let numbers = names::of_function(name);
            if !numbers.is_empty() && !ignored {
                if !marked && !stamped {
                    return Err(format!("{file}: {name} is named like a test and is none"));
                }
                tests.push(Test { file: file.to_owned(), name: name.to_owned(), numbers });
            }
            (marked, ignored) = (false, false);
        }
    }
    Ok(tests)
}

/// The name of the function that begins on this line.
fn function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let line = line.strip_prefix("async ").unwrap_or(line);
    let name = line.strip_prefix("fn ")?;
    name.split(['(', '<']).next()
}

/// Titles of a file in another language: every text in quotes that carries a number, comments aside.
fn in_titles(file: &str, text: &str) -> Vec<Test> {
    let code = text.lines().map(str::trim).filter(|line| !["//", "#", "*", "/*"].iter().any(|c| line.starts_with(c)));
    let mut tests = Vec::new();
    for line in code {
        for title in quoted(line) {
            let numbers = names::of_title(title);
            if !numbers.is_empty() {
                tests.push(Test { file: file.to_owned(), name: title.to_owned(), numbers });
            }
        }
    }
    tests
}

/// The texts in quotes of a line.
fn quoted(line: &str) -> Vec<&str> {
    let mut texts = Vec::new();
    let mut rest = line;
    while let Some(begin) = rest.find(['"', '\'', '`']) {
        let (Some(mark), after) = (rest.get(begin..=begin), rest.get(begin + 1..).unwrap_or_default()) else { break };
        let Some((text, next)) = after.split_once(mark) else { break };
        texts.push(text);
        rest = next;
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(tests: &[Test]) -> Vec<&str> {
        tests.iter().map(|test| test.name.as_str()).collect()
    }

    #[test]
    fn tests_of_a_rust_file_are_found_and_ignored_ones_are_not() {
        let text =
            "#[tokio::test]\nasync fn r_900_x() {}\n#[test]\n#[ignore]\nfn r_901_y() {}\n#[test]\nfn a_902_z() {}";
        let found = in_rust("x.rs", text).unwrap_or_default();
        assert_eq!(names(&found), ["r_900_x", "a_902_z"]);
        assert!(in_rust("x.rs", "fn r_900_x() {}").is_err());
        assert!(in_rust("x.rs", "renkei_testing::on_each_engine! {\nasync fn r_900_x() {}").is_ok());
    }

    #[test]
    fn titles_of_other_languages_are_found_outside_comments() {
        let text = "// \"R-900\"\ntest(\"R-901 A-902: it's framed\", async (t) => {\n  test(`R-903`)\n";
        let found = in_titles("x.js", text);
        assert_eq!(names(&found), ["R-901 A-902: it's framed", "R-903"]);
    }
}
