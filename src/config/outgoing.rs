//! `[outgoing]`: how the service reaches others: status lists, type metadata.

use super::field::{Default, Kind, Occurs, SectionDoc, field};
use super::files::Files;
use super::reader::Section;
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
    /// Further roots for TLS, in DER.
    pub extra_roots: Vec<Vec<u8>>,
}

/// Reads the section. `None` if something is wrong; what, has been noted.
pub(super) fn read(section: Section<'_>, files: Files<'_>) -> Option<OutgoingSettings> {
    let mut sound = true;
    let proxy = section.text("proxy").and_then(|text| {
        let url = Url::parse(&text).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && matches!(url.path(), "" | "/")
                && url.query().is_none()
                && url.fragment().is_none()
        });
        if url.is_none() {
            sound = false;
            section.fault("proxy", "is not the address of a proxy", "Write http://proxy.intern:3128, without a user.");
        }
        url
    });
    sound &= !section.has("proxy") || proxy.is_some();
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
    sound.then_some(OutgoingSettings { proxy, extra_roots })
}
