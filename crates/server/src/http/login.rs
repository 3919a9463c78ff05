//! Who is it? Login id and password, or a certificate: the checks shared by the linkage flow and `my linkages`.
//!
//! Whatever is wrong, the answer is the same and takes the same work: unknown id, wrong password, locked, suspended, no
//! contract, a certificate user at the password form. Only the audit trail knows which.

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::customer::{ContractState, LoginMethod, UserState, fold_login_id};
use renkei_domain::guard;
use renkei_domain::notice::{Happened, NOTICES_MAX};
use renkei_screens::LoginError;
use renkei_store::customers::User;
use renkei_store::guards::Subject;
use renkei_store::guesses::{Guess, Guessed, Spread};
use renkei_store::{Step, Unit};
use zeroize::Zeroizing;

use super::browser::Visit;
use super::device;
use super::form::Form;
use super::limits;
use crate::certificates::{PeerCertificate, users};
use crate::error::Fault;
use crate::passwords::{self, Verdict};

/// A login id as good as any other that nobody has: what is typed and can be no login id is counted and looked up as it.
const NOBODY: &str = "";

/// The guard a right login passed.
pub struct Passed {
    guard: (Subject, String),
    /// Among all guesses of the institution; empty from a known device, which guesses at its own user only.
    identity: Option<String>,
}

impl Passed {
    /// Whose tries are counted together: all strangers', or those from this user's known device.
    fn of(visit: &Visit, login_id: &str, user: Option<&User>) -> Passed {
        let identity = visit.app.keys.login_guard(login_id);
        match device::known(visit, user.map(|user| user.id)) {
            Some(device) => Passed { guard: (Subject::LoginDevice, format!("{identity}/{device}")), identity: None },
            None => Passed { guard: (Subject::Login, identity.clone()), identity: Some(identity) },
        }
    }

    /// Counts the try, durably, before the password is looked at.
    async fn count(&self, visit: &Visit) -> Result<Result<(), &'static str>, Fault> {
        let (subject, name) = &self.guard;
        let policy = if *subject == Subject::LoginDevice { &guard::LOGIN_DEVICE } else { &guard::LOGIN };
        let source = visit.source.to_string();
        let spread = self.identity.as_ref().map(|identity| Spread {
            kind: Guessed::Login,
            source: &source,
            subject: identity,
            policy: &guard::LOGIN_SPREAD,
        });
        let guess = Guess { guards: &[(*subject, name, policy)], spread };
        let counted = limits::count_guess(visit, &guess, "logins").await?;
        Ok(counted.map_err(|refused| refused.word()))
    }

    /// The login was right: its try was no guess. With what the login writes; `session` is what came of it.
    fn settle(&self, visit: &Visit, unit: &mut Unit, session: uuid::Uuid) {
        let (subject, name) = &self.guard;
        unit.then(Step::clear_guard(*subject, name));
        if let Some(identity) = &self.identity {
            unit.prove_guess(Guessed::Login, &visit.source.to_string(), identity, visit.now);
        }
        unit.then(Step::note_passed_guard(session, *subject, name));
    }
}

/// How somebody proved to be who it is.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    /// With a password, which passed this guard.
    Password(&'a Passed),
    /// With a certificate.
    Certificate(&'a PeerCertificate),
}

impl Proof<'_> {
    /// The method's name.
    #[must_use]
    pub const fn method(self) -> LoginMethod {
        match self {
            Proof::Password(_) => LoginMethod::Password,
            Proof::Certificate(_) => LoginMethod::Certificate,
        }
    }

    /// The guard that was passed; certificates have none.
    #[must_use]
    pub const fn passed(&self) -> Option<&Passed> {
        match self {
            Proof::Password(passed) => Some(passed),
            Proof::Certificate(_) => None,
        }
    }

    /// Notes with the session what it came of. With what the login writes, once the session's secret has rotated.
    pub fn settle(self, visit: &Visit, unit: &mut Unit, session: uuid::Uuid) {
        match self {
            Proof::Password(passed) => passed.settle(visit, unit, session),
            Proof::Certificate(peer) => {
                unit.then(Step::forget_passed_guard(session));
                unit.then(Step::keep_certificate(session, peer.to_bytes()));
            }
        }
    }
}

/// Checks a login form. Every refusal does the same work: one look-up of a user, one count, one hash, one record.
///
/// # Errors
/// [`Fault`] when the store is away, or too many logins wait for a processor; nothing was counted then.
pub async fn by_password(visit: &Visit, form: &Form) -> Result<Option<(User, Passed)>, Fault> {
    let hashing = &visit.app.memory.hashing;
    if hashing.is_full() {
        return Err(Fault::Busy("too many logins wait for a processor"));
    }
    let password = Zeroizing::new(form.get("password").to_owned());
    let folded = fold_login_id(form.get("login_id"));
    let login_id = folded.as_deref().unwrap_or(NOBODY);
    let user = visit.read().find_user_by_login(login_id).await?;
    let passed = Passed::of(visit, login_id, user.as_ref());
    let counted = passed.count(visit).await?;
    let hash = user.as_ref().filter(|_| counted.is_ok()).and_then(|user| user.password_hash.clone());
    let verdict = hashing.verify(&visit.app.keys, password.clone(), hash).await?;
    let refusal = match (counted, &user) {
        (Err(refused), _) => Some(refused),
        (Ok(()), None) if folded.is_none() => Some("no_such_login_id"),
        (Ok(()), None) => Some("unknown"),
        (Ok(()), Some(_)) if verdict == Verdict::Wrong => Some("wrong_password"),
        (Ok(()), Some(user)) => may_log_in(user, LoginMethod::Password),
    };
    match (user, refusal) {
        (Some(user), None) => {
            if verdict == Verdict::RightButOutdated {
                let app = &visit.app;
                passwords::upgrade(&app.store, visit.code(), &app.keys, &user, password, app.random.as_ref()).await?;
            }
            Ok(Some((user, passed)))
        }
        (user, refusal) => {
            // Who a locked login id belongs to is nobody's business, least of all when it was not looked at.
            let actor = user.filter(|_| counted.is_ok()).map_or(Actor::Visitor, |user| Actor::User(user.id));
            let reason = refusal.unwrap_or("unknown");
            // What was looked at is in the trail one by one, whether or not there is such a user: the guard bounds it.
            match counted {
                Ok(()) => record_verdict(visit, actor, reason).await?,
                Err(_) => record_refusal(visit, actor, reason).await?,
            }
            Ok(None)
        }
    }
}

