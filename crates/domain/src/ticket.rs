//! Tickets: the random strings that stand for something stored (a pushed request, a code, a token, a session).
//!
//! A ticket is sixteen time-ordered bytes, by which its row is found, and thirty-two random bytes, which alone make it
//! valid. The store keeps the first part as the key and a SHA-256 of the whole, never the ticket itself.

use std::fmt;

use uuid::Uuid;

/// Random bytes behind the identifier: 256 bits, twice what any rule asks for.
pub const SECRET_BYTES: usize = 32;
/// Bytes of a whole ticket.
pub const TICKET_BYTES: usize = 16 + SECRET_BYTES;
/// Characters of a ticket as text: base64url without padding.
pub const TICKET_CHARS: usize = TICKET_BYTES / 3 * 4;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A ticket in clear. It is shown to its holder once and never printed, logged or stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket([u8; TICKET_BYTES]);

/// The text is not a ticket: wrong length or characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a ticket")]
pub struct NotATicket;

impl Ticket {
    /// A new ticket from a time-ordered identifier and fresh random bytes.
    #[must_use]
    pub fn new(id: Uuid, secret: &[u8; SECRET_BYTES]) -> Ticket {
        let mut bytes = [0; TICKET_BYTES];
        let (head, tail) = bytes.split_at_mut(16);
        head.copy_from_slice(id.as_bytes());
        tail.copy_from_slice(secret);
        Ticket(bytes)
    }

    /// The key under which the row stands.
    #[must_use]
    pub fn id(&self) -> Uuid {
        let mut head = [0; 16];
        head.iter_mut().zip(&self.0).for_each(|(to, from)| *to = *from);
        Uuid::from_bytes(head)
    }

    /// All bytes, for hashing.
    #[must_use]
    pub fn bytes(&self) -> &[u8; TICKET_BYTES] {
        &self.0
    }

    /// The text handed to its holder. The only way out of this type; named so that a reader notices it.
    #[must_use]
    pub fn reveal(&self) -> String {
        let mut text = String::with_capacity(TICKET_CHARS);
        for chunk in self.0.chunks_exact(3) {
            let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte));
            for shift in [18, 12, 6, 0] {
                let digit = ALPHABET.get((group >> shift & 63) as usize).copied().unwrap_or_default();
                text.push(char::from(digit));
            }
        }
        text
    }

    /// Reads a ticket from text.
    ///
    /// # Errors
    /// [`NotATicket`] unless the text is exactly [`TICKET_CHARS`] characters of base64url.
    pub fn parse(text: &str) -> Result<Ticket, NotATicket> {
        if text.len() != TICKET_CHARS {
            return Err(NotATicket);
        }
        let mut bytes = [0; TICKET_BYTES];
        for (out, chunk) in bytes.chunks_exact_mut(3).zip(text.as_bytes().chunks_exact(4)) {
            let mut group = 0_u32;
            for character in chunk {
                group = group << 6 | digit(*character).ok_or(NotATicket)?;
            }
            let [_, a, b, c] = group.to_be_bytes();
            out.copy_from_slice(&[a, b, c]);
        }
        Ok(Ticket(bytes))
    }
}

/// The value of one base64url character.
fn digit(character: u8) -> Option<u32> {
    let value = match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({}, secret not shown)", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_ticket_reads_back(id in any::<[u8; 16]>(), secret in any::<[u8; 32]>()) {
            let ticket = Ticket::new(Uuid::from_bytes(id), &secret);
            let text = ticket.reveal();
            prop_assert_eq!(text.len(), TICKET_CHARS);
            prop_assert_eq!(Ticket::parse(&text), Ok(ticket));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,80}") {
            let _ = Ticket::parse(&text);
        }
    }

    #[test]
    fn the_secret_part_is_not_in_debug() {
        let ticket = Ticket::new(Uuid::nil(), &[0xab; 32]);
        assert!(!format!("{ticket:?}").contains("ab, ab"));
        assert!(!format!("{ticket:?}").contains(&ticket.reveal()[30..]));
    }

    #[test]
    fn padding_and_other_alphabets_are_refused() {
        let text = Ticket::new(Uuid::nil(), &[0xff; 32]).reveal();
        for bad in [format!("{}=", &text[..63]), text.replace('_', "/"), format!("{text}A"), text[..63].to_owned()] {
            assert_eq!(Ticket::parse(&bad), Err(NotATicket), "{bad}");
        }
    }
}
