//! Who is it? Login id and password, or a certificate: the checks shared by the linkage flow and `my linkages`.
//!
//! Whatever is wrong, the answer is the same and takes the same work: unknown id, wrong password, locked, suspended, no
//! contract, a certificate user at the password form. Only the audit trail knows which.

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::customer::{ContractState, LoginMethod, UserState, fold_login_id};
use renkei_domain::guard;
use renkei_screens::LoginError;
use renkei_store::customers::User;
use renkei_store::guards::{Subject, count_try};
use zeroize::Zeroizing;

use super::browser::Visit;
use super::form::Form;
use super::limits;
use crate::certificates::{PeerCertificate, verify_user_certificate};
use crate::error::Fault;
use crate::passwords::{self, Verdict};

/// Checks a login form. The try is counted, durably, before the password is looked at.
///
/// # Errors
/// [`Fault`] when the store is away.
pub async fn by_password(visit: &Visit, form: &Form) -> Result<Option<User>, Fault> {
    let password = Zeroizing::new(form.get("password").to_owned());
    let folded = fold_login_id(form.get("login_id"));
    let allowed = match &folded {
        None => None,
        Some(id) => {
            let name = visit.app.keys.login_guard(id);
            let store = &visit.app.store;
            let tried = count_try(store, visit.code(), Subject::Login, &name, &guard::LOGIN, visit.now).await?;
            tried.ok().map(|_| id)
        }
    };
    let user = match allowed {
        None => None,
        Some(id) => visit.read().find_user_by_login(id).await?,
    };
    let hash = user.as_ref().and_then(|user| user.password_hash.clone());
    // A password is hashed in any case, so that the time tells nothing.
    let verdict = visit.app.memory.hashing.verify(&visit.app.keys, password.clone(), hash).await?;
    let refusal = match (&folded, allowed, &user) {
        (None, _, _) => Some("no_such_login_id"),
        (Some(_), None, _) => Some("locked"),
        (Some(_), Some(_), None) => Some("unknown"),
        (Some(_), Some(_), Some(_)) if verdict == Verdict::Wrong => Some("wrong_password"),
        (Some(_), Some(_), Some(user)) => may_log_in(user, LoginMethod::Password),
    };
    match (user, refusal) {
        (Some(user), None) => {
            if verdict == Verdict::RightButOutdated {
                let app = &visit.app;
                passwords::upgrade(&app.store, visit.code(), &app.keys, &user, password, app.random.as_ref()).await?;
            }
            Ok(Some(user))
        }
        (user, refusal) => {
            let actor = user.map_or(Actor::Visitor, |user| Actor::User(user.id));
            record_refusal(visit, actor, refusal.unwrap_or("unknown")).await?;
            Ok(None)
        }
    }
}

/// Checks the certificate a browser showed on the certificate listener against the institution's own authority.
///
/// # Errors
/// [`Fault`] when the store is away.
pub async fn by_certificate(visit: &Visit, peer: Option<&PeerCertificate>) -> Result<Option<User>, Fault> {
    let verified = match (peer, &visit.institution.user_ca) {
        (None, _) => Err("no_certificate"),
        (Some(_), None) => Err("no_authority"),
        (Some(peer), Some(authority)) => {
            let list = visit.institution.user_crl.as_deref();
            verify_user_certificate(&peer.leaf, &peer.intermediates, authority, list, visit.now)
                .map_err(|refusal| refusal.word())
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
        None => Ok(user),
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

async fn record_refusal(visit: &Visit, actor: Actor, reason: &str) -> Result<(), Fault> {
    let record = Record::refused(actor, Action::LoginTried, reason).in_request(&visit.request_id);
    Ok(limits::record_refusal(&visit.app, visit.code(), visit.source, record, visit.now).await?)
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