/// Checks the certificate a browser showed on the certificate listener against the institution's own authority.
///
/// # Errors
/// [`Fault`] when the store is away.
pub async fn by_certificate<'a>(
    visit: &Visit,
    peer: Option<&'a PeerCertificate>,
) -> Result<Option<(User, &'a PeerCertificate)>, Fault> {
    let verified = match (peer, &visit.institution.user_ca) {
        (None, _) => Err("no_certificate"),
        (Some(_), None) => Err("no_authority"),
        (Some(peer), Some(authority)) => {
            let asked = users::Asked { institution: &visit.institution, authority, peer };
            users::check(&visit.app, &asked, visit.now).await?.map_err(|refusal| refusal.word())
        }
    };
    let (user, refusal) = match verified {
        Err(refusal) => (None, Some(refusal)),
        Ok(fingerprint) => match visit.read().find_user_by_certificate(fingerprint.as_str()).await? {
            None => (None, Some("not_registered")),
            Some(user) => {
                let refusal = may_log_in(&user, LoginMethod::Certificate);
                (Some(user), refusal)
            }
        },
    };
    match refusal {
        None => Ok(user.zip(peer)),
        Some(reason) => {
            let actor = user.map_or(Actor::Visitor, |user| Actor::User(user.id));
            record_refusal(visit, actor, reason).await?;
            Ok(None)
        }
    }
}

/// Why a user who proved to be who it is may still not log in this way.
fn may_log_in(user: &User, method: LoginMethod) -> Option<&'static str> {
    if user.method != method {
        Some("other_method")
    } else if user.state != UserState::Active {
        Some("user_not_active")
    } else if user.contract != ContractState::Active {
        Some("contract_not_active")
    } else {
        None
    }
}

fn refused(visit: &Visit, actor: Actor, reason: &str) -> Record {
    let source = format!("source {}", visit.source);
    Record::refused(actor, Action::LoginTried, reason).on(source).in_request(&visit.request_id)
}

async fn record_verdict(visit: &Visit, actor: Actor, reason: &str) -> Result<(), Fault> {
    let record = refused(visit, actor, reason);
    Ok(visit.app.store.record(visit.code(), &record, visit.now, visit.app.random.as_ref()).await?)
}

async fn record_refusal(visit: &Visit, actor: Actor, reason: &str) -> Result<(), Fault> {
    let record = refused(visit, actor, reason);
    Ok(limits::record_refusal(&visit.app, visit.code(), visit.source, record, visit.now).await?)
}

/// What the user is told of a login with what it writes: the notices of it, and of those that failed before it.
///
/// # Errors
/// [`Fault`] when the store is away.
pub async fn news(visit: &Visit, user: &User, passed: Option<&Passed>) -> Result<Vec<Step>, Fault> {
    let (now, random) = (visit.now, &*visit.app.random);
    let guard = visit.app.keys.login_guard(&user.login_id);
    let (mut read, mut beside) = (visit.read(), visit.read());
    let (failed, told) = tokio::try_join!(read.count_failed_logins(&guard), beside.list_notices(user.id, NOTICES_MAX))?;
    let by_stranger = passed.is_some_and(|passed| passed.guard.0 == Subject::Login);
    // This login was counted as a stranger's try, too, and clears what it tells of; otherwise what was told stays counted.
    let failed = if by_stranger { failed.saturating_sub(1) } else { failed };
    let told = told.into_iter().find_map(|(_, what)| match what {
        Happened::LoginsFailed(count) => Some(count),
        _ => None,
    });
    let mut steps = Vec::new();
    if failed > 0 && (by_stranger || told != Some(failed)) {
        steps.extend(Step::add_notice(user.id, &Happened::LoginsFailed(failed), now, random));
    }
    let method = passed.map_or(LoginMethod::Certificate, |_| LoginMethod::Password);
    let told = Happened::LoggedIn(method, visit.source.to_string());
    steps.extend(Step::add_notice(user.id, &told, now, random));
    Ok(steps)
}

/// What of a login form was left empty.
#[must_use]
pub fn left_empty(form: &Form) -> Option<LoginError> {
    match (form.get("login_id").trim().is_empty(), form.get("password").is_empty()) {
        (true, true) => Some(LoginError::BothMissing),
        (true, false) => Some(LoginError::LoginIdMissing),
        (false, true) => Some(LoginError::PasswordMissing),
        (false, false) => None,
    }
}

/// Whether the user may still act: looked at anew at every step.
#[must_use]
pub fn is_active(user: &User) -> bool {
    user.state == UserState::Active && user.contract == ContractState::Active
}
