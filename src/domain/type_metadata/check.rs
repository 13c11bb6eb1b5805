//! Does a credential obey its type?

use super::chain::TypeMetadata;
use super::document::Disclosability;
use super::invalid;
use crate::domain::dcql::Component;
use crate::domain::reason::Reason;
use crate::domain::sd_jwt::shape::{Part, Shape};

impl TypeMetadata {
    /// Checks the shape in which a credential was issued.
    ///
    /// Only what can be known refuses: what is withheld may be there. A mandatory claim is missed where nothing could
    /// hide it: its place has no digest without a disclosure, or it must not be disclosable at all.
    ///
    /// # Errors
    /// `type_metadata_invalid`, with the path and without any value:
    /// - a path meets something of another kind than it expects,
    /// - a claim with `sd` = `never` came by a disclosure, or is a withheld element of an array,
    /// - a claim with `sd` = `always` stands in the clear,
    /// - a mandatory claim is not there.
    ///
    /// # Source
    /// SD-JWT VC sections 4.6 and 4.6.1.2; VC-46.
    pub fn check(&self, shape: &Shape) -> Result<(), Reason> {
        for rule in self.claims() {
            let found = self
                .select(shape, rule.path.components())
                .map_err(|kind| invalid(format!("at {} the credential has something else than {kind}", rule.path)))?;
            for part in &found.parts {
                let disclosable = part.is_none_or(|part| part.disclosed);
                match rule.sd {
                    Disclosability::Never if disclosable => {
                        return Err(invalid(format!("{} is selectively disclosable, and must not be", rule.path)));
                    }
                    Disclosability::Always if !disclosable => {
                        return Err(invalid(format!("{} stands in the clear, and must be disclosable", rule.path)));
                    }
                    _ => {}
                }
            }
            if rule.mandatory && found.parts.is_empty() && !found.withheld {
                return Err(invalid(format!("{} is mandatory, and not there", rule.path)));
            }
        }
        Ok(())
    }

    /// What a path selects, in the arrays as they were issued.
    fn select<'s>(&self, shape: &'s Shape, path: &[Component]) -> Result<Found<'s>, &'static str> {
        // The root is no part of anything; it stands for itself in the first step only.
        let mut shapes = vec![shape];
        let mut found = Found { parts: Vec::new(), withheld: false };
        for (index, component) in path.iter().enumerate() {
            found.parts.clear();
            for shape in shapes {
                match (component, shape) {
                    (Component::Key(name), Shape::Object { members, withheld }) => {
                        if let Some(part) = members.get(name) {
                            found.parts.push(Some(part));
                            continue;
                        }
                        // It may be among what is withheld, unless the type says that it never is.
                        let prefix = path.get(..=index).and_then(|prefix| self.claim(prefix));
                        let never = prefix.is_some_and(|rule| rule.sd == Disclosability::Never);
                        found.withheld |= *withheld && !never;
                    }
                    (Component::Key(_), _) => return Err("an object"),
                    (Component::All, Shape::Array(items)) => found.parts.extend(items.iter().map(Option::as_ref)),
                    (Component::Index(index), Shape::Array(items)) => {
                        let item = usize::try_from(*index).ok().and_then(|index| items.get(index));
                        found.parts.extend(item.map(Option::as_ref));
                    }
                    (Component::All | Component::Index(_), _) => return Err("an array"),
                }
            }
            let is_last = index.saturating_add(1) == path.len();
            // What lies in a withheld element is not known.
            found.withheld |= !is_last && found.parts.iter().any(Option::is_none);
            shapes = found.parts.iter().flatten().map(|part| &part.shape).collect();
        }
        Ok(found)
    }
}

/// What a path selects.
struct Found<'s> {
    /// The parts; `None` is an element of an array that was withheld.
    parts: Vec<Option<&'s Part>>,
    /// Whether there may be more that cannot be seen.
    withheld: bool,
}

#[cfg(test)]
mod tests {
    use super::super::document::Document;
    use super::*;
    use crate::domain::encoding::base64;
    use crate::domain::jose::hash::HashAlgorithm;
    use crate::domain::sd_jwt::disclose::Disclosures;
    use serde_json::{Value, json};
    use std::sync::Arc;

    /// A credential: its payload, in which `"~"` as first element of a pair conceals what follows.
    struct Issued {
        texts: Vec<String>,
    }

    impl Issued {
        fn digest(&mut self, items: &Value, show: bool) -> String {
            let text = base64::encode_url(items.to_string().as_bytes());
            let digest = HashAlgorithm::Sha256.digest_url(text.as_bytes());
            if show {
                self.texts.push(text);
            }
            digest
        }

        fn member(&mut self, name: &str, value: &Value, show: bool) -> String {
            self.digest(&json!([name, name, value]), show)
        }

        fn element(&mut self, value: &Value, show: bool) -> Value {
            let digest = self.digest(&json!([value.to_string(), value]), show);
            json!({"...": digest})
        }

        fn shape(self, payload: &Value) -> Shape {
            let texts: Vec<&str> = self.texts.iter().map(String::as_str).collect();
            let read = Disclosures::read(&texts, HashAlgorithm::Sha256).unwrap();
            read.apply_drawing(payload.as_object().unwrap().clone(), &[]).unwrap().1
        }
    }

