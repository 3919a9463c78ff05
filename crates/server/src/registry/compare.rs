//! What is different between the file and the store, in one institution.

use renkei_domain::partner::PartnerState;
use renkei_domain::time::Timestamp;
use renkei_store::institutions::{Branch, Institution, Terms};
use renkei_store::partners::{Partner, Product};
use renkei_store::resource_servers::ResourceServer;
use renkei_store::{Session, StoreError};

use super::check::Wanted;
use super::plan::{Change, InstitutionPlan, Kind, ProductLine, ResourceServerLine, What};
use super::problem::Problems;

/// The differences of one institution: as a plan, and as the rows to write.
pub(super) struct Difference {
    pub plan: InstitutionPlan,
    pub institution: Option<Institution>,
    /// Written with the institution.
    pub user_crl: Option<String>,
    pub terms: Option<Terms>,
    pub branches: Vec<Branch>,
    pub partners: Vec<Partner>,
    /// A new product has no client identifier yet.
    pub products: Vec<Product>,
    /// A new one has no identifier yet.
    pub resource_servers: Vec<ResourceServer>,
    pub needs_key: bool,
}

/// Compares, with a session of the institution.
pub(super) async fn compare(
    session: &mut Session,
    wanted: &Wanted,
    now: Timestamp,
    problems: &mut Problems,
) -> Result<Difference, StoreError> {
    let mut difference = Difference::new(wanted);
    let old_partners = session.list_partners().await?;
    let old_products = session.list_products().await?;
    let products = difference.match_products(&old_products, wanted, problems);
    let as_of_changes = published(&old_products) != published(&products);
    let old = session.find_institution().await?;
    let same_list = session.find_user_crl().await? == wanted.user_crl;
    difference.institution(old.as_deref(), &wanted.institution, as_of_changes, same_list);
    difference.needs_key = session.list_published_keys(now).await?.is_empty();
    if difference.needs_key {
        difference.push(Kind::SigningKey, "ES256", "", What::Added);
    }
    let old_terms = session.find_terms(&wanted.terms.version).await?;
    difference.terms(old_terms.as_ref(), wanted, problems);
    difference.branches(&session.list_branches().await?, &wanted.branches);
    difference.partners(&old_partners, &wanted.partners);
    difference.products(&old_products, products);
    difference.resource_servers(&session.list_resource_servers().await?, &wanted.resource_servers);
    Ok(difference)
}

/// What the published table of partners shows, line by line: whoever changes it changes its day.
fn published(products: &[Product]) -> Vec<[&str; 7]> {
    let shown =
        |product: &&Product| product.state != PartnerState::Ended && product.partner.state != PartnerState::Ended;
    let mut products: Vec<&Product> = products.iter().filter(shown).collect();
    products.sort_unstable_by_key(|product| (product.partner.position, &product.key));
    products.into_iter().map(published_line).collect()
}

fn published_line(product: &Product) -> [&str; 7] {
    let Product { partner, name, name_en, .. } = product;
    let registration = partner.registration.as_deref().unwrap_or_default();
    [&partner.key, &partner.name, &partner.name_en, &partner.domain, registration, name, name_en]
}

impl Difference {
    fn new(wanted: &Wanted) -> Difference {
        let plan = InstitutionPlan {
            institution: wanted.institution.code.clone(),
            name: wanted.institution.name.clone(),
            changes: Vec::new(),
            unchanged: 0,
            branches_kept: Vec::new(),
            products: Vec::new(),
            resource_servers: Vec::new(),
        };
        Difference {
            plan,
            institution: None,
            user_crl: wanted.user_crl.clone(),
            terms: None,
            branches: Vec::new(),
            partners: Vec::new(),
            products: Vec::new(),
            resource_servers: Vec::new(),
            needs_key: false,
        }
    }

    fn push(&mut self, kind: Kind, key: &str, name: &str, what: What) {
        self.plan.changes.push(Change { kind, key: key.to_owned(), name: name.to_owned(), what });
    }

