//! Scope words against what is allowed (RFC 6749 §3.3).

use crate::error::{ErrorCode, OAuthError};

/// What of `allowed` a request asks for, in the order of `allowed` and each word once. A request without `scope`
/// asks for all of it; one word too many refuses the request.
pub fn narrow(asked: Option<&str>, allowed: &[String]) -> Result<Vec<String>, OAuthError> {
    let Some(asked) = asked else { return Ok(allowed.to_vec()) };
    let words: Vec<&str> = asked.split(' ').filter(|word| !word.is_empty()).collect();
    if words.is_empty() || words.iter().any(|word| !allowed.iter().any(|known| known == word)) {
        return Err(OAuthError::new(ErrorCode::InvalidScope, "scope is unknown or not allowed for this client"));
    }
    Ok(allowed.iter().filter(|known| words.contains(&known.as_str())).cloned().collect())
}

/// The union of what `scope` and what the actions of authorization details ask for (RFC 9396 §3.1). Whoever sends details
/// and no `scope` asks for their actions alone.
pub fn combined(
    asked: Option<&str>,
    actions: Option<&[String]>,
    allowed: &[String],
) -> Result<Vec<String>, OAuthError> {
    let words = match (asked, actions) {
        (None, Some(_)) => Vec::new(),
        (asked, _) => narrow(asked, allowed)?,
    };
    let actions = actions.unwrap_or_default();
    Ok(allowed.iter().filter(|word| words.contains(word) || actions.contains(word)).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> Vec<String> {
        vec!["balances".to_owned(), "transactions".to_owned()]
    }

    #[test]
    fn words_come_out_once_and_in_the_order_of_the_allowed_ones() {
        let both = narrow(Some("transactions balances transactions"), &allowed());
        assert_eq!(both, Ok(allowed()));
        assert_eq!(narrow(Some("transactions"), &allowed()), Ok(vec!["transactions".to_owned()]));
        assert_eq!(narrow(None, &allowed()), Ok(allowed()));
    }

    #[test]
    fn r_172_scope_and_details_are_added_up() {
        let transactions = ["transactions".to_owned()];
        assert_eq!(combined(Some("balances"), Some(&transactions), &allowed()), Ok(allowed()));
        assert_eq!(combined(None, Some(&transactions), &allowed()), Ok(transactions.to_vec()));
        assert_eq!(combined(None, None, &allowed()), Ok(allowed()));
        assert!(combined(Some("payments"), Some(&transactions), &allowed()).is_err());
    }

    #[test]
    fn r_037_r_107_a_word_that_is_not_allowed_refuses_all() {
        for scope in ["balances payments", "Balances", "balances,transactions", " ", "balances\ttransactions"] {
            let error = narrow(Some(scope), &allowed()).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidScope, "{scope:?}");
        }
    }
}
