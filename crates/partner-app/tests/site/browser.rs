//! A browser without eyes: keeps cookies, sends forms, follows the institution's redirect.

use std::collections::HashMap;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use renkei_client::http_client;
use renkei_partner_app::{PartnerAppConfig, router};
use tower::ServiceExt;

use crate::bank::{Bank, config};

pub const BASE: &str = "http://127.0.0.1:8099";

/// A page as it came.
pub struct Page {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub html: String,
}

impl Page {
    pub fn location(&self) -> &str {
        self.headers.get(LOCATION).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Whether there is an element with this id.
    pub fn has(&self, id: &str) -> bool {
        self.html.contains(&format!("id=\"{id}\""))
    }

    /// The value of the attribute that follows the id in its element.
    pub fn attribute(&self, id: &str, name: &str) -> String {
        let (_, rest) = self.html.split_once(&format!("id=\"{id}\"")).expect("the element is there");
        let element = rest.split('>').next().unwrap();
        let (_, value) = element.split_once(&format!("{name}=\"")).expect("the attribute is there");
        value.split('"').next().unwrap().to_owned()
    }

    /// The number of rows in the table of transactions.
    pub fn rows(&self) -> usize {
        self.html.matches("data-transaction=").count()
    }
}

pub struct Browser {
    site: Router,
    cookies: HashMap<String, String>,
}

impl Browser {
    /// A browser at a fresh site that knows these institutions.
    pub fn at(banks: &[&Bank]) -> Self {
        let offers = banks.iter().map(|bank| bank.offer("かけいぼ会計")).collect();
        Self::with(config(BASE, offers))
    }

    pub fn with(config: PartnerAppConfig) -> Self {
        Self { site: router(config).unwrap(), cookies: HashMap::new() }
    }

    /// Another browser at the same site.
    pub fn other(&self) -> Self {
        Self { site: self.site.clone(), cookies: HashMap::new() }
    }

    async fn send(&mut self, request: axum::http::request::Builder, body: String) -> Page {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header(COOKIE, cookies.join("; ")).body(Body::from(body)).unwrap();
        let response = self.site.clone().oneshot(request).await.unwrap();
        for cookie in response.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Page { status, headers, html: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub async fn get(&mut self, path: &str) -> Page {
        self.send(Request::get(path), String::new()).await
    }

    /// Sends exactly this form.
    pub async fn post_raw(&mut self, path: &str, form: &str, origin: &str) -> Page {
        let request =
            Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded").header("origin", origin);
        self.send(request, form.to_owned()).await
    }

    /// The token the site puts into this browser's forms.
    pub async fn csrf(&mut self) -> String {
        let page = self.get("/link").await;
        let (_, rest) = page.html.split_once("name=\"csrf\" value=\"").expect("a form is there");
        rest.split('"').next().unwrap().to_owned()
    }

    /// Presses a button.
    pub async fn press(&mut self, path: &str, fields: &str) -> Page {
        let csrf = self.csrf().await;
        self.post_raw(path, &format!("csrf={csrf}&{fields}"), BASE).await
    }

    /// Presses a button and follows the site's redirect.
    pub async fn press_and_follow(&mut self, path: &str, fields: &str) -> Page {
        let page = self.press(path, fields).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.html);
        self.get(page.location()).await
    }

    /// Goes to the institution and gives the address it sends the browser back to.
    pub async fn visit_bank(&self, url: &str) -> String {
        let response = http_client().unwrap().get(url).send().await.unwrap();
        let back = response.headers()["location"].to_str().unwrap();
        back.strip_prefix(BASE).expect("back to the site").to_owned()
    }

    /// The whole way to the institution and back.
    pub async fn link(&mut self, institution: &str) -> Page {
        let leaving = self.press("/link", &format!("institution={institution}")).await;
        assert_eq!(leaving.status, StatusCode::SEE_OTHER, "{}", leaving.html);
        let back = self.visit_bank(leaving.location()).await;
        let page = self.get(&back).await;
        if page.status == StatusCode::SEE_OTHER { self.get(page.location()).await } else { page }
    }
}
