//! Lists of trusted entities: every rule of the JSON reader, every fault of the simulator's writer, and lists of others.

mod entries;
mod external;
mod knockout;
mod properties;

use pruefstein::domain::reason::{Code, Reason};
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::trust_list::{ListRules, TrustList, lote};
use pruefstein::domain::x509::Certificate;
use pruefstein::simulator::authority::TestAuthority;
use pruefstein::simulator::trust_list::{ListDraft, ListOf, ListWriter};
use serde_json::Value;
use std::sync::LazyLock;

/// Within the day of the authority.
pub(crate) const NOW: UnixSeconds = UnixSeconds(1_790_000_000);

static AUTHORITY: LazyLock<TestAuthority> = LazyLock::new(|| TestAuthority::from_seed([7; 32], NOW).unwrap());
static WRITER: LazyLock<ListWriter> = LazyLock::new(|| ListWriter::new(&AUTHORITY).unwrap());

fn writer() -> &'static ListWriter {
    &WRITER
}

/// The writer's own certificate, configured.
fn signers() -> Vec<Certificate> {
    vec![Certificate::read(writer().signer()).unwrap()]
}

fn rules(signers: &[Certificate]) -> ListRules<'_> {
    ListRules {
        signers,
        list_type: None,
        signer_names: true,
        accept_closed: false,
        newest_sequence: None,
        skew: 60,
        now: NOW,
    }
}

fn read(document: impl AsRef<[u8]>) -> Result<TrustList, Reason> {
    lote::read(document.as_ref(), rules(&signers()))
}

fn code(result: Result<TrustList, Reason>) -> Option<Code> {
    result.err().map(|reason| reason.code)
}

/// A list of this kind, changed before it is signed.
fn changed(of: ListOf, change: impl FnOnce(&mut ListDraft), then: impl FnOnce(&mut Value)) -> String {
    let mut draft = writer().draft(of);
    change(&mut draft);
    let mut payload = writer().payload(&draft);
    then(&mut payload["LoTE"]);
    writer().sign(&payload).unwrap()
}
