//! What leaves: the parts of a credential that were asked for, and the names of the parts that were not.

use super::path::{ClaimsPath, Component, json_text};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The parts of one claims object that a set of paths selects.
///
/// Made for the object it is applied to; with another object it keeps what happens to lie at the same places.
///
/// # Source
/// OVP-DCQL-49, PRV-05: claims nobody asked for are not passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection(BTreeMap<String, Keep>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Keep {
    Whole,
    Members(BTreeMap<String, Keep>),
    Elements(BTreeMap<usize, Keep>),
}

impl Projection {
    /// The union of what `paths` select in `claims`. A path that selects nothing, or fails, adds nothing.
    pub fn new<'p>(claims: &Map<String, Value>, paths: impl IntoIterator<Item = &'p ClaimsPath>) -> Self {
        let mut members = BTreeMap::new();
        for path in paths {
            // Only a path that succeeds as a whole may keep anything.
            if path.select_claims(claims).is_err() {
                continue;
            }
            if let Some((Component::Key(name), rest)) = path.components().split_first()
                && let Some(keep) = claims.get(name).and_then(|value| keep(value, rest))
            {
                merge(&mut members, name.clone(), keep);
            }
        }
        Self(members)
    }

    /// Whether a member of the object is kept with everything in it.
    pub fn keeps_whole(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(Keep::Whole))
    }

    /// A copy of the kept parts. Objects keep their nesting; arrays keep their order and only the kept elements.
    pub fn kept(&self, claims: &Map<String, Value>) -> Map<String, Value> {
        copy_members(claims, &self.0)
    }

    /// The paths of the parts that are not kept, without any value: sorted, each once, elements of an array as `null`.
    /// Members named in `besides` are not looked at.
    pub fn dropped(&self, claims: &Map<String, Value>, besides: &[&str]) -> Vec<String> {
        let mut found = BTreeSet::new();
        let members = claims.iter().filter(|(name, _)| !besides.contains(&name.as_str()));
        dropped_members(members, &self.0, &mut Vec::new(), &mut found);
        found.into_iter().collect()
    }
}

fn keep(value: &Value, components: &[Component]) -> Option<Keep> {
    let Some((component, rest)) = components.split_first() else { return Some(Keep::Whole) };
    match (component, value) {
        (Component::Key(name), Value::Object(members)) => {
            let inner = keep(members.get(name)?, rest)?;
            Some(Keep::Members(BTreeMap::from([(name.clone(), inner)])))
        }
        (Component::Index(index), Value::Array(items)) => {
            let index = usize::try_from(*index).ok()?;
            let inner = keep(items.get(index)?, rest)?;
            Some(Keep::Elements(BTreeMap::from([(index, inner)])))
        }
        (Component::All, Value::Array(items)) => {
            let elements: BTreeMap<usize, Keep> = items
                .iter()
                .enumerate()
                .filter_map(|(index, item)| keep(item, rest).map(|inner| (index, inner)))
                .collect();
            (!elements.is_empty()).then_some(Keep::Elements(elements))
        }
        _ => None,
    }
}

fn merge<K: Ord>(into: &mut BTreeMap<K, Keep>, at: K, new: Keep) {
    let Some(old) = into.get_mut(&at) else {
        into.insert(at, new);
        return;
    };
    match (old, new) {
        (old, Keep::Whole) => *old = Keep::Whole,
        (Keep::Members(old), Keep::Members(new)) => new.into_iter().for_each(|(name, keep)| merge(old, name, keep)),
        (Keep::Elements(old), Keep::Elements(new)) => new.into_iter().for_each(|(index, keep)| merge(old, index, keep)),
        // The whole has its parts already. And one value is not an object and an array at once; keeping less is safe.
        (Keep::Whole, _) | (Keep::Members(_), Keep::Elements(_)) | (Keep::Elements(_), Keep::Members(_)) => {}
    }
}

fn copy(value: &Value, keep: &Keep) -> Option<Value> {
    match (keep, value) {
        (Keep::Whole, value) => Some(value.clone()),
        (Keep::Members(kept), Value::Object(members)) => Some(Value::Object(copy_members(members, kept))),
        (Keep::Elements(kept), Value::Array(items)) => Some(Value::Array(
            kept.iter().filter_map(|(index, keep)| items.get(*index).and_then(|item| copy(item, keep))).collect(),
        )),
        _ => None,
    }
}

