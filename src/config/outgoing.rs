//! `[outgoing]`: how the service reaches others: status lists, type metadata.

use super::field::{Default, Kind, Occurs, SectionDoc, field};
use super::files::Files;
use super::reader::Section;
use crate::domain::trust::is_loopback;
use url::Url;

/// The settings of the section.
pub const DOC: SectionDoc = SectionDoc {
    name: "outgoing",
    occurs: Occurs::Once,
    about: "How the service reaches others. It asks only hosts that a trust source or type metadata names.",
    fields: &[
        field(
            "proxy",
            Kind::Text("address"),
            Default::Absent("direct connections; proxy variables of the environment are not read"),
            "An HTTP proxy for all outgoing requests, as `http://proxy.intern:3128`. Through a proxy it is the proxy that \
             resolves names, so it must refuse private addresses itself.",
        ),
        field(
            "proxy_for",
            Kind::Pairs("host", "address of a proxy, or `direct`"),
            Default::Absent("`proxy` holds for every host"),
            "Single hosts that are asked another way than `proxy` says: `\"lists.example\" = \"http://other.intern:3128\"` or \
             `\"status.example\" = \"direct\"`. Hosts are compared exactly, without port. Each step of a redirect goes \
             the way of its own host. `trust hosts` prints which host is asked which way.",
        ),
        field(
            "extra_roots",
            Kind::Texts("PEM file or folder with CA certificates for TLS"),
            Default::Absent("the roots of the operating system only"),
            "Further certification authorities for TLS to these hosts. They never vouch for credentials.",
        ),
    ],
};

/// `[outgoing]`, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingSettings {
    /// The proxy, if there is one.
    pub proxy: Option<Url>,
    /// Hosts with a way of their own: a proxy, or none.
    pub proxy_for: Vec<(String, Option<Url>)>,
    /// Further roots for TLS, in DER.
    pub extra_roots: Vec<Vec<u8>>,
}

/// Reads the section. `None` if something is wrong; what, has been noted.
pub(super) fn read(section: Section<'_>, files: Files<'_>) -> Option<OutgoingSettings> {
    let mut sound = true;
    let proxy = section.text("proxy").and_then(|text| {
        let url = proxy_address(&text);
        if url.is_none() {
            section.fault("proxy", "is not the address of a proxy", PROXY_REMEDY);
        }
        url
    });
    sound &= !section.has("proxy") || proxy.is_some();
    let proxy_for = ways(section);
    sound &= proxy_for.is_some();
    let mut extra_roots = Vec::new();
    for entry in section.texts("extra_roots") {
        let found = Files::list(&files.resolve(&entry.text))
            .and_then(|list| list.iter().map(|file| Files::certificates(file)).collect::<Result<Vec<_>, _>>());
        match found {
            Ok(certificates) => {
                extra_roots.extend(certificates.into_iter().flatten().map(|certificate| certificate.der.to_vec()));
            }
            Err(fault) => {
                sound = false;
                section.faults().add(entry.key, fault.problem, fault.remedy);
            }
        }
    }
    Some(OutgoingSettings { proxy, proxy_for: proxy_for?, extra_roots }).filter(|_| sound)
}

const PROXY_REMEDY: &str = "Write http://proxy.intern:3128, without a user.";

fn proxy_address(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
    })
}

/// `proxy_for`: the hosts with a way of their own. `None` if something is wrong; what, has been noted.
fn ways(section: Section<'_>) -> Option<Vec<(String, Option<Url>)>> {
    let pairs = section.pairs("proxy_for");
    let mut ways: Vec<(String, Option<Url>)> = Vec::with_capacity(pairs.len());
    let mut sound = true;
    let mut fault = |key: String, problem: &str, remedy: &str| {
        sound = false;
        section.faults().add(key, problem, remedy);
    };
    for (name, entry) in pairs {
        let url = Url::parse(&format!("https://{name}/")).ok();
        // What the address makes of a host is the form that is compared later.
        let host = url.as_ref().and_then(Url::host_str).filter(|host| host.eq_ignore_ascii_case(&name));
        let Some(host) = host.filter(|_| !name.contains('*')) else {
            fault(entry.key, "is not a host", "Write the host alone, as lists.example: no scheme, port, path or star.");
            continue;
        };
        if url.as_ref().is_some_and(is_loopback) {
            fault(entry.key, "is this machine, which is never asked through a proxy", "Remove it.");
            continue;
        }
        if ways.iter().any(|(known, _)| known == host) {
            fault(entry.key, "names the same host a second time", "Remove one of them.");
            continue;
        }
        match (entry.text.as_str(), proxy_address(&entry.text)) {
            ("direct", _) => ways.push((host.to_owned(), None)),
            (_, Some(proxy)) => ways.push((host.to_owned(), Some(proxy))),
            (_, None) => fault(
                entry.key,
                "is neither the address of a proxy nor direct",
                "Write http://proxy.intern:3128, without a user, or direct.",
            ),
        }
    }
    sound.then_some(ways)
}
