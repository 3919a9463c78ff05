//! What every answer of every route carries, and that looking at an address changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use renkei_oauth::request::GrantRequest;
use renkei_testing::seed::KAKEIBO;
use reqwest::Method;

use crate::bank::{Bank, CHOICE, PASSWORD};
use crate::browser::{Answer, Browser};

/// Every address the sources of the HTTP side name: what begins like a route, with its places still open.
fn routes() -> BTreeSet<String> {
    fn read(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, found);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                let literals = text.split('"').skip(1).step_by(2);
                let is_route = |text: &&str| {
                    text.starts_with("/{institution}")
                        || text.starts_with("/{file}")
                        || text.starts_with("/.well-known/")
                };
                found.extend(literals.filter(is_route).filter(|text| !text.contains("{}")).map(str::to_owned));
            }
        }
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeSet::from(["/".to_owned(), "/csp-report".to_owned(), "/nowhere/at/all".to_owned()]);
    read(&source.join("http"), &mut found);
    let main = fs::read_to_string(source.join("http.rs")).unwrap();
    found.extend(main.split('"').filter(|text| text.starts_with("/{institution}")).map(str::to_owned));
    found.insert(renkei_screens::style_path().to_owned());
    found
}

/// What fills the places of a route: things that are there, and belong to whoever asks.
struct Places {
    flow: String,
    linkage: String,
    account: String,
}

impl Places {
    fn fill(&self, route: &str) -> String {
        let mut path = route.to_owned();
        for (place, value) in [
            ("{institution}", "1001"),
            ("{flow}", self.flow.as_str()),
            ("{linkage}", self.linkage.as_str()),
            ("{account}", self.account.as_str()),
            ("{version}", "2026-04"),
            ("{file}", "accent-0b5cad.css"),
            ("{*rest}", "none"),
        ] {
            path = path.replace(place, value);
        }
        assert!(!path.contains('{') || path.contains("{grant"), "a place without a value: {route}");
        path.replace(['{', '}'], "")
    }
}

/// A customer in the middle of a walk, logged in to look at linkages too, with a linkage of her own.
async fn customer(bank: &Bank) -> (Browser, Places) {
    let hanako = bank.user("hanako").await;
    let account = bank.ready_account(&hanako).await;
    let linkage = bank.linkage(&hanako, &[account]).await;
    let mut browser = bank.browser();
    assert_eq!(browser.my_login("hanako", PASSWORD).await.status, 303);
    let path = bank.push(CHOICE, GrantRequest::Create).await;
    browser.open(&path).await;
    browser.log_in("hanako").await;
    browser.expect_screen("operations");
    let flow = browser.base().rsplit('/').next().unwrap().to_owned();
    (browser, Places { flow, linkage: linkage.to_string(), account: account.to_string() })
}

fn expect_fenced(answer: &Answer, what: &str) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value, "{what}: {name}");
    }
    let policy = answer.header("content-security-policy");
    for part in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "report-uri /csp-report"] {
        assert!(policy.contains(part), "{what}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{what}: {policy}");
    for name in ["access-control-allow-origin", "server", "x-powered-by"] {
        assert!(!answer.headers.contains_key(name), "{what}: {name}");
    }
    assert!(!answer.header("x-request-id").is_empty(), "{what}");
    let is_page = answer.header("content-type").starts_with("text/html");
    if is_page || (300..400).contains(&answer.status) {
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{what}");
        for feature in ["camera=()", "microphone=()", "geolocation=()", "payment=()", "clipboard-read=()"] {
            assert!(answer.header("permissions-policy").contains(feature), "{what}: {feature}");
        }
        assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    }
    if is_page {
        assert!(policy.contains("object-src 'none'") && policy.contains("form-action 'self'"), "{what}: {policy}");
    }
}

