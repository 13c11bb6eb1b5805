//! What a setting is: name, kind, default and meaning in one place. The reader obeys this table, and
//! `docs/configuration.md` is written from it, so the two cannot differ.

/// What a setting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text; the word says what it names.
    Text(&'static str),
    /// A whole number within bounds, with its unit.
    Integer {
        /// Least value.
        min: i64,
        /// Greatest value.
        max: i64,
        /// What it counts.
        unit: &'static str,
    },
    /// `true` or `false`.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of texts; the word says what each names.
    Texts(&'static str),
    /// A table from text to text; the words say what stands left and right.
    Pairs(&'static str, &'static str),
    /// A SHA-256 digest in hexadecimal. Never shown.
    Digest,
}

impl Kind {
    /// Whether an environment variable can set it.
    pub const fn is_scalar(self) -> bool {
        matches!(self, Self::Text(_) | Self::Integer { .. } | Self::Flag | Self::OneOf(_))
    }

    /// The kind in words.
    pub fn describe(self) -> String {
        match self {
            Self::Text(what) => what.to_owned(),
            Self::Integer { min, max, unit } => format!("{min} to {max} {unit}"),
            Self::Flag => "`true` or `false`".to_owned(),
            Self::OneOf(words) => words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(" or "),
            Self::Texts(what) => format!("list: {what}"),
            Self::Pairs(left, right) => format!("table: {left} = {right}"),
            Self::Digest => "SHA-256, 64 hexadecimal digits".to_owned(),
        }
    }
}

/// What holds if a setting is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// It has to be there.
    Required,
    /// Nothing; the words say what that means.
    Absent(&'static str),
    /// This value, as it would stand in the file.
    Is(&'static str),
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The key within its section.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What holds if it is absent.
    pub default: Default,
    /// What it means, for operators.
    pub about: &'static str,
}

/// One setting of a table.
pub const fn field(name: &'static str, kind: Kind, default: Default, about: &'static str) -> Field {
    Field { name, kind, default, about }
}

/// How often a section may stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occurs {
    /// `[name]`, at most once.
    Once,
    /// `[[name]]`, any number of times.
    Many,
}

/// One section of the file.
#[derive(Debug, Clone, Copy)]
pub struct SectionDoc {
    /// The name between the brackets.
    pub name: &'static str,
    /// How often it may stand in the file.
    pub occurs: Occurs,
    /// What it is for.
    pub about: &'static str,
    /// Its settings, in the order of the documentation.
    pub fields: &'static [Field],
}

impl SectionDoc {
    /// The header line in the file.
    pub fn header(&self) -> String {
        match self.occurs {
            Occurs::Once => format!("[{}]", self.name),
            Occurs::Many => format!("[[{}]]", self.name),
        }
    }

    /// The setting of this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}
