//! A node of an installation: a process that serves, and what partners and customers do at it.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use renkei_server::system::SystemClock;

use crate::browser::{Browser, answer_of};
use crate::installation::{LOOK, PATIENCE, Registered, accounts_of};
use crate::support::{Answer, ORIGIN, Partner, new_key};

/// A process that serves; stopped when dropped.
pub struct Node {
    pub(crate) process: Child,
    pub port: u16,
    pub(crate) metrics: u16,
    pub http: reqwest::Client,
}

impl Node {
    /// Waits until it answers; `None`: it ended before.
    pub(crate) async fn ready(mut self) -> Option<Node> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            // Somebody else may have been given one of the ports meanwhile; then this process ends.
            let health = self.http.get(format!("{}/health", self.address())).send().await;
            let metrics = self.http.get(format!("http://127.0.0.1:{}/metrics", self.metrics)).send().await;
            if health.is_ok_and(|answer| answer.status() == 200) && metrics.is_ok_and(|answer| answer.status() == 200) {
                return Some(self);
            }
            if self.process.try_wait().unwrap().is_some() {
                return None;
            }
            tokio::time::sleep(LOOK).await;
        }
        None
    }

    /// What the listener for metrics says.
    pub async fn metrics(&self) -> String {
        let address = format!("http://127.0.0.1:{}/metrics", self.metrics);
        let answer = self.http.get(address).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    }

    pub fn address(&self) -> String {
        format!("{ORIGIN}:{}", self.port)
    }

    /// The product as it talks to this node, with a DPoP key of its own.
    pub fn partner(&self, product: &Registered) -> Partner {
        Partner {
            client_id: product.client_id.clone(),
            institution: product.institution.clone(),
            key: Arc::clone(&product.key),
            dpop: new_key(),
            origin: ORIGIN.to_owned(),
            address: self.address(),
            clock: Arc::new(SystemClock),
            http: self.http.clone(),
        }
    }

    /// The same partner, its keys included, at this node.
    pub fn serves(&self, partner: &Partner) -> Partner {
        Partner { address: self.address(), http: self.http.clone(), ..partner.clone() }
    }

    pub fn browser(&self) -> Browser {
        Browser::new(&self.address(), ORIGIN, self.http.clone())
    }

    /// The path a customer of this partner is sent to.
    pub async fn pushed(&self, partner: &Partner) -> String {
        let answer = self.serves(partner).push().send().await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let reference = answer.text("request_uri");
        format!("/{}/authorize?client_id={}&request_uri={reference}", partner.institution, partner.client_id)
    }

    /// A browser on the first screen of a new flow.
    pub async fn at_login(&self, partner: &Partner) -> Browser {
        let path = self.pushed(partner).await;
        let mut browser = self.browser();
        browser.open(&path).await;
        browser.expect_screen("login");
        browser
    }

    /// A browser that stands before the permission: logged in, PINs registered.
    pub async fn at_permission(&self, partner: &Partner, user: &str) -> Browser {
        let mut browser = self.at_login(partner).await;
        browser.log_in(user).await;
        if browser.screen() == "pins" {
            browser.register_all().await;
        }
        if browser.screen() == "results" {
            browser.submit("results", &[("action", "confirm")]).await;
        }
        if browser.screen() == "existing" {
            browser.submit("existing", &[("renew", "new")]).await;
        }
        browser.expect_screen("permission");
        browser
    }

    /// A code for this user's linkage.
    pub async fn code(&self, partner: &Partner, user: &str) -> String {
        let mut browser = self.at_permission(partner, user).await;
        answer_of(&browser.allow().await)["code"].clone()
    }

    /// The tokens of this user's linkage: access and refresh.
    pub async fn tokens(&self, partner: &Partner, user: &str) -> (String, String) {
        let code = self.code(partner, user).await;
        let answer = self.serves(partner).redeem(&code).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        (answer.text("access_token"), answer.text("refresh_token"))
    }

    /// A read of the account list with a fresh proof.
    pub async fn read(&self, partner: &Partner, access: &str) -> Answer {
        self.read_with(access, &partner.proof_with(&accounts_of(partner), access).sign(), &accounts_of(partner)).await
    }

    /// A read with this proof.
    pub async fn read_with(&self, access: &str, proof: &str, path: &str) -> Answer {
        let request = self.http.get(format!("{}{path}", self.address()));
        Answer::to(request.header("authorization", format!("DPoP {access}")).header("DPoP", proof)).await
    }

    /// Lets running requests finish, and waits until the process has ended.
    pub fn stop(mut self) {
        assert!(self.say_stop());
    }

    /// Ends the process as a power failure would.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Ends the process as a crash would, and tells whether it left a core dump.
    pub fn crash(mut self) -> bool {
        let told = Command::new("kill").args(["-ABRT", &self.process.id().to_string()]).status();
        assert!(told.unwrap().success());
        self.process.wait().unwrap().core_dumped()
    }

    fn say_stop(&mut self) -> bool {
        let told = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).stderr(Stdio::null()).status();
        told.is_ok() && self.process.wait().is_ok_and(|ended| ended.success())
    }

    /// What the process holds in memory, in bytes.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.say_stop();
    }
}
