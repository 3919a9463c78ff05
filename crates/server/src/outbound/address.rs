//! Which addresses may be contacted: those of the public Internet, and none that has a special use. A name that a
//! partner chose must not lead into the bank's own networks, to this machine, or to a cloud's metadata service.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// IANA's IPv4 Special-Purpose Address Registry, and multicast: network, prefix length, what it is.
const SPECIAL_V4: &[([u8; 4], u32, &str)] = &[
    ([0, 0, 0, 0], 8, "this network"),
    ([10, 0, 0, 0], 8, "private"),
    ([100, 64, 0, 0], 10, "shared by a carrier"),
    ([127, 0, 0, 0], 8, "loopback"),
    ([169, 254, 0, 0], 16, "link-local"),
    ([172, 16, 0, 0], 12, "private"),
    ([192, 0, 0, 0], 24, "for protocol assignments"),
    ([192, 0, 2, 0], 24, "for documentation"),
    ([192, 31, 196, 0], 24, "AS112"),
    ([192, 52, 193, 0], 24, "for multicast relays"),
    ([192, 88, 99, 0], 24, "a 6to4 relay"),
    ([192, 168, 0, 0], 16, "private"),
    ([192, 175, 48, 0], 24, "AS112"),
    ([198, 18, 0, 0], 15, "for benchmarks"),
    ([198, 51, 100, 0], 24, "for documentation"),
    ([203, 0, 113, 0], 24, "for documentation"),
    ([224, 0, 0, 0], 4, "multicast"),
    ([240, 0, 0, 0], 4, "reserved"),
];

/// Global unicast: what is outside is nobody's on the public Internet (RFC 4291 §2.4). Outside are loopback, the
/// unspecified address, IPv4-mapped and -compatible ones, NAT64, discard-only, segment-routing, unique-local,
/// link-local, site-local and multicast addresses.
const GLOBAL_V6: ([u16; 8], u32) = ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// What IANA's IPv6 Special-Purpose Address Registry takes out of [`GLOBAL_V6`].
const SPECIAL_V6: &[([u16; 8], u32, &str)] = &[
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "for protocol assignments, Teredo among them"),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "for documentation"),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "an IPv4 address in 6to4"),
    ([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, "AS112"),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "for documentation"),
];

/// What is special about an address; nothing about one of the public Internet.
#[must_use]
pub fn special_use(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    let within = |network: [u8; 4], length: u32| {
        let mask = u32::MAX << (32 - length);
        (address.to_bits() ^ Ipv4Addr::from(network).to_bits()) & mask == 0
    };
    SPECIAL_V4.iter().find(|(network, length, _)| within(*network, *length)).map(|(_, _, what)| *what)
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    let within = |network: [u16; 8], length: u32| {
        let mask = u128::MAX << (128 - length);
        (address.to_bits() ^ Ipv6Addr::from(network).to_bits()) & mask == 0
    };
    if !within(GLOBAL_V6.0, GLOBAL_V6.1) {
        return Some("not of the public Internet");
    }
    SPECIAL_V6.iter().find(|(network, length, _)| within(*network, *length)).map(|(_, _, what)| *what)
}

/// What an installation lets its own requests reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Ports of other servers.
    pub ports: Vec<u16>,
    /// Addresses reached whatever they are; for demonstrations and tests on one machine.
    pub allowed: Vec<SocketAddr>,
}

impl Default for Reach {
    /// The public Internet at the port of https.
    fn default() -> Reach {
        Reach { ports: vec![443], allowed: Vec::new() }
    }
}

impl Reach {
    /// What forbids this address; nothing if it may be contacted.
    #[must_use]
    pub fn forbids(&self, address: SocketAddr) -> Option<&'static str> {
        if self.allowed.contains(&address) { None } else { special_use(address.ip()) }
    }

    /// Whether a server's port may be contacted.
    #[must_use]
    pub fn has_port(&self, port: u16) -> bool {
        self.ports.contains(&port) || self.allowed.iter().any(|address| address.port() == port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_and_last_v4((network, length, _): ([u8; 4], u32, &str)) -> (u32, u32) {
        let first = Ipv4Addr::from(network).to_bits();
        (first, first | (u32::MAX >> length))
    }

    #[test]
    fn r_036_every_special_range_is_refused_from_its_first_address_to_its_last_and_no_further() {
        let special = |bits: u32| special_use(Ipv4Addr::from_bits(bits).into());
        let neighbours = |bits: u32| {
            SPECIAL_V4.iter().any(|range| {
                let (first, last) = first_and_last_v4(*range);
                (first..=last).contains(&bits)
            })
        };
        for range in SPECIAL_V4 {
            let (first, last) = first_and_last_v4(*range);
            assert_eq!((special(first), special(last)), (Some(range.2), Some(range.2)));
            for outside in [first.checked_sub(1), last.checked_add(1)].into_iter().flatten() {
                assert_eq!(special(outside).is_some(), neighbours(outside), "{}", Ipv4Addr::from_bits(outside));
            }
        }
        for (network, length, what) in SPECIAL_V6 {
            let first = Ipv6Addr::from(*network).to_bits();
            let last = first | (u128::MAX >> length);
            for bits in [first, last] {
                assert_eq!(special_use(Ipv6Addr::from_bits(bits).into()), Some(*what));
            }
            assert_eq!(special_use(Ipv6Addr::from_bits(last + 1).into()), None, "{what}");
        }
    }

    #[test]
    fn a_043_loopback_private_and_metadata_addresses_are_special_however_they_are_wrapped() {
        for text in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.1.2.3",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2001::7f00:1",
            "100::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "3fff::1",
            "5f00::1",
            "fd00:ec2::254",
            "4000::1",
        ] {
            assert!(special_use(text.parse().unwrap()).is_some(), "{text}");
        }
    }

    #[test]
    fn addresses_of_the_public_internet_are_not_special() {
        for text in ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "192.0.1.1", "2606:4700::1", "2404:6800::1"]
        {
            assert_eq!(special_use(text.parse().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn an_allowance_is_for_one_address_and_port_only() {
        let allowed: SocketAddr = "127.0.0.1:8443".parse().unwrap();
        let reach = Reach { ports: vec![443], allowed: vec![allowed] };
        assert_eq!(reach.forbids(allowed), None);
        for other in ["127.0.0.1:443", "127.0.0.2:8443", "[::1]:8443", "[::ffff:127.0.0.1]:8443"] {
            assert!(reach.forbids(other.parse().unwrap()).is_some(), "{other}");
        }
        assert!(reach.has_port(443) && reach.has_port(8443) && !reach.has_port(80));
    }
}
