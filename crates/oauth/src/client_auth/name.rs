//! The names by which certificates are known to be a client's (RFC 8705 §2.1.2), read once and compared by their parts.
//!
//! Nothing is folded, trimmed or guessed at: two names are equal when they have the same parts in the same order, each
//! with the same attributes and characters. A value in an encoding that is not plainly text (BMPString, TeletexString)
//! equals no text, so that no reading of bytes can turn one name into another.

use std::net::IpAddr;

use x509_parser::asn1_rs::{Any, Class, FromDer as _, Tag};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;
use x509_parser::x509::X509Name;

/// The most bytes of a registered name.
pub const MAX_NAME_BYTES: usize = 1_024;

/// Attribute types with a short name: those of RFC 4514 §3, and those of certificates for companies. Others are written
/// as numbers.
const ATTRIBUTES: [(&str, &str); 18] = [
    ("CN", "2.5.4.3"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("C", "2.5.4.6"),
    ("STREET", "2.5.4.9"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("serialNumber", "2.5.4.5"),
    ("businessCategory", "2.5.4.15"),
    ("postalCode", "2.5.4.17"),
    ("title", "2.5.4.12"),
    ("SN", "2.5.4.4"),
    ("GN", "2.5.4.42"),
    ("organizationIdentifier", "2.5.4.97"),
    ("emailAddress", "1.2.840.113549.1.9.1"),
    ("jurisdictionC", "1.3.6.1.4.1.311.60.2.1.3"),
];

/// Why a text is no name that a certificate could be known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// No distinguished name as RFC 4514 writes it.
    #[error("it is not a distinguished name such as CN=partner,O=Partner Inc.,C=JP (RFC 4514)")]
    DistinguishedName,
    /// An attribute type without a short name here.
    #[error("it has an attribute type that is not known by that name; write its number, such as 2.5.4.97")]
    AttributeType,
    /// No address.
    #[error("it is not an IP address")]
    Address,
    /// Empty, too long, or with characters that no such name has.
    #[error("it is empty, too long, or has white space or other characters that no such name has")]
    Text,
}

/// A registered name: exactly one of five kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegisteredName {
    /// The whole subject.
    Subject(DistinguishedName),
    /// A DNS name; letter case does not count.
    Dns(String),
    /// A URI, letter by letter.
    Uri(String),
    /// An address.
    Ip(IpAddr),
    /// A mail address, letter by letter.
    Email(String),
}

impl RegisteredName {
    /// `tls_client_auth_subject_dn`.
    ///
    /// # Errors
    /// [`NameFault`].
    pub fn subject(text: &str) -> Result<RegisteredName, NameFault> {
        DistinguishedName::parse(text).map(RegisteredName::Subject)
    }

    /// `tls_client_auth_san_dns`.
    ///
    /// # Errors
    /// [`NameFault::Text`].
    pub fn dns(text: &str) -> Result<RegisteredName, NameFault> {
        plain(text).map(RegisteredName::Dns)
    }

    /// `tls_client_auth_san_uri`.
    ///
    /// # Errors
    /// [`NameFault::Text`].
    pub fn uri(text: &str) -> Result<RegisteredName, NameFault> {
        plain(text).map(RegisteredName::Uri)
    }

    /// `tls_client_auth_san_ip`.
    ///
    /// # Errors
    /// [`NameFault::Address`].
    pub fn ip(text: &str) -> Result<RegisteredName, NameFault> {
        text.parse().map(RegisteredName::Ip).map_err(|_| NameFault::Address)
    }

    /// `tls_client_auth_san_email`.
    ///
    /// # Errors
    /// [`NameFault::Text`].
    pub fn email(text: &str) -> Result<RegisteredName, NameFault> {
        plain(text).map(RegisteredName::Email)
    }

    /// Whether the certificate has this name. Of alternative names any one of the kind may be it.
    pub fn is_of(&self, certificate: &X509Certificate<'_>) -> bool {
        if let RegisteredName::Subject(name) = self {
            return DistinguishedName::of(certificate.subject()) == *name;
        }
        let Ok(Some(alternatives)) = certificate.subject_alternative_name() else { return false };
        alternatives.value.general_names.iter().any(|name| self.is_alternative(name))
    }

    fn is_alternative(&self, name: &GeneralName<'_>) -> bool {
        match (self, name) {
            (RegisteredName::Dns(own), GeneralName::DNSName(name)) => own.eq_ignore_ascii_case(name),
            (RegisteredName::Uri(own), GeneralName::URI(name)) => own == name,
            (RegisteredName::Email(own), GeneralName::RFC822Name(name)) => own == name,
            (RegisteredName::Ip(own), GeneralName::IPAddress(octets)) => match own {
                IpAddr::V4(address) => address.octets().as_slice() == *octets,
                IpAddr::V6(address) => address.octets().as_slice() == *octets,
            },
            _ => false,
        }
    }
}

