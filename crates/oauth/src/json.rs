//! Strict JSON objects, for JOSE headers, claims and key sets.
//!
//! A repeated member is refused at every level (RFC 7515 §4, RFC 7519 §4), and a member of the wrong type
//! is an error, never an absent member: `"exp": null` does not mean "no expiry".

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// The latest time a claim may name: the last second of the year 9999.
const MAX_DATE: f64 = 253_402_300_799.0;

/// Why JSON was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// Not JSON, not an object, or a member stands twice.
    #[error("malformed JSON object")]
    Malformed,
    /// The member is there with another type or an impossible value.
    #[error("wrong type or value of member {0}")]
    WrongType(&'static str),
    /// The member is required and not there.
    #[error("missing member {0}")]
    Missing(&'static str),
}

/// One JSON value. Booleans and null are kept only as "something else": no rule here asks for one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Number(f64),
    Array(Vec<Value>),
    Object(Object),
    Other,
}

impl Value {
    /// Reads one value and nothing after it.
    pub(crate) fn parse(json: &[u8]) -> Result<Value, JsonFault> {
        serde_json::from_slice(json).map_err(|_| JsonFault::Malformed)
    }

    /// How deep arrays and objects are nested: 0 for a plain value.
    pub(crate) fn depth(&self) -> usize {
        let deepest = match self {
            Value::Array(values) => values.iter().map(Value::depth).max(),
            Value::Object(Object(members)) => members.values().map(Value::depth).max(),
            Value::Text(_) | Value::Number(_) | Value::Other => return 0,
        };
        1 + deepest.unwrap_or(0)
    }
}

/// A JSON object whose members are all different.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object(BTreeMap<String, Value>);

impl Object {
    /// Reads one object and nothing after it.
    pub fn parse(json: &[u8]) -> Result<Object, JsonFault> {
        match serde_json::from_slice(json) {
            Ok(Value::Object(object)) => Ok(object),
            _ => Err(JsonFault::Malformed),
        }
    }

    /// Whether a member of this name is there, whatever its value.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The names of all members.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A string member, if it is there.
    pub fn text(&self, name: &'static str) -> Result<Option<&str>, JsonFault> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(JsonFault::WrongType(name)),
        }
    }

    /// A string member that must be there.
    pub fn required_text(&self, name: &'static str) -> Result<&str, JsonFault> {
        self.text(name)?.ok_or(JsonFault::Missing(name))
    }

    /// A `NumericDate` (RFC 7519 §2) in whole seconds, if it is there. Fractions of a second are cut off.
    pub fn date(&self, name: &'static str) -> Result<Option<i64>, JsonFault> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) if (0.0..=MAX_DATE).contains(number) => Ok(Some(*number as i64)),
            Some(_) => Err(JsonFault::WrongType(name)),
        }
    }

    /// A whole number, if it is there.
    pub(crate) fn integer(&self, name: &'static str) -> Result<Option<i64>, JsonFault> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) if number.fract() == 0.0 && number.abs() < MAX_DATE => Ok(Some(*number as i64)),
            Some(_) => Err(JsonFault::WrongType(name)),
        }
    }

    /// A `NumericDate` that must be there.
    pub fn required_date(&self, name: &'static str) -> Result<i64, JsonFault> {
        self.date(name)?.ok_or(JsonFault::Missing(name))
    }

    /// A number, if the member is there.
    pub fn number(&self, name: &'static str) -> Result<Option<f64>, JsonFault> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(*number)),
            Some(_) => Err(JsonFault::WrongType(name)),
        }
    }

    /// A string member as one text, or an array of strings as several, if it is there: `aud` (RFC 7519 §4.1.3).
    pub fn texts(&self, name: &'static str) -> Result<Option<Vec<&str>>, JsonFault> {
        fn text<'a>(name: &'static str, value: &'a Value) -> Result<&'a str, JsonFault> {
            if let Value::Text(text) = value { Ok(text) } else { Err(JsonFault::WrongType(name)) }
        }
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Array(values)) => {
                values.iter().map(|value| text(name, value)).collect::<Result<_, _>>().map(Some)
            }
            Some(value) => Ok(Some(vec![text(name, value)?])),
        }
    }

    /// An object member, if it is there.
    pub fn object(&self, name: &'static str) -> Result<Option<&Object>, JsonFault> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(JsonFault::WrongType(name)),
        }
    }

    /// An array member, if it is there.
    pub(crate) fn array(&self, name: &'static str) -> Result<Option<&[Value]>, JsonFault> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Array(values)) => Ok(Some(values)),
            Some(_) => Err(JsonFault::WrongType(name)),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value without repeated members")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = array.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("repeated member"));
            }
        }
        Ok(Value::Object(Object(members)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_179_a_repeated_member_is_refused_at_every_level() {
        for json in [r#"{"a":1,"a":1}"#, r#"{"x":{"a":1,"a":2}}"#, r#"{"x":[{"a":1,"a":2}]}"#] {
            assert_eq!(Object::parse(json.as_bytes()), Err(JsonFault::Malformed), "{json}");
        }
    }

    #[test]
    fn r_179_an_escaped_repeated_member_is_refused() {
        assert_eq!(Object::parse(br#"{"exp":1,"\u0065xp":2}"#), Err(JsonFault::Malformed));
    }

    #[test]
    fn r_180_a_date_of_the_wrong_type_is_an_error_and_not_absent() {
        for value in ["\"9999999999\"", "-1", "null", "[]", "{}", "true", "1e300", "253402300800", "[1]"] {
            let object = Object::parse(format!(r#"{{"exp":{value}}}"#).as_bytes()).unwrap();
            assert_eq!(object.date("exp"), Err(JsonFault::WrongType("exp")), "{value}");
        }
        assert_eq!(Object::parse(br#"{"exp":1e400}"#), Err(JsonFault::Malformed));
        assert_eq!(Object::parse(br#"{"exp":NaN}"#), Err(JsonFault::Malformed));
    }

    #[test]
    fn a_date_may_have_a_fraction_which_is_cut_off() {
        let object = Object::parse(br#"{"iat":1562262616.9}"#).unwrap();
        assert_eq!(object.date("iat"), Ok(Some(1_562_262_616)));
    }

    #[test]
    fn only_an_object_is_an_object() {
        for json in ["[]", "1", "\"a\"", "null", "{} {}", "{}x", "", "\u{feff}{}"] {
            assert_eq!(Object::parse(json.as_bytes()), Err(JsonFault::Malformed), "{json}");
        }
    }

    #[test]
    fn a_112_deep_nesting_is_refused_without_exhausting_the_stack() {
        let json = format!("{{\"a\":{}{}}}", "[".repeat(2_000), "]".repeat(2_000));
        assert_eq!(Object::parse(json.as_bytes()), Err(JsonFault::Malformed));
    }
}
