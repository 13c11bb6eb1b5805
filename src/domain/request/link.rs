//! The link that brings a person's wallet to the request object.

use crate::domain::reason::{Code, Reason};
use url::Url;

/// How a wallet is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletScheme(String);

impl WalletScheme {
    /// The scheme of OpenID4VP.
    pub fn openid4vp() -> Self {
        Self("openid4vp://".to_owned())
    }

    /// One of the schemes `openid4vp`, `haip-vp`, `eu-eaap`, or a wallet's own https link without query (OVP-REQ-13).
    ///
    /// # Errors
    /// [`Code::ConfigRefused`] for everything else.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        if ["openid4vp", "haip-vp", "eu-eaap"].contains(&text) {
            return Ok(Self(format!("{text}://")));
        }
        let link = Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.host_str().is_some());
        match link {
            Some(url) if url.query().is_none() && url.fragment().is_none() => Ok(Self(text.to_owned())),
            _ => Err(Reason::new(Code::ConfigRefused, "not openid4vp, haip-vp, eu-eaap or an https link")),
        }
    }
}

/// The authorization request by reference: three parameters and nothing else (OVP-REQ-10, OVP-REQ-11, OVP-JAR-09).
pub fn authorization_request_uri(scheme: &WalletScheme, client_id: &str, request_uri: &str) -> String {
    let query: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", client_id)
        .append_pair("request_uri", request_uri)
        .append_pair("request_uri_method", "post")
        .finish();
    format!("{}?{query}", scheme.0)
}

/// The authorization request itself in the link, for the prefix `redirect_uri`, whose requests are not signed.
pub fn authorization_request_by_value(scheme: &WalletScheme, parameters: &[(&'static str, String)]) -> String {
    let query: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{}?{query}", scheme.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_parameters_and_a_short_text() {
        // OVP-REQ-11, OVP-JAR-09, OVP-JAR-10: by reference, and nothing else; OVP-RURI-16: no metadata, as the text
        // is to be short.
        // OVP-REQ-10, OVP-RURI-05, OVP-RURI-08.
        let hash = format!("x509_hash:{}", "A".repeat(43));
        let uri = "https://verifier.example/wallet/requests/AAAAAAAAAAAAAAAAAAAAAA";
        let link = authorization_request_uri(&WalletScheme::openid4vp(), &hash, uri);
        assert_eq!(
            link,
            format!(
                "openid4vp://?client_id=x509_hash%3A{}&request_uri=https%3A%2F%2Fverifier.example%2Fwallet%2Frequests%2FAAAAAAAAAAAAAAAAAAAAAA&request_uri_method=post",
                "A".repeat(43)
            )
        );
        assert!(link.len() < 512);
    }

    #[test]
    fn known_schemes_only() {
        // OVP-REQ-13.
        for good in ["openid4vp", "haip-vp", "eu-eaap", "https://wallet.example/start"] {
            assert!(WalletScheme::parse(good).is_ok(), "{good}");
        }
        for wrong in ["javascript:", "http://wallet.example", "https://wallet.example/?a=b", "mdoc", "openid4vp://", ""]
        {
            assert!(WalletScheme::parse(wrong).is_err(), "{wrong}");
        }
    }
}
