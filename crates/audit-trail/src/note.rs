//! Signed notes (C2SP signed-note): a text, and lines that say who signed it. Ed25519 alone.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64ct::{Base64, Encoding};

use crate::sha256;

/// Begins each signature line.
const DASH: &str = "\u{2014} ";
/// Bytes of an Ed25519 signature.
const SIGNATURE: usize = 64;

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// The note's text itself: what a log signs with.
    Ed25519 = 1,
    /// A cosignature with a time (C2SP tlog-cosignature, cosignature/v1): what a witness signs with.
    Cosignature = 4,
}

/// The text is no note or key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {0}")]
pub struct NotA(pub &'static str);

/// A public key with the name it signs under, as `name+hash+key` (C2SP signed-note, verifier key).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    /// Whose it is.
    pub name: String,
    /// What it signs.
    pub algorithm: Algorithm,
    /// The key.
    pub public: [u8; 32],
}

impl VerifierKey {
    /// The first four bytes that tell keys of one name apart.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = sha256(&[self.name.as_bytes(), &[b'\n', self.algorithm as u8], &self.public]);
        [a, b, c, d]
    }

    /// Who signed this note under this key: its text, if the signature is right. A cosignature's time is told too.
    #[must_use]
    pub fn verify(&self, note: &Note) -> Option<u64> {
        let signatures = note.signatures.iter().filter(|line| line.name == self.name);
        let mine = signatures.filter(|line| line.id == self.id());
        mine.filter_map(|line| self.verify_line(&note.text, &line.signature)).next()
    }

    fn verify_line(&self, text: &str, signature: &[u8]) -> Option<u64> {
        let (time, message, signature) = match self.algorithm {
            Algorithm::Ed25519 => (0, text.to_owned(), signature),
            Algorithm::Cosignature => {
                let (time, signature) = signature.split_first_chunk::<8>()?;
                let time = u64::from_be_bytes(*time);
                (time, format!("cosignature/v1\ntime {time}\n{text}"), signature)
            }
        };
        let right = signature.len() == SIGNATURE
            && UnparsedPublicKey::new(&ED25519, self.public).verify(message.as_bytes(), signature).is_ok();
        right.then_some(time)
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let id = u32::from_be_bytes(self.id());
        let key = [&[self.algorithm as u8], self.public.as_slice()].concat();
        write!(f, "{}+{id:08x}+{}", self.name, Base64::encode_string(&key))
    }
}

impl std::str::FromStr for VerifierKey {
    type Err = NotA;

    fn from_str(text: &str) -> Result<VerifierKey, NotA> {
        let no = || NotA("verifier key: name+hash+key");
        let (name, rest) = text.trim().split_once('+').ok_or_else(no)?;
        let (_, key) = rest.split_once('+').ok_or_else(no)?;
        let key = Base64::decode_vec(key).map_err(|_| no())?;
        let (algorithm, public) = match key.split_first() {
            Some((1, public)) => (Algorithm::Ed25519, public),
            Some((4, public)) => (Algorithm::Cosignature, public),
            _ => return Err(no()),
        };
        let public = public.try_into().map_err(|_| no())?;
        let key = VerifierKey { name: name.to_owned(), algorithm, public };
        if key.to_string() == text.trim() { Ok(key) } else { Err(no()) }
    }
}

/// One signature of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine {
    /// Whose it says to be.
    pub name: String,
    /// Which key of that name.
    pub id: [u8; 4],
    /// The signature.
    pub signature: Vec<u8>,
}

impl SignatureLine {
    /// Reads a line as it stands in a note.
    ///
    /// # Errors
    /// [`NotA`].
    pub fn parse(line: &str) -> Result<SignatureLine, NotA> {
        let no = || NotA("signature line");
        let (name, signature) = line.strip_prefix(DASH).and_then(|rest| rest.split_once(' ')).ok_or_else(no)?;
        let bytes = Base64::decode_vec(signature).map_err(|_| no())?;
        let (id, signature) = bytes.split_first_chunk::<4>().ok_or_else(no)?;
        let named = !name.is_empty() && !name.contains(char::is_whitespace) && !name.contains('+');
        if !named || signature.is_empty() {
            return Err(no());
        }
        Ok(SignatureLine { name: name.to_owned(), id: *id, signature: signature.to_vec() })
    }
}

impl std::fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = [self.id.as_slice(), &self.signature].concat();
        write!(f, "{DASH}{} {}", self.name, Base64::encode_string(&bytes))
    }
}

/// A text and its signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The text; ends with a line break.
    pub text: String,
    /// Who signed it.
    pub signatures: Vec<SignatureLine>,
}

impl Note {
    /// Reads a note.
    ///
    /// # Errors
    /// [`NotA`].
    pub fn parse(text: &str) -> Result<Note, NotA> {
        let no = || NotA("signed note");
        let (body, lines) = text.rsplit_once("\n\n").ok_or_else(no)?;
        let lines = lines.strip_suffix('\n').ok_or_else(no)?;
        let signatures = lines.split('\n').map(SignatureLine::parse).collect::<Result<Vec<_>, _>>()?;
        Ok(Note { text: format!("{body}\n"), signatures })
    }

