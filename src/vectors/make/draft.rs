//! Writes a file case by case.

use super::flags::FLAGS;
use super::rules::ALSO;
use super::world::SEED;
use crate::vectors::VectorError;
use crate::vectors::config::to_hex;
use crate::vectors::format::{Case, Expected, FORMAT, File, Flag, Generator, Group, Mutation, Wanted};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A file that is being written.
pub(super) struct Draft {
    file: File,
}

/// The members of an object; anything else has none.
pub(super) fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

impl Draft {
    /// An empty file of this type.
    pub(super) fn new(kind: &str, title: &str, description: &str, spec: &[&str]) -> Self {
        Self {
            file: File {
                schema: Some(super::SCHEMA.to_owned()),
                format: FORMAT.to_owned(),
                kind: kind.to_owned(),
                title: title.to_owned(),
                description: Some(description.to_owned()),
                spec: spec.iter().map(|&text| text.to_owned()).collect(),
                licence: Some("CC0-1.0".to_owned()),
                source: None,
                generator: Some(Generator {
                    name: "pruefstein vectors make".to_owned(),
                    version: "1".to_owned(),
                    seed: to_hex(&SEED),
                }),
                extraction: None,
                flags: BTreeMap::new(),
                case_count: 0,
                groups: Vec::new(),
            },
        }
    }

    /// Begins a group; the cases that follow belong to it.
    pub(super) fn group(&mut self, id: &str, comment: &str, config: Value, keys: Value) {
        self.file.groups.push(Group {
            id: id.to_owned(),
            comment: Some(comment.to_owned()),
            context: None,
            keys: members(keys),
            config: members(config),
            cases: Vec::new(),
        });
    }

    fn case(&mut self, id: &str, comment: &str, input: Value, expected: Expected) -> Entry<'_> {
        let case = Case {
            id: id.to_owned(),
            comment: Some(comment.to_owned()),
            flags: Vec::new(),
            spec: Vec::new(),
            config: Map::new(),
            input: members(input),
            expected,
            derived_from: None,
            mutation: None,
            notes: None,
        };
        if self.file.groups.is_empty() {
            self.group("all", "all cases", Value::Null, Value::Null);
        }
        let last = self.file.groups.len().saturating_sub(1);
        let mut rest = self.file.groups.iter_mut().skip(last).map(|group| &mut group.cases);
        Entry(rest.next().and_then(|cases| {
            cases.push(case);
            cases.last_mut()
        }))
    }

    /// A case that is accepted.
    pub(super) fn accept(&mut self, id: &str, comment: &str, input: Value) -> Entry<'_> {
        self.case(id, comment, input, Expected { result: Wanted::Accept, ..Expected::default() })
    }

    /// A case that is refused with this code.
    pub(super) fn refuse(&mut self, id: &str, comment: &str, code: &str, input: Value) -> Entry<'_> {
        self.case(id, comment, input, Expected { error: Some(code.to_owned()), ..Expected::default() })
    }

    /// The finished file: cases sorted by id, flags declared, everything counted.
    pub(super) fn finish(mut self) -> Result<File, VectorError> {
        for group in &mut self.file.groups {
            group.cases.sort_by(|left, right| left.id.cmp(&right.id));
            for case in &mut group.cases {
                let also = ALSO.iter().filter(|(id, _)| *id == case.id).flat_map(|(_, rules)| *rules);
                case.spec.extend(also.map(|&rule| rule.to_owned()));
            }
            for flag in group.cases.iter().flat_map(|case| &case.flags) {
                let (_, kind, description) = FLAGS
                    .iter()
                    .find(|(name, ..)| name == flag)
                    .ok_or(VectorError::Made("a flag that is not in the table"))?;
                let flag_text = Flag {
                    kind: (*kind).to_owned(),
                    description: (*description).to_owned(),
                    spec: Vec::new(),
                    cve: Vec::new(),
                };
                self.file.flags.insert(flag.clone(), flag_text);
            }
        }
        self.file.case_count = self.file.groups.iter().map(|group| group.cases.len()).sum();
        Ok(self.file)
    }
}

/// The case that was written last.
pub(super) struct Entry<'d>(Option<&'d mut Case>);

impl Entry<'_> {
    fn with(mut self, change: impl FnOnce(&mut Case)) -> Self {
        if let Some(case) = self.0.as_deref_mut() {
            change(case);
        }
        self
    }

    /// Rules and catalogue cases that it is about.
    pub(super) fn spec(self, spec: &[&str]) -> Self {
        self.with(|case| case.spec.extend(spec.iter().map(|&text| text.to_owned())))
    }

    /// Why it exists.
    pub(super) fn flags(self, flags: &[&str]) -> Self {
        self.with(|case| case.flags.extend(flags.iter().map(|&text| text.to_owned())))
    }

    /// Members of the configuration that differ from the group's.
    pub(super) fn config(self, config: Value) -> Self {
        self.with(|case| case.config.extend(members(config)))
    }

    /// What an accepting verifier returns.
    pub(super) fn output(self, output: Value) -> Self {
        self.with(|case| case.expected.output = Some(output))
    }

    /// Further codes that are right, where the order of checks is free.
    pub(super) fn or(self, code: &str) -> Self {
        self.with(|case| {
            let first = case.expected.error.take();
            case.expected.error_any_of.extend(first);
            case.expected.error_any_of.push(code.to_owned());
        })
    }

    /// The accepted case that it breaks, and how.
    pub(super) fn broken(self, base: &str, op: &str, place: &str) -> Self {
        self.with(|case| {
            case.derived_from = Some(base.to_owned());
            case.mutation = Some(Mutation {
                op: op.to_owned(),
                place: Some(place.to_owned()),
                from: None,
                to: None,
                resigned_with: None,
            });
        })
    }

    /// What stands there now.
    pub(super) fn to(self, to: Value) -> Self {
        self.with(|case| {
            if let Some(mutation) = &mut case.mutation {
                mutation.to = Some(to);
            }
        })
    }

    /// The key with which the result was signed again.
    pub(super) fn signed(self, key: &str) -> Self {
        self.with(|case| {
            if let Some(mutation) = &mut case.mutation {
                mutation.resigned_with = Some(key.to_owned());
            }
        })
    }
}
