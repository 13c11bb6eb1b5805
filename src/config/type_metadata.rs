//! `[[type_metadata]]`: what is known of credential types, and who may say it.

use super::field::{Default, Kind, Occurs, SectionDoc, field};
use super::files::Files;
use super::reader::{Complaint, Faults, Section};
use crate::domain::trust::StatusOrigin;
use crate::domain::type_metadata::{
    Document, Integrity, TypeCatalogue, TypeMetadataPolicy, TypeMetadataRule, TypeRule, Unresolved,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use url::{Origin, Url};

/// The settings of the section.
pub const DOC: SectionDoc = SectionDoc {
    name: "type_metadata",
    occurs: Occurs::Many,
    about: "Type metadata of one credential type (SD-JWT VC): which claims its credentials must have and which of them \
            must, or must not, be selectively disclosable. Credentials of the type are judged by it, and `vct#integrity` \
            is compared with it. A type that another one extends needs a section of its own, or a host to be fetched from. \
            Logos and templates are ignored.",
    fields: &[
        field(
            "file",
            Kind::Text("JSON file, exactly as published"),
            Default::Absent("the document is fetched from `hosts`"),
            "The document.",
        ),
        field(
            "type",
            Kind::Text("credential type (`vct`), exactly"),
            Default::Absent("the type that the `file` describes"),
            "The type. Without a `file` it is the address of the document, too.",
        ),
        field(
            "hosts",
            Kind::Texts("host or origin"),
            Default::Absent("none, so that nothing is fetched"),
            "Who is recognised as publisher for this type and those that it extends: `types.example`, \
             `https://types.example:8443`. `http` on loopback only. Nothing else is asked, and redirects are followed to \
             these only.",
        ),
        field(
            "integrity",
            Kind::Text("`sha256-…`, `sha384-…` or `sha512-…` in standard base64"),
            Default::Absent("the document counts as it is"),
            "The hash of the document that is meant. A fetched document is then kept without a limit of time.",
        ),
        field(
            "required",
            Kind::Flag,
            Default::Is("false"),
            "Whether credentials of the type are refused while the document cannot be had. Otherwise they are then judged \
             without it.",
        ),
    ],
};

/// One section, read.
pub(super) struct TypeSection {
    /// Where it stands in the file.
    key: String,
    vct: String,
    document: Option<Arc<Document>>,
    rule: TypeRule,
}

/// Reads one section. `None` if something is wrong; what, has been noted.
pub(super) fn read(section: Section<'_>, files: Files<'_>) -> Option<TypeSection> {
    let mut sound = true;
    let vct = section.text("type");
    sound &= vct.is_some() || !section.has("type");
    let integrity = section.text("integrity").and_then(|text| {
        let integrity = Integrity::parse(&text);
        if integrity.is_err() {
            section.fault(
                "integrity",
                "names no hash of a known kind",
                "Write sha256- and the hash in standard base64.",
            );
        }
        integrity.ok()
    });
    sound &= integrity.is_some() || !section.has("integrity");
    let mut publishers = Vec::new();
    for entry in section.texts("hosts") {
        if let Ok(origin) = StatusOrigin::parse(&entry.text) {
            publishers.push(origin.text());
            continue;
        }
        sound = false;
        section.faults().add(
            entry.key,
            "is not a host or an origin with https",
            "Write types.example or https://types.example:8443; http on loopback only.",
        );
    }
    let document = if section.has("file") {
        Some(Arc::new(read_document(section, files, vct.as_deref(), integrity.as_ref())?))
    } else {
        None
    };
    let required = section.flag("required")?;
    let vct = match (&document, vct) {
        (Some(document), _) => document.vct.clone(),
        (None, Some(vct)) => {
            // After a fault in the hosts, which of them fit is no question.
            sound = sound && check_address(section, &vct, &publishers);
            vct
        }
        (None, None) => {
            if !section.has("type") {
                section.fault("file", "is missing, and there is no type either", "Name the file of the document.");
            }
            return None;
        }
    };
    let rule = if required { TypeMetadataRule::Required } else { TypeMetadataRule::IfKnown };
    let rule = TypeRule { rule, publishers, integrity };
    sound.then(|| TypeSection { key: section.key("file"), vct, document, rule })
}

/// The document of a file: readable, of the type named, the one that is meant.
fn read_document(
    section: Section<'_>,
    files: Files<'_>,
    vct: Option<&str>,
    integrity: Option<&Integrity>,
) -> Option<Document> {
    let path = files.resolve(&section.text("file")?);
    let name = path.display();
    let read = || {
        let bytes = Files::read(&path)?;
        let document = Document::parse(&bytes).map_err(|reason| {
            Complaint::new(format!("the file {name} cannot be used: {}", reason.detail), "Get it again, as published.")
        })?;
        if vct.is_some_and(|vct| document.vct != vct) {
            return Err(Complaint::new(
                format!("the file {name} describes another type"),
                "Name the type that its vct names, exactly, or leave type out.",
            ));
        }
        if integrity.is_some_and(|integrity| !integrity.fits(&document.digests)) {
            return Err(Complaint::new(
                format!(
                    "the file {name} is not the document that integrity means; it has {}",
                    document.digests.sha256()
                ),
                "Get it again, byte for byte, or correct integrity.",
            ));
        }
        Ok(document)
    };
    read().map_err(|complaint| section.complain("file", complaint)).ok()
}

/// A type without a file is fetched from its own address, which must be one of its publishers'.
fn check_address(section: Section<'_>, vct: &str, publishers: &[String]) -> bool {
    if !section.has("hosts") || section.is_empty_list("hosts") {
        section.fault("hosts", "is missing, and there is no file either", "Name the file, or the hosts to ask.");
        return false;
    }
    // A name such as urn:x has no origin at all.
    let origin = Url::parse(vct).ok().map(|url| url.origin()).filter(Origin::is_tuple);
    let origin = origin.and_then(|origin| StatusOrigin::parse(&origin.ascii_serialization()).ok());
    let Some(origin) = origin else {
        section.fault(
            "type",
            "is no https address, so its document cannot be fetched",
            "Name the file of the document.",
        );
        return false;
    };
    if publishers.contains(&origin.text()) {
        return true;
    }
    section.fault("hosts", "does not name the host of the type itself", format!("Add {}.", origin.text()));
    false
}

/// Puts the sections together. `None` if something is wrong; what, has been noted.
pub(super) fn assemble(sections: Vec<TypeSection>, faults: &Faults) -> Option<TypeMetadataPolicy> {
    let mut sound = true;
    let mut rules = BTreeMap::new();
    let mut documents = Vec::new();
    let mut places = Vec::new();
    for TypeSection { key, vct, document, rule } in sections {
        if rules.contains_key(&vct) {
            sound = false;
            faults.add(key, format!("is of {}, as another section is, too", vct.escape_debug()), "Remove one of them.");
            continue;
        }
        documents.extend(document);
        places.push((key, vct.clone()));
        rules.insert(vct, rule);
    }
    let catalogue = match TypeCatalogue::new(documents) {
        Ok(catalogue) => catalogue,
        Err(reason) => {
            faults.add(DOC.name, reason.detail, "Remove one of them.");
            return None;
        }
    };
    for (key, vct) in places.into_iter().filter(|(_, vct)| catalogue.document(vct).is_some()) {
        let fetches = rules.get(&vct).is_some_and(|rule: &TypeRule| !rule.publishers.is_empty());
        match catalogue.resolve(&vct, None) {
            Ok(_) => {}
            Err(Unresolved::Needed { .. }) if fetches => {}
            Err(Unresolved::Needed { vct: missing, .. }) => {
                sound = false;
                faults.add(
                    key,
                    format!("extends {}, whose document is not there", missing.escape_debug()),
                    "Add a [[type_metadata]] section with its file, or the hosts that publish it.",
                );
            }
            Err(Unresolved::Invalid(reason)) => {
                sound = false;
                faults.add(key, format!("cannot be used: {}", reason.detail), "Ask its publisher for a sound one.");
            }
        }
    }
    sound.then_some(TypeMetadataPolicy { catalogue, rules })
}
