//! A linkage begun: what has to be remembered while the customer is at the institution.

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::error::{Error, Refusal};
use crate::key::DpopKey;
use crate::secret::Secret;
use crate::signed;

/// A linkage flow that is under way at the institution. Keep it for the one browser that was sent out,
/// and throw it away once [`Client::complete`](crate::Client::complete) has been called with its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pending {
    pub(crate) issuer: String,
    pub(crate) url: String,
    pub(crate) state: Secret,
    pub(crate) verifier: Secret,
    pub(crate) dpop: DpopKey,
    pub(crate) grant_id: Option<String>,
    /// Whether only a signed answer counts.
    #[serde(default)]
    pub(crate) signed_answer: bool,
    pub(crate) expires_at: u64,
}

impl Pending {
    /// Where to send the browser.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The `state` that the answer must carry; a handle to find this value again.
    #[must_use]
    pub fn state(&self) -> &str {
        self.state.reveal()
    }

    /// The issuer the customer is at.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The linkage to be renewed, when one was named.
    #[must_use]
    pub fn grant_id(&self) -> Option<&str> {
        self.grant_id.as_deref()
    }

    /// Until when the pushed request can be opened, in seconds since 1970.
    #[must_use]
    pub fn expires_at(&self) -> u64 {
        self.expires_at
    }

    /// Checks that what came back answers this very request: the state first, in constant time, then the issuer (RFC 9207 section 2.4), and only then what it says.
    pub(crate) fn code(&self, answer: Callback) -> Result<Secret, Error> {
        let state = answer.state.unwrap_or_default();
        if !bool::from(state.as_bytes().ct_eq(self.state().as_bytes())) {
            return Err(Error::State);
        }
        if answer.iss.as_deref() != Some(self.issuer.as_str()) {
            let found = answer.iss.unwrap_or_default();
            return Err(Error::Issuer { expected: self.issuer.clone(), found });
        }
        match (answer.code, answer.error) {
            (Some(code), None) => Ok(Secret::new(code)),
            (None, Some(error)) => Err(Error::Refused(Refusal { error, description: answer.error_description })),
            _ => Err(Error::Unreadable("neither a code nor an error, or both")),
        }
    }
}

/// The `state` of an answer, plain or signed, that nobody has verified: with it the [`Pending`] it belongs to is found
/// again, whose checks follow.
#[must_use]
pub fn unverified_state(query: &str) -> Option<String> {
    signed::unverified_state(query).or_else(|| Callback::read(query).ok()?.state)
}

/// The parameters of an authorization response.
#[derive(Default, Deserialize)]
pub(crate) struct Callback {
    code: Option<String>,
    pub(crate) state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

impl Callback {
    /// A parameter given twice is refused: two readers could choose differently.
    pub(crate) fn read(query: &str) -> Result<Self, Error> {
        let mut url = reqwest::Url::parse("https://callback.invalid/")
            .map_err(|_| Error::Unreadable("authorization response"))?;
        url.set_query(Some(query));
        let mut answer = Self::default();
        for (name, value) in url.query_pairs() {
            let place = match name.as_ref() {
                "code" => &mut answer.code,
                "state" => &mut answer.state,
                "iss" => &mut answer.iss,
                "error" => &mut answer.error,
                "error_description" => &mut answer.error_description,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return Err(Error::Unreadable("a parameter is given twice"));
            }
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending() -> Pending {
        Pending {
            issuer: "https://bank.example/1001".to_owned(),
            url: "https://bank.example/1001/authorize".to_owned(),
            state: Secret::new("state-of-aoi".to_owned()),
            verifier: Secret::new("verifier-of-aoi".to_owned()),
            dpop: DpopKey::generate().unwrap(),
            grant_id: None,
            signed_answer: false,
            expires_at: 90,
        }
    }

    fn read(query: &str) -> Result<Secret, Error> {
        pending().code(Callback::read(query)?)
    }

    const ISS: &str = "iss=https%3A%2F%2Fbank.example%2F1001";

    #[test]
    fn an_answer_with_state_issuer_and_code_gives_the_code() {
        let code = read(&format!("code=abc&state=state-of-aoi&{ISS}")).unwrap();
        assert_eq!(code.reveal(), "abc");
    }

    #[test]
    fn an_answer_with_another_state_is_refused_before_anything_else() {
        for query in [format!("code=abc&state=state-of-mid&{ISS}"), format!("code=abc&{ISS}"), String::new()] {
            assert!(matches!(read(&query), Err(Error::State)), "{query}");
        }
    }

    #[test]
    fn an_answer_of_another_issuer_or_of_none_is_refused_error_answers_too() {
        for query in [
            "code=abc&state=state-of-aoi&iss=https%3A%2F%2Fbank.example%2F1002",
            "code=abc&state=state-of-aoi",
            "error=access_denied&state=state-of-aoi&iss=https%3A%2F%2Fbank.example%2F1001%2F",
        ] {
            assert!(matches!(read(query), Err(Error::Issuer { .. })), "{query}");
        }
    }

    #[test]
    fn a_refusal_keeps_its_code_and_description() {
        let query = format!("error=access_denied&error_description=cancelled&state=state-of-aoi&{ISS}");
        let Err(Error::Refused(refusal)) = read(&query) else { panic!("not refused") };
        assert_eq!((refusal.error.as_str(), refusal.description.as_deref()), ("access_denied", Some("cancelled")));
    }

    #[test]
    fn a_parameter_given_twice_and_a_code_beside_an_error_are_refused() {
        for query in [
            format!("code=abc&code=def&state=state-of-aoi&{ISS}"),
            format!("code=abc&error=access_denied&state=state-of-aoi&{ISS}"),
            format!("state=state-of-aoi&{ISS}"),
        ] {
            assert!(matches!(read(&query), Err(Error::Unreadable(_))), "{query}");
        }
    }

    #[test]
    fn secrets_stay_out_of_debug_and_survive_being_written_down() {
        let pending = pending();
        let shown = format!("{pending:?}");
        assert!(!shown.contains("state-of-aoi") && !shown.contains("verifier-of-aoi"), "{shown}");
        let again: Pending = serde_json::from_str(&serde_json::to_string(&pending).unwrap()).unwrap();
        assert_eq!(again.verifier.reveal(), "verifier-of-aoi");
    }
}