    /// Notes the fields that differ. `true`: some do, and the row is to be written.
    fn changed(&mut self, kind: Kind, key: &str, name: &str, fields: &[(&'static str, bool)]) -> bool {
        let fields: Vec<&'static str> = fields.iter().filter(|(_, same)| !same).map(|(field, _)| *field).collect();
        if fields.is_empty() {
            self.plan.unchanged += 1;
            return false;
        }
        self.push(kind, key, name, What::Changed(fields));
        true
    }

    fn institution(&mut self, old: Option<&Institution>, new: &Institution, as_of_changes: bool, same_list: bool) {
        let Some(old) = old else {
            self.push(Kind::Institution, "", "", What::Added);
            self.institution = Some(new.clone());
            return;
        };
        let partners_as_of = if as_of_changes { new.partners_as_of } else { old.partners_as_of };
        let fields = [
            ("kind", old.kind == new.kind),
            ("name", old.name == new.name),
            ("name_en", old.name_en == new.name_en),
            ("accent", old.accent == new.accent),
            ("telephone", old.telephone == new.telephone),
            ("hours", old.hours == new.hours),
            ("hours_en", old.hours_en == new.hours_en),
            ("privacy_url", old.privacy_url == new.privacy_url),
            ("partners_as_of", old.partners_as_of == partners_as_of),
            ("terms", old.terms_version == new.terms_version),
            ("user_ca", old.user_ca == new.user_ca),
            ("user_crl", same_list),
            ("user_ocsp", old.user_ocsp == new.user_ocsp),
            ("minimum_login", old.minimum_login == new.minimum_login),
            ("dpop_nonces", old.dpop_nonces == new.dpop_nonces),
        ];
        if self.changed(Kind::Institution, "", "", &fields) {
            self.institution = Some(Institution { partners_as_of, ..new.clone() });
        }
    }

    fn terms(&mut self, old: Option<&Terms>, wanted: &Wanted, problems: &mut Problems) {
        let new = &wanted.terms;
        match old {
            Some(old) if old == new => self.plan.unchanged += 1,
            Some(_) => {
                let table = format!("institutions {:?} terms", wanted.institution.code.as_str());
                let reason = "customers may have agreed to this version, so its text can't change: name a new version";
                problems.add(table, "version", reason);
            }
            None => {
                self.push(Kind::Terms, &new.version, "", What::Added);
                self.terms = Some(new.clone());
            }
        }
    }

    fn branches(&mut self, old: &[Branch], new: &[Branch]) {
        for branch in new {
            let (code, name) = (branch.code.as_str(), &branch.name);
            let write = if let Some(old) = old.iter().find(|old| old.code == branch.code) {
                let fields = [("name", old.name == branch.name), ("name_en", old.name_en == branch.name_en)];
                self.changed(Kind::Branch, code, name, &fields)
            } else {
                self.push(Kind::Branch, code, name, What::Added);
                true
            };
            self.branches.extend(write.then(|| branch.clone()));
        }
        let kept = old.iter().filter(|old| new.iter().all(|new| new.code != old.code));
        self.plan.branches_kept.extend(kept.map(|branch| branch.code.to_string()));
    }

    fn partners(&mut self, old: &[Partner], new: &[Partner]) {
        for partner in new {
            let write = if let Some(old) = old.iter().find(|old| old.key == partner.key) {
                let fields = [
                    ("name", old.name == partner.name),
                    ("name_en", old.name_en == partner.name_en),
                    ("registration", old.registration == partner.registration),
                    ("domain", old.domain == partner.domain),
                    ("state", old.state == partner.state),
                    ("position", old.position == partner.position),
                ];
                self.changed(Kind::Partner, &partner.key, &partner.name, &fields)
            } else {
                self.push(Kind::Partner, &partner.key, &partner.name, What::Added);
                true
            };
            self.partners.extend(write.then(|| partner.clone()));
        }
        for gone in old.iter().filter(|old| new.iter().all(|new| new.key != old.key)) {
            if gone.state != PartnerState::Ended {
                self.push(Kind::Partner, &gone.key, &gone.name, What::Ended);
                self.partners.push(Partner { state: PartnerState::Ended, ..gone.clone() });
            }
        }
    }

    /// The wanted products under the client identifiers they have, if they have one.
    fn match_products(&mut self, old: &[Product], wanted: &Wanted, problems: &mut Problems) -> Vec<Product> {
        let mut matched = Vec::new();
        for product in &wanted.products {
            let known = old.iter().find(|old| old.key == product.key);
            if known.is_some_and(|known| known.partner.key != product.partner.key) {
                let table = format!("partners {:?} products {:?}", product.partner.key, product.key);
                let reason = "another partner has a product of this key, and customers' permissions are for that \
                     partner: name another key";
                problems.add(table, "key", reason);
            }
            let client_id = known.map(|known| known.client_id.clone()).unwrap_or_default();
            matched.push(Product { client_id, ..product.clone() });
        }
        matched
    }

    fn products(&mut self, old: &[Product], new: Vec<Product>) {
        let gone: Vec<_> = old.iter().filter(|old| new.iter().all(|new| new.key != old.key)).collect();
        for product in new {
            self.plan.products.extend(product_line(&product));
            let write = if let Some(old) = old.iter().find(|old| old.client_id == product.client_id) {
                self.changed(Kind::Product, &product.key, &product.name, &product_fields(old, &product))
            } else {
                self.push(Kind::Product, &product.key, &product.name, What::Added);
                true
            };
            self.products.extend(write.then_some(product));
        }
        for gone in gone.into_iter().filter(|gone| gone.state != PartnerState::Ended) {
            self.push(Kind::Product, &gone.key, &gone.name, What::Ended);
            self.products.push(Product { state: PartnerState::Ended, ..gone.clone() });
        }
    }
}

impl Difference {
    fn resource_servers(&mut self, old: &[ResourceServer], new: &[ResourceServer]) {
        for server in new {
            let known = old.iter().find(|old| old.key == server.key);
            let server_id = known.map(|known| known.server_id.clone()).unwrap_or_default();
            let server = ResourceServer { server_id, ..server.clone() };
            self.plan.resource_servers.extend(server_line(&server));
            let write = if let Some(old) = known {
                self.changed(Kind::ResourceServer, &server.key, &server.name, &server_fields(old, &server))
            } else {
                self.push(Kind::ResourceServer, &server.key, &server.name, What::Added);
                true
            };
            self.resource_servers.extend(write.then_some(server));
        }
        let gone = old.iter().filter(|old| new.iter().all(|new| new.key != old.key));
        for gone in gone.filter(|gone| gone.state != PartnerState::Ended) {
            self.push(Kind::ResourceServer, &gone.key, &gone.name, What::Ended);
            self.resource_servers.push(ResourceServer { state: PartnerState::Ended, ..gone.clone() });
        }
    }
}

fn server_line(server: &ResourceServer) -> Option<ResourceServerLine> {
    let server_id = (!server.server_id.is_empty()).then(|| server.server_id.clone());
    let line = ResourceServerLine { resource_server: server.key.clone(), server_id, state: server.state.word() };
    (server.state != PartnerState::Ended).then_some(line)
}

fn server_fields(old: &ResourceServer, new: &ResourceServer) -> [(&'static str, bool); 6] {
    [
        ("name", old.name == new.name),
        ("resource", old.resource == new.resource),
        ("jwks", old.jwks == new.jwks),
        ("signing_alg", old.signing_alg == new.signing_alg),
        ("signed_introspection", old.signed_introspection == new.signed_introspection),
        ("state", old.state == new.state),
    ]
}

fn product_line(product: &Product) -> Option<ProductLine> {
    let client_id = (!product.client_id.is_empty()).then(|| product.client_id.clone());
    let line = ProductLine { product: product.key.clone(), client_id, state: product.state.word() };
    (product.state != PartnerState::Ended).then_some(line)
}

fn product_fields(old: &Product, new: &Product) -> [(&'static str, bool); 15] {
    [
        ("name", old.name == new.name),
        ("name_en", old.name_en == new.name_en),
        ("purpose", old.purpose == new.purpose),
        ("purpose_en", old.purpose_en == new.purpose_en),
        ("choice", old.choice == new.choice),
        ("operations", old.operations == new.operations),
        ("redirect_uris", old.redirect_uris == new.redirect_uris),
        ("jwks", old.jwks == new.jwks),
        ("jwks_uri", old.jwks_uri == new.jwks_uri),
        ("signing_alg", old.signing_alg == new.signing_alg),
        ("auth_method", old.auth_method == new.auth_method),
        ("tls_client_auth", old.tls_subject == new.tls_subject),
        ("sender_constraint", old.sender_constraint == new.sender_constraint),
        ("profile", old.profile == new.profile),
        ("state", old.state == new.state),
    ]
}
