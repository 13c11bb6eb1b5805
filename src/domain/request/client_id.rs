//! Client identifiers and their prefixes (OpenID4VP 1.0 section 5.9).

use crate::domain::encoding::base64;
use crate::domain::reason::{Code, Reason};
use crate::domain::x509::Certificate;

/// How the verifier is named to wallets. The whole text, prefix included, is the audience of proofs (OVP-CID-01).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientIdPrefix {
    /// The hash of the access certificate; the only one under HAIP (OVP-CID-03).
    X509Hash,
    /// A DNS name in the access certificate.
    X509SanDns,
    /// The address of the answer. Such requests cannot be signed (OVP-CID-06).
    RedirectUri,
    /// No prefix: wallets know the verifier by an agreed name.
    PreRegistered,
}

/// Prefixes of OpenID4VP 1.0 section 5.9.3 that this verifier does not use. `origin` is never sent (OVP-CID-11).
const NOT_OURS: [&str; 4] = ["decentralized_identifier", "openid_federation", "origin", "verifier_attestation"];

/// Longest agreed name, in bytes.
const LONGEST_NAME: usize = 256;

impl ClientIdPrefix {
    /// All of them, the default first.
    pub const ALL: [Self; 4] = [Self::X509Hash, Self::X509SanDns, Self::RedirectUri, Self::PreRegistered];

    /// The prefix without its colon; `pre-registered` is the name that wallets give to the lack of one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X509Hash => "x509_hash",
            Self::X509SanDns => "x509_san_dns",
            Self::RedirectUri => "redirect_uri",
            Self::PreRegistered => "pre-registered",
        }
    }

    /// The prefix of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|prefix| prefix.as_str() == name)
    }

    /// The prefix of a client identifier: the text before the first colon, if that is one of the known prefixes.
    pub fn of(client_id: &str) -> Self {
        match client_id.split_once(':') {
            Some(("x509_hash", _)) => Self::X509Hash,
            Some(("x509_san_dns", _)) => Self::X509SanDns,
            Some(("redirect_uri", _)) => Self::RedirectUri,
            _ => Self::PreRegistered,
        }
    }

    /// Whether requests of this prefix are signed.
    pub const fn is_signed(self) -> bool {
        !matches!(self, Self::RedirectUri)
    }
}

/// Who asks, as wallets are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientId {
    /// One text for all requests.
    Fixed(String),
    /// `redirect_uri:` and the address of each answer (OVP-CID-07).
    OfResponseUri,
}

impl ClientId {
    /// By the hash of the access certificate.
    pub fn x509_hash(leaf: &Certificate) -> Self {
        Self::Fixed(format!("x509_hash:{}", base64::encode_url(&leaf.fingerprint())))
    }

    /// By a DNS name of the access certificate, which is the public host of this service.
    ///
    /// # Errors
    /// [`Code::ConfigRefused`] when the certificate does not name the host (OVP-CID-05, OVP-REQ-06).
    pub fn x509_san_dns(leaf: &Certificate, host: &str) -> Result<Self, Reason> {
        if leaf.dns_names.iter().any(|name| name == host) {
            return Ok(Self::Fixed(format!("x509_san_dns:{host}")));
        }
        Err(Reason::new(Code::ConfigRefused, "the access certificate does not name the public host"))
    }

    /// By an agreed name: 1 to 256 printable ASCII characters that do not begin with a known prefix and a colon.
    ///
    /// # Errors
    /// [`Code::ConfigRefused`] otherwise (OVP-CID-12).
    ///
    /// # Source
    /// OpenID4VP 1.0 section 5.9.2.
    pub fn pre_registered(name: &str) -> Result<Self, Reason> {
        let refused = |detail: &'static str| Err(Reason::new(Code::ConfigRefused, detail));
        if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refused("an agreed name has 1 to 256 printable characters without spaces");
        }
        let prefix = name.split_once(':').map(|(prefix, _)| prefix);
        let known = ClientIdPrefix::ALL.map(ClientIdPrefix::as_str);
        if prefix.is_some_and(|prefix| known.contains(&prefix) || NOT_OURS.contains(&prefix)) {
            return refused("an agreed name must not begin with a prefix of OpenID4VP and a colon");
        }
        Ok(Self::Fixed(name.to_owned()))
    }

    /// The text for a request whose answer goes to `response_uri`.
    pub fn text(&self, response_uri: &str) -> String {
        match self {
            Self::Fixed(text) => text.clone(),
            Self::OfResponseUri => format!("redirect_uri:{response_uri}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_told_by_the_text_before_the_first_colon() {
        // OVP-CID-01.
        for prefix in ClientIdPrefix::ALL {
            assert_eq!(ClientIdPrefix::from_name(prefix.as_str()), Some(prefix));
        }
        assert_eq!(ClientIdPrefix::of("x509_hash:a:b"), ClientIdPrefix::X509Hash);
        assert_eq!(ClientIdPrefix::of("redirect_uri:https://a.example/"), ClientIdPrefix::RedirectUri);
        assert_eq!(ClientIdPrefix::of("x509_hash"), ClientIdPrefix::PreRegistered);
        assert_eq!(ClientIdPrefix::of("town-7"), ClientIdPrefix::PreRegistered);
    }

    #[test]
    fn the_identifier_of_an_unsigned_request_is_where_its_answer_goes() {
        // OVP-CID-06, OVP-CID-07.
        let uri = "https://verifier.example/wallet/responses/abc";
        assert_eq!(ClientId::OfResponseUri.text(uri), format!("redirect_uri:{uri}"));
        assert!(!ClientIdPrefix::RedirectUri.is_signed());
        assert!(ClientIdPrefix::X509Hash.is_signed());
    }

    #[test]
    fn agreed_names_do_not_pass_for_prefixes() {
        // OVP-CID-11, OVP-CID-12.
        for good in ["town-7", "https://town.example/client", "urn:town:7"] {
            assert_eq!(ClientId::pre_registered(good).unwrap().text("x"), good);
        }
        for wrong in [
            "x509_hash:foo",
            "redirect_uri:https://a.example/",
            "origin:https://a.example",
            "openid_federation:https://a.example",
            "decentralized_identifier:did:web:a.example",
            "verifier_attestation:a",
            "",
            "a b",
            "ä",
        ] {
            assert_eq!(ClientId::pre_registered(wrong).unwrap_err().code, Code::ConfigRefused, "{wrong}");
        }
        assert!(ClientId::pre_registered(&"a".repeat(257)).is_err());
    }
}