    /// `given_name` shown, `family_name` withheld, `birthdate` clear, `address` shown with one city withheld within,
    /// nationalities: withheld, shown, clear.
    fn shape() -> Shape {
        let mut issued = Issued { texts: Vec::new() };
        let given = issued.member("given_name", &json!("LINA"), true);
        let family = issued.member("family_name", &json!("TESTFRAU"), false);
        let city = issued.member("locality", &json!("X"), false);
        let address = issued.member("address", &json!({"_sd": [city], "country": "DE"}), true);
        let hidden = issued.element(&json!("FR"), false);
        let shown = issued.element(&json!({"code": "DE"}), true);
        issued.shape(&json!({
            "_sd": [given, family, address],
            "birthdate": "2000-01-01",
            "nationalities": [hidden, shown, {"code": "PL"}],
            "empty": [],
            "open": {"a": 1},
        }))
    }

    fn check(shape: &Shape, claims: &Value) -> Result<(), String> {
        let text = json!({"vct": "a", "claims": claims}).to_string();
        let document = Arc::new(Document::parse(text.as_bytes()).unwrap());
        let metadata = TypeMetadata::resolve("a", None, |_| Some(Arc::clone(&document))).unwrap();
        metadata.check(shape).map_err(|reason| reason.detail.into_owned())
    }

    fn one(path: Value, rule: Value) -> bool {
        let mut claim = rule;
        claim["path"] = path;
        check(&shape(), &json!([claim])).is_ok()
    }

    #[test]
    fn disclosability_is_that_of_the_claim_itself() {
        // VC-46: never by a disclosure, always in the clear; an ancestor does not count.
        for (path, disclosed, clear) in [
            (json!(["given_name"]), true, false),
            (json!(["address"]), true, false),
            (json!(["address", "country"]), false, true),
            (json!(["birthdate"]), false, true),
            (json!(["nationalities"]), false, true),
            (json!(["nationalities", 0]), true, false),
            (json!(["nationalities", 1]), true, false),
            (json!(["nationalities", 2]), false, true),
            (json!(["nationalities", 1, "code"]), false, true),
            // Not there, or not seen: nothing can be said.
            (json!(["family_name"]), true, true),
            (json!(["nationalities", 3]), true, true),
            (json!(["nationalities", 0, "code"]), true, true),
            (json!(["empty", null]), true, true),
            (json!(["unknown", "deeper", null]), true, true),
        ] {
            assert_eq!(one(path.clone(), json!({"sd": "always"})), disclosed, "always {path}");
            assert_eq!(one(path.clone(), json!({"sd": "never"})), clear, "never {path}");
            assert!(one(path, json!({"sd": "allowed"})));
        }
        // One element of several is enough.
        assert!(!one(json!(["nationalities", null]), json!({"sd": "always"})));
        assert!(!one(json!(["nationalities", null]), json!({"sd": "never"})));
        assert!(one(json!(["nationalities", null, "code"]), json!({"sd": "never"})));
    }

    #[test]
    fn what_may_be_withheld_is_not_missed() {
        // VC-46: mandatory is not judged from the absence of a claim that may be selectively disclosable.
        let mandatory = json!({"mandatory": true});
        for (path, expected) in [
            (json!(["given_name"]), true),
            (json!(["family_name"]), true),
            (json!(["anything"]), true),
            (json!(["anything", "deeper"]), true),
            (json!(["address", "street_address"]), true),
            (json!(["nationalities", null]), true),
            (json!(["nationalities", 0, "code"]), true),
            (json!(["nationalities", 0]), true),
            // Here nothing is hidden.
            (json!(["nationalities", 3]), false),
            (json!(["nationalities", 2, "name"]), false),
            (json!(["open", "a"]), true),
            (json!(["open", "b"]), false),
            (json!(["empty", null]), false),
            (json!(["empty", 0]), false),
        ] {
            assert_eq!(one(path.clone(), mandatory.clone()), expected, "{path}");
        }
        // What must stand in the clear and does not stand there was not included.
        assert!(!one(json!(["anything"]), json!({"mandatory": true, "sd": "never"})));
        assert!(one(json!(["given_name"]), json!({"mandatory": true, "sd": "always"})));
        assert!(one(json!(["anything"]), json!({"mandatory": true, "sd": "always"})));
        let both = json!([{"path": ["anything"], "sd": "never"}, {"path": ["anything", "x"], "mandatory": true}]);
        assert_eq!(check(&shape(), &both).unwrap_err(), r#"["anything","x"] is mandatory, and not there"#);
    }

    #[test]
    fn a_path_that_meets_another_kind_refuses() {
        // VC-46, SD-JWT VC section 4.6.1.2.
        for path in [
            json!(["birthdate", "year"]),
            json!(["birthdate", null]),
            json!(["birthdate", 0]),
            json!(["address", null]),
            json!(["address", 0]),
            json!(["nationalities", "code"]),
            json!(["nationalities", 2, 0]),
            json!(["nationalities", null, "code", "x"]),
        ] {
            assert!(!one(path.clone(), json!({})), "{path}");
        }
    }

    #[test]
    fn without_rules_everything_passes() {
        assert_eq!(check(&shape(), &json!([])), Ok(()));
        let clear = Issued { texts: Vec::new() }.shape(&json!({"name": "x"}));
        assert_eq!(check(&clear, &json!([{"path": ["name"], "sd": "never", "mandatory": true}])), Ok(()));
        assert!(check(&clear, &json!([{"path": ["other"], "mandatory": true}])).is_err());
    }
}
