//! Claims path pointers: which parts of a credential a query names (OpenID4VP 1.0 section 7).

use crate::domain::limits;
use serde_json::{Map, Value};
use std::fmt;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Component {
    /// A string: this member of the object.
    Key(String),
    /// `null`: every element of the array.
    All,
    /// A non-negative integer: this element of the array, counted from zero.
    ///
    /// Counted in the processed claims: elements that were not disclosed are gone, so later ones move up
    /// (OVP-DCQL-36, DCQ-016).
    Index(u64),
}

impl Component {
    /// Reads one component; `None` for anything that is not a string, `null` or a non-negative integer (OVP-DCQL-30).
    pub fn parse(value: &Value) -> Option<Self> {
        match value {
            Value::String(name) => Some(Self::Key(name.clone())),
            Value::Null => Some(Self::All),
            Value::Number(number) => number.as_u64().map(Self::Index),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The component as it stands in a path.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Key(name) => Value::String(name.clone()),
            Self::All => Value::Null,
            Self::Index(index) => Value::from(*index),
        }
    }
}

/// A non-empty path. `Display` writes it as the JSON array it was read from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClaimsPath(Vec<Component>);

/// What is wrong with a JSON value that should be a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathFault {
    /// The component at fault; `None` if it is the value as a whole.
    pub component: Option<usize>,
    /// What is wrong.
    pub detail: &'static str,
}

/// Why a path selects nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathError {
    /// A string met something that is not an object.
    NotAnObject,
    /// `null` or an integer met something that is not an array.
    NotAnArray,
    /// Nothing was left at the end.
    Empty,
}

impl ClaimsPath {
    /// Reads a path: a non-empty array of strings, `null` and non-negative integers, at most as long as a document
    /// may be deep.
    ///
    /// # Errors
    /// Every component that is none of these, or the value as a whole.
    ///
    /// # Source
    /// OpenID4VP 1.0 section 7; OVP-DCQL-10, OVP-DCQL-30.
    pub fn parse(value: &Value) -> Result<Self, Vec<PathFault>> {
        let whole = |detail| Err(vec![PathFault { component: None, detail }]);
        let Value::Array(items) = value else { return whole("path is not an array") };
        if items.is_empty() {
            return whole("path is empty");
        }
        if items.len() > limits::JSON_DEPTH {
            return whole("path is longer than any document is deep");
        }
        let mut components = Vec::with_capacity(items.len());
        let mut faults = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match Component::parse(item) {
                Some(component) => components.push(component),
                None => faults.push(PathFault {
                    component: Some(index),
                    detail: "a path holds strings, null and non-negative integers only",
                }),
            }
        }
        if faults.is_empty() { Ok(Self(components)) } else { Err(faults) }
    }

    /// The components, at least one.
    pub fn components(&self) -> &[Component] {
        &self.0
    }

    /// The name of the top-level claim, if the path begins with one.
    pub fn first_key(&self) -> Option<&str> {
        match self.0.first() {
            Some(Component::Key(name)) => Some(name),
            _ => None,
        }
    }

    /// Whether this path begins with all of `other`: it names the same claim or a part of it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// Selects the elements that the path names in `value`, in document order.
    ///
    /// A missing member or index removes that element from the selection; an element of the wrong kind anywhere in it
    /// ends the whole selection.
    ///
    /// # Errors
    /// See [`PathError`].
    ///
    /// # Source
    /// OpenID4VP 1.0 section 7.1.1; OVP-DCQL-31, OVP-DCQL-32. For mdoc, `value` is the object of namespaces: an unknown
    /// namespace or element leaves nothing, which is an error as section 7.2.1 wants (OVP-DCQL-34).
    pub fn select<'a>(&self, value: &'a Value) -> Result<Vec<&'a Value>, PathError> {
        walk(vec![value], &self.0)
    }

    /// The same over the members of an object.
    ///
    /// # Errors
    /// See [`PathError`].
    pub fn select_claims<'a>(&self, claims: &'a Map<String, Value>) -> Result<Vec<&'a Value>, PathError> {
        match self.0.split_first() {
            Some((Component::Key(name), rest)) => walk(claims.get(name).into_iter().collect(), rest),
            _ => Err(PathError::NotAnArray),
        }
    }
}

fn walk<'a>(mut selected: Vec<&'a Value>, components: &[Component]) -> Result<Vec<&'a Value>, PathError> {
    for component in components {
        let mut next = Vec::with_capacity(selected.len());
        for element in selected {
            match component {
                Component::Key(name) => next.extend(element.as_object().ok_or(PathError::NotAnObject)?.get(name)),
                Component::All => next.extend(element.as_array().ok_or(PathError::NotAnArray)?),
                Component::Index(index) => {
                    let items = element.as_array().ok_or(PathError::NotAnArray)?;
                    next.extend(usize::try_from(*index).ok().and_then(|index| items.get(index)));
                }
            }
        }
        selected = next;
    }
    if selected.is_empty() { Err(PathError::Empty) } else { Ok(selected) }
}

