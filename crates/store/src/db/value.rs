//! Values on their way into a statement and out of a row. Only whole numbers, text and bytes exist in our tables.

use std::borrow::Cow;

use renkei_domain::account::{AccountNumber, AccountType, BranchCode};
use renkei_domain::id::{AccountId, AuditId, ConsentId, CustomerId, FlowId, ImportId, LinkageId, UserId};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::{Day, Timestamp};
use uuid::Uuid;

use super::StoreError;

/// A value bound to a placeholder.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Param<'a> {
    /// No value.
    Null,
    /// A whole number.
    Int(i64),
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
}

impl Param<'_> {
    /// The same, held by nobody else.
    pub(super) fn into_owned(self) -> Param<'static> {
        match self {
            Param::Null => Param::Null,
            Param::Int(number) => Param::Int(number),
            Param::Text(text) => Param::Text(Cow::Owned(text.into_owned())),
            Param::Bytes(bytes) => Param::Bytes(Cow::Owned(bytes.into_owned())),
        }
    }

    /// Its text; empty for what is none.
    pub(crate) fn as_text(&self) -> &str {
        match self {
            Param::Text(text) => text,
            Param::Null | Param::Int(_) | Param::Bytes(_) => "",
        }
    }
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(text: &'a str) -> Param<'a> {
        Param::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Param<'a> {
    fn from(text: &'a String) -> Param<'a> {
        Param::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Param<'_> {
    fn from(text: String) -> Self {
        Param::Text(Cow::Owned(text))
    }
}

impl From<Vec<u8>> for Param<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Param::Bytes(Cow::Owned(bytes))
    }
}

impl From<i64> for Param<'_> {
    fn from(number: i64) -> Self {
        Param::Int(number)
    }
}

impl From<u32> for Param<'_> {
    fn from(number: u32) -> Self {
        Param::Int(i64::from(number))
    }
}

impl From<AccountType> for Param<'_> {
    fn from(kind: AccountType) -> Self {
        Param::Int(i64::from(kind.code()))
    }
}

impl<'a> From<&'a [u8]> for Param<'a> {
    fn from(bytes: &'a [u8]) -> Param<'a> {
        Param::Bytes(Cow::Borrowed(bytes))
    }
}

impl<'a> From<&'a Vec<u8>> for Param<'a> {
    fn from(bytes: &'a Vec<u8>) -> Param<'a> {
        Param::Bytes(Cow::Borrowed(bytes))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Param<'a> {
    fn from(bytes: &'a [u8; N]) -> Param<'a> {
        Param::Bytes(Cow::Borrowed(bytes))
    }
}

impl<const N: usize> From<[u8; N]> for Param<'_> {
    fn from(bytes: [u8; N]) -> Self {
        Param::Bytes(Cow::Owned(bytes.to_vec()))
    }
}

impl From<Timestamp> for Param<'_> {
    fn from(at: Timestamp) -> Self {
        Param::Int(at.0)
    }
}

impl From<Day> for Param<'_> {
    fn from(day: Day) -> Self {
        Param::Text(Cow::Owned(day.to_string()))
    }
}

impl<'a, T: Into<Param<'a>>> From<Option<T>> for Param<'a> {
    fn from(value: Option<T>) -> Param<'a> {
        value.map_or(Param::Null, Into::into)
    }
}

macro_rules! text_params {
    ($($type:ty),*) => {$(
        impl From<$type> for Param<'_> {
            fn from(value: $type) -> Self {
                Param::Text(Cow::Owned(value.to_string()))
            }
        }

        impl From<&$type> for Param<'_> {
            fn from(value: &$type) -> Self {
                Param::Text(Cow::Owned(value.to_string()))
            }
        }

        impl FromValue for $type {
            fn from_value(value: Value) -> Result<Self, String> {
                String::from_value(value)?.parse().map_err(|_| concat!("no ", stringify!($type)).to_owned())
            }
        }
    )*};
}

text_params!(
    AccountId,
    AuditId,
    ConsentId,
    CustomerId,
    FlowId,
    ImportId,
    LinkageId,
    UserId,
    Uuid,
    AccountNumber,
    BranchCode,
    InstitutionCode
);

/// A value of a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Value {
    /// No value, or one already taken out of its row.
    #[default]
    Null,
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Value::Null => "no value",
            Value::Int(_) => "a number",
            Value::Text(_) => "text",
            Value::Bytes(_) => "bytes",
        }
    }
}

/// What can be read from a column.
pub trait FromValue: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// What was found instead.
    fn from_value(value: Value) -> Result<Self, String>;
}

macro_rules! plain_values {
    ($($type:ty: $variant:ident),*) => {$(
        impl FromValue for $type {
            fn from_value(value: Value) -> Result<Self, String> {
                match value {
                    Value::$variant(value) => Ok(value),
                    other => Err(other.kind().to_owned()),
                }
            }
        }
    )*};
}

plain_values!(i64: Int, String: Text, Vec<u8>: Bytes);

impl FromValue for u32 {
    fn from_value(value: Value) -> Result<u32, String> {
        u32::try_from(i64::from_value(value)?).map_err(|_| "a number out of range".to_owned())
    }
}

impl FromValue for AccountType {
    fn from_value(value: Value) -> Result<AccountType, String> {
        let code = u8::try_from(i64::from_value(value)?).ok();
        code.and_then(|code| AccountType::try_from(code).ok()).ok_or_else(|| "no account type".to_owned())
    }
}

impl FromValue for Timestamp {
    fn from_value(value: Value) -> Result<Timestamp, String> {
        i64::from_value(value).map(Timestamp)
    }
}

impl FromValue for Day {
    fn from_value(value: Value) -> Result<Day, String> {
        String::from_value(value)?.parse().map_err(|_| "no day".to_owned())
    }
}

impl<const N: usize> FromValue for [u8; N] {
    fn from_value(value: Value) -> Result<[u8; N], String> {
        Vec::from_value(value)?.try_into().map_err(|_| format!("not {N} bytes"))
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Result<Option<T>, String> {
        if value == Value::Null { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

/// One row of a result.
#[derive(Debug)]
pub struct Row(pub(super) Vec<Value>);

impl Row {
    /// Takes the value of a column out of the row; each column is taken once.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the column holds something else.
    pub fn get<T: FromValue>(&mut self, column: usize) -> Result<T, StoreError> {
        let value = self.0.get_mut(column).map(std::mem::take);
        let value = value.ok_or_else(|| StoreError::Corrupt { column, found: "no such column".into() })?;
        T::from_value(value).map_err(|found| StoreError::Corrupt { column, found })
    }

    /// Takes a word out of the row and finds what it stands for.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it stands for nothing.
    pub fn word<T>(&mut self, column: usize, known: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
        let word: String = self.get(column)?;
        known(&word).ok_or_else(|| StoreError::Corrupt { column, found: "an unknown word".into() })
    }

    /// Takes JSON text out of the row and reads it.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it does not fit.
    pub fn json<T: serde::de::DeserializeOwned>(&mut self, column: usize) -> Result<T, StoreError> {
        let text: String = self.get(column)?;
        serde_json::from_str(&text).map_err(|error| StoreError::Corrupt { column, found: error.to_string() })
    }
}

/// JSON text for a column.
///
/// # Errors
/// [`StoreError::Statement`] when the value has no JSON form.
pub fn to_json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Statement(error.to_string()))
}
