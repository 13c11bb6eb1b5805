//! What holds: every setting with its value and where it comes from. No secret is shown.

use super::field::{Default, Field, Kind, Occurs, SectionDoc};
use super::reader::{Fault, Faults};
use super::{Environment, SECTIONS, read_file};
use std::path::Path;
use toml::{Table, Value};

/// The settings of the file, of the environment and of the defaults, as TOML.
///
/// # Errors
/// What is wrong with the file as a file. What its settings say is not judged here.
pub fn show(path: &Path, environment: &Environment) -> Result<String, Vec<Fault>> {
    let faults = Faults::default();
    let file = read_file(path, &faults).map(|mut file| {
        environment.overlay(&mut file, &SECTIONS, &faults);
        file
    });
    let faults = faults.into_vec();
    match file {
        Some(file) if faults.is_empty() => Ok(render(&file, environment)),
        _ => Err(faults),
    }
}

fn render(file: &Table, environment: &Environment) -> String {
    let mut text = String::new();
    for section in SECTIONS {
        for table in tables(file, section) {
            text.push_str(&section.header());
            text.push('\n');
            for field in section.fields {
                text.push_str(&line(section, field, table, environment));
            }
            text.push('\n');
        }
    }
    text
}

fn tables<'f>(file: &'f Table, section: &SectionDoc) -> Vec<Option<&'f Table>> {
    let mut value = Some(file);
    let (parents, name) =
        section.name.rsplit_once('.').map_or((None, section.name), |(parent, name)| (Some(parent), name));
    if let Some(parent) = parents {
        value = file.get(parent).and_then(Value::as_table);
    }
    let value = value.and_then(|table| table.get(name));
    match (section.occurs, value) {
        (Occurs::Once, value) => vec![value.and_then(Value::as_table)],
        (Occurs::Many, Some(Value::Array(items))) => items.iter().map(Value::as_table).collect(),
        (Occurs::Many, _) => Vec::new(),
    }
}

fn line(section: &SectionDoc, field: &Field, table: Option<&Table>, environment: &Environment) -> String {
    let name = field.name;
    match (table.and_then(|table| table.get(name)), field.default) {
        (Some(_), _) if field.kind == Kind::Digest => format!("{name} = \"…\" # set, not shown\n"),
        (Some(value), _) if section.occurs == Occurs::Once && environment.has(section, name) => {
            format!("{name} = {value} # from {}\n", Environment::name(section, name))
        }
        (Some(value), _) => format!("{name} = {value}\n"),
        (None, Default::Is(value)) => format!("{name} = {value} # default\n"),
        (None, Default::Absent(meaning)) => format!("# {name}: absent, {meaning}\n"),
        (None, Default::Required) => format!("# {name}: MISSING\n"),
    }
}
