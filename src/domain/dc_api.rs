//! The words of the browser's Digital Credentials API: the origin that asks, and the protocol in which it asks.
//!
//! There the browser, not an address of ours, carries request and answer, and what a proof is bound to is the origin of
//! the page, not the `client_id`.

use super::reason::{Code, Reason};
use std::fmt;
use url::{Host, Url};

/// How the audience of a proof begins that was made for an origin. A `client_id` never begins so (OVP-CID-11).
pub const AUDIENCE_PREFIX: &str = "origin:";

/// Whether this audience is an origin, not a `client_id`.
pub fn is_origin_audience(audience: &str) -> bool {
    audience.starts_with(AUDIENCE_PREFIX)
}

/// The origin of a page: scheme, host, and the port if it is not the usual one, exactly as browsers write it in ASCII.
///
/// Wallets and verifiers compare origins as text, without any interpretation. So there is one spelling only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    /// Reads `https://antrag.stadt.example`; `http` for loopback hosts only, where no other machine is reached.
    ///
    /// # Errors
    /// [`Code::ConfigRefused`] for everything else: other schemes, a path (also a single slash), a query, a fragment, a
    /// user, the usual port, upper case, letters that are not ASCII, a wildcard, a final dot (DCA-07, DCA-08, case
    /// DCA-007).
    ///
    /// # Source
    /// OpenID4VP 1.0 section A.2 (`expected_origins`); HTML, "ASCII serialization of an origin".
    pub fn parse(text: &str) -> Result<Self, Reason> {
        let refused = |detail: &'static str| Err(Reason::new(Code::ConfigRefused, detail));
        let Ok(url) = Url::parse(text) else { return refused("is not an absolute address") };
        let host = match (url.scheme(), url.host()) {
            ("https" | "http", Some(host)) => host,
            ("https" | "http", None) => return refused("has no host"),
            _ => return refused("is neither https nor http"),
        };
        if url.scheme() == "http" && !is_this_machine(&host) {
            return refused("is http, but not on a loopback host");
        }
        let name = url.host_str().unwrap_or_default();
        if name.ends_with('.') || name.contains('*') {
            return refused("has a host that ends with a dot or has a wildcard");
        }
        if url.origin().ascii_serialization() != text {
            return refused("is not exactly an origin: scheme, host, and the port if it is not the usual one");
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The audience of proofs that are made for this origin, signed requests included (DCA-11).
    ///
    /// # Source
    /// OpenID4VP 1.0 sections A.4 and B.3.6.
    pub fn audience(&self) -> String {
        format!("{AUDIENCE_PREFIX}{}", self.0)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// A protocol of OpenID4VP over the API, which says how the request is authenticated (OpenID4VP 1.0 section A.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// One signature, compact.
    Signed,
    /// One signature for each client identifier, in the JSON form.
    MultiSigned,
    /// No signature: only the browser says who asks. Wallets of the EU do not answer (DCA-15).
    Unsigned,
}

impl Protocol {
    /// All of them, the best first.
    pub const ALL: [Self; 3] = [Self::Signed, Self::MultiSigned, Self::Unsigned];

    /// The name in the browser's call (DCA-01).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signed => "openid4vp-v1-signed",
            Self::MultiSigned => "openid4vp-v1-multisigned",
            Self::Unsigned => "openid4vp-v1-unsigned",
        }
    }

    /// The protocol of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.as_str() == name)
    }
}

/// What is offered to a browser, and kept: an answer is compared with this, never with what came along with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The page that asks.
    pub origin: Origin,
    /// The protocols in which it asks, in the order of preference; at least one.
    pub protocols: Vec<Protocol>,
}

impl Offer {
    /// The protocol of this name, if it was offered (DCA-19).
    ///
    /// # Errors
    /// [`Code::DcapiResponseMalformed`] for every other.
    pub fn offered(&self, name: &str) -> Result<Protocol, Reason> {
        Protocol::from_name(name).filter(|protocol| self.protocols.contains(protocol)).ok_or_else(|| {
            Reason::new(Code::DcapiResponseMalformed, "the answer is in a protocol that was not offered")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_have_one_spelling() {
        // DCA-07, DCA-08, case DCA-007.
        for good in [
            "https://antrag.stadt.example",
            "https://antrag.stadt.example:8443",
            "https://xn--bcher-kva.example",
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://[::1]:8080",
        ] {
            let origin = Origin::parse(good).unwrap();
            assert_eq!((origin.as_str(), origin.audience()), (good, format!("origin:{good}")));
            assert!(is_origin_audience(&origin.audience()));
        }
        for wrong in [
            "",
            "*",
            "null",
            "antrag.stadt.example",
            "origin:https://antrag.stadt.example",
            "https://antrag.stadt.example/",
            "https://antrag.stadt.example/weiter",
            "https://antrag.stadt.example?a=b",
            "https://antrag.stadt.example#x",
            "https://user@antrag.stadt.example",
            "https://antrag.stadt.example:443",
            "https://ANTRAG.stadt.example",
            "HTTPS://antrag.stadt.example",
            " https://antrag.stadt.example",
            "https://antrag.stadt.example ",
            "https://antrag.stadt.example.",
            "https://*.stadt.example",
            "https://bücher.example",
            "http://antrag.stadt.example",
            "http://localhost.stadt.example",
            "http://localhost:80",
            "http://10.0.0.1",
            "ftp://antrag.stadt.example",
            "ws://antrag.stadt.example",
            "wss://antrag.stadt.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "blob:https://antrag.stadt.example",
            "https://",
        ] {
            assert_eq!(Origin::parse(wrong).unwrap_err().code, Code::ConfigRefused, "{wrong}");
        }
    }

    #[test]
    fn only_what_was_offered_comes_back() {
        // DCA-01, DCA-19.
        for protocol in Protocol::ALL {
            assert_eq!(Protocol::from_name(protocol.as_str()), Some(protocol));
        }
        let origin = Origin::parse("https://antrag.stadt.example").unwrap();
        let offer = Offer { origin, protocols: vec![Protocol::Signed, Protocol::MultiSigned] };
        assert_eq!(offer.offered("openid4vp-v1-signed").unwrap(), Protocol::Signed);
        assert_eq!(offer.offered("openid4vp-v1-multisigned").unwrap(), Protocol::MultiSigned);
        for other in ["openid4vp-v1-unsigned", "openid4vp", "openid4vp-v1", "org-iso-mdoc", "OPENID4VP-V1-SIGNED", ""] {
            assert_eq!(offer.offered(other).unwrap_err().code, Code::DcapiResponseMalformed, "{other}");
        }
    }
}