/// Components as the JSON array that a path is written as.
pub(super) fn json_text(components: &[Component]) -> String {
    Value::Array(components.iter().map(Component::to_json).collect()).to_string()
}

impl fmt::Display for ClaimsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&json_text(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn path(value: &Value) -> ClaimsPath {
        ClaimsPath::parse(value).unwrap()
    }

    fn select(document: &Value, components: &Value) -> Result<Value, PathError> {
        path(components).select(document).map(|found| found.into_iter().cloned().collect())
    }

    #[test]
    fn components_are_strings_null_and_non_negative_integers() {
        // OVP-DCQL-30, DCQ-017.
        assert!(ClaimsPath::parse(&json!(["a", null, 0, u64::MAX])).is_ok());
        for wrong in [json!(-1), json!(1.5), json!(1.0), json!(true), json!({}), json!([])] {
            let faults = ClaimsPath::parse(&json!(["a", wrong, "b", wrong])).unwrap_err();
            let at: Vec<_> = faults.iter().map(|fault| fault.component).collect();
            assert_eq!(at, [Some(1), Some(3)], "{wrong}");
        }
        for wrong in [json!([]), json!("a"), json!(null), json!({"0": "a"}), json!(vec!["a"; 33])] {
            assert_eq!(ClaimsPath::parse(&wrong).unwrap_err()[0].component, None, "{wrong}");
        }
        let longest = vec!["a"; limits::JSON_DEPTH];
        assert!(ClaimsPath::parse(&json!(longest)).is_ok());
    }

    #[test]
    fn the_wrong_kind_of_element_ends_the_selection() {
        // OVP-DCQL-31: also when only one of several elements is of the wrong kind.
        let document = json!({"a": [{"b": 1}, "text"], "o": {"b": 1}, "s": "text"});
        assert_eq!(select(&document, &json!(["a", null, "b"])), Err(PathError::NotAnObject));
        assert_eq!(select(&document, &json!(["s", "b"])), Err(PathError::NotAnObject));
        assert_eq!(select(&document, &json!(["a", "b"])), Err(PathError::NotAnObject));
        assert_eq!(select(&document, &json!(["o", null])), Err(PathError::NotAnArray));
        assert_eq!(select(&document, &json!(["o", 0])), Err(PathError::NotAnArray));
        assert_eq!(select(&document, &json!([null])), Err(PathError::NotAnArray));
        assert_eq!(path(&json!([0])).select_claims(document.as_object().unwrap()), Err(PathError::NotAnArray));
    }

    #[test]
    fn missing_members_leave_the_selection() {
        // OVP-DCQL-32, DCQ-015.
        let document = json!({"degrees": [{"type": "Bachelor"}, {"other": 1}, {"type": "Master"}], "none": []});
        assert_eq!(select(&document, &json!(["degrees", null, "type"])), Ok(json!(["Bachelor", "Master"])));
        assert_eq!(select(&document, &json!(["degrees", null, "x"])), Err(PathError::Empty));
        assert_eq!(select(&document, &json!(["degrees", 3])), Err(PathError::Empty));
        assert_eq!(select(&document, &json!(["degrees", u64::MAX])), Err(PathError::Empty));
        assert_eq!(select(&document, &json!(["x", "y", null])), Err(PathError::Empty));
        assert_eq!(select(&document, &json!(["none", null])), Err(PathError::Empty));
        assert_eq!(select(&json!({"a": null}), &json!(["a"])), Ok(json!([null])));
    }

    #[test]
    fn an_index_counts_what_was_disclosed() {
        // OVP-DCQL-36, DCQ-016: the first nationality was withheld, so the second one is number 0 now.
        assert_eq!(select(&json!({"nationalities": ["FR"]}), &json!(["nationalities", 0])), Ok(json!(["FR"])));
        assert_eq!(select(&json!({"nationalities": ["FR"]}), &json!(["nationalities", 1])), Err(PathError::Empty));
    }

    #[test]
    fn names_are_compared_by_code_point() {
        // JSN-013: a Cyrillic letter makes another claim. DEU-06: the integer 18 is no member name.
        assert_eq!(select(&json!({"f\u{430}mily_name": "x"}), &json!(["family_name"])), Err(PathError::Empty));
        let ages = json!({"age_equal_or_over": {"18": true}});
        assert_eq!(select(&ages, &json!(["age_equal_or_over", "18"])), Ok(json!([true])));
        assert_eq!(select(&ages, &json!(["age_equal_or_over", 18])), Err(PathError::NotAnArray));
    }

    #[test]
    fn paths_print_as_json() {
        assert_eq!(path(&json!(["a\"b", null, 3])).to_string(), r#"["a\"b",null,3]"#);
    }
}
