//! Addresses in settings: how the service is called, and where browsers may be sent.

use super::reader::Complaint;
use crate::domain::trust::is_loopback;
use url::{Host, Url};

/// The public address of the service: an origin, without a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    host: String,
    authority: String,
    is_dns_name: bool,
}

impl PublicUrl {
    /// Reads `https://verifier.example`, with or without a port; `http` for loopback hosts only.
    ///
    /// # Errors
    /// What is wrong, and how to mend it.
    pub fn parse(text: &str) -> Result<Self, Complaint> {
        let fault = |problem: &str, remedy: String| Complaint { problem: problem.to_owned(), remedy };
        let example = || "Write https://verifier.stadt.example".to_owned();
        let url = Url::parse(text).map_err(|_| fault("is not an absolute address", example()))?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(fault("is http, but not on a loopback host", "Use https.".to_owned())),
            _ => return Err(fault("is neither https nor http", example())),
        }
        let Some(host) = url.host() else { return Err(fault("has no host", example())) };
        let origin = url.origin().ascii_serialization();
        if text.strip_suffix('/').unwrap_or(text) != origin {
            return Err(fault(
                "has more than scheme, host and port, or is not in its usual form",
                format!("Write {origin}"),
            ));
        }
        let name = url.host_str().unwrap_or_default();
        if name.ends_with('.') || name.contains('*') {
            return Err(fault("has a host that ends with a dot or has a wildcard", "Name one host.".to_owned()));
        }
        let (_, authority) = origin.split_once("://").unwrap_or_default();
        Ok(Self {
            authority: authority.to_owned(),
            host: name.to_owned(),
            is_dns_name: matches!(host, Host::Domain(_)),
            origin,
        })
    }

    /// `https://host[:port]`, without a slash at the end.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The address of a path that begins with a slash.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The host alone.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host, with the port if it is not the usual one: what `Host` must say.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Whether the host is a name, not an IP address.
    pub const fn is_dns_name(&self) -> bool {
        self.is_dns_name
    }
}

/// Checks an address to which browsers may be sent back (cases SES-008, SES-009). It is compared as a string later, so it
/// has to stand there in its usual form.
///
/// # Errors
/// What is wrong, and how to mend it.
pub(super) fn check_return_url(text: &str) -> Result<(), Complaint> {
    let fault = |problem: &str, remedy: &str| Err(Complaint { problem: problem.to_owned(), remedy: remedy.to_owned() });
    let Ok(url) = Url::parse(text) else {
        return fault(
            "is not an absolute address",
            "Write the whole address, as in https://antrag.stadt.example/weiter",
        );
    };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return fault("is http, but not on a loopback host", "Use https."),
        _ => return fault("is neither https nor http", "Only web addresses can be returned to."),
    }
    if url.fragment().is_some() {
        return fault("has a fragment (#)", "Leave it out.");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return fault("names a user", "Leave out what stands before the @.");
    }
    if text.contains('*') {
        return fault("has a wildcard, and addresses are compared exactly", "Name every address of its own.");
    }
    if url.host_str().is_none_or(|host| host.ends_with('.')) {
        return fault("has no host, or one that ends with a dot", "Correct the host.");
    }
    let usual = url.as_str();
    if usual != text && usual.strip_suffix('/') != Some(text) {
        return Err(Complaint { problem: "is not in its usual form".to_owned(), remedy: format!("Write {usual}") });
    }
    Ok(())
}

/// Checks an address that people are shown as a link.
///
/// # Errors
/// What is wrong, and how to mend it.
pub(super) fn check_link(text: &str) -> Result<(), Complaint> {
    match Url::parse(text) {
        Ok(url) if url.scheme() == "https" && url.host_str().is_some() => Ok(()),
        _ => Err(Complaint {
            problem: "is not an https address".to_owned(),
            remedy: "Give the whole address.".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_urls_are_origins() {
        // PRV-14.
        // OVP-REQ-07.
        for (text, authority) in [
            ("https://verifier.example", "verifier.example"),
            ("https://verifier.example/", "verifier.example"),
            ("https://verifier.example:8443", "verifier.example:8443"),
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://localhost", "localhost"),
            ("http://[::1]:8080", "[::1]:8080"),
        ] {
            assert_eq!(PublicUrl::parse(text).unwrap().authority(), authority);
        }
        // API-027: http base URL; HTT-017, path tricks.
        for wrong in [
            "http://verifier.example",
            "https://verifier.example/path",
            "https://verifier.example//",
            "https://verifier.example/#x",
            "https://verifier.example?x",
            "https://user@verifier.example",
            "https://VERIFIER.example",
            "https://verifier.example:443",
            "https://verifier.example.",
            "ftp://verifier.example",
            "verifier.example",
            "https://*.example",
            "https://münchen.example",
            "",
        ] {
            assert!(PublicUrl::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn return_urls_are_exact() {
        for good in ["https://antrag.example/weiter?a=b", "https://antrag.example", "http://127.0.0.1:3000/x"] {
            assert!(check_return_url(good).is_ok(), "{good}");
        }
        // SES-008, SES-009.
        for wrong in [
            "http://antrag.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "/weiter",
            "//antrag.example/",
            "https://antrag.example/#x",
            "https://user@antrag.example/",
            "https://*.example/",
            "https://antrag.example./",
            "https://ANTRAG.example/",
            "https://antrag.example/a/../b",
            "https://antrag.example:443/",
            "https://bücher.example/",
        ] {
            assert!(check_return_url(wrong).is_err(), "{wrong}");
        }
    }
}
