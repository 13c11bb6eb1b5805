//! Reads sections of a TOML file and collects every fault instead of stopping at the first.

use super::field::{Default, Field, Kind, SectionDoc};
use std::cell::RefCell;
use std::fmt;
use toml::{Table, Value};

/// One thing that is wrong, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key, as in `tenant.return_urls[1]`; the file for what is wrong with the file.
    pub key: String,
    /// What is wrong. Never the value of a secret.
    pub problem: String,
    /// How to mend it.
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n    → {}", self.key, self.problem, self.remedy)
    }
}

/// What is wrong with a value, before it is known at which key it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// What is wrong.
    pub problem: String,
    /// How to mend it.
    pub remedy: String,
}

impl Complaint {
    /// A complaint.
    pub fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { problem: problem.into(), remedy: remedy.into() }
    }
}

/// All faults found so far.
#[derive(Debug, Default)]
pub struct Faults(RefCell<Vec<Fault>>);

impl Faults {
    /// Adds one.
    pub fn add(&self, key: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) {
        self.0.borrow_mut().push(Fault { key: key.into(), problem: problem.into(), remedy: remedy.into() });
    }

    /// All of them, in the order in which they were found.
    pub fn into_vec(self) -> Vec<Fault> {
        self.0.into_inner()
    }
}

/// One section of the file while it is read.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a> {
    doc: &'static SectionDoc,
    path: &'a str,
    table: &'a Table,
    faults: &'a Faults,
}

/// A text from a list, with the key that names its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key, as in `tenant.return_urls[1]`.
    pub key: String,
    /// The text.
    pub text: String,
}

impl<'a> Section<'a> {
    /// Opens a section and notes its unknown keys. `inner` names the sections that lie within it.
    pub fn open(
        doc: &'static SectionDoc,
        path: &'a str,
        table: &'a Table,
        inner: &[&'static str],
        faults: &'a Faults,
    ) -> Self {
        let section = Self { doc, path, table, faults };
        for key in table.keys().filter(|key| doc.field(key).is_none() && !inner.contains(&key.as_str())) {
            let known = doc.fields.iter().map(|field| field.name).chain(inner.iter().copied());
            section.fault(key, "there is no such setting", suggestion(key, known));
        }
        section
    }

    /// The full key of a setting.
    pub fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    /// Notes a fault at a setting.
    pub fn fault(&self, name: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        self.faults.add(self.key(name), problem, remedy);
    }

    /// Notes what is wrong with the value of a setting.
    pub fn complain(&self, name: &str, complaint: Complaint) {
        self.fault(name, complaint.problem, complaint.remedy);
    }

    /// Where faults go.
    pub fn faults(&self) -> &'a Faults {
        self.faults
    }

    /// Whether the setting is in the file or the environment.
    pub fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// Whether the setting is a list without entries.
    pub fn is_empty_list(&self, name: &str) -> bool {
        self.table.get(name).and_then(Value::as_array).is_some_and(Vec::is_empty)
    }

    /// A text. `None` if it is absent without default or not a text; what is wrong has been noted.
    pub fn text(&self, name: &str) -> Option<String> {
        let field = self.field(name)?;
        match self.value(field)? {
            Value::String(text) if text.is_empty() || text.trim() != text => {
                self.fault(name, "the text is empty or has blanks at its ends", example(field));
                None
            }
            Value::String(text) => Some(text),
            other => self.wrong_type(field, &other),
        }
    }

    /// A whole number within its bounds.
    pub fn integer(&self, name: &str) -> Option<i64> {
        let field = self.field(name)?;
        let Kind::Integer { min, max, unit } = field.kind else { return self.defect(name) };
        match self.value(field)? {
            Value::Integer(number) if (min..=max).contains(&number) => Some(number),
            Value::Integer(number) => {
                self.fault(name, format!("{number} is out of range"), format!("Choose {min} to {max} {unit}."));
                None
            }
            other => self.wrong_type(field, &other),
        }
    }

    /// `true` or `false`.
    pub fn flag(&self, name: &str) -> Option<bool> {
        let field = self.field(name)?;
        match self.value(field)? {
            Value::Boolean(flag) => Some(flag),
            other => self.wrong_type(field, &other),
        }
    }