/// Alternative names are IA5 strings, and those in use have no blanks.
fn plain(text: &str) -> Result<String, NameFault> {
    let fits = (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(text.to_owned()) } else { Err(NameFault::Text) }
}

/// A distinguished name: its parts in the order of the certificate, most general first. A part is a set of attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistinguishedName(Vec<Vec<Attribute>>);

/// An attribute: the number of its type, and its value.
type Attribute = (String, Value);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    /// Of a string type whose bytes are its characters.
    Text(String),
    /// Of any other type: class, tag and content octets.
    Other(u8, u32, Vec<u8>),
}

impl Value {
    fn of(value: &Any<'_>) -> Value {
        let is_text = value.class() == Class::Universal
            && !value.header.is_constructed()
            && matches!(value.tag(), Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString);
        match std::str::from_utf8(value.data) {
            Ok(text) if is_text => Value::Text(text.to_owned()),
            _ => Value::Other(value.class() as u8, value.tag().0, value.data.to_vec()),
        }
    }
}

impl DistinguishedName {
    fn of(name: &X509Name<'_>) -> DistinguishedName {
        let part = |attributes: Vec<Attribute>| sorted(attributes);
        let parts = name.iter_rdn().map(|rdn| {
            part(rdn.iter().map(|own| (own.attr_type().to_id_string(), Value::of(own.attr_value()))).collect())
        });
        DistinguishedName(parts.collect())
    }

    /// Reads a name as RFC 4514 writes it, most particular part first. Blanks after a comma are read over, as many write
    /// them.
    ///
    /// # Errors
    /// [`NameFault`].
    pub fn parse(text: &str) -> Result<DistinguishedName, NameFault> {
        if text.is_empty() || text.len() > MAX_NAME_BYTES {
            return Err(NameFault::Text);
        }
        let mut reader = Reader { rest: text.as_bytes() };
        let mut parts = Vec::new();
        loop {
            let mut attributes = vec![reader.attribute()?];
            while reader.take(b'+') {
                attributes.push(reader.attribute()?);
            }
            parts.push(sorted(attributes));
            if !reader.take(b',') {
                break;
            }
            while reader.take(b' ') {}
        }
        parts.reverse();
        if reader.rest.is_empty() { Ok(DistinguishedName(parts)) } else { Err(NameFault::DistinguishedName) }
    }
}

/// A set, so that the order attributes are written in does not count.
fn sorted(mut attributes: Vec<Attribute>) -> Vec<Attribute> {
    attributes.sort();
    attributes
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.next();
        }
        found
    }

    fn attribute(&mut self) -> Result<Attribute, NameFault> {
        let mut kind = String::new();
        loop {
            match self.next() {
                Some(b'=') => break,
                Some(byte) if byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-' => kind.push(byte.into()),
                _ => return Err(NameFault::DistinguishedName),
            }
        }
        let value = if self.take(b'#') { self.encoded()? } else { self.text()? };
        Ok((attribute_type(&kind)?, value))
    }

    /// `#` and the value in BER, hexadecimal.
    fn encoded(&mut self) -> Result<Value, NameFault> {
        let mut bytes = Vec::new();
        while self.peek().is_some_and(|byte| byte != b',' && byte != b'+') {
            bytes.push(self.pair()?);
        }
        match Any::from_der(&bytes) {
            Ok(([], value)) => Ok(Value::of(&value)),
            _ => Err(NameFault::DistinguishedName),
        }
    }

    fn text(&mut self) -> Result<Value, NameFault> {
        let mut bytes = Vec::new();
        // Up to where the value certainly goes: blanks at its ends must be escaped.
        let mut solid = 0;
        while let Some(byte) = self.peek().filter(|byte| *byte != b',' && *byte != b'+') {
            match byte {
                b'"' | b';' | b'<' | b'>' => return Err(NameFault::DistinguishedName),
                b' ' if bytes.is_empty() => return Err(NameFault::DistinguishedName),
                b'\\' => bytes.push(self.escape()?),
                plain => {
                    self.next();
                    bytes.push(plain);
                }
            }
            if byte != b' ' {
                solid = bytes.len();
            }
        }
        let text = String::from_utf8(bytes).map_err(|_| NameFault::DistinguishedName)?;
        if text.is_empty() || solid != text.len() || text.chars().any(char::is_control) {
            return Err(NameFault::DistinguishedName);
        }
        Ok(Value::Text(text))
    }

    fn escape(&mut self) -> Result<u8, NameFault> {
        self.next();
        match self.peek() {
            Some(special) if b" \"#+,;<=>\\".contains(&special) => {
                self.next();
                Ok(special)
            }
            _ => self.pair(),
        }
    }

    fn pair(&mut self) -> Result<u8, NameFault> {
        let mut digit = || char::from(self.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (high, low) = (digit(), digit());
        high.zip(low).map(|(high, low)| high << 4 | low).ok_or(NameFault::DistinguishedName)
    }
}