fn copy_members(members: &Map<String, Value>, kept: &BTreeMap<String, Keep>) -> Map<String, Value> {
    members.iter().filter_map(|(name, value)| Some((name.clone(), copy(value, kept.get(name)?)?))).collect()
}

fn dropped_members<'m>(
    members: impl IntoIterator<Item = (&'m String, &'m Value)>,
    kept: &BTreeMap<String, Keep>,
    at: &mut Vec<Component>,
    found: &mut BTreeSet<String>,
) {
    for (name, value) in members {
        at.push(Component::Key(name.clone()));
        dropped(value, kept.get(name), at, found);
        at.pop();
    }
}

fn dropped(value: &Value, keep: Option<&Keep>, at: &mut Vec<Component>, found: &mut BTreeSet<String>) {
    match (keep, value) {
        (Some(Keep::Whole), _) => {}
        (Some(Keep::Members(kept)), Value::Object(members)) => dropped_members(members, kept, at, found),
        (Some(Keep::Elements(kept)), Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                at.push(Component::All);
                dropped(item, kept.get(&index), at, found);
                at.pop();
            }
        }
        _ => {
            found.insert(json_text(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn project(claims: &Value, paths: &[Value]) -> (Value, Vec<String>) {
        let claims = claims.as_object().unwrap();
        let paths: Vec<_> = paths.iter().map(|path| ClaimsPath::parse(path).unwrap()).collect();
        let projection = Projection::new(claims, &paths);
        (Value::Object(projection.kept(claims)), projection.dropped(claims, &[]))
    }

    #[test]
    fn claims_nobody_asked_for_are_dropped() {
        // OVP-DCQL-49, PRV-05, PID example 5.4.
        let claims = json!({
            "iss": "https://pid-issuer.example", "cnf": {"jwk": {}}, "family_name": "BEISPIEL",
            "address": {"locality": "MÜNSTERDORF", "postal_code": "12345"}, "nationalities": ["DE"]
        });
        let (kept, dropped) =
            project(&claims, &[json!(["family_name"]), json!(["address", "locality"]), json!(["nationalities"])]);
        assert_eq!(
            kept,
            json!({"family_name": "BEISPIEL", "address": {"locality": "MÜNSTERDORF"}, "nationalities": ["DE"]})
        );
        assert_eq!(dropped, [r#"["address","postal_code"]"#, r#"["cnf"]"#, r#"["iss"]"#]);
    }

    #[test]
    fn several_paths_into_one_object_or_array_are_united() {
        let claims = json!({"d": [{"t": 1, "u": 2, "v": 3}, {"t": 4, "v": 5}, {"u": 6}], "n": ["a", "b", "c"]});
        let (kept, dropped) = project(
            &claims,
            &[json!(["d", null, "u"]), json!(["d", null, "t"]), json!(["n", 2]), json!(["n", 0]), json!(["d", 1, "v"])],
        );
        assert_eq!(kept, json!({"d": [{"t": 1, "u": 2}, {"t": 4, "v": 5}, {"u": 6}], "n": ["a", "c"]}));
        assert_eq!(dropped, [r#"["d",null,"v"]"#, r#"["n",null]"#]);
    }

    #[test]
    fn the_whole_swallows_its_parts_in_either_order() {
        let claims = json!({"a": {"b": 1, "c": {"d": 2}}});
        for paths in [[json!(["a", "b"]), json!(["a"])], [json!(["a"]), json!(["a", "b"])]] {
            assert_eq!(project(&claims, &paths), (claims.clone(), vec![]));
        }
    }

    #[test]
    fn a_path_that_fails_keeps_nothing() {
        let claims = json!({"a": [{"b": 1}, 2], "c": {"d": {}}, "e": []});
        let (kept, dropped) =
            project(&claims, &[json!(["a", null, "b"]), json!(["c", "x"]), json!(["e", null]), json!([null])]);
        assert_eq!(kept, json!({}));
        assert_eq!(dropped, [r#"["a"]"#, r#"["c"]"#, r#"["e"]"#]);
    }

    #[test]
    fn elements_without_the_member_leave_no_hole() {
        // DCQ-015.
        let (kept, _) = project(&json!({"d": [{"t": 1}, {"u": 2}, {"t": 3}]}), &[json!(["d", null, "t"])]);
        assert_eq!(kept, json!({"d": [{"t": 1}, {"t": 3}]}));
    }
}
