//! `[[trust_list]]` and `[trust_data]`: lists of trusted entities, and where they are kept between runs.

use super::field::{Default, Kind, Occurs, SectionDoc, field};
use super::files::Files;
use super::reader::Section;
use super::trust::{self, Noted, Rules};
use crate::domain::trust::StatusOrigin;
use crate::domain::trust_list::Notation;
use crate::domain::trust_list::plan::{ListPlan, Place};
use std::path::PathBuf;

/// The settings of a list.
pub const DOC: SectionDoc = SectionDoc {
    name: "trust_list",
    occurs: Occurs::Many,
    about: "A list of trusted entities, as the Commission, member states and registrars publish them. A `[[trust]]` source \
            takes certificates from it by `list`. Its signature, type, sequence number and dates are always checked; a bad \
            edition never replaces a good one, and one that is not confirmed in time is not used any more.",
    fields: &[
        field(
            "name",
            Kind::Text("name"),
            Default::Required,
            "The name by which sources refer to it: letters, digits, `-`, `_`.",
        ),
        field(
            "notation",
            Kind::OneOf(&["ts_119_602", "ts_119_612"]),
            Default::Is("\"ts_119_602\""),
            "JSON in a signed JWT (ETSI TS 119 602) or signed XML (ETSI TS 119 612).",
        ),
        field(
            "url",
            Kind::Text("address"),
            Default::Absent("given by `file` or imported"),
            "Where it is asked for: `https`, or `http` on loopback. Redirects are followed on the same host only.",
        ),
        field(
            "file",
            Kind::Text("file"),
            Default::Absent("given by `url` or imported"),
            "A file that somebody else keeps up to date. With neither `url` nor `file` the list is imported by \
             `pruefstein trust import`.",
        ),
        field(
            "signers",
            Kind::Texts("PEM or DER file, or folder, with certificates"),
            Default::Required,
            "The certificates of which one must have signed it, or CA certificates to which the signer's leads. They come \
             from the official publication, never from the list.",
        ),
        field(
            "type",
            Kind::Text("URI"),
            Default::Required,
            "The type that it must have (`LoTEType`, `TSLType`), exactly.",
        ),
        field(
            "signer_names",
            Kind::OneOf(&["checked", "not_checked"]),
            Default::Is("\"checked\""),
            "Whether the signer must be named as the operator of the list, and its country as the territory (TS 119 602). \
             Lists of test systems often are signed under other names; for them `not_checked` needs `service.test_mode`. XML \
             lists (TS 119 612) have no such rule: set `not_checked` for them.",
        ),
        field(
            "refresh_seconds",
            Kind::Integer { min: 60, max: 86_400, unit: "seconds" },
            Default::Is("21600"),
            "How often it is asked for. A list that is newly down is tried again sooner.",
        ),
        field(
            "grace_seconds",
            Kind::Integer { min: 0, max: 2_592_000, unit: "seconds" },
            Default::Is("259200"),
            "How long the last edition stays in use when it cannot be confirmed, counted from the refresh that was due, and \
             never beyond the list's own end. After that nothing is decided by it.",
        ),
        field(
            "territories",
            Kind::Texts("territory, two capital letters"),
            Default::Absent("none"),
            "For a list of lists: the territories whose lists are followed.",
        ),
        field(
            "followed_hosts",
            Kind::Texts("host or origin"),
            Default::Absent("none"),
            "For a list of lists: where the lists may lie that it points to. Others are not asked.",
        ),
    ],
};

/// The settings of what is kept.
pub const DATA: SectionDoc = SectionDoc {
    name: "trust_data",
    occurs: Occurs::Once,
    about: "Where verified lists are kept, so that a restart needs no network and no list can be rolled back.",
    fields: &[field(
        "folder",
        Kind::Text("folder"),
        Default::Absent("needed if there is a `[[trust_list]]`"),
        "An existing folder that the service may write to.",
    )],
};

/// Reads one list. `None` if something is wrong; what, has been noted.
pub(super) fn read(section: Section<'_>, rules: Rules<'_>) -> Option<ListPlan> {
    let name = section.text("name").filter(|name| {
        let sound = name.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_'));
        if !sound {
            section.fault("name", "has other characters than letters, digits, - and _", "Write it as eu-pid-providers");
        }
        sound
    });
    let notation = section.choice("notation").map(|word| match word {
        "ts_119_612" => Notation::TrustedList,
        _ => Notation::Lote,
    });
    let place = place(section, rules.files);
    let signers = trust::signers(section, rules, "signers");
    let list_type = section.text("type");
    let checked = section.choice("signer_names").is_none_or(|word| word == "checked");
    // The rule is one of TS 119 602; XML lists are signed under other names as a matter of course.
    if !checked && notation == Some(Notation::Lote) && !rules.placeholders_allowed {
        // TL-19: what belongs to a test system does not load beside real credentials.
        section.fault(
            "signer_names",
            "is not_checked, which is for test systems",
            "Set service.test_mode = true for a test system, or leave it out.",
        );
    }
    let territories = section.texts("territories").into_iter().filter_map(|entry| trust::country(section, entry));
    let territories: Vec<String> = territories.collect();
    let hosts = section.texts("followed_hosts");
    let followed_origins: Vec<String> =
        hosts.iter().filter_map(|entry| trust::origin(section, entry)).map(|origin| origin.text()).collect();
    if territories.is_empty() != hosts.is_empty() {
        let (there, missing) =
            if hosts.is_empty() { ("territories", "followed_hosts") } else { ("followed_hosts", "territories") };
        section.fault(missing, format!("is missing, but {there} is given"), "A list of lists needs both.");
    }
    Some(ListPlan {
        name: name?,
        notation: notation?,
        place: place?,
        signers: signers?,
        list_type: list_type?,
        signer_names: checked,
        refresh_seconds: section.integer("refresh_seconds")?,
        grace_seconds: section.integer("grace_seconds")?,
        territories,
        followed_origins,
    })
}

fn place(section: Section<'_>, files: Files<'_>) -> Option<Place> {
    match (section.has("url"), section.has("file")) {
        (true, true) => {
            section.fault("file", "is given beside url", "Choose one of them.");
            None
        }
        (true, false) => {
            let url = section.text("url")?;
            if StatusOrigin::of_url(&url).is_none() {
                section.fault("url", "is no address with https", "Write https://…; http on loopback only.");
                return None;
            }
            Some(Place::Url(url))
        }
        (false, true) => Some(Place::File(files.resolve(&section.text("file")?).display().to_string())),
        (false, false) => Some(Place::Imported),
    }
}

/// Reads where lists are kept.
pub(super) fn read_folder(section: Section<'_>, files: Files<'_>) -> Result<Option<PathBuf>, Noted> {
    if !section.has("folder") {
        return Ok(None);
    }
    let folder = files.resolve(&section.text("folder").ok_or(Noted)?);
    if !folder.is_dir() {
        section.fault(
            "folder",
            format!("{} is no folder", folder.display()),
            "Create it, writable for the user that runs the service.",
        );
        return Err(Noted);
    }
    Ok(Some(folder))
}
