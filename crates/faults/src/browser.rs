//! A customer's browser as far as the flow needs one: cookies, forms, redirects.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::history::{Act, History, Said};

/// An answer as the history has it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The event it answers.
    pub event: usize,
    /// What it comes to.
    pub said: Said,
    /// Its status; 0: none came.
    pub status: u16,
    /// Where it leads.
    pub location: String,
    /// Whether it says when to try again.
    pub retry_after: bool,
    /// Its body.
    pub body: String,
    cookies: Vec<(String, String)>,
}

impl Answer {
    /// A member of a JSON body.
    #[must_use]
    pub fn member(&self, name: &str) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        match body.get(name) {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }

    /// The value of a field of the page.
    #[must_use]
    pub fn hidden(&self, name: &str) -> String {
        self.values(name).into_iter().next().unwrap_or_default()
    }

    /// The values of all fields of a name.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<String> {
        let mark = format!("name=\"{name}\" value=\"");
        let fields = self.body.split(&mark).skip(1);
        fields.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
    }
}

/// Sends a request, notes it, and waits for its answer.
pub async fn send(history: &History, act: Act, key: &str, request: reqwest::RequestBuilder) -> Answer {
    let event = history.begin(act, key);
    let answer = receive(event, request).await;
    let (said, request_id, note) = (answer.0.said, answer.1, reason(&answer.0));
    history.change(event, |event| {
        event.end = Some(history.now());
        event.said = said;
        event.request_id = request_id;
        event.note = note;
    });
    answer.0
}

async fn receive(event: usize, request: reqwest::RequestBuilder) -> (Answer, Option<String>) {
    let nothing = Answer {
        event,
        said: Said::Silent,
        status: 0,
        location: String::new(),
        retry_after: false,
        body: String::new(),
        cookies: Vec::new(),
    };
    let Ok(response) = request.send().await else { return (nothing, None) };
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let cookies = headers.get_all("set-cookie").iter().filter_map(|cookie| {
        let (name, value) = cookie.to_str().ok()?.split(';').next()?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    let cookies = cookies.collect();
    let request_id = Some(text("x-request-id")).filter(|id| !id.is_empty());
    let Ok(body) = response.text().await else { return (Answer { status, ..nothing }, request_id) };
    let said = Said::of(status, &body);
    let (location, retry_after) = (text("location"), headers.contains_key("retry-after"));
    (Answer { event, said, status, location, retry_after, body, cookies }, request_id)
}

/// Error and reason of a JSON body.
fn reason(answer: &Answer) -> String {
    if answer.status < 400 {
        return String::new();
    }
    let (error, reason) = (answer.member("error"), answer.member("reason"));
    if reason.is_empty() { error } else { format!("{error} {reason}") }
}

/// A browser: where it is and what it was told to keep.
#[derive(Clone)]
pub struct Browser {
    history: Arc<History>,
    http: reqwest::Client,
    origin: String,
    address: String,
    cookies: BTreeMap<String, String>,
    /// The path of the page it shows.
    pub path: String,
    /// The page it shows.
    pub page: Option<Answer>,
}

/// The flow can't go on here: an answer that is no page of it.
#[derive(Debug)]
pub struct Stuck;

impl Browser {
    /// One that was never here.
    #[must_use]
    pub fn new(history: &Arc<History>, http: &reqwest::Client, origin: &str, address: &str) -> Browser {
        Browser {
            history: Arc::clone(history),
            http: http.clone(),
            origin: origin.to_owned(),
            address: address.to_owned(),
            cookies: BTreeMap::new(),
            path: String::new(),
            page: None,
        }
    }

    fn with_cookies(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { request } else { request.header("cookie", pairs.join("; ")) }
    }

    /// The same browser, reaching the installation at another address.
    #[must_use]
    pub fn at(&self, address: &str) -> Browser {
        Browser { address: address.to_owned(), ..self.clone() }
    }

    async fn send(&mut self, act: Act, key: &str, request: reqwest::RequestBuilder) -> Answer {
        let answer = send(&self.history, act, key, self.with_cookies(request)).await;
        self.cookies.extend(answer.cookies.iter().cloned());
        answer
    }

    /// Goes to a page and on wherever it leads within the bank.
    ///
    /// # Errors
    /// [`Stuck`].
    pub async fn open(&mut self, path: &str) -> Result<(), Stuck> {
        let mut path = path.to_owned();
        for _ in 0..8 {
            let url = format!("{}{path}", self.address);
            let answer = self.send(Act::Step, "", self.http.get(url)).await;
            match answer.status {
                200 => {
                    self.path = path;
                    self.page = Some(answer);
                    return Ok(());
                }
                303 => path = answer.location.strip_prefix(&self.origin).unwrap_or(&answer.location).to_owned(),
                _ => return Err(Stuck),
            }
        }
        Err(Stuck)
    }

    /// The last part of the page's path.
    #[must_use]
    pub fn screen(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default().split('?').next().unwrap_or_default()
    }

    /// Sends a form of the page it shows, and stays where it is.
    ///
    /// # Errors
    /// [`Stuck`] when it shows none.
    pub async fn post(&mut self, act: Act, key: &str, fields: &[(&str, &str)]) -> Result<Answer, Stuck> {
        let page = self.page.as_ref().ok_or(Stuck)?;
        let (csrf, version) = (page.hidden("csrf"), page.hidden("version"));
        let own = [("csrf", csrf.as_str()), ("version", version.as_str())];
        let form: Vec<(&str, &str)> = own.into_iter().chain(fields.iter().copied()).collect();
        let request = self.http.post(format!("{}{}", self.address, self.path)).form(&form);
        Ok(self.send(act, key, request).await)
    }

    /// Sends a form and goes on to where the answer leads.
    ///
    /// # Errors
    /// [`Stuck`].
    pub async fn submit(&mut self, act: Act, key: &str, fields: &[(&str, &str)]) -> Result<Answer, Stuck> {
        let answer = self.post(act, key, fields).await?;
        if answer.status == 303 {
            let path = answer.location.strip_prefix(&self.origin).unwrap_or(&answer.location).to_owned();
            self.open(&path).await?;
        }
        Ok(answer)
    }
}
