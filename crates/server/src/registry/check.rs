//! Is the registry file right? The whole of it is checked each time, whatever changed, and everything that is wrong is
//! told at once.

use std::collections::BTreeSet;
use std::path::Path;

use renkei_domain::customer::LoginMethod;
use renkei_domain::institution::{InstitutionCode, InstitutionKind};
use renkei_domain::operation::Period;
use renkei_domain::partner::PartnerState;
use renkei_domain::time::Day;
use renkei_store::institutions::{Branch, Institution, Terms};
use renkei_store::partners::{Partner, Product};
use renkei_store::resource_servers::ResourceServer;

use super::file::{BranchTable, InstitutionTable, PartnerTable, Reach, Tables, TermsTable};
use super::problem::{Problems, TableProblems};
use super::product::{self, CheckedProduct};
use super::resource_server::{self, CheckedServer};
use super::values;

/// Most characters of a name.
pub const NAME_CHARS_MAX: usize = 100;
/// Most characters of hours.
pub const HOURS_CHARS_MAX: usize = 100;
/// Most characters of a telephone number.
pub const TELEPHONE_CHARS_MAX: usize = 40;
/// Most characters of a registration number.
pub const REGISTRATION_CHARS_MAX: usize = 100;
/// Most characters of terms of use.
pub const TERMS_CHARS_MAX: usize = 100_000;

/// What the store is to hold of one institution.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The institution, as if its partner table changed today.
    pub institution: Institution,
    pub user_crl: Option<String>,
    pub terms: Terms,
    pub branches: Vec<Branch>,
    pub partners: Vec<Partner>,
    /// Its products; client identifiers are not in the file and stay empty.
    pub products: Vec<Product>,
    /// Its resource servers, likewise.
    pub resource_servers: Vec<ResourceServer>,
}

/// What a check may look at besides the file itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// Where the files it names are.
    pub folder: &'a Path,
    /// Whether plain http to this machine may be registered.
    pub loopback_http: bool,
    /// The present day: the day of a partner table that changes.
    pub today: Day,
}

struct CheckedInstitution {
    period_days: u16,
    wanted: Wanted,
}

struct CheckedPartner {
    codes: BTreeSet<InstitutionCode>,
    partner: Partner,
    products: Vec<CheckedProduct>,
}

/// Checks everything and says what each institution is to have. Worth looking at only if no problem was found.
pub(super) fn check(tables: &Tables, around: Surroundings<'_>, problems: &mut Problems) -> Vec<Wanted> {
    let known = known_codes(tables, problems);
    let institutions: Vec<_> =
        tables.institutions.iter().filter_map(|table| check_institution(table, around, problems)).collect();
    let partners = check_partners(tables, &known, around, problems);
    let servers = resource_server::check_all(tables, &known, around, problems);
    institutions.into_iter().map(|institution| assemble(institution, &partners, &servers)).collect()
}

/// Gives an institution the partners, products and resource servers that are for it.
fn assemble(institution: CheckedInstitution, partners: &[CheckedPartner], servers: &[CheckedServer]) -> Wanted {
    let CheckedInstitution { period_days, mut wanted } = institution;
    for checked in partners.iter().filter(|partner| partner.codes.contains(&wanted.institution.code)) {
        wanted.partners.push(checked.partner.clone());
        let products = checked.products.iter().filter(|product| product.codes.contains(&wanted.institution.code));
        wanted.products.extend(products.map(|product| product.for_institution(&checked.partner, period_days)));
    }
    let servers = servers.iter().filter(|checked| checked.codes.contains(&wanted.institution.code));
    wanted.resource_servers.extend(servers.map(|checked| checked.server.clone()));
    wanted
}

fn known_codes(tables: &Tables, problems: &mut Problems) -> BTreeSet<InstitutionCode> {
    let mut known = BTreeSet::new();
    if tables.institutions.is_empty() && problems.are_none() {
        problems.add(String::new(), "institutions", "there is none");
    }
    for table in &tables.institutions {
        let mut at = problems.of_table(format!("institutions {:?}", table.code));
        if let Some(code) = at.take("code", table.code.parse::<InstitutionCode>())
            && !known.insert(code)
        {
            at.add("code", "it stands in the file twice");
        }
    }
    known
}