#[tokio::test]
async fn r_191_r_193_r_198_every_answer_of_every_route_is_fenced_in() {
    let bank = Bank::spacious().await;
    let (browser, places) = customer(&bank).await;
    let routes = routes();
    assert!(routes.len() > 30, "{routes:?}");
    let mut pages = 0;
    for listener in [&bank.address, &bank.certificate_address] {
        for path in routes.iter().map(|route| places.fill(route)) {
            for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::OPTIONS, Method::TRACE] {
                let what = format!("{method} {listener}{path}");
                let answer = Answer::to(browser.ask(method, listener, &path)).await;
                expect_fenced(&answer, &what);
                assert!(answer.status < 500, "{what}: {}", answer.status);
                pages += usize::from(answer.header("content-type").starts_with("text/html"));
            }
        }
    }
    assert!(pages > 60, "{pages}");
}

#[tokio::test]
async fn a_020_no_route_can_be_made_to_lead_elsewhere() {
    let bank = Bank::spacious().await;
    let (browser, places) = customer(&bank).await;
    let names = [
        "return_to",
        "next",
        "url",
        "redirect",
        "redirect_uri",
        "post_logout_redirect_uri",
        "back",
        "continue",
        "request_uri",
        "client_id",
        "state",
        "lang",
        "onward",
        "action",
    ];
    for evil in
        ["//evil.example", "/\\evil.example", "/%09/evil.example", "https://evil.example/", "javascript:alert(1)"]
    {
        let query: String =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(names.map(|name| (name, evil))).finish();
        for (listener, path) in routes()
            .iter()
            .map(|route| places.fill(route))
            .flat_map(|path| [(&bank.address, path.clone()), (&bank.certificate_address, path)])
        {
            for method in [Method::GET, Method::POST] {
                let request = browser.ask(method.clone(), listener, &format!("{path}?{query}"));
                let request =
                    if method == Method::POST { request.form(&names.map(|name| (name, evil))) } else { request };
                let answer = Answer::to(request).await;
                expect_no_way_out(&bank, &answer, &format!("{method} {path} {evil}"));
            }
        }
    }
}

/// Neither a redirect nor a refresh nor a link leads to another origin than the bank's two.
fn expect_no_way_out(bank: &Bank, answer: &Answer, what: &str) {
    let inside = |target: &str| {
        let rest =
            [&bank.address, &bank.certificate_address].into_iter().find_map(|own| target.strip_prefix(own.as_str()));
        let path = rest.unwrap_or(target);
        (path.starts_with(['/', '#']) || path.is_empty()) && !path.starts_with("//") && !path.contains('\\')
            || rest.is_some_and(|rest| rest.starts_with('/'))
    };
    let location = answer.header("location");
    assert!(location.is_empty() || inside(location), "{what}: {location}");
    let refresh = answer.header("refresh");
    assert!(refresh.is_empty(), "{what}: {refresh}");
    for mark in ["href=\"", "src=\"", "action=\""] {
        for rest in answer.text.split(mark).skip(1) {
            let target = rest.split('"').next().unwrap();
            assert!(inside(target), "{what}: {target}");
        }
    }
}

#[tokio::test]
async fn a_020_an_address_that_looks_like_another_hosts_links_to_none() {
    let bank = Bank::spacious().await;
    for path in ["//evil.example/", "//evil.example/1001/", "///evil.example", "/\\evil.example", "/1001//evil.example"]
    {
        for listener in [&bank.address, &bank.certificate_address] {
            let answer = raw_get(listener, path).await;
            assert!(!answer.contains("href=\"//") && !answer.contains("href=\"/\\"), "{path}: {answer}");
            let location = answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_default();
            assert!(location.is_empty() || location.starts_with(&format!("{}/", bank.address)), "{path}: {location}");
        }
    }
}

