//! From whose address a request comes, as far as that can be known: behind a gateway every peer has the gateway's address,
//! and what a header says counts only from gateways that the configuration names (HTT-016).
//!
//! Addresses are personal data. They live as long as their request, in memory; no type here has a `Debug`, and what
//! outlives the request is a hash with a key that dies with the process ([`super::rate`]).
//!
//! Rules kept here: OVP-RESP-18, PRV-09.

use super::listener::Peer;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Where gateways write whom they speak for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressHeader {
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-For`.
    XForwardedFor,
}

impl AddressHeader {
    fn name(self) -> HeaderName {
        match self {
            Self::Forwarded => header::FORWARDED,
            Self::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
        }
    }
}

/// What stands between clients and this service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gateways {
    /// Nothing: who connects is a client.
    None,
    /// Something that is not known: who connects may speak for everybody, so nobody is told apart.
    Unknown,
    /// These, and who else connects is a client.
    Known {
        /// Their networks.
        networks: Vec<IpNet>,
        /// The one header that they set; no other is read.
        header: AddressHeader,
    },
}

/// The address of a client. Of IPv6 it is the network of 64 bits, all of which one client usually has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            short @ IpAddr::V4(_) => short,
        })
    }
}

/// From whom a request comes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From this client.
    Client(ClientAddress),
    /// From somebody whom a gateway of ours should have named in a usable way, and did not.
    Unnamed,
    /// That cannot be known here.
    Unknown,
}

/// Most gateways in a row. Behind more, nobody is told apart.
const MOST_HOPS: usize = 16;

impl Gateways {
    /// From whom a request comes. The header of a peer that is no gateway of ours is not looked at.
    pub fn origin(&self, peer: Option<Peer>, headers: &HeaderMap) -> Origin {
        let Some(peer) = peer else { return Origin::Unknown };
        match self {
            Self::None => Origin::Client(peer.address().into()),
            Self::Unknown => Origin::Unknown,
            Self::Known { networks, .. } if !contains(networks, peer.address()) => {
                Origin::Client(peer.address().into())
            }
            Self::Known { networks, header } => {
                named(networks, *header, headers).map_or(Origin::Unnamed, |address| Origin::Client(address.into()))
            }
        }
    }
}

fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// The last hop that is no gateway of ours. Every gateway adds its peer at the right end, so what stands left of that hop
/// may be anybody's invention, and must not even be able to make the rest unreadable.
fn named(networks: &[IpNet], header: AddressHeader, headers: &HeaderMap) -> Option<IpAddr> {
    let mut hops = 0_usize;
    for line in headers.get_all(header.name()).iter().rev() {
        for element in elements_from_the_right(line) {
            let address = match header {
                AddressHeader::Forwarded => forwarded_for(element)?,
                AddressHeader::XForwardedFor => node(element)?,
            };
            if !contains(networks, address) {
                return Some(address);
            }
            hops = hops.saturating_add(1);
            if hops >= MOST_HOPS {
                return None;
            }
        }
    }
    None
}

/// The elements of a list from the last to the first. Commas within quotes do not count; quotes are matched from the right,
/// so a quote that somebody left open further left has no effect here. Empty if the text is not ASCII.
fn elements_from_the_right(line: &HeaderValue) -> impl Iterator<Item = &str> {
    let mut rest = line.to_str().ok();
    std::iter::from_fn(move || {
        let text = rest?;
        let mut quoted = false;
        let comma = text.char_indices().rev().find(|(_, letter)| {
            quoted ^= *letter == '"';
            *letter == ',' && !quoted
        });
        let (left, element) = match comma {
            Some((place, _)) => (text.get(..place), text.get(place.saturating_add(1)..)?),
            None => (None, text),
        };
        rest = left;
        Some(element.trim_matches([' ', '\t']))
    })
}

/// The address in `for` of one element (RFC 7239 section 4). `None` for `unknown`, for a made-up name, without `for` or with
/// two of them.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in element.split(';') {
        let (name, value) = pair.trim_matches([' ', '\t']).split_once('=')?;
        if name.eq_ignore_ascii_case("for") {
            let value = match value.strip_prefix('"') {
                // Addresses need no escapes.
                Some(rest) => rest.strip_suffix('"').filter(|inner| !inner.contains(['"', '\\']))?,
                None => value,
            };
            if found.replace(node(value)?).is_some() {
                return None;
            }
        }
    }
    found
}

/// An address, perhaps with a port; one of IPv6 may stand in brackets, and must with a port (RFC 7239 section 6).
fn node(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::from);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(bracketed).or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATEWAY: &str = "10.0.0.1";

    fn known(header: AddressHeader) -> Gateways {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        Gateways::Known { networks: networks.into(), header }
    }

    fn headers(name: &'static str, lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    /// The client's address as text; `-` if a gateway named nobody, `?` if it cannot be known.
    fn seen(gateways: &Gateways, peer: &str, headers: &HeaderMap) -> String {
        let peer = Peer::from(SocketAddr::new(peer.parse().unwrap(), 4711));
        match gateways.origin(Some(peer), headers) {
            Origin::Client(ClientAddress(address)) => address.to_string(),
            Origin::Unnamed => "-".to_owned(),
            Origin::Unknown => "?".to_owned(),
        }
    }

    #[test]
    fn only_gateways_are_listened_to() {
        // HTT-016.
        let forged = headers("x-forwarded-for", &["192.0.2.7"]);
        assert_eq!(seen(&known(AddressHeader::XForwardedFor), "198.51.100.1", &forged), "198.51.100.1");
        assert_eq!(seen(&known(AddressHeader::XForwardedFor), GATEWAY, &forged), "192.0.2.7");
        assert_eq!(seen(&known(AddressHeader::XForwardedFor), "::ffff:10.0.0.1", &forged), "192.0.2.7");
        assert_eq!(seen(&Gateways::None, GATEWAY, &forged), GATEWAY);
        assert_eq!(seen(&Gateways::Unknown, GATEWAY, &forged), "?");
        // One header is read, never the other, nor those that nobody configured.
        assert_eq!(seen(&known(AddressHeader::Forwarded), GATEWAY, &forged), "-");
        let other = headers("forwarded", &["for=192.0.2.7"]);
        assert_eq!(seen(&known(AddressHeader::XForwardedFor), GATEWAY, &other), "-");
        assert_eq!(seen(&known(AddressHeader::XForwardedFor), GATEWAY, &headers("x-real-ip", &["192.0.2.7"])), "-");
    }

    #[test]
    fn the_last_hop_that_is_no_gateway_counts() {
        // HTT-016: what stands left of it is the client's invention.
        for (lines, expected) in [
            (&["192.0.2.7"] as &[&str], "192.0.2.7"),
            (&["203.0.113.9, 192.0.2.7"], "192.0.2.7"),
            (&["203.0.113.9, 192.0.2.7, 10.1.1.1,10.0.0.2"], "192.0.2.7"),
            (&["203.0.113.9", "192.0.2.7", "10.1.1.1"], "192.0.2.7"),
            (&["rubbish, \"open, 192.0.2.7"], "192.0.2.7"),
            (&["192.0.2.7:8080"], "192.0.2.7"),
            (&["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::"),
            (&["[2001:db8:1:2:3::6]:443, fd00::1"], "2001:db8:1:2::"),
            (&["::ffff:192.0.2.7"], "192.0.2.7"),
            (&["192.0.2.7, unknown"], "-"),
            (&["192.0.2.7, "], "-"),
            (&["192.0.2.7 10.0.0.1"], "-"),
            (&["192.0.2.300"], "-"),
            (&["10.1.1.1, 10.0.0.2"], "-"),
            (&[""], "-"),
            (&[], "-"),
        ] {
            let got = seen(&known(AddressHeader::XForwardedFor), GATEWAY, &headers("x-forwarded-for", lines));
            assert_eq!(got, expected, "{lines:?}");
        }
        let many = vec!["10.0.0.1"; MOST_HOPS].join(",");
        let text = format!("192.0.2.7,{many}");
        assert_eq!(
            seen(&known(AddressHeader::XForwardedFor), GATEWAY, &headers("x-forwarded-for", &[text.as_str()])),
            "-"
        );
    }

    #[test]
    fn forwarded_is_read_as_its_rfc_says() {
        // RFC 7239 sections 4 and 6, HTT-016.
        for (lines, expected) in [
            (&["for=192.0.2.7"] as &[&str], "192.0.2.7"),
            (&["For=\"192.0.2.7:4711\";proto=https;by=203.0.113.43"], "192.0.2.7"),
            (&["for=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::"),
            (&["for=203.0.113.9, for=192.0.2.7;host=\"a,b;c\", for=10.0.0.2"], "-"),
            (&["for=203.0.113.9, for=192.0.2.7;host=\"a,b\", for=10.0.0.2"], "192.0.2.7"),
            (&["for=203.0.113.9", "proto=https; for=192.0.2.7"], "192.0.2.7"),
            // A quote that a client left open does not hide what the gateway adds.
            (&["for=\"203.0.113.9, for=192.0.2.7"], "192.0.2.7"),
            (&["for=unknown"], "-"),
            (&["for=_hidden"], "-"),
            (&["for=192.0.2.7;for=203.0.113.9"], "-"),
            (&["for=\"192.0.2\\.7\""], "-"),
            (&["for=\"192.0.2.7"], "-"),
            (&["proto=https"], "-"),
            (&["192.0.2.7"], "-"),
            (&["for=203.0.113.9, for"], "-"),
        ] {
            let got = seen(&known(AddressHeader::Forwarded), GATEWAY, &headers("forwarded", lines));
            assert_eq!(got, expected, "{lines:?}");
        }
    }
}