fn check_institution(
    table: &InstitutionTable,
    around: Surroundings<'_>,
    problems: &mut Problems,
) -> Option<CheckedInstitution> {
    let mut at = problems.of_table(format!("institutions {:?}", table.code));
    values::line(&mut at, "name", &table.name, NAME_CHARS_MAX);
    values::line(&mut at, "name_en", &table.name_en, NAME_CHARS_MAX);
    values::line(&mut at, "telephone", &table.telephone, TELEPHONE_CHARS_MAX);
    values::line(&mut at, "hours", &table.hours, HOURS_CHARS_MAX);
    values::line(&mut at, "hours_en", &table.hours_en, HOURS_CHARS_MAX);
    values::colour(&mut at, "accent", &table.accent);
    if let Some(url) = &table.privacy_url {
        values::web_address(&mut at, "privacy_url", url);
    }
    let kind = values::word(&mut at, "kind", &table.kind, InstitutionKind::from_word, &kinds());
    let period_days = values::period(&mut at, "period_days", table.period_days);
    let (user_ca, user_crl) = values::authority(&mut at, around.folder, table);
    let minimum_login = check_minimum_login(&mut at, table);
    if let Some(url) = &table.user_ocsp {
        values::responder(&mut at, "user_ocsp", url, table.user_ca.is_some());
    }
    let terms = check_terms(&mut at.inner("terms"), &table.terms, around.folder);
    let branches = check_branches(&mut at, &table.branches);
    let institution = Institution {
        code: table.code.parse().ok()?,
        kind: kind?,
        name: table.name.clone(),
        name_en: table.name_en.clone(),
        accent: table.accent.to_ascii_lowercase(),
        telephone: table.telephone.clone(),
        hours: table.hours.clone(),
        hours_en: table.hours_en.clone(),
        privacy_url: table.privacy_url.clone(),
        partners_as_of: around.today,
        terms_version: terms.version.clone(),
        user_ca,
        user_ocsp: table.user_ocsp.clone(),
        minimum_login: minimum_login?,
        dpop_nonces: table.dpop_nonces,
    };
    let wanted = Wanted {
        institution,
        user_crl,
        terms,
        branches,
        partners: Vec::new(),
        products: Vec::new(),
        resource_servers: Vec::new(),
    };
    Some(CheckedInstitution { period_days: period_days?, wanted })
}

/// The weakest login whose linkages may be read. A certificate can't be demanded where nobody can log in with one.
fn check_minimum_login(at: &mut TableProblems<'_>, table: &InstitutionTable) -> Option<LoginMethod> {
    let Some(word) = &table.minimum_login else { return Some(LoginMethod::Password) };
    let words: Vec<_> = LoginMethod::ALL.iter().map(|method| method.word()).collect();
    let method = values::word(at, "minimum_login", word, LoginMethod::from_word, &words)?;
    if method == LoginMethod::Certificate && table.user_ca.is_none() {
        at.add("minimum_login", "certificate login is not offered: give user_ca and user_crl");
    }
    Some(method)
}

fn kinds() -> Vec<&'static str> {
    InstitutionKind::ALL.map(InstitutionKind::word).to_vec()
}

fn check_terms(at: &mut TableProblems<'_>, table: &TermsTable, folder: &Path) -> Terms {
    values::version(at, "version", &table.version);
    let mut text = |key: &str, inline: Option<&String>, file: Option<&String>| {
        let text = values::inline_or_file(at, key, inline, file, folder)?;
        let text = text.replace("\r\n", "\n");
        values::paragraphs(at, key, &text, TERMS_CHARS_MAX);
        Some(text)
    };
    Terms {
        version: table.version.clone(),
        text: text("text", table.text.as_ref(), table.text_file.as_ref()).unwrap_or_default(),
        text_en: text("text_en", table.text_en.as_ref(), table.text_en_file.as_ref()).unwrap_or_default(),
    }
}