/// Sends a request whose target no client library would send, and gives the whole answer.
async fn raw_get(listener: &str, target: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let host = listener.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_023_after_a_form_there_is_no_redirect_but_303() {
    let bank = Bank::spacious().await;
    let (browser, places) = customer(&bank).await;
    for listener in [&bank.address, &bank.certificate_address] {
        for path in routes().iter().map(|route| places.fill(route)) {
            for suffix in ["", "/", "?"] {
                let answer = Answer::to(browser.ask(Method::POST, listener, &format!("{path}{suffix}"))).await;
                let redirected = (300..400).contains(&answer.status);
                assert!(!redirected || answer.status == 303, "{path}{suffix}: {}", answer.status);
            }
        }
    }
}

/// Every row of every table but the audit trail, which keeps that somebody looked.
async fn rows(bank: &Bank) -> BTreeMap<String, String> {
    let mut read = bank.app.store.read_all();
    let tables = "SELECT m.name, group_concat('quote(' || c.name || ')', ' || '','' || ') \
                  FROM sqlite_master m JOIN pragma_table_info(m.name) c \
                  WHERE m.type = 'table' AND m.name <> 'audit' GROUP BY m.name";
    let mut found = BTreeMap::new();
    for mut row in read.rows(tables, &[]).await.unwrap() {
        let (table, columns): (String, String) = (row.get(0).unwrap(), row.get(1).unwrap());
        let select = format!("SELECT COALESCE(group_concat({columns}, ';'), '') FROM {table}");
        let mut content = read.row(select.leak(), &[]).await.unwrap().unwrap();
        found.insert(table, content.get::<String>(0).unwrap());
    }
    assert!(found.len() > 20 && found["flows"].len() > 100, "{found:?}");
    found
}

#[tokio::test]
async fn r_200_no_get_of_any_route_changes_a_row() {
    let bank = Bank::spacious().await;
    let (browser, places) = customer(&bank).await;
    let stranger = bank.browser();
    // Opening a walk or a first page makes the session it is bound to; everything else only looks.
    let opens = ["/1001/my/login", "/1001/my/certificate"];
    let before = rows(&bank).await;
    for _ in 0..2 {
        for listener in [&bank.address, &bank.certificate_address] {
            for path in routes().iter().map(|route| places.fill(route)) {
                let query = "?action=allow&intent=yes&renew=new&operation=balances&lang=en";
                for browser in [&browser, &stranger] {
                    if opens.contains(&path.as_str()) && browser.cookies.is_empty() {
                        continue;
                    }
                    for method in [Method::GET, Method::HEAD] {
                        Answer::to(browser.ask(method, listener, &format!("{path}{query}"))).await;
                    }
                }
            }
        }
    }
    assert_eq!(rows(&bank).await, before);
}

#[tokio::test]
async fn r_198_what_is_over_is_forgotten_by_the_browser_and_nothing_else_is() {
    let bank = Bank::spacious().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let forgotten = |answer: &Answer| answer.header("clear-site-data").to_owned();
    let mut browser = bank.at_login().await;
    assert_eq!(forgotten(&browser.page), "");
    browser.log_in("hanako").await;
    assert_eq!(forgotten(&browser.page), "");
    let mut other = browser.clone();
    let fields = browser.permission();
    let given = browser.send_permission(&fields).await;
    // Only what was kept of pages: a walk in another tab needs its cookies.
    assert_eq!((given.status, forgotten(&given).as_str()), (303, "\"cache\""));
    let cookies: Vec<_> = given.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["renkei-over-1001=; Path=/; HttpOnly; SameSite=Lax; Max-Age=1"]);
    let again = other.send_permission(&fields).await;
    assert_eq!((again.status, forgotten(&again).as_str()), (303, "\"cache\""));
    let base = browser.base();
    browser.open(&format!("{base}/permission")).await;
    assert_eq!((browser.screen(), forgotten(&browser.page).as_str()), ("ended", "\"cache\""));
    let mut browser = bank.at_login_for(KAKEIBO, GrantRequest::Create).await;
    browser.log_in("hanako").await;
    browser.submit("existing", &[("renew", "new")]).await;
    assert_eq!(forgotten(&browser.post("permission", &[("action", "deny")]).await), "\"cache\"");
}
