//! The demo: two made-up institutions with customers of each kind, filled through the same doors as a real
//! installation: the registry, the customer list, bank files.

mod authority;
mod cast;
mod files;
mod fill;
mod keys;
mod lists;
mod products;
mod report;
mod statements;

use std::path::{Path, PathBuf};

use renkei_client::{AssertionKey, MessageSigning, Outside, http_client, http_client_trusting};
use renkei_domain::account::{AccountNumber, AccountType, BranchCode};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::pin::InquiryPin;
use renkei_partner_app::{InstitutionConfig, PartnerAppConfig};
use renkei_store::Step;

use crate::app::App;
use crate::certificates::partners::PartnerTrust;
use crate::commands::CommandError;
use crate::commands::data::Data;
use crate::core_banking::seal_pin;
use crate::listener::tls::TlsFiles;
use crate::registry::{self, Source};
use cast::{Account, HOUSES, House, Login};
use products::Product;

pub use report::Report;

/// Who answers for the demo's changes in the audit trail.
const OPERATOR: &str = "demo";
/// The demo's own folder in the data folder.
const FOLDER: &str = "demo";
/// The partner products that the partner app is, and what each signs beside.
const PARTNER_APP_PRODUCTS: [(&str, MessageSigning); 2] =
    [("kakeibo", MessageSigning::None), ("kakeibo-signed", MessageSigning::RequestsAndAnswers)];
/// The operations the partner app asks for.
const PARTNER_APP_SCOPE: &str = "balances transactions";

/// Addresses of the demo's listeners, without a slash at the end.
#[derive(Debug, Clone)]
pub struct Origins {
    /// Institutions: `http://127.0.0.1:4000`.
    pub main: String,
    /// Certificate login.
    pub certificate: String,
    /// The partner app.
    pub partner: String,
}

/// A demo's files, made once and read from then on.
pub struct Stage {
    folder: PathBuf,
    origins: Origins,
    products: Vec<Product>,
    /// PEM of the authority of the demo's own TLS.
    pub ca: PathBuf,
    /// The demo's server certificate.
    pub tls: TlsFiles,
}

impl Stage {
    /// Makes what is missing in the data folder: authorities, certificates, keys, the registry file.
    ///
    /// # Errors
    /// When something can't be made or written.
    pub fn set(data: &Path, origins: Origins, today: renkei_domain::time::Day) -> Result<Stage, CommandError> {
        let folder = data.join(FOLDER);
        let (ca, tls) = authority::server(&folder, today)?;
        for house in HOUSES {
            let wanted: Vec<_> = certificate_users(house).collect();
            let name = format!("Renkei demo users of {}", house.code);
            authority::users(&folder.join(house.code), &name, &wanted, today)?;
        }
        let products = products::make(&folder, &origins, today)?;
        Ok(Stage { ca: files::full(&ca), folder: files::full(&folder), origins, products, tls })
    }

    /// Applies the registry.
    ///
    /// # Errors
    /// When it is refused or the store fails.
    pub async fn apply_registry(&self, data: &Data) -> Result<(), CommandError> {
        let text = files::read(&self.folder.join(products::REGISTRY_FILE))?;
        let source = Source {
            name: products::REGISTRY_FILE,
            text: &text,
            folder: &self.folder,
            // The partner app and the tools that drive the demo live on this machine.
            loopback_http: true,
        };
        let now = data.clock.now();
        let registry = registry::read(source, now)?;
        registry::apply(&data.store, &data.keys, &registry, None, OPERATOR, now, &*data.random).await?;
        Ok(())
    }

    /// The authorities of partners' certificates.
    ///
    /// # Errors
    /// When their files can't be read.
    pub fn partner_trust(&self) -> Result<PartnerTrust, CommandError> {
        Ok(authority::partner_files(&self.folder).read()?)
    }

