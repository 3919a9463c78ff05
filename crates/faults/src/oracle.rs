//! The client whose word the checker believes: customers, their partner, and what each was told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use renkei_domain::ticket::Ticket;
use tokio::task::JoinSet;

use crate::Trouble;
use crate::bank::{PASSWORD, PIN};
use crate::browser::{Answer, Browser, Stuck, send};
use crate::history::{Act, History, Said};
use crate::partner::{BACK, Partner, Sealed, claim};

/// How often whoever got no answer, or was put off, tries again.
const TRIES: usize = 60;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);

/// Who is asked, by whom, and where it is noted.
#[derive(Clone)]
pub struct Oracle {
    /// The history.
    pub history: Arc<History>,
    /// The partner; each linkage gets a proof key of its own.
    pub partner: Partner,
}

/// How users behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Links, reads, refreshes, ends the linkage, and again.
    Links,
    /// Goes to the last page and refuses.
    Refuses,
    /// Does not know the PIN.
    Guesses,
}

/// A linkage as the partner holds it.
#[derive(Clone)]
pub struct Grant {
    /// Its identifier.
    pub id: String,
    partner: Partner,
    access: String,
    refresh: String,
}

/// A load that goes on until it is told to stop.
pub struct Load {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Result<(), Trouble>>,
    /// How many linkages were begun.
    pub begun: Arc<AtomicUsize>,
}

impl Load {
    /// Begins: one task for each user, the first of whom link; the last two guess and refuse.
    #[must_use]
    pub fn begin(oracle: &Oracle, users: usize, pace: Duration) -> Load {
        let mut load = Load { stop: Arc::default(), tasks: JoinSet::new(), begun: Arc::default() };
        for user in 0..users {
            let habit = match users - user {
                1 => Habit::Guesses,
                2 => Habit::Refuses,
                _ => Habit::Links,
            };
            // A guesser in two browsers: the counter is what both meet.
            for _ in 0..if habit == Habit::Guesses { 2 } else { 1 } {
                let (oracle, stop) = (oracle.clone(), Arc::clone(&load.stop));
                let begun = Arc::clone(&load.begun);
                load.tasks.spawn(async move { live(&oracle, user, habit, pace, &stop, &begun).await });
            }
        }
        load
    }

    /// Lets everybody finish what they are at.
    ///
    /// # Errors
    /// When the test itself is in trouble.
    pub async fn end(mut self) -> Result<(), Trouble> {
        self.stop.store(true, Ordering::Release);
        while let Some(ended) = self.tasks.join_next().await {
            ended.map_err(|error| format!("a client: {error}"))??;
        }
        Ok(())
    }
}

async fn live(
    oracle: &Oracle,
    user: usize,
    habit: Habit,
    pace: Duration,
    stop: &AtomicBool,
    begun: &AtomicUsize,
) -> Result<(), Trouble> {
    let mut round = 0_usize;
    while !stop.load(Ordering::Acquire) {
        round += 1;
        match habit {
            Habit::Links => {
                if let Some(grant) = oracle.link(user).await? {
                    begun.fetch_add(1, Ordering::Relaxed);
                    oracle.use_it(grant, round, pace, stop).await?;
                }
            }
            Habit::Refuses => drop(oracle.walk(user, PIN, Act::Deny).await?),
            Habit::Guesses => drop(oracle.walk(user, "0000", Act::Permit).await?),
        }
        tokio::time::sleep(pace).await;
    }
    Ok(())
}

/// An access token's identifier, without its secret.
fn name_of(token: &str) -> String {
    Ticket::parse(token).map_or_else(|_| String::new(), |ticket| ticket.id().to_string())
}

impl Grant {
    /// The same, used at another node by a partner whose clock is so many seconds ahead.
    #[must_use]
    pub fn at(&self, node: &str, ahead: i64) -> Grant {
        Grant { partner: self.partner.at(node, ahead), ..self.clone() }
    }

    /// A read, ready to go out.
    ///
    /// # Errors
    /// When it can't be signed.
    pub fn sealed_read(&self) -> Result<Sealed, Trouble> {
        self.partner.read(&self.access)
    }
}