    /// One of the words of the table.
    pub fn choice(&self, name: &str) -> Option<&'static str> {
        let field = self.field(name)?;
        let Kind::OneOf(words) = field.kind else { return self.defect(name) };
        let value = self.value(field)?;
        let Value::String(text) = &value else { return self.wrong_type(field, &value) };
        let found = words.iter().copied().find(|word| word == text);
        if found.is_none() {
            self.fault(name, format!("\"{}\" is not one of the choices", text.escape_debug()), example(field));
        }
        found
    }

    /// A list of texts, none empty, none twice. Empty if absent or faulty.
    pub fn texts(&self, name: &str) -> Vec<Entry> {
        let Some(field) = self.field(name) else { return Vec::new() };
        let items = match self.value(field) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(other) => return self.wrong_type(field, &other).unwrap_or_default(),
        };
        let mut entries: Vec<Entry> = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let key = format!("{}[{index}]", self.key(name));
            match item {
                Value::String(text) if text.is_empty() || text.trim() != text => {
                    self.faults.add(key, "the text is empty or has blanks at its ends", example(field));
                }
                Value::String(text) if entries.iter().any(|entry| entry.text == text) => {
                    self.faults.add(key, "the same entry stands there twice", "Remove one of them.");
                }
                Value::String(text) => entries.push(Entry { key, text }),
                other => self.faults.add(
                    key,
                    format!("must be text, not {}", type_name(&other)),
                    "Put each entry into quotation marks.",
                ),
            }
        }
        entries
    }

    /// A table of texts. Empty if absent or faulty.
    pub fn pairs(&self, name: &str) -> Vec<(String, Entry)> {
        let Some(field) = self.field(name) else { return Vec::new() };
        let table = match self.value(field) {
            None => return Vec::new(),
            Some(Value::Table(table)) => table,
            Some(other) => return self.wrong_type(field, &other).unwrap_or_default(),
        };
        let mut pairs = Vec::with_capacity(table.len());
        for (left, right) in table {
            let key = format!("{}.\"{}\"", self.key(name), left.escape_debug());
            match right {
                Value::String(text) if !text.is_empty() => pairs.push((left, Entry { key, text })),
                other => self.faults.add(
                    key,
                    format!("must be text that is not empty, not {}", type_name(&other)),
                    example(field),
                ),
            }
        }
        pairs
    }

    /// The value in the file, or the default of the table.
    fn value(&self, field: &Field) -> Option<Value> {
        if let Some(value) = self.table.get(field.name) {
            return Some(value.clone());
        }
        match field.default {
            Default::Absent(_) => None,
            Default::Is(text) => default_value(text).or_else(|| self.defect(field.name)),
            Default::Required => {
                self.fault(field.name, "is missing and has no default", example(field));
                None
            }
        }
    }

    fn field(&self, name: &str) -> Option<&'static Field> {
        self.doc.field(name).or_else(|| self.defect(name))
    }

    /// The table and the code disagree: a defect of this program, which refuses.
    fn defect<T>(&self, name: &str) -> Option<T> {
        self.fault(name, "the program does not know its own setting", "Report this as a defect.");
        None
    }

    fn wrong_type<T>(&self, field: &Field, found: &Value) -> Option<T> {
        let wanted = match field.kind {
            Kind::Text(_) | Kind::OneOf(_) | Kind::Digest => "text in quotation marks",
            Kind::Integer { .. } => "a whole number",
            Kind::Flag => "true or false",
            Kind::Texts(_) => "a list in square brackets",
            Kind::Pairs(..) => "a table",
        };
        self.fault(field.name, format!("must be {wanted}, not {}", type_name(found)), example(field));
        None
    }
}

/// What a setting should hold, as a remedy.
fn example(field: &Field) -> String {
    let about = match field.kind {
        Kind::OneOf(words) => format!("Choose {}.", words.join(" or ")),
        kind => format!("Expected: {}.", kind.describe().replace('`', "")),
    };
    match field.default {
        Default::Is(default) => format!("{about} The default is {default}."),
        _ => about,
    }
}

/// The default as it stands in the table: a TOML value.
pub(super) fn default_value(text: &str) -> Option<Value> {
    format!("default = {text}").parse::<Table>().ok()?.remove("default")
}

/// A remedy for an unknown name: the nearest known one.
pub(super) fn suggestion<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let folded = name.to_ascii_lowercase();
    let nearest = known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(&folded, &known.to_ascii_lowercase()), known))
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((distance, known)) if distance <= 3.max(known.len() / 3) => format!("Did you mean {known}?"),
        _ => "Remove it or correct it; docs/configuration.md lists what there is.".to_owned(),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}