fn check_branches(at: &mut TableProblems<'_>, tables: &[BranchTable]) -> Vec<Branch> {
    let mut seen = BTreeSet::new();
    let mut branches = Vec::new();
    for table in tables {
        let mut at = at.inner(&format!("branches {:?}", table.code));
        values::line(&mut at, "name", &table.name, NAME_CHARS_MAX);
        values::line(&mut at, "name_en", &table.name_en, NAME_CHARS_MAX);
        if !seen.insert(&table.code) {
            at.add("code", "it stands in the institution twice");
        }
        if let Some(code) = at.take("code", table.code.parse()) {
            branches.push(Branch { code, name: table.name.clone(), name_en: table.name_en.clone() });
        }
    }
    branches
}

fn check_partners(
    tables: &Tables,
    known: &BTreeSet<InstitutionCode>,
    around: Surroundings<'_>,
    problems: &mut Problems,
) -> Vec<CheckedPartner> {
    let (mut partner_keys, mut product_keys) = (BTreeSet::new(), BTreeSet::new());
    let mut checked = Vec::new();
    for (position, (table, products)) in (1_i64..).zip(&tables.partners) {
        let mut at = problems.of_table(format!("partners {:?}", table.key));
        if !partner_keys.insert(&table.key) {
            at.add("key", "it stands in the file twice");
        }
        let partner = check_partner(&mut at, table, position);
        let codes = check_reach(&mut at, &table.institutions, known);
        let mut kept = Vec::new();
        for product in products {
            let mut at = at.inner(&format!("products {:?}", product.key));
            if !product_keys.insert(&product.key) {
                at.add("key", "it stands in the file twice");
            }
            let reach = product.institutions.as_ref().map(|reach| check_reach(&mut at, reach, &codes));
            kept.extend(product::check(&mut at, product, reach.unwrap_or_else(|| codes.clone()), around));
        }
        checked.extend(partner.map(|partner| CheckedPartner { codes, partner, products: kept }));
    }
    checked
}

fn check_partner(at: &mut TableProblems<'_>, table: &PartnerTable, position: i64) -> Option<Partner> {
    values::key(at, "key", &table.key);
    values::line(at, "name", &table.name, NAME_CHARS_MAX);
    values::line(at, "name_en", &table.name_en, NAME_CHARS_MAX);
    values::domain(at, "domain", &table.domain);
    if let Some(registration) = &table.registration {
        values::line(at, "registration", registration, REGISTRATION_CHARS_MAX);
    }
    let state = check_state(at, table.state.as_deref());
    Some(Partner {
        key: table.key.clone(),
        name: table.name.clone(),
        name_en: table.name_en.clone(),
        registration: table.registration.clone(),
        domain: table.domain.clone(),
        state: state?,
        position,
    })
}

/// The state; active where the file says nothing.
pub(super) fn check_state(at: &mut TableProblems<'_>, word: Option<&str>) -> Option<PartnerState> {
    let words = PartnerState::ALL.map(PartnerState::word);
    values::word(at, "state", word.unwrap_or("active"), PartnerState::from_word, &words)
}

/// The institutions meant, out of those that can be: of the file, or of the partner.
pub(super) fn check_reach(
    at: &mut TableProblems<'_>,
    reach: &Reach,
    possible: &BTreeSet<InstitutionCode>,
) -> BTreeSet<InstitutionCode> {
    let codes = match reach {
        Reach::Word(word) if word == "all" => return possible.clone(),
        Reach::Word(_) => {
            at.add("institutions", "it must be \"all\" or a list of codes");
            return BTreeSet::new();
        }
        Reach::Codes(codes) => codes,
    };
    let mut meant = BTreeSet::new();
    for code in codes {
        match code.parse::<InstitutionCode>() {
            Ok(known) if possible.contains(&known) => {
                meant.insert(known);
            }
            Ok(_) => at.add("institutions", format!("{code:?} is not among the file's, or not among the partner's")),
            Err(error) => at.add("institutions", format!("{code:?}: {error}")),
        }
    }
    meant
}

/// The shortest and longest period, for messages.
pub(super) fn period_limits() -> String {
    format!("it must be {} to {} days", Period::DAYS_RANGE.start(), Period::DAYS_RANGE.end())
}