impl Oracle {
    /// Ends the access token; the linkage goes on.
    ///
    /// # Errors
    /// When it can't be signed.
    pub async fn revoke_access(&self, grant: &Grant) -> Result<Said, Trouble> {
        let request = grant.partner.revoke(&grant.access)?;
        Ok(send(&self.history, Act::EndToken, &grant.id, request.request()).await.said)
    }

    /// Sends until it is answered with yes or no, each time signed anew.
    ///
    /// # Errors
    /// When it can't be signed.
    pub async fn insist(
        &self,
        act: Act,
        key: &str,
        sealed: impl Fn() -> Result<Sealed, Trouble>,
    ) -> Result<(Answer, Sealed), Trouble> {
        let mut tries = 0;
        loop {
            let request = sealed()?;
            let answer = send(&self.history, act, key, request.request()).await;
            tries += 1;
            if matches!(answer.said, Said::Done | Said::Refused | Said::Broken) || tries == TRIES {
                return Ok((answer, request));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// From the pushed request to the tokens; nothing where the way ended.
    ///
    /// # Errors
    /// When the test itself is in trouble.
    pub async fn link(&self, user: usize) -> Result<Option<Grant>, Trouble> {
        let partner = self.partner.with_new_proof_key()?;
        let Some(code) = self.walk(user, PIN, Act::Permit).await? else { return Ok(None) };
        self.redeem(&partner, &code).await
    }

    /// Redeems a code, and then sends the very same request once more.
    ///
    /// # Errors
    /// When the test itself is in trouble.
    pub async fn redeem(&self, partner: &Partner, code: &str) -> Result<Option<Grant>, Trouble> {
        let (answer, request) = self.insist(Act::Redeem, code, || partner.redeem(code)).await?;
        if answer.said != Said::Done {
            return Ok(None);
        }
        let id = answer.member("grant_id");
        self.history.change(answer.event, |event| {
            event.facts.insert("linkage".into(), id.clone());
            event.facts.insert("expires_in".into(), answer.member("expires_in"));
            event.facts.insert("token".into(), name_of(&answer.member("access_token")));
        });
        send(&self.history, Act::Replay, code, request.request()).await;
        let (access, refresh) = (answer.member("access_token"), answer.member("refresh_token"));
        Ok(Some(Grant { id, partner: partner.clone(), access, refresh }))
    }

    /// The customer's way: to a code where the way leads to one.
    ///
    /// # Errors
    /// When the test itself is in trouble.
    pub async fn walk(&self, user: usize, pin: &str, last: Act) -> Result<Option<String>, Trouble> {
        let (pushed, _) = self.insist(Act::Push, "", || self.partner.push()).await?;
        if pushed.said != Said::Done {
            return Ok(None);
        }
        let path = self.partner.authorize_path(&pushed.member("request_uri"));
        let partner = &self.partner;
        let mut browser = Browser::new(&self.history, &partner.http, &partner.origin, &partner.address);
        Ok(self.walk_on(&mut browser, &path, user, pin, last).await.unwrap_or_default())
    }

    /// A browser at the last page of the customer's way; nothing where the way ended before.
    async fn at_permission(&self, user: usize) -> Result<Option<Browser>, Trouble> {
        let (pushed, _) = self.insist(Act::Push, "", || self.partner.push()).await?;
        let path = self.partner.authorize_path(&pushed.member("request_uri"));
        let partner = &self.partner;
        let mut browser = Browser::new(&self.history, &partner.http, &partner.origin, &partner.address);
        let there = self.to_permission(&mut browser, &path, user, PIN).await.is_ok();
        Ok(there.then_some(browser))
    }

    /// The customer's way, with something that happens before its last step.
    ///
    /// # Errors
    /// When the test itself is in trouble.
    pub async fn permit_after(&self, user: usize, something: impl Future) -> Result<Option<String>, Trouble> {
        let Some(mut browser) = self.at_permission(user).await? else { return Ok(None) };
        something.await;
        Ok(self.decide(&mut browser, user, Act::Permit).await.unwrap_or_default())
    }

    /// The customer's way with the last step at two nodes at the same time; the code where both lead to the same one.
    ///
    /// # Errors
    /// When the test itself is in trouble, or the two answers differ.
    pub async fn permit_twice(&self, user: usize, nodes: [&str; 2]) -> Result<Option<String>, Trouble> {
        let Some(browser) = self.at_permission(user).await? else { return Ok(None) };
        let [mut one, mut two] = nodes.map(|node| browser.at(node));
        let (left, right) =
            tokio::join!(self.decide(&mut one, user, Act::Permit), self.decide(&mut two, user, Act::Permit));
        match (left, right) {
            (Ok(Some(left)), Ok(Some(right))) if left == right => Ok(Some(left)),
            (left, right) => Err(format!("許可 at two nodes led to {left:?} and {right:?}")),
        }
    }

    async fn walk_on(
        &self,
        browser: &mut Browser,
        path: &str,
        user: usize,
        pin: &str,
        last: Act,
    ) -> Result<Option<String>, Stuck> {
        self.to_permission(browser, path, user, pin).await?;
        self.decide(browser, user, last).await
    }

    async fn to_permission(&self, browser: &mut Browser, path: &str, user: usize, pin: &str) -> Result<(), Stuck> {
        browser.open(path).await?;
        let login = [("login_id", format!("user{user}")), ("password", PASSWORD.to_owned())];
        let login: Vec<(&str, &str)> = login.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.submit(Act::Login, &format!("user{user}"), &login).await?;
        for _ in 0..6 {
            match browser.screen() {
                "pins" => self.try_pin(browser, pin).await?,
                "results" => {
                    let can_confirm = browser.page.as_ref().is_some_and(|page| page.body.contains("id=\"confirm\""));
                    let action = if can_confirm { "confirm" } else { "more" };
                    browser.submit(Act::Step, "", &[("action", action)]).await?;
                }
                "existing" => {
                    browser.submit(Act::Step, "", &[("renew", "new")]).await?;
                }
                "permission" => return Ok(()),
                _ => return Err(Stuck),
            }
        }
        Err(Stuck)
    }

    async fn try_pin(&self, browser: &mut Browser, pin: &str) -> Result<(), Stuck> {
        let account = browser.page.as_ref().map(|page| page.hidden("account")).ok_or(Stuck)?;
        if account.is_empty() {
            return Err(Stuck);
        }
        let field = format!("pin-{account}");
        let fields = [("action", "register"), ("account", account.as_str()), (field.as_str(), pin)];
        let answer = browser.submit(Act::Pin, &account, &fields).await?;
        let shown = browser.page.as_ref().map(|page| page.body.as_str()).unwrap_or_default();
        // The page is made after the try, so "locked" may mean that this try was the last one, or that another was.
        let verdict = if shown.contains("誤りが続いたため") {
            "locked"
        } else if shown.contains("照会用暗証番号と異なります") {
            "wrong"
        } else {
            "right"
        };
        if browser.screen() == "results" {
            self.history.change(answer.event, |event| verdict.clone_into(&mut event.note));
        }
        if verdict == "locked" { Err(Stuck) } else { Ok(()) }
    }

    /// 許可, or not. Whoever is not told sends the same form again.
    async fn decide(&self, browser: &mut Browser, user: usize, last: Act) -> Result<Option<String>, Stuck> {
        let page = browser.page.clone().ok_or(Stuck)?;
        let accounts = page.values("account");
        let (terms, hash) = (page.hidden("terms"), page.hidden("text_hash"));
        let action = if last == Act::Deny { "deny" } else { "allow" };
        let own = [("terms", terms.as_str()), ("text_hash", hash.as_str()), ("intent", "yes"), ("action", action)];
        let ticked = accounts.iter().map(|account| ("account", account.as_str()));
        let fields: Vec<(&str, &str)> = ticked.chain(own).collect();
        let key = format!("user{user}");
        for _ in 0..TRIES {
            let answer = browser.post(last, &key, &fields).await?;
            if answer.status == 303 && answer.location.starts_with(BACK) {
                let query = answer.location.split_once('?').unwrap_or_default().1.as_bytes();
                let member = |wanted: &str| {
                    let found = form_urlencoded::parse(query).find(|(name, _)| name == wanted);
                    found.map(|(_, value)| value.into_owned())
                };
                let response = member("response");
                let code = response.as_ref().map_or_else(|| member("code"), |response| claim(response, "code"));
                self.history.change(answer.event, |event| {
                    event.facts.insert("accounts".into(), accounts.join(" "));
                    response.map(|response| event.facts.insert("response".into(), response));
                    match &code {
                        Some(code) => event.key.clone_from(code),
                        // The partner is told why, and that it was not done.
                        None if last == Act::Permit => event.said = Said::Refused,
                        None => {}
                    }
                });
                return Ok(code);
            }
            if !matches!(answer.said, Said::Failed | Said::Unknown | Said::Silent) {
                // Led elsewhere within the bank.
                self.history.change(answer.event, |event| event.said = Said::Refused);
                return Err(Stuck);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(Stuck)
    }

    /// A whole life of a linkage: begun, read, refreshed, ended, and looked at once more.
    ///
    /// # Errors
    /// When the test itself is in trouble.
    pub async fn life(&self, user: usize) -> Result<(), Trouble> {
        let Some(mut grant) = self.link(user).await? else { return Ok(()) };
        self.read(&grant).await?;
        self.refresh(&mut grant).await?;
        let (revoked, _) = self.insist(Act::Revoke, &grant.id, || grant.partner.revoke(&grant.refresh)).await?;
        if revoked.said == Said::Done {
            self.read(&grant).await?;
        }
        Ok(())
    }

    /// Reads and refreshes for a while; in the end gives the linkage back and looks whether it is over.
    async fn use_it(&self, mut grant: Grant, round: usize, pace: Duration, stop: &AtomicBool) -> Result<(), Trouble> {
        for step in 0..10 {
            if stop.load(Ordering::Acquire) {
                break;
            }
            if step % 4 == 3 {
                self.refresh(&mut grant).await?;
            } else {
                self.read(&grant).await?;
            }
            tokio::time::sleep(pace).await;
        }
        // Some linkages stay, so that there is something to be lost.
        if !usize::is_multiple_of(round, 3) {
            return Ok(());
        }
        let (revoked, _) = self.insist(Act::Revoke, &grant.id, || grant.partner.revoke(&grant.refresh)).await?;
        if revoked.said == Said::Done {
            self.read(&grant).await?;
            self.refresh(&mut grant).await?;
        }
        Ok(())
    }

    /// Ends a linkage from the partner's side, at this node.
    ///
    /// # Errors
    /// When it can't be signed.
    pub async fn revoke_at(&self, grant: &Grant, node: &str) -> Result<Answer, Trouble> {
        let request = grant.partner.revoke(&grant.refresh)?.at(&grant.partner.address, node);
        Ok(send(&self.history, Act::Revoke, &grant.id, request.request()).await)
    }

    /// One read.
    ///
    /// # Errors
    /// When it can't be signed.
    pub async fn read(&self, grant: &Grant) -> Result<Answer, Trouble> {
        Ok(self.read_with(grant, &grant.sealed_read()?).await)
    }

    /// One read that is signed already.
    pub async fn read_with(&self, grant: &Grant, request: &Sealed) -> Answer {
        let answer = send(&self.history, Act::Read, &grant.id, request.request()).await;
        self.history.change(answer.event, |event| drop(event.facts.insert("token".into(), name_of(&grant.access))));
        if answer.said == Said::Done {
            let read: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
            let ids = read.get("accounts").and_then(|accounts| accounts.as_array()).into_iter().flatten();
            let ids: Vec<&str> = ids.filter_map(|account| account.get("account_id")?.as_str()).collect();
            self.history.change(answer.event, |event| drop(event.facts.insert("accounts".into(), ids.join(" "))));
        }
        answer
    }

    /// One refresh.
    ///
    /// # Errors
    /// When it can't be signed.
    pub async fn refresh(&self, grant: &mut Grant) -> Result<Said, Trouble> {
        let request = grant.partner.refresh(&grant.refresh)?;
        let answer = send(&self.history, Act::Refresh, &grant.id, request.request()).await;
        if answer.said == Said::Done {
            grant.access = answer.member("access_token");
            self.history.change(answer.event, |event| {
                event.facts.insert("expires_in".into(), answer.member("expires_in"));
                event.facts.insert("token".into(), name_of(&grant.access));
            });
        }
        Ok(answer.said)
    }
}