    /// What the partner app is told: its registration at each institution.
    ///
    /// # Errors
    /// When the registration can't be read, or connections not be made.
    pub async fn partner_app(&self, app: &App) -> Result<PartnerAppConfig, CommandError> {
        let failed = |error: renkei_client::Error| CommandError::Unavailable(format!("the partner app: {error}"));
        let mut institutions = Vec::new();
        for (house, (name, signing)) in
            PARTNER_APP_PRODUCTS.iter().flat_map(|own| HOUSES.iter().map(move |house| (house, own)))
        {
            let product = self.products.iter().find(|product| product.key == *name);
            let product =
                product.ok_or_else(|| CommandError::Setup("the demo registry names no partner app".into()))?;
            let key = AssertionKey::from_jwk(&product.private_jwk.to_string()).map_err(failed)?;
            institutions.push(InstitutionConfig {
                code: house.code.to_owned(),
                name: house.name.to_owned(),
                name_en: house.name_en.to_owned(),
                issuer: app.site.issuer(&code_of(house)?),
                product: product.name.clone(),
                product_en: product.name_en.clone(),
                client_id: client_id(app, house, &product.key).await?,
                key,
                scope: PARTNER_APP_SCOPE.to_owned(),
                signing: *signing,
            });
        }
        let http = if app.site.is_secure() { http_client_trusting(&files::read(&self.ca)?) } else { http_client() };
        let outside = Outside { http: http.map_err(failed)?, ..Outside::system().map_err(failed)? };
        let state_file = Some(self.folder.join("partner-app.json"));
        Ok(PartnerAppConfig { base_url: self.origins.partner.clone(), institutions, state_file, outside })
    }
}

fn certificate_users(house: &House) -> impl Iterator<Item = authority::Wanted<'static>> + use<> {
    let users = house.customers.iter().flat_map(|customer| customer.users);
    users
        .filter(|user| user.login != Login::Password)
        .map(|user| authority::Wanted { login_id: user.login_id, revoked: user.login == Login::RevokedCertificate })
}

fn code_of(house: &House) -> Result<InstitutionCode, CommandError> {
    house.code.parse().map_err(|_| CommandError::Setup("a demo institution's code is wrong".into()))
}

/// What the wire calls a product of this key.
async fn client_id(app: &App, house: &House, key: &str) -> Result<String, CommandError> {
    let products = app.store.read(&code_of(house)?).list_products().await?;
    let found = products.into_iter().find(|product| product.key == key).map(|product| product.client_id);
    found.ok_or_else(|| CommandError::Setup(format!("the product {key} is not registered")))
}

/// Registers the inquiry PINs that are registered from the start, as an earlier linkage would have.
///
/// # Errors
/// When the store fails or an account is missing.
pub async fn register_pins(app: &App) -> Result<(), CommandError> {
    for house in HOUSES {
        let code = code_of(house)?;
        for customer in house.customers {
            let Some(user) = customer.users.first() else { continue };
            for account in customer.accounts.iter().filter(|account| account.registered) {
                register_pin(app, &code, user.login_id, account).await?;
            }
        }
    }
    Ok(())
}

async fn register_pin(
    app: &App,
    code: &InstitutionCode,
    login_id: &str,
    account: &Account,
) -> Result<(), CommandError> {
    let missing = || CommandError::Setup(format!("the demo account {} is missing", account.number));
    let branch: BranchCode = account.branch.parse().map_err(|_| missing())?;
    let number: AccountNumber = account.number.parse().map_err(|_| missing())?;
    let kind = AccountType::try_from(account.kind).map_err(|_| missing())?;
    let mut read = app.store.read(code);
    let found = read.find_account_by_number(&branch, kind, &number).await?.ok_or_else(missing)?;
    let user = read.find_user_by_login(login_id).await?.ok_or_else(missing)?;
    if read.find_pin(found.id).await?.is_some() {
        return Ok(());
    }
    let pin = InquiryPin::from_typed(account.pin).map_err(|_| missing())?;
    let sealed = seal_pin(app, code, found.id, &pin)?;
    let mut tx = app.store.begin(code).await?;
    tx.apply(Step::register_pin(found.id, &sealed, user.id, app.now())).await?;
    Ok(tx.commit().await?)
}
