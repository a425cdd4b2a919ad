//! The addresses of newcomers.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;
use http::header::HeaderName;
use ipnet::IpNet;

/// The header with a proxy's client.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Connections counted together: those of one IPv4 address, or of one IPv6 /64 network, the usual
/// allocation of a subscriber.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct AddressGroup {
    /// Whether the limit per group applies.
    pub(super) is_limited: bool,
    network: IpAddr,
}

impl AddressGroup {
    pub(super) fn new(address: IpAddr, is_limited: bool) -> Self {
        let network = match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            address @ IpAddr::V4(_) => address,
        };
        Self { is_limited, network }
    }
}

impl fmt::Display for AddressGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.network {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

/// The networks of trusted proxies, exempt from the limit per group.
#[derive(Clone, Debug, Default)]
pub(super) struct Trusted(pub(super) Vec<IpNet>);

impl Trusted {
    /// The group of a connection from this address.
    pub(super) fn group(&self, address: IpAddr) -> AddressGroup {
        AddressGroup::new(address, !self.contains(address))
    }

    /// The group of a request, if a trusted proxy names another client.
    pub(super) fn forwarded(&self, peer: IpAddr, headers: &HeaderMap) -> Option<AddressGroup> {
        self.client(peer, headers).map(|address| self.group(address))
    }

    /// The client of a request, if a trusted proxy names another one than the peer.
    ///
    /// Each proxy appends its client's address. The last entry outside of all trusted networks is
    /// therefore the client; everything before it may be forged.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        if !self.contains(peer) {
            return None;
        }
        let lines = headers.get_all(FORWARDED_FOR).into_iter().rev();
        let entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        let address = entries.map(read).find(|address| address.is_none_or(|address| !self.contains(address)));
        address.flatten().map(|address| address.to_canonical())
    }

    fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Parses an address as written by proxies: optionally with a port, IPv6 optionally in brackets.
fn read(entry: &[u8]) -> Option<IpAddr> {
    let entry = std::str::from_utf8(entry).ok()?.trim();
    let bare = entry.strip_prefix('[').and_then(|entry| entry.strip_suffix(']')).unwrap_or(entry);
    bare.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// Parses a network or a single address for `--trusted-proxy`.
///
/// # Errors
///
/// A text for the operator.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    network
        .map(|network| network.trunc())
        .ok_or_else(|| "give an address, or a network as 10.0.0.0/8".to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn trusted(networks: &[&str]) -> Trusted {
        Trusted(networks.iter().map(|text| network(text).unwrap()).collect())
    }

    fn forwarded(peer: &str, lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let group = trusted(&["10.0.0.0/8", "127.0.0.1", "fd00::/8"]).forwarded(address(peer), &headers);
        group.map(|group| group.to_string())
    }

    #[test]
    fn an_ipv6_network_of_64_bits_counts_together_and_a_mapped_address_is_one_of_ipv4() {
        let group = |text| trusted(&[]).group(address(text));
        assert_eq!(group("2001:db8:1:2::1"), group("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(group("2001:db8:1:2::1"), group("2001:db8:1:3::1"));
        assert_eq!(group("::ffff:192.0.2.1"), group("192.0.2.1"));
        assert_ne!(group("::ffff:192.0.2.1"), group("::ffff:192.0.2.2"));
        assert_eq!(group("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
    }

    #[test]
    fn only_trusted_networks_have_no_limit() {
        let trusted = trusted(&["10.0.0.0/8", "fd00::/8"]);
        for (text, is_limited) in [
            ("10.1.2.3", false),
            ("::ffff:10.1.2.3", false),
            ("11.1.2.3", true),
            ("fd00::1", false),
            ("::1", true),
            ("127.0.0.1", true),
        ] {
            assert_eq!(trusted.group(address(text)).is_limited, is_limited, "{text}");
        }
    }

    #[test]
    fn the_last_untrusted_entry_of_a_trusted_proxy_counts() {
        for (lines, counts) in [
            (&["192.0.2.1"][..], Some("192.0.2.1")),
            (&["192.0.2.9, 192.0.2.1"], Some("192.0.2.1")),
            (&["192.0.2.9", "192.0.2.1"], Some("192.0.2.1")),
            (&["192.0.2.1, 10.0.0.7,127.0.0.1 "], Some("192.0.2.1")),
            (&["192.0.2.1:4711"], Some("192.0.2.1")),
            (&["2001:db8::1"], Some("2001:db8::/64")),
            (&["[2001:db8::1]"], Some("2001:db8::/64")),
            (&["[2001:db8::1]:4711"], Some("2001:db8::/64")),
            (&["::ffff:192.0.2.1"], Some("192.0.2.1")),
            // The proxy wrote no address. Earlier entries may be forged.
            (&["192.0.2.9, unknown"], None),
            (&["192.0.2.9, "], None),
            (&["192.0.2.9, ü"], None),
            (&["10.0.0.7"], None),
            (&[""], None),
            (&[], None),
        ] {
            assert_eq!(forwarded("127.0.0.1", lines).as_deref(), counts, "{lines:?}");
            assert_eq!(forwarded("::ffff:127.0.0.1", lines).as_deref(), counts, "{lines:?}");
            assert_eq!(forwarded("127.0.0.2", lines), None, "a stranger's word: {lines:?}");
        }
    }

    #[test]
    fn a_network_is_an_address_with_or_without_a_length() {
        for (text, read) in [("10.1.2.3/8", "10.0.0.0/8"), ("10.1.2.3", "10.1.2.3/32"), ("::1", "::1/128")] {
            assert_eq!(network(text).unwrap().to_string(), read);
        }
        for wrong in ["", "10.0.0.0/33", "localhost", "10.0.0.0/8,::1"] {
            assert!(network(wrong).is_err(), "{wrong}");
        }
    }
}
