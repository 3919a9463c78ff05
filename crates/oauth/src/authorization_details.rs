//! Rich authorization requests (RFC 9396): what is asked for in detail, and what was granted.
//!
//! There is one type. A request of it narrows what the customer is offered; it never widens it:
//!
//! | field | | what it says |
//! | --- | --- | --- |
//! | `type` | required | [`TYPE`] |
//! | `actions` | required | scope words, at least one |
//! | `accounts` | | the only accounts that may be permitted, by `identifier`, or by `branch`, `type` and `number` |
//! | `period_days` | | the permission is asked for so many days, where more were offered |
//! | `locations` | | identifiers of the account API, and no others |
//!
//! A permission is one set of operations on one set of accounts, so items that name accounts must name the same ones.

use serde::{Deserialize, Serialize};

use crate::error::{ErrorCode, OAuthError};
use crate::json::{JsonFault, Object, Value};

/// The only type.
pub const TYPE: &str = "urn:renkei:account_information";
/// The longest value that is looked at, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;
/// The most items.
pub const MAX_ITEMS: usize = 50;
/// How deep arrays and objects may be nested.
pub const MAX_DEPTH: usize = 5;
/// The longest period that can be asked for, in days.
pub const MAX_PERIOD_DAYS: u16 = 1_830;
/// Fewest and most digits of an account number.
const NUMBER_DIGITS: std::ops::RangeInclusive<usize> = 1..=10;
/// The length of an account's identifier: a UUID in its usual form.
const IDENTIFIER_LENGTH: usize = 36;

/// What one request asks for in detail, besides the operations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The only accounts that may be permitted; all if none are named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts: Option<Vec<AskedAccount>>,
    /// The longest period in days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_days: Option<u16>,
}

/// An account as a request names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AskedAccount {
    /// One the client knows from an earlier grant.
    Known {
        /// Its identifier at the account API.
        identifier: String,
    },
    /// One the client knows from elsewhere.
    Numbered {
        /// Three digits.
        branch: String,
        /// One digit.
        #[serde(rename = "type")]
        kind: String,
        /// One to ten digits.
        number: String,
    },
}

impl AskedAccount {
    /// Whether this is the account with this identifier, branch, type and number. Leading zeros of a number don't count.
    #[must_use]
    pub fn is(&self, own_identifier: &str, own_branch: &str, own_kind: u8, own_number: &str) -> bool {
        match self {
            AskedAccount::Known { identifier } => identifier == own_identifier,
            AskedAccount::Numbered { branch, kind, number } => {
                let plain = |number: &str| number.trim_start_matches('0').to_owned();
                branch == own_branch && *kind == own_kind.to_string() && plain(number) == plain(own_number)
            }
        }
    }
}

/// All items of a request together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Every action of every item: scope words, in the order of those allowed.
    pub actions: Vec<String>,
    /// What all of them are limited to.
    pub limits: Limits,
}

/// One item of what was granted; a request may hold it as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Granted {
    #[serde(rename = "type")]
    kind: &'static str,
    actions: Vec<String>,
    locations: [String; 1],
    accounts: Vec<GrantedAccount>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct GrantedAccount {
    identifier: String,
}

impl Granted {
    /// These operations on the accounts of these identifiers, at the account API.
    pub fn new(actions: Vec<String>, location: String, accounts: impl IntoIterator<Item = String>) -> Granted {
        let accounts = accounts.into_iter().map(|identifier| GrantedAccount { identifier }).collect();
        Granted { kind: TYPE, actions, locations: [location], accounts }
    }
}

/// Checks what costs nothing to check: the limits of the whole, before anybody is looked up (RFC 9396 §11.4).
pub fn check_shape(text: Option<&str>) -> Result<(), OAuthError> {
    text.map(items).transpose().map(|_| ())
}

/// Reads a request. `actions` are the scope words the client may ask for, `locations` the account API's identifiers, one
/// for each address it is called at.
pub fn read(text: Option<&str>, actions: &[String], locations: &[String]) -> Result<Option<Asked>, OAuthError> {
    let Some(text) = text else { return Ok(None) };
    let mut asked = Asked { actions: Vec::new(), limits: Limits::default() };
    for item in items(text)? {
        let Value::Object(item) = item else { return Err(refused("each item must be an object")) };
        read_item(&item, actions, locations)?.join(&mut asked)?;
    }
    asked.actions = actions.iter().filter(|word| asked.actions.contains(word)).cloned().collect();
    Ok(Some(asked))
}

/// The items, within all limits.
fn items(text: &str) -> Result<Vec<Value>, OAuthError> {
    if text.len() > MAX_BYTES {
        return Err(refused("authorization_details too large"));
    }
    let value = Value::parse(text.as_bytes()).map_err(|_| refused("authorization_details is not JSON"))?;
    if value.depth() > MAX_DEPTH {
        return Err(refused("authorization_details nested too deep"));
    }
    match value {
        Value::Array(items) if items.is_empty() => Err(refused("authorization_details is empty")),
        Value::Array(items) if items.len() > MAX_ITEMS => Err(refused("too many authorization_details")),
        Value::Array(items) => Ok(items),
        _ => Err(refused("authorization_details must be an array")),
    }
}

