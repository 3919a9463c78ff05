//! What applying a registry file changes, for people to read before it happens and for tools to read afterwards.

use std::fmt;

use renkei_domain::institution::InstitutionCode;
use serde::Serialize;

/// Everything that changes, by institution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Each institution of the file.
    pub institutions: Vec<InstitutionPlan>,
    /// Institutions that are not in the file, and stay as they are.
    pub left_alone: Vec<InstitutionCode>,
}

/// What changes in one institution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstitutionPlan {
    /// Which.
    pub institution: InstitutionCode,
    /// Its name.
    pub name: String,
    /// What changes.
    pub changes: Vec<Change>,
    /// How many things stay as they are.
    pub unchanged: usize,
    /// Branches that are not in the file, and stay.
    pub branches_kept: Vec<String>,
    /// Every product that is not ended, as the wire knows it.
    pub products: Vec<ProductLine>,
    /// Every resource server that is not ended, as the wire knows it.
    pub resource_servers: Vec<ResourceServerLine>,
}

/// How a product is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProductLine {
    /// Its key in the file.
    pub product: String,
    /// What the wire calls it by; none until it is made, when the file is first applied.
    pub client_id: Option<String>,
    /// active or suspended.
    pub state: &'static str,
}

/// How a resource server is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceServerLine {
    /// Its key in the file.
    pub resource_server: String,
    /// What the wire calls it by; none until it is made, when the file is first applied.
    pub server_id: Option<String>,
    /// active or suspended.
    pub state: &'static str,
}

/// One thing that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What kind of thing.
    pub kind: Kind,
    /// Its key: a code, a version, the key in the file.
    pub key: String,
    /// Its name; empty where it has none.
    pub name: String,
    /// What becomes of it.
    #[serde(flatten)]
    pub what: What,
}

/// The kinds of things in a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The institution itself.
    Institution,
    /// Its signing key.
    SigningKey,
    /// Terms of use.
    Terms,
    /// A branch.
    Branch,
    /// A partner.
    Partner,
    /// A partner product.
    Product,
    /// A resource server outside this program.
    ResourceServer,
}

/// What becomes of a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", content = "fields", rename_all = "snake_case")]
pub enum What {
    /// It is new.
    Added,
    /// These of its fields change.
    Changed(Vec<&'static str>),
    /// It is no longer in the file: it stays in the tables, ended.
    Ended,
}

impl Plan {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.institutions.iter().all(|plan| plan.changes.is_empty())
    }

    /// Whether this is the plan that was shown, but for client identifiers made since.
    #[must_use]
    pub fn is_as_shown(&self, shown: &Plan) -> bool {
        let changes = |plan: &Plan| {
            let of = |plan: &InstitutionPlan| (plan.institution.clone(), plan.changes.clone());
            plan.institutions.iter().map(of).collect::<Vec<_>>()
        };
        changes(self) == changes(shown)
    }
}

impl InstitutionPlan {
    /// How many things are added, changed and ended.
    #[must_use]
    pub fn counts(&self) -> [usize; 3] {
        let count = |what: fn(&What) -> bool| self.changes.iter().filter(|change| what(&change.what)).count();
        [
            count(|what| *what == What::Added),
            count(|what| matches!(what, What::Changed(_))),
            count(|what| *what == What::Ended),
        ]
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for plan in &self.institutions {
            writeln!(f, "{plan}")?;
        }
        if !self.left_alone.is_empty() {
            let codes: Vec<&str> = self.left_alone.iter().map(InstitutionCode::as_str).collect();
            writeln!(f, "Not in the file, left alone: {}", codes.join(", "))?;
        }
        if self.is_empty() { f.write_str("Nothing changes.") } else { self.write_totals(f) }
    }
}

impl Plan {
    fn write_totals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut totals = [0; 3];
        for plan in &self.institutions {
            totals.iter_mut().zip(plan.counts()).for_each(|(total, count)| *total += count);
        }
        let [added, changed, ended] = totals;
        write!(f, "{added} added, {changed} changed, {ended} ended.")
    }
}

impl fmt::Display for InstitutionPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.institution, self.name)?;
        for change in &self.changes {
            writeln!(f, "{change}")?;
        }
        if self.unchanged > 0 {
            writeln!(f, "  = {} unchanged", self.unchanged)?;
        }
        if !self.branches_kept.is_empty() {
            writeln!(f, "  = not in the file, kept: branches {}", self.branches_kept.join(", "))?;
        }
        for line in &self.products {
            let client_id = line.client_id.as_deref().unwrap_or("made when applied");
            writeln!(f, "    client_id of {} ({}): {client_id}", line.product, line.state)?;
        }
        for line in &self.resource_servers {
            let server_id = line.server_id.as_deref().unwrap_or("made when applied");
            writeln!(f, "    client_id of {} ({}): {server_id}", line.resource_server, line.state)?;
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.what {
            What::Added => '+',
            What::Changed(_) => '~',
            What::Ended => '-',
        };
        let named = [self.kind.word(), &self.key, &self.name];
        let named: Vec<&str> = named.into_iter().filter(|part| !part.is_empty()).collect();
        write!(f, "  {sign} {}", named.join(" "))?;
        match &self.what {
            What::Added => Ok(()),
            What::Changed(fields) => write!(f, ": {}", fields.join(", ")),
            What::Ended => write!(f, ": ended, as it is not in the file"),
        }
    }
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Kind::Institution => "institution",
            Kind::SigningKey => "signing key",
            Kind::Terms => "terms",
            Kind::Branch => "branch",
            Kind::Partner => "partner",
            Kind::Product => "product",
            Kind::ResourceServer => "resource server",
        }
    }
}