/// The number of an attribute type. Short names are read in any letter case.
fn attribute_type(kind: &str) -> Result<String, NameFault> {
    if kind.contains('.') && kind.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        let plain = kind.split('.').all(|arc| !arc.is_empty() && (arc == "0" || !arc.starts_with('0')));
        return if plain { Ok(kind.to_owned()) } else { Err(NameFault::DistinguishedName) };
    }
    let known = ATTRIBUTES.iter().find(|(name, _)| name.eq_ignore_ascii_case(kind));
    known.map(|(_, number)| (*number).to_owned()).ok_or(NameFault::AttributeType)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dn(text: &str) -> DistinguishedName {
        DistinguishedName::parse(text).unwrap()
    }

    #[test]
    fn the_ways_to_write_one_name_are_one_name() {
        let name = dn("CN=Kakeibo\\, Inc.,O=家計簿,C=JP");
        for same in [
            "cn=Kakeibo\\2C Inc.,o=\\E5\\AE\\B6\\E8\\A8\\88\\E7\\B0\\BF,c=JP",
            "2.5.4.3=Kakeibo\\, Inc., O=家計簿, C=JP",
            "CN=#130d4b616b6569626f2c20496e632e,O=家計簿,C=#13024a50",
        ] {
            assert_eq!(dn(same), name, "{same}");
        }
        assert_eq!(dn("CN=a+OU=b,C=JP"), dn("OU=b+CN=a,C=JP"));
    }

    #[test]
    fn r_139_names_that_look_alike_are_not_alike() {
        let name = dn("CN=kakeibo,O=Kakeibo,C=JP");
        for other in [
            "C=JP,O=Kakeibo,CN=kakeibo",
            "CN=kakeibo+O=Kakeibo,C=JP",
            "CN=kakeibo,O=Kakeibo",
            "CN=KAKEIBO,O=Kakeibo,C=JP",
            "CN=kakeibo\\ ,O=Kakeibo,C=JP",
            "CN=kakeibo,CN=kakeibo,O=Kakeibo,C=JP",
            "CN=kakeibo\\,O\\=Kakeibo\\,C\\=JP",
            // The same letters as a BMPString and as a TeletexString.
            "CN=#1e0e006b0061006b006500690062006f,O=Kakeibo,C=JP",
            "CN=#14076b616b6569626f,O=Kakeibo,C=JP",
        ] {
            assert_ne!(dn(other), name, "{other}");
        }
    }

    #[test]
    fn r_139_what_is_no_name_is_refused_at_registration() {
        for text in [
            "",
            "CN",
            "CN=",
            "=x",
            "CN=a,",
            ",CN=a",
            "CN=a++OU=b",
            "CN=a\\",
            "CN=a\\0",
            "CN=a\\00b",
            "CN=a\u{0}b",
            "CN=a\\0Ab",
            "CN= a",
            "CN=a ",
            "CN=a ,C=JP",
            "CN=\"a\"",
            "CN=a;C=JP",
            "CN=a<b",
            "CN=\\ff",
            "CN=#",
            "CN=#1",
            "CN=#1303",
            "CN=#13016100",
            "CNN=a",
            "2.05.4.3=a",
            "2..5=a",
            "OID.2.5.4.3=a",
        ] {
            assert!(DistinguishedName::parse(text).is_err(), "{text:?}");
        }
        assert!(DistinguishedName::parse(&format!("CN={}", "a".repeat(MAX_NAME_BYTES))).is_err());
        for text in ["", "a b", "a\u{0}b", "口座", &"a".repeat(MAX_NAME_BYTES + 1)] {
            for read in [RegisteredName::dns, RegisteredName::uri, RegisteredName::email] {
                assert!(read(text).is_err(), "{text:?}");
            }
            assert!(RegisteredName::ip(text).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[CNOU=+,#\\\\ 0-9a-f\"\u{0}家]{0,60}") {
            let _ = DistinguishedName::parse(&text);
        }

        #[test]
        fn what_was_escaped_is_what_is_read(value in "[^\\p{C}]{1,40}") {
            let escaped: String = value.bytes().map(|byte| format!("\\{byte:02x}")).collect();
            let name = DistinguishedName(vec![vec![("2.5.4.3".to_owned(), Value::Text(value))]]);
            prop_assert_eq!(dn(&format!("CN={escaped}")), name);
        }
    }
}
