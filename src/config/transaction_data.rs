//! `[[transaction_data_type]]`: what people may be asked to authorise, and with which credentials.

use super::field::{Default, Kind, Occurs, SectionDoc, field};
use super::files::Files;
use super::reader::{Complaint, Section};
use crate::domain::transaction_data::{Schema, TransactionDataType};
use crate::domain::trust::purpose::is_pid;

/// The settings of the section.
pub const DOC: SectionDoc = SectionDoc {
    name: "transaction_data_type",
    occurs: Occurs::Many,
    about: "A type of transaction data (OpenID4VP 1.0 section 8.4) that callers may send along, so that the holder's proof \
            confirms it. Without any such section no transaction data is taken: wallets that do not know it refuse the whole \
            request, and so do conformance suites.",
    fields: &[
        field("name", Kind::Text("name of the type, as in `type`"), Default::Required, "The type."),
        field(
            "schema",
            Kind::Text("JSON file"),
            Default::Required,
            "The JSON Schema that every object of the type must fit, as a whole: `type`, `credential_ids` and \
             `transaction_data_hashes_alg` are members of it, too. It stands by itself; nothing is fetched. Without `$schema` \
             it is of draft 2020-12. Its patterns have no look-around and no back-references.",
        ),
        field(
            "credential_types",
            Kind::Texts("credential type (`vct`), exactly"),
            Default::Required,
            "The credentials that may confirm it. A PID never may: its key signs no transaction data.",
        ),
    ],
};

/// Reads one section. `None` if something is wrong; what, has been noted.
pub(super) fn read(
    section: Section<'_>,
    files: Files<'_>,
    before: &[TransactionDataType],
) -> Option<TransactionDataType> {
    let mut sound = true;
    let name = section.text("name");
    if let Some(name) = name.as_deref().filter(|name| before.iter().any(|known| known.name == *name)) {
        sound = false;
        let problem = format!("is {}, as that of another section is, too", name.escape_debug());
        section.fault("name", problem, "Remove one of them.");
    }
    let schema = section.text("schema").and_then(|text| {
        let path = files.resolve(&text);
        let parsed = Files::read(&path).and_then(|bytes| {
            Schema::parse(&bytes).map_err(|reason| {
                Complaint::new(
                    format!("the file {} cannot be used: {}", path.display(), reason.detail),
                    "Write a JSON Schema without references to other documents.",
                )
            })
        });
        parsed.map_err(|complaint| section.complain("schema", complaint)).ok()
    });
    let mut credential_types: Vec<String> = Vec::new();
    for entry in section.texts("credential_types") {
        if is_pid(&entry.text) {
            sound = false;
            section.faults().add(
                entry.key,
                format!("{} is a PID, whose key may not sign transaction data", entry.text.escape_debug()),
                "Name an attestation that is issued for authorising.",
            );
        } else if !credential_types.contains(&entry.text) {
            credential_types.push(entry.text);
        }
    }
    if section.is_empty_list("credential_types") {
        sound = false;
        section.fault("credential_types", "is empty, so nobody could confirm it", "Name at least one credential type.");
    }
    let (name, schema) = (name?, schema?);
    (sound && !credential_types.is_empty()).then_some(TransactionDataType { name, credential_types, schema })
}
