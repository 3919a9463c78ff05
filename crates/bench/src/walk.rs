//! One customer walks through the linkage, over HTTP as a browser would, so that there is something to measure.

use std::collections::BTreeMap;

use renkei_client::{Account, AssertionKey, Client, ClientConfig, Fetched, Grant, MessageSigning, Outside};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};

use crate::process::{ClientLine, Server, UserLine};
use crate::{PAGE, Problem};

/// Pages a walk may take before it counts as lost.
const STEPS_MAX: usize = 12;

/// Links the first test client to the first customer whose PINs are all registered.
///
/// # Errors
/// When any step does not go as it should.
pub async fn link(demo: &Server) -> Result<(Client, Grant), Problem> {
    let line = demo.ready.clients.iter().find(|line| line.alg == "ES256" && line.choice).ok_or("no ES256 client")?;
    let user = demo.ready.users.iter().find(|user| fits(user, line)).ok_or("no user with every PIN registered")?;
    let redirect_uri = line.redirect_uris.first().ok_or("no redirect URI")?.clone();
    let key = AssertionKey::from_jwk(&line.private_jwk.to_string())?;
    let (client_id, signing) = (line.client_id.clone(), MessageSigning::None);
    let config = ClientConfig { client_id, key, redirect_uri, signing };
    let client = Client::discover(&line.issuer, config, Outside::system()?).await?;
    let pending = client.begin("balances transactions", None).await?;
    let mut browser = Browser { http: renkei_client::http_client()?, cookies: BTreeMap::new() };
    let back = browser.permit(pending.url(), &line.issuer, user).await?;
    let query = back.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let grant = client.complete(&pending, query).await?;
    Ok((client, grant))
}

/// A password user at the client's institution who need not register any PIN.
fn fits(user: &UserLine, client: &ClientLine) -> bool {
    let here = client.issuer.ends_with(&user.institution);
    here && user.password.is_some()
        && !user.accounts.is_empty()
        && user.accounts.iter().all(|account| account.registered)
}

/// The account with the most to read.
///
/// # Errors
/// When accounts can't be read.
pub async fn busiest(client: &Client, grant: &mut Grant) -> Result<String, Problem> {
    let Fetched::Fresh { value: accounts, .. } = client.accounts(grant, None).await? else {
        return Err("accounts were answered with 304".into());
    };
    let mut best: Option<(usize, Account)> = None;
    for account in accounts {
        let count = page_lines(client, grant, &account.account_id).await?;
        if best.as_ref().is_none_or(|(most, _)| count > *most) {
            best = Some((count, account));
        }
    }
    best.map(|(_, account)| account.account_id).ok_or_else(|| "no account".into())
}

async fn page_lines(client: &Client, grant: &mut Grant, account: &str) -> Result<usize, Problem> {
    match client.transactions_after(grant, account, None, PAGE, None).await? {
        Fetched::Fresh { value, .. } => Ok(value.transactions.len()),
        Fetched::NotModified => Ok(0),
    }
}

/// A browser without scripts: it follows redirects, keeps cookies and sends forms.
struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// From the authorization URL to the address the partner is sent the code at.
    async fn permit(&mut self, url: &str, issuer: &str, user: &UserLine) -> Result<String, Problem> {
        let origin = issuer.rsplit_once('/').map_or(issuer, |(origin, _)| origin);
        let mut at = self.redirect(self.http.get(url)).await?;
        for _ in 0..STEPS_MAX {
            let url = if at.starts_with('/') { format!("{origin}{at}") } else { at };
            if !url.starts_with(origin) || url.contains("code=") {
                return Ok(url);
            }
            let page = self.page(&url).await?;
            at = self.redirect(self.http.post(&url).form(&answers(&url, &page, user))).await?;
        }
        Err("the walk does not end".into())
    }

    async fn page(&mut self, url: &str) -> Result<String, Problem> {
        let response = self.send(self.http.get(url)).await?;
        Ok(response.error_for_status()?.text().await?)
    }

    async fn redirect(&mut self, request: reqwest::RequestBuilder) -> Result<String, Problem> {
        let response = self.send(request).await?;
        match response.headers().get(LOCATION) {
            Some(location) => Ok(location.to_str()?.to_owned()),
            None => Err(format!("{} at {} where a redirect was due", response.status(), response.url().path()).into()),
        }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, Problem> {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = request.header(COOKIE, cookies.join("; ")).send().await?;
        for cookie in response.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(response)
    }
}

/// What to send with the form of each screen.
fn answers(url: &str, page: &str, user: &UserLine) -> Vec<(&'static str, String)> {
    let mut fields = vec![("csrf", value_of(page, "csrf")), ("version", value_of(page, "version"))];
    match url.rsplit('/').next().unwrap_or_default() {
        "login" => {
            fields.push(("login_id", user.login_id.clone()));
            fields.push(("password", user.password.clone().unwrap_or_default()));
        }
        "operations" => {
            fields.push(("operation", "balances".into()));
            fields.push(("operation", "transactions".into()));
        }
        "existing" => fields.push(("renew", "new".into())),
        "permission" => {
            fields.push(("text_hash", value_of(page, "text_hash")));
            fields.push(("intent", "yes".into()));
            fields.push(("action", "allow".into()));
            fields.extend(values_of(page, "account").into_iter().map(|account| ("account", account)));
        }
        _ => {}
    }
    fields
}

fn value_of(page: &str, name: &str) -> String {
    values_of(page, name).into_iter().next().unwrap_or_default()
}

/// The values of the inputs of this name, wherever they stand on the page.
fn values_of(page: &str, name: &str) -> Vec<String> {
    let inputs = page.split("<input").skip(1).filter_map(|rest| rest.split('>').next());
    inputs
        .filter(|input| attribute(input, "name") == Some(name))
        .filter_map(|input| attribute(input, "value").map(str::to_owned))
        .collect()
}

fn attribute<'a>(input: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = input.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}
