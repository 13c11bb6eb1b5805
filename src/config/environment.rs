//! `PRUEFSTEIN__SECTION__KEY`: single values of the file, set from outside.

use super::field::{Kind, Occurs, SectionDoc};
use super::reader::{Faults, suggestion};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// What every such variable begins with.
pub const PREFIX: &str = "PRUEFSTEIN__";

/// The variables that may override settings.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process that begin with [`PREFIX`].
    pub fn of_process() -> Self {
        let pairs = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let ours = pairs.filter(|(name, _)| name.starts_with(PREFIX));
        Self(ours.map(|(name, value)| (name, value.to_string_lossy().into_owned())).collect())
    }

    /// These variables.
    pub fn of(variables: &[(&str, &str)]) -> Self {
        Self(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// The variable of a setting.
    pub fn name(section: &SectionDoc, field: &str) -> String {
        format!("{PREFIX}{}__{}", section.name, field).to_ascii_uppercase()
    }

    /// Whether the setting comes from here.
    pub fn has(&self, section: &SectionDoc, field: &str) -> bool {
        self.0.contains_key(&Self::name(section, field))
    }

    /// Puts the variables into the table, as if they stood in the file.
    pub(super) fn overlay(&self, file: &mut Table, sections: &[&'static SectionDoc], faults: &Faults) {
        let settable = || {
            let single = sections.iter().filter(|section| section.occurs == Occurs::Once);
            single.flat_map(|section| section.fields.iter().map(move |field| (*section, field)))
        };
        for (name, text) in &self.0 {
            let Some((section, field)) = settable().find(|(section, field)| Self::name(section, field.name) == *name)
            else {
                let scalars = settable().filter(|(_, field)| field.kind.is_scalar());
                let known: Vec<String> = scalars.map(|(section, field)| Self::name(section, field.name)).collect();
                faults.add(name, "there is no such setting", suggestion(name, known.iter().map(String::as_str)));
                continue;
            };
            let value = match field.kind {
                Kind::Text(_) | Kind::OneOf(_) => Some(Value::String(text.clone())),
                Kind::Integer { .. } => text.parse().ok().map(Value::Integer),
                Kind::Flag => text.parse().ok().map(Value::Boolean),
                Kind::Texts(_) | Kind::Pairs(..) | Kind::Digest => {
                    faults.add(name, "only single values can be set by a variable", "Set it in the file.");
                    continue;
                }
            };
            match value {
                None => faults.add(name, "the value cannot be read", format!("Give {}.", field.kind.describe())),
                Some(value) => {
                    let table = file.entry(section.name).or_insert_with(|| Value::Table(Table::new()));
                    if let Value::Table(table) = table {
                        table.insert(field.name.to_owned(), value);
                    }
                }
            }
        }
    }
}
