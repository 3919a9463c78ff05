//! How tickets stand in tables: the first part as the key, and a SHA-256 of the whole.

use aws_lc_rs::digest::{SHA256, digest};
use renkei_domain::ticket::Ticket;
use subtle::ConstantTimeEq as _;

/// What is stored instead of a ticket.
pub(crate) fn hash(ticket: &Ticket) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.iter_mut().zip(digest(&SHA256, ticket.bytes()).as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

/// Whether this is the ticket that was stored, in constant time.
pub(crate) fn is(ticket: &Ticket, stored: &[u8; 32]) -> bool {
    hash(ticket).ct_eq(stored).into()
}
