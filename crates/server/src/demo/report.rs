//! What the demo tells when it is ready: a page of text for a person, one line of JSON for a tool.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use super::cast::{Customer, HOUSES, House, Login, PASSWORD, User};
use super::{Stage, authority, client_id, code_of};
use crate::app::App;
use crate::commands::CommandError;

/// Accounts with their PINs on one line for a person.
const PINS_A_LINE: usize = 4;

/// Everything needed to use the demo from outside.
#[derive(Serialize)]
pub struct Report {
    /// The issuer of each institution.
    issuers: Vec<String>,
    /// Where the partner app is.
    partner_app: String,
    /// Where certificate login is.
    certificate_origin: Option<String>,
    /// Where partners connect with certificates.
    partner_tls_origin: Option<String>,
    /// PEM of the authority of the demo's own TLS.
    ca: PathBuf,
    /// Who can log in.
    users: Vec<UserLine>,
    /// Clients for tools.
    clients: Vec<ClientLine>,
}

/// One user.
#[derive(Serialize)]
struct UserLine {
    institution: &'static str,
    login_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<PathBuf>,
    revoked: bool,
    shows: &'static str,
    accounts: Vec<AccountLine>,
}

/// One account of a user, with the PIN filed at the branch.
#[derive(Serialize)]
struct AccountLine {
    branch: &'static str,
    #[serde(rename = "type")]
    kind: u8,
    number: &'static str,
    pin: &'static str,
    /// Whether the PIN was registered when the demo was made.
    registered: bool,
}

/// One client at one institution: each institution has its own `client_id` for it.
#[derive(Serialize)]
struct ClientLine {
    issuer: String,
    client_id: String,
    product: String,
    alg: String,
    /// Whether customers choose its operations.
    choice: bool,
    redirect_uris: Vec<String>,
    auth_method: String,
    sender_constraint: String,
    /// What it signs and is sent signed.
    profile: String,
    /// The private key of its assertions, or of its certificate.
    private_jwk: Value,
    /// The certificate it connects with.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<PathBuf>,
    /// The same private key for it, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<PathBuf>,
}

impl Stage {
    /// What to tell.
    ///
    /// # Errors
    /// When the registrations can't be read.
    pub async fn report(&self, app: &App) -> Result<Report, CommandError> {
        let mut issuers = Vec::new();
        let mut clients: Vec<ClientLine> = Vec::new();
        for house in HOUSES {
            let issuer = app.site.issuer(&code_of(house)?);
            for product in self.products.iter().filter(|product| product.for_tools) {
                let files = authority::product_files(&self.folder, &product.key);
                let files = product.has_certificate().then_some(files);
                clients.push(ClientLine {
                    issuer: issuer.clone(),
                    client_id: client_id(app, house, &product.key).await?,
                    product: product.key.clone(),
                    alg: product.algorithm.clone(),
                    choice: product.choice,
                    redirect_uris: product.redirect_uris.clone(),
                    auth_method: product.auth_method.clone(),
                    sender_constraint: product.sender_constraint.clone(),
                    profile: product.profile.clone(),
                    private_jwk: product.private_jwk.clone(),
                    certificate: files.as_ref().map(|files| files.certificate.clone()),
                    key: files.map(|files| files.key),
                });
            }
            issuers.push(issuer);
        }
        Ok(Report {
            issuers,
            partner_app: self.origins.partner.clone(),
            certificate_origin: app.site.certificate_origin.clone(),
            partner_tls_origin: app.site.partner_origin.clone(),
            ca: self.ca.clone(),
            users: HOUSES.iter().flat_map(|house| self.users(house)).collect(),
            clients,
        })
    }

    fn users(&self, house: &'static House) -> Vec<UserLine> {
        let users = house.customers.iter().flat_map(|customer| customer.users.iter().map(move |user| (customer, user)));
        users.map(|(customer, user)| self.user(house, customer, user)).collect()
    }

    fn user(&self, house: &'static House, customer: &'static Customer, user: &'static User) -> UserLine {
        let by_password = user.login == Login::Password;
        let files = authority::user_files(&self.folder.join(house.code), user.login_id);
        let accounts = user.accounts.iter().filter_map(|(position, _)| customer.accounts.get(*position));
        UserLine {
            institution: house.code,
            login_id: user.login_id,
            password: by_password.then_some(PASSWORD),
            certificate: (!by_password).then_some(files.certificate),
            key: (!by_password).then_some(files.key),
            revoked: user.login == Login::RevokedCertificate,
            shows: user.shows,
            accounts: accounts
                .map(|account| AccountLine {
                    branch: account.branch,
                    kind: account.kind,
                    number: account.number,
                    pin: account.pin,
                    registered: account.registered,
                })
                .collect(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Open {} and link an account.\n", self.partner_app)?;
        writeln!(f, "Users (password {PASSWORD}), and the inquiry PINs they will be asked for:")?;
        for user in &self.users {
            writeln!(f, "{user}")?;
        }
        writeln!(f, "\nThe institutions: {}", self.issuers.join("  "))?;
        if let Some(origin) = &self.partner_tls_origin {
            writeln!(f, "Partners with certificates: {origin}")?;
        }
        let folder = self.ca.parent().unwrap_or(&self.ca);
        writeln!(f, "Users' certificates and keys, PEM: {}", folder.display())?;
        writeln!(f, "  for a browser: openssl pkcs12 -export -in USER.pem -inkey USER.key -out USER.p12")?;
        write!(f, "Stop with Ctrl-C.")
    }
}

impl fmt::Display for UserLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = if self.password.is_some() { "" } else { " (certificate)" };
        write!(f, "  {} {}{by}: {}", self.institution, self.login_id, self.shows)?;
        let asked: Vec<_> = self.accounts.iter().filter(|account| !account.registered).collect();
        for line in asked.chunks(PINS_A_LINE) {
            write!(f, "\n     ")?;
            for AccountLine { branch, kind, number, pin, .. } in line {
                write!(f, " {branch}-{kind}-{number} {pin} ")?;
            }
        }
        Ok(())
    }
}