fn read_item(item: &Object, actions: &[String], locations: &[String]) -> Result<Asked, OAuthError> {
    if item.required_text("type").map_err(fault)? != TYPE {
        return Err(refused("unknown type of authorization_details"));
    }
    if item.names().any(|name| !["type", "actions", "accounts", "period_days", "locations"].contains(&name)) {
        return Err(refused("unknown field in authorization_details"));
    }
    if let Some(asked) = texts(item, "locations")?
        && (asked.is_empty() || asked.iter().any(|asked| !locations.iter().any(|known| known == asked)))
    {
        return Err(refused("locations must be the account API"));
    }
    let asked = texts(item, "actions")?.filter(|asked| !asked.is_empty()).ok_or(refused("actions is required"))?;
    if asked.iter().any(|word| !actions.iter().any(|known| known == word)) {
        return Err(refused("an action is unknown or not allowed for this client"));
    }
    let limits = Limits { accounts: read_accounts(item)?, period_days: read_period(item)? };
    Ok(Asked { actions: asked.into_iter().map(str::to_owned).collect(), limits })
}

impl Asked {
    /// Adds this item to those before it.
    fn join(self, all: &mut Asked) -> Result<(), OAuthError> {
        all.actions.extend(self.actions);
        let limits = &mut all.limits;
        limits.period_days = [limits.period_days, self.limits.period_days].into_iter().flatten().min();
        match (&limits.accounts, self.limits.accounts) {
            (_, None) => {}
            (None, accounts) => limits.accounts = accounts,
            (Some(before), Some(accounts)) if *before == accounts => {}
            (Some(_), Some(_)) => return Err(refused("items that name accounts must name the same ones")),
        }
        Ok(())
    }
}

fn read_accounts(item: &Object) -> Result<Option<Vec<AskedAccount>>, OAuthError> {
    let Some(values) = item.array("accounts").map_err(fault)? else { return Ok(None) };
    let mut accounts = values.iter().map(read_account).collect::<Result<Vec<_>, _>>()?;
    accounts.sort_unstable();
    accounts.dedup();
    if accounts.is_empty() { Err(refused("accounts is empty")) } else { Ok(Some(accounts)) }
}

fn read_account(value: &Value) -> Result<AskedAccount, OAuthError> {
    let Value::Object(account) = value else { return Err(refused("each account must be an object")) };
    if account.has("identifier") {
        let identifier = account.required_text("identifier").map_err(fault)?;
        let plain = identifier.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        if account.names().count() > 1 || identifier.len() != IDENTIFIER_LENGTH || !plain {
            return Err(refused("an account is an identifier, or branch, type and number"));
        }
        return Ok(AskedAccount::Known { identifier: identifier.to_ascii_lowercase() });
    }
    if account.names().any(|name| !["branch", "type", "number"].contains(&name)) {
        return Err(refused("unknown field of an account"));
    }
    let digits = |name, length: std::ops::RangeInclusive<usize>| {
        let text = account.required_text(name).map_err(fault)?;
        let fits = length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if fits { Ok(text.to_owned()) } else { Err(refused("branch, type and number of an account are digits")) }
    };
    Ok(AskedAccount::Numbered {
        branch: digits("branch", 3..=3)?,
        kind: digits("type", 1..=1)?,
        number: digits("number", NUMBER_DIGITS)?,
    })
}

fn read_period(item: &Object) -> Result<Option<u16>, OAuthError> {
    let Some(days) = item.integer("period_days").map_err(fault)? else { return Ok(None) };
    let days = u16::try_from(days).ok().filter(|days| (1..=MAX_PERIOD_DAYS).contains(days));
    days.map(Some).ok_or(refused("period_days is out of range"))
}

/// An array of strings, if it is there.
fn texts<'a>(item: &'a Object, name: &'static str) -> Result<Option<Vec<&'a str>>, OAuthError> {
    let Some(values) = item.array(name).map_err(fault)? else { return Ok(None) };
    let text = |value: &'a Value| match value {
        Value::Text(text) => Ok(text.as_str()),
        _ => Err(refused("a field of authorization_details has the wrong type")),
    };
    values.iter().map(text).collect::<Result<_, _>>().map(Some)
}

fn fault(fault: JsonFault) -> OAuthError {
    refused(match fault {
        JsonFault::Malformed => "authorization_details is not JSON",
        JsonFault::WrongType(_) => "a field of authorization_details has the wrong type",
        JsonFault::Missing(_) => "a field of authorization_details is missing",
    })
}

const fn refused(description: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidAuthorizationDetails, description)
}
