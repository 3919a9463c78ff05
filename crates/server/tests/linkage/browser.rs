//! A browser as a test moves it: it keeps cookies, remembers the page it shows, follows redirects only when told.

use std::collections::BTreeMap;

use reqwest::header::HeaderMap;

use crate::bank::{BACK, PASSWORD, PIN, STATE};

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn to(request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Where a redirect leads; anything else fails the test.
    pub fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.text);
        self.header("location")
    }

    /// The value of a hidden field of the page.
    pub fn hidden(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.text.split_once(&mark).unwrap_or_else(|| panic!("no {name} in {}", self.text));
        rest.split('"').next().unwrap().to_owned()
    }

    /// The values of all fields of a name, in the order of the page.
    pub fn values(&self, name: &str) -> Vec<String> {
        let mark = format!("name=\"{name}\" value=\"");
        self.text.split(&mark).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    }

    pub fn has(&self, id: &str) -> bool {
        self.text.contains(&format!("id=\"{id}\""))
    }
}

/// The parameters of the way back to the partner.
pub fn answer_of(location: &str) -> BTreeMap<String, String> {
    let query = location.strip_prefix(&format!("{BACK}?")).unwrap_or_else(|| panic!("not to the partner: {location}"));
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// Checks a refusal at the partner's: this error, who says so, and the partner's own state.
pub fn expect_refusal(location: &str, error: &str, reason: &str, issuer: &str) {
    let answer = answer_of(location);
    let expected = [("error", error), ("error_description", reason), ("state", STATE), ("iss", issuer)];
    assert_eq!(answer, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into(), "{location}");
}

/// The fields of a form to be sent.
pub type Fields<'a> = &'a [(&'a str, &'a str)];

/// By this field a test says where a request comes from; the listener, which would know, is not part of these tests.
pub const SOURCE_HEADER: &str = "test-source";

#[derive(Clone)]
pub struct Browser {
    address: String,
    origin: String,
    http: reqwest::Client,
    pub cookies: BTreeMap<String, String>,
    /// Where it is, if that matters: an address.
    pub source: Option<String>,
    /// Path of the page it shows, with its query.
    pub path: String,
    /// The page it shows.
    pub page: Answer,
    /// Every address it was sent to.
    pub addresses: Vec<String>,
}

impl Browser {
    pub fn new(address: &str, origin: &str, http: reqwest::Client) -> Browser {
        let page = Answer { status: 0, headers: HeaderMap::new(), text: String::new() };
        Browser {
            address: address.to_owned(),
            origin: origin.to_owned(),
            http,
            cookies: BTreeMap::new(),
            source: None,
            path: String::new(),
            page,
            addresses: Vec::new(),
        }
    }

    fn with_cookies(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let request = match &self.source {
            Some(source) => request.header(SOURCE_HEADER, source),
            None => request,
        };
        if self.cookies.is_empty() {
            return request;
        }
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        request.header("cookie", pairs.join("; "))
    }

    /// A request with this browser's cookies to one of the bank's listeners; the browser stays where it is.
    pub fn ask(&self, method: reqwest::Method, listener: &str, path: &str) -> reqwest::RequestBuilder {
        self.with_cookies(self.http.request(method, format!("{listener}{path}")))
    }

    fn keep(&mut self, answer: &Answer) {
        for cookie in answer.headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        if let Some(location) = answer.headers.get("location") {
            self.addresses.push(location.to_str().unwrap().to_owned());
        }
    }

    fn own(&self, location: &str) -> String {
        location.strip_prefix(&self.origin).unwrap_or(location).to_owned()
    }

    /// Fetches a page and follows nothing; what it shows stays.
    pub async fn get(&mut self, path: &str) -> Answer {
        let request = self.with_cookies(self.http.get(format!("{}{path}", self.address)));
        let answer = Answer::to(request).await;
        self.keep(&answer);
        answer
    }

    /// Goes to an address and on wherever it leads within the bank.
    pub async fn open(&mut self, path: &str) {
        let mut path = path.to_owned();
        for _ in 0..5 {
            self.addresses.push(path.clone());
            let answer = self.get(&path).await;
            self.path.clone_from(&path);
            self.page = answer;
            if self.page.status != 303 {
                return;
            }
            path = self.own(self.page.location());
            if !path.starts_with('/') {
                return;
            }
        }
        panic!("sent round in circles: {path}");
    }

    /// `/1001/link/{flow}`.
    pub fn base(&self) -> String {
        self.path.rsplit_once('/').unwrap().0.to_owned()
    }

    pub fn screen(&self) -> &str {
        self.path.rsplit_once('/').unwrap().1.split('?').next().unwrap()
    }

    pub fn expect_screen(&self, screen: &str) {
        assert_eq!((self.screen(), self.page.status), (screen, 200), "{}", self.page.text);
    }

    /// Where the link of a page that ends something leads.
    pub fn way_on(&self) -> String {
        assert_eq!(self.screen(), "ended");
        let (_, rest) = self.page.text.split_once("id=\"way-on\" href=\"").expect("a way on");
        rest.split('"').next().unwrap().replace("&#38;", "&")
    }

    /// The flow is over, and its page tells the partner why.
    pub fn expect_end(&self, error: &str, reason: &str) {
        let institution = self.path.split('/').nth(1).unwrap();
        expect_refusal(&self.way_on(), error, reason, &format!("{}/{institution}", self.origin));
    }

    /// A form as a browser sends it from a page of the bank's; the test may still change it.
    pub fn request(&self, path: &str, fields: Fields<'_>) -> reqwest::RequestBuilder {
        self.with_cookies(self.http.post(format!("{}{path}", self.address))).form(fields)
    }

    /// Sends a form with exactly these fields.
    pub async fn post_raw(&mut self, path: &str, fields: Fields<'_>) -> Answer {
        let answer = Answer::to(self.request(path, fields)).await;
        self.keep(&answer);
        answer
    }

    /// The token and the version of the page it shows.
    pub fn token(&self) -> (String, String) {
        (self.page.hidden("csrf"), self.page.hidden("version"))
    }

    /// Sends a form of the page it shows to one of the flow's paths.
    pub async fn post(&mut self, screen: &str, fields: Fields<'_>) -> Answer {
        let (csrf, version) = self.token();
        let all: Vec<(&str, &str)> = [("csrf", csrf.as_str()), ("version", version.as_str())]
            .into_iter()
            .chain(fields.iter().copied())
            .collect();
        let path = format!("{}/{screen}", self.base());
        self.post_raw(&path, &all).await
    }

    /// Sends the login of those who look at their linkages.
    pub async fn my_login(&mut self, login_id: &str, password: &str) -> Answer {
        self.open("/1001/my/login").await;
        let csrf = self.page.hidden("csrf");
        let login = [("csrf", csrf.as_str()), ("login_id", login_id), ("password", password)];
        self.post_raw("/1001/my/login", &login).await
    }

    /// Sends a form and goes on wherever the answer leads within the bank, or shows the answer itself.
    pub async fn submit(&mut self, screen: &str, fields: Fields<'_>) {
        let answer = self.post(screen, fields).await;
        if answer.status == 303 {
            let next = self.own(answer.location());
            assert!(next.starts_with('/'), "sent away: {next}");
            self.open(&next).await;
        } else {
            self.page = answer;
        }
    }

    pub async fn log_in(&mut self, login_id: &str) {
        self.submit("login", &[("login_id", login_id), ("password", PASSWORD)]).await;
    }

    /// Registers the filed PIN for every account that takes one.
    pub async fn register_all(&mut self) {
        let accounts = self.page.values("account");
        let fields: Vec<(String, String)> = accounts
            .into_iter()
            .flat_map(|account| [("account".to_owned(), account.clone()), (format!("pin-{account}"), PIN.to_owned())])
            .collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.submit("pins", &fields).await;
    }

    /// The fields of the permission as its page shows them: every account ticked, the intent confirmed.
    pub fn permission(&self) -> Vec<(String, String)> {
        let accounts = self.page.values("account").into_iter().map(|account| ("account".to_owned(), account));
        let rest = [("terms", self.page.hidden("terms")), ("text_hash", self.page.hidden("text_hash"))];
        let rest = rest.into_iter().map(|(name, value)| (name.to_owned(), value));
        let own = [("intent".to_owned(), "yes".to_owned()), ("action".to_owned(), "allow".to_owned())];
        accounts.chain(rest).chain(own).collect()
    }

    /// Sends 許可 with these fields.
    pub async fn send_permission(&mut self, fields: &[(String, String)]) -> Answer {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post("permission", &fields).await
    }

    /// 許可 with everything ticked; the way back to the partner.
    pub async fn allow(&mut self) -> String {
        self.expect_screen("permission");
        let fields = self.permission();
        self.send_permission(&fields).await.location().to_owned()
    }

    /// The code of the way back.
    pub async fn allow_for_code(&mut self) -> String {
        let location = self.allow().await;
        let mut answer = answer_of(&location);
        assert_eq!(answer.get("state").map(String::as_str), Some(STATE));
        answer.remove("code").unwrap_or_else(|| panic!("no code: {location}"))
    }
}
