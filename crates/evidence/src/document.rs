//! `docs/security.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::rows::{Group, Kind, Number, Row};
use crate::shown::{Shown, Standing};

/// What stands above the tables.
const HEAD: &str = include_str!("head.md");

/// The whole document.
#[must_use]
pub fn render(shown: &Shown) -> String {
    let mut out = String::from(HEAD);
    summary(&mut out, shown);
    for (title, groups) in [("Requirements", &shown.requirements), ("Attacks", &shown.attacks)] {
        paragraph(&mut out, &format!("## {title}"));
        for group in groups {
            render_group(&mut out, shown, group);
        }
    }
    out
}

fn paragraph(out: &mut String, text: &str) {
    // Writing to a String can't fail.
    let _ = write!(out, "\n{text}\n");
}

fn summary(out: &mut String, shown: &Shown) {
    let mut head = String::from("| | rows | shown |");
    let mut rule = String::from("| --- | --- | --- |");
    for kind in Kind::ALL {
        let _ = write!(head, " {} |", kind.word());
        rule.push_str(" --- |");
    }
    let mut lines = vec![head, rule];
    for (title, groups) in [("requirements", &shown.requirements), ("attacks", &shown.attacks)] {
        let numbers: Vec<Number> = groups.iter().flat_map(|group| &group.rows).map(|row| row.number).collect();
        let count = |standing: Standing| numbers.iter().filter(|number| shown.standing(**number) == standing).count();
        let mut line = format!("| {title} | {} | {} |", numbers.len(), count(Standing::Shown));
        for kind in Kind::ALL {
            let _ = write!(line, " {} |", count(Standing::Open(kind)));
        }
        lines.push(line);
    }
    paragraph(out, &lines.join("\n"));
}

fn render_group(out: &mut String, shown: &Shown, group: &Group) {
    paragraph(out, &format!("### {}", group.title));
    for row in &group.rows {
        render_row(out, shown, row);
    }
}

fn render_row(out: &mut String, shown: &Shown, row: &Row) {
    let then = if row.number.attack { format!("→ {}", row.then) } else { format!("*({})*", row.then) };
    paragraph(out, &format!("**{}** {} {then}", row.number, row.what));
    if let Some(entry) = shown.open.get(&row.number) {
        let _ = writeln!(out, "- *{}:* {}", entry.kind.word(), entry.reason);
    }
    let mut files: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for test in shown.tests.get(&row.number).into_iter().flatten() {
        files.entry(&test.file).or_default().push(&test.name);
    }
    for (file, names) in files {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(out, "- `{file}`: {}", names.join(", "));
    }
}
