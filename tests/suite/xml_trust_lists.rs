//! Trusted lists in XML: those of others, and our own with every trick that we know.

mod attacks;
mod content;
mod pivots;
mod properties;
mod vectors;

use pruefstein::domain::reason::Code;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::trust_list::trusted_list::read;
use pruefstein::domain::trust_list::{ListRules, TrustList};
use pruefstein::domain::x509::Certificate;
use pruefstein::simulator::authority::SigningIdentity;
use pruefstein::simulator::xml_list::{Part, XmlList, sign, signer};
use std::sync::LazyLock;

const NOW: UnixSeconds = UnixSeconds(1_790_000_000);

/// Who signs the lists of these tests.
static OFFICE: LazyLock<SigningIdentity> = LazyLock::new(|| signer([3; 32], "Listenstelle", NOW).unwrap());
/// Who would like to.
static FORGER: LazyLock<SigningIdentity> = LazyLock::new(|| signer([3; 32], "Faelscher", NOW).unwrap());
/// Whose certificate is listed.
static PROVIDER: LazyLock<SigningIdentity> = LazyLock::new(|| signer([3; 32], "Anbieter", NOW).unwrap());

fn certificate(identity: &SigningIdentity) -> Certificate {
    Certificate::read(&identity.chain[0]).unwrap()
}

/// A good list.
fn list() -> XmlList {
    XmlList::new(&PROVIDER.chain[0], NOW)
}

fn rules(signers: &[Certificate]) -> ListRules<'_> {
    ListRules {
        signers,
        list_type: None,
        signer_names: false,
        accept_closed: false,
        newest_sequence: None,
        skew: 60,
        now: NOW,
    }
}

/// Reads a document for which the list office may sign.
fn read_here(document: impl AsRef<[u8]>) -> Result<TrustList, Code> {
    read(document.as_ref(), rules(&[certificate(&OFFICE)])).map_err(|reason| reason.code)
}

fn code(document: impl AsRef<[u8]>) -> Option<Code> {
    read_here(document).err()
}

/// A list of the office in which one part of the signature says something else: `from` is replaced by `to`, once.
fn edited(part: Part, from: &str, to: &str) -> String {
    let changed = |seen: Part, text: String| {
        if seen != part {
            return text;
        }
        assert!(text.contains(from), "{from} is not in {text}");
        text.replacen(from, to, 1)
    };
    sign(&list().text(), &OFFICE, changed).unwrap()
}