    /// Reads notes that stand one after the other.
    ///
    /// # Errors
    /// [`NotA`].
    pub fn parse_all(text: &str) -> Result<Vec<Note>, NotA> {
        let (mut notes, mut one) = (Vec::new(), String::new());
        for line in text.split_inclusive('\n') {
            if !line.starts_with(DASH) && one.lines().last().is_some_and(|last| last.starts_with(DASH)) {
                notes.push(Note::parse(&std::mem::take(&mut one))?);
            }
            one.push_str(line);
        }
        if !one.is_empty() {
            notes.push(Note::parse(&one)?);
        }
        Ok(notes)
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A private key with the name it signs under.
pub struct Signer {
    pair: Ed25519KeyPair,
    key: VerifierKey,
}

impl Signer {
    /// The key in this PKCS#8 text (RFC 8410), under this name.
    ///
    /// # Errors
    /// [`NotA`] when it is no Ed25519 key.
    pub fn new(name: &str, algorithm: Algorithm, pkcs8: &[u8]) -> Result<Signer, NotA> {
        let no = |_| NotA("private Ed25519 key");
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(no)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| NotA("public Ed25519 key"))?;
        Ok(Signer { pair, key: VerifierKey { name: name.to_owned(), algorithm, public } })
    }

    /// What verifies it.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.key
    }

    /// Signs a text. Ed25519 draws nothing: the same text has the same signature.
    #[must_use]
    pub fn sign(&self, text: &str) -> SignatureLine {
        self.line(self.pair.sign(text.as_bytes()).as_ref().to_vec())
    }

    /// Signs a text as a witness does, at this time in seconds since 1970.
    #[must_use]
    pub fn cosign(&self, text: &str, seconds: u64) -> SignatureLine {
        let message = format!("cosignature/v1\ntime {seconds}\n{text}");
        let signature = self.pair.sign(message.as_bytes());
        self.line([seconds.to_be_bytes().as_slice(), signature.as_ref()].concat())
    }

    fn line(&self, signature: Vec<u8>) -> SignatureLine {
        SignatureLine { name: self.key.name.clone(), id: self.key.id(), signature }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(algorithm: Algorithm) -> Signer {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
        Signer::new("example.com/log", algorithm, pkcs8.as_ref()).unwrap()
    }

    /// The example of the signed-note specification's reference implementation (golang.org/x/mod/sumdb/note).
    #[test]
    fn a_note_of_another_implementation_verifies() {
        let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let note = "If you think cryptography is the answer to your problem,\n\
             then you don't know what your problem is.\n\n\
             \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let key: VerifierKey = key.parse().unwrap();
        let parsed = Note::parse(note).unwrap();
        assert_eq!(key.verify(&parsed), Some(0));
        assert_eq!(parsed.to_string(), note);
        let changed = Note { text: parsed.text.replace("answer", "Answer"), ..parsed };
        assert_eq!(key.verify(&changed), None);
    }

    #[test]
    fn a_signature_is_of_its_key_its_name_and_its_text() {
        let (log, other) = (signer(Algorithm::Ed25519), signer(Algorithm::Ed25519));
        let note = Note { text: "a\n".into(), signatures: vec![log.sign("a\n")] };
        assert_eq!(log.verifier().verify(&note), Some(0));
        assert_eq!(other.verifier().verify(&note), None);
        let renamed = VerifierKey { name: "example.com/other".into(), ..log.verifier().clone() };
        assert_eq!(renamed.verify(&note), None);
        assert_eq!(log.verifier().to_string().parse::<VerifierKey>().as_ref(), Ok(log.verifier()));
    }

    #[test]
    fn a_cosignature_tells_its_time_and_is_no_signature_of_the_log() {
        let witness = signer(Algorithm::Cosignature);
        let note = Note { text: "a\n".into(), signatures: vec![witness.cosign("a\n", 1_800_000_000)] };
        assert_eq!(witness.verifier().verify(&note), Some(1_800_000_000));
        let as_log = VerifierKey { algorithm: Algorithm::Ed25519, ..witness.verifier().clone() };
        assert_eq!(as_log.verify(&note), None);
    }

    #[test]
    fn notes_one_after_the_other_are_told_apart() {
        let log = signer(Algorithm::Ed25519);
        let notes: Vec<Note> =
            ["a\n", "b\nc\n"].map(|text| Note { text: text.into(), signatures: vec![log.sign(text)] }).into();
        let all: String = notes.iter().map(Note::to_string).collect();
        assert_eq!(Note::parse_all(&all), Ok(notes));
        assert_eq!(Note::parse_all(""), Ok(vec![]));
        assert!(Note::parse_all("a\n").is_err());
    }
}
