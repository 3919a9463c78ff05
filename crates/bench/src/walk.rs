//! A linkage, step by step: each step is driven for many people at once and measured by itself, so that the hash of the
//! login and the screens in between can be told apart from the protocol.

use renkei_domain::id::AccountId;

use crate::Problem;
use crate::load::{self, Figures, Meter};
use crate::partner::Partner;
use crate::people::{PIN, Person};
use crate::wire::{Door, Wire, get, post};

/// One person on the way.
pub struct Walker {
    person: Person,
    request_uri: String,
    cookies: Vec<String>,
    at: String,
    page: String,
    code: String,
    /// What came of it.
    pub refresh_token: String,
}

impl Walker {
    /// At the start.
    #[must_use]
    pub fn new(person: Person) -> Walker {
        let (request_uri, at, page) = (String::new(), String::new(), String::new());
        let (code, refresh_token) = (String::new(), String::new());
        Walker { person, request_uri, cookies: Vec::new(), at, page, code, refresh_token }
    }

    /// The target of the screen it stands at.
    #[must_use]
    pub fn at(&self) -> &str {
        &self.at
    }

    /// The identifier of its account.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        self.person.account
    }

    /// Its cookies as a header line.
    #[must_use]
    pub fn cookie_line(&self) -> String {
        format!("cookie: {}\r\n", self.cookies.join("; "))
    }

    fn keep(&mut self, answer: &crate::wire::Answer) -> Result<(), Problem> {
        for cookie in answer.cookies() {
            let name = cookie.split('=').next().unwrap_or_default().to_owned() + "=";
            self.cookies.retain(|own| !own.starts_with(&name));
            self.cookies.push(cookie);
        }
        let location = answer.header("location").ok_or("a redirect that leads nowhere")?;
        if let Some((_, rest)) = location.split_once("code=") {
            self.code = rest.split('&').next().unwrap_or_default().to_owned();
        }
        let path = location.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
        self.at = path.unwrap_or(location).to_owned();
        Ok(())
    }

    async fn open(&mut self, wire: &mut Wire, partner: &Partner) -> Result<(), Problem> {
        let answer = wire.ask(&get(&partner.authorization(&self.request_uri), "")).await?.expect(303)?;
        self.keep(&answer)
    }

    async fn look(&mut self, wire: &mut Wire) -> Result<(), Problem> {
        let answer = wire.ask(&get(&self.at, &self.cookie_line())).await?.expect(200)?;
        self.page = String::from_utf8(answer.body)?;
        Ok(())
    }

    async fn submit(&mut self, wire: &mut Wire) -> Result<(), Problem> {
        let fields = self.answers();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = wire.ask(&post(&self.at, &self.cookie_line(), &fields)).await?.expect(303)?;
        self.keep(&answer)
    }

    fn answers(&self) -> Vec<(String, String)> {
        let hidden = |name: &str| (name.to_owned(), values_of(&self.page, name).into_iter().next().unwrap_or_default());
        let plain = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut fields = vec![hidden("csrf"), hidden("version")];
        match self.at.rsplit('/').next().unwrap_or_default() {
            "login" => {
                fields.push(plain("login_id", &self.person.login_id));
                fields.push(plain("password", &self.person.password));
            }
            "operations" => {
                fields.push(plain("operation", "balances"));
                fields.push(plain("operation", "transactions"));
            }
            "pins" => {
                fields.push((format!("pin-{}", self.person.account), PIN.to_owned()));
                fields.push(plain("action", "register"));
            }
            "results" => fields.push(plain("action", "confirm")),
            _ => {
                fields.push(hidden("text_hash"));
                fields.push(hidden("terms"));
                fields.push(plain("intent", "yes"));
                fields.push(plain("action", "allow"));
                fields.push((String::from("account"), self.person.account.to_string()));
            }
        }
        fields
    }
}

/// What each step cost.
pub struct Steps {
    /// Requests of the protocol, by name; the login without its hash.
    pub protocol: Vec<(String, Figures)>,
    /// Screens, by name.
    pub screens: Vec<(String, Figures)>,
}

/// Walks all of them from the pushed request to the refresh token, or only as far as the screen where they permit.
///
/// # Errors
/// The first step that does not go as it should.
pub async fn walk(
    meter: &Meter,
    door: &Door,
    partner: &Partner,
    walkers: &mut [Walker],
    to_the_end: bool,
) -> Result<Steps, Problem> {
    let mut steps = Steps { protocol: Vec::new(), screens: Vec::new() };
    let pushed = load::each(meter, &partner.door, walkers, async |wire: &mut Wire, walker: &mut Walker| {
        walker.request_uri = partner.push(wire).await?;
        Ok(())
    });
    steps.protocol.push(("par".into(), pushed.await?));
    let opened =
        load::each(meter, door, walkers, async |wire: &mut Wire, walker: &mut Walker| walker.open(wire, partner).await);
    steps.protocol.push(("authorize".into(), opened.await?));
    loop {
        let name = walkers.first().and_then(|walker| walker.at.rsplit('/').next()).unwrap_or_default().to_owned();
        let looked =
            load::each(meter, door, walkers, async |wire: &mut Wire, walker: &mut Walker| walker.look(wire).await);
        steps.screens.push((format!("screen {name}"), looked.await?));
        if name == "permission" && !to_the_end {
            return Ok(steps);
        }
        let sent =
            load::each(meter, door, walkers, async |wire: &mut Wire, walker: &mut Walker| walker.submit(wire).await);
        steps.protocol.push((format!("post {name}"), sent.await?));
        if walkers.iter().all(|walker| !walker.code.is_empty()) {
            break;
        }
    }
    let redeemed = load::each(meter, &partner.door, walkers, async |wire: &mut Wire, walker: &mut Walker| {
        walker.refresh_token = partner.redeem(wire, &walker.code).await?;
        Ok(())
    });
    steps.protocol.push(("token (code)".into(), redeemed.await?));
    Ok(steps)
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
