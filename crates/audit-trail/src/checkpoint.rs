//! A checkpoint: how large a trail is and what its root is (C2SP tlog-checkpoint).

use base64ct::{Base64, Encoding};

use crate::Hash;
use crate::note::NotA;

/// The state of a trail at a size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which trail: a name that begins with a host, without a scheme. It is its key's name, too.
    pub origin: String,
    /// Entries in it.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

impl Checkpoint {
    /// Reads the text of a note.
    ///
    /// # Errors
    /// [`NotA`] when it is no checkpoint in the one way to write it. Lines after the third are passed over.
    pub fn parse(text: &str) -> Result<Checkpoint, NotA> {
        let no = || NotA("checkpoint");
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(no());
        };
        let size: u64 = size.parse().ok().filter(|number: &u64| number.to_string() == size).ok_or_else(no)?;
        let root = Base64::decode_vec(root).ok().and_then(|root| root.try_into().ok()).ok_or_else(no)?;
        if origin.is_empty() || !text.ends_with('\n') {
            return Err(no());
        }
        Ok(Checkpoint { origin: origin.to_owned(), size, root })
    }
}

impl std::fmt::Display for Checkpoint {
    /// The text that is signed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, Base64::encode_string(&self.root))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_written_in_one_way() {
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        assert_eq!(Checkpoint::parse(text).unwrap().to_string(), text);
        assert!(Checkpoint::parse(&text.replace("\n2085", "\n02085")).is_err());
        assert!(Checkpoint::parse(&text.replace("CsU", "Cs")).is_err());
        assert!(Checkpoint::parse(text.trim_end()).is_err());
    }
}
