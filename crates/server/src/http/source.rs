//! Where a request comes from.

use std::net::IpAddr;

/// The address of whoever connected; the listener puts it into each request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(pub IpAddr);

impl Source {
    /// The source of a connection: an IPv4 address is the same one however the socket writes it.
    #[must_use]
    pub fn of(address: IpAddr) -> Source {
        Source(address.to_canonical())
    }
}
