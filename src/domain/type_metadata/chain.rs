//! A document and everything that it extends, as one set of rules. Nothing of a document is used before the whole chain
//! is there (VC-41).

use super::catalogue::Unresolved;
use super::document::{Claim, Disclosability, Document};
use super::integrity::Integrity;
use super::invalid;
use super::text::{LocalText, choose};
use crate::domain::dcql::{ClaimsPath, Component};
use crate::domain::limits;
use crate::domain::reason::Reason;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::sync::Arc;

/// The rules and words of a credential type, what it extends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeMetadata {
    /// The documents, that of the type itself first.
    documents: Vec<Arc<Document>>,
    /// Names of the type by language.
    display: Vec<LocalText>,
    /// Rules for claims, those of the most general type first.
    claims: Vec<ClaimRule>,
}

/// The rules for the claims at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRule {
    /// Which claims.
    pub path: ClaimsPath,
    /// Labels by language.
    pub display: Vec<LocalText>,
    /// Whether the issuer must include it.
    pub mandatory: bool,
    /// Whether it is selectively disclosable.
    pub sd: Disclosability,
    /// Its name in templates.
    pub svg_id: Option<String>,
}

impl TypeMetadata {
    /// Collects the chain of a type from the documents that `known` has, and merges it.
    ///
    /// `integrity` is that of the reference to the type, from a credential or a setting.
    ///
    /// # Errors
    /// - [`Unresolved::Needed`] with the first document that is not there.
    /// - [`Unresolved::Invalid`] if a document is not the one that is meant (VC-43) or is that of another type (VC-42),
    ///   if types extend each other in a circle or the chain is longer than allowed (VC-45), and if a type loosens what
    ///   it extends (VC-47).
    ///
    /// # Source
    /// SD-JWT VC sections 4.3, 4.4, 4.5.2, 4.6.5, 5 and 6.3.
    pub fn resolve(
        vct: &str,
        integrity: Option<&Integrity>,
        known: impl Fn(&str) -> Option<Arc<Document>>,
    ) -> Result<Self, Unresolved> {
        let mut documents: Vec<Arc<Document>> = Vec::new();
        let mut next = Some((vct.to_owned(), integrity.cloned()));
        while let Some((vct, integrity)) = next {
            if documents.iter().any(|document| document.vct == vct) {
                return Err(invalid("the type extends itself").into());
            }
            if documents.len() >= limits::TYPE_METADATA_CHAIN {
                return Err(invalid("the type extends more types in a row than allowed").into());
            }
            let Some(document) = known(&vct) else { return Err(Unresolved::Needed { vct, integrity }) };
            if document.vct != vct {
                return Err(invalid("the type metadata is that of another type").into());
            }
            check_fits(&document, integrity.as_ref())?;
            next = document.extends.as_ref().map(|extends| (extends.vct.clone(), extends.integrity.clone()));
            documents.push(document);
        }
        Ok(Self::merge(documents)?)
    }

    fn merge(documents: Vec<Arc<Document>>) -> Result<Self, Reason> {
        let mut display = Vec::new();
        let mut claims: Vec<ClaimRule> = Vec::new();
        for document in documents.iter().rev() {
            // Names of a type replace those of what it extends as a whole.
            if let Some(own) = &document.display {
                display.clone_from(own);
            }
            for claim in &document.claims {
                match claims.iter_mut().find(|rule| rule.path == claim.path) {
                    Some(rule) => rule.extend(claim)?,
                    None => claims.push(ClaimRule::new(claim)),
                }
            }
        }
        let mut ids = HashSet::new();
        if !claims.iter().filter_map(|rule| rule.svg_id.as_ref()).all(|id| ids.insert(id)) {
            return Err(invalid("an svg_id occurs twice"));
        }
        Ok(Self { documents, display, claims })
    }

    /// The types of the chain, the type itself first. That a type extends another gives its issuers no right to it
    /// (VC-08, case SVC-006).
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.documents.iter().map(|document| document.vct.as_str())
    }

    /// The documents of the chain, that of the type itself first.
    pub fn documents(&self) -> &[Arc<Document>] {
        &self.documents
    }

    /// Checks that this is the metadata of `vct`, from the document that `integrity` means.
    ///
    /// # Errors
    /// `type_metadata_invalid` (VC-42, VC-43).
    pub fn check_meant(&self, vct: &str, integrity: Option<&Integrity>) -> Result<(), Reason> {
        match self.documents.first() {
            Some(document) if document.vct == vct => check_fits(document, integrity),
            _ => Err(invalid("the type metadata is that of another type")),
        }
    }

    /// The rules for claims.
    pub fn claims(&self) -> &[ClaimRule] {
        &self.claims
    }

    /// What is said about exactly this path.
    pub fn claim(&self, path: &[Component]) -> Option<&ClaimRule> {
        self.claims.iter().find(|rule| rule.path.components() == path)
    }

    /// The name of the type for a person who reads `languages`, best first. Escape it where it is shown.
    pub fn name(&self, languages: &[&str]) -> Option<&str> {
        choose(&self.display, languages).map(|text| text.text.as_str())
    }

    /// The label of a claim for a person who reads `languages`, best first. Escape it where it is shown.
    ///
    /// What is said about exactly `path` counts first; then what is said about all elements of the arrays on the way.
    pub fn label(&self, path: &[Component], languages: &[&str]) -> Option<&str> {
        let all = |component: &Component| match component {
            Component::Index(_) => Component::All,
            other => other.clone(),
        };
        let words = |path: &[Component]| {
            let rule = self.claim(path)?;
            choose(&rule.display, languages).map(|text| text.text.as_str())
        };
        words(path).or_else(|| words(&path.iter().map(all).collect::<Vec<_>>()))
    }

    /// The merged document as JSON, with what is understood of it.
    pub fn to_json(&self) -> Value {
        let texts = |texts: &[LocalText], member: &str| -> Value {
            let text = |text: &LocalText| {
                let mut members = Map::new();
                members.insert("locale".to_owned(), json!(text.locale));
                members.insert(member.to_owned(), json!(text.text));
                if let Some(description) = &text.description {
                    members.insert("description".to_owned(), json!(description));
                }
                Value::Object(members)
            };
            texts.iter().map(text).collect()
        };
        let claims: Vec<Value> = self
            .claims
            .iter()
            .map(|rule| {
                let path: Vec<Value> = rule.path.components().iter().map(Component::to_json).collect();
                let display = texts(&rule.display, "label");
                json!({"path": path, "display": display, "mandatory": rule.mandatory, "sd": rule.sd.as_str()})
            })
            .collect();
        json!({"vct": self.types().next(), "display": texts(&self.display, "name"), "claims": claims})
    }
}

/// Whether the document is the one that a reference means.
pub(super) fn check_fits(document: &Document, integrity: Option<&Integrity>) -> Result<(), Reason> {
    if integrity.is_none_or(|integrity| integrity.fits(&document.digests)) {
        Ok(())
    } else {
        Err(invalid("the type metadata is not the document that is meant"))
    }
}

impl ClaimRule {
    fn new(claim: &Claim) -> Self {
        Self {
            path: claim.path.clone(),
            display: claim.display.clone().unwrap_or_default(),
            mandatory: claim.mandatory.unwrap_or(false),
            sd: claim.sd.unwrap_or(Disclosability::Allowed),
            svg_id: claim.svg_id.clone(),
        }
    }

    /// Puts what a more special type says over what the more general one said. It may tighten, not loosen (VC-47).
    fn extend(&mut self, claim: &Claim) -> Result<(), Reason> {
        if let Some(sd) = claim.sd {
            if self.sd != Disclosability::Allowed && self.sd != sd {
                return Err(invalid("a type changes whether a claim is disclosable"));
            }
            self.sd = sd;
        }
        if let Some(mandatory) = claim.mandatory {
            if self.mandatory && !mandatory {
                return Err(invalid("a type makes a mandatory claim optional"));
            }
            self.mandatory = mandatory;
        }
        // The contents of display are not mixed.
        if let Some(display) = &claim.display {
            self.display.clone_from(display);
        }
        if let Some(id) = &claim.svg_id {
            self.svg_id = Some(id.clone());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::jose::hash;
    use crate::domain::reason::Code;

    fn documents(values: &[Value]) -> Vec<Arc<Document>> {
        values.iter().map(|value| Arc::new(Document::parse(value.to_string().as_bytes()).unwrap())).collect()
    }

    fn resolve(values: &[Value], vct: &str) -> Result<TypeMetadata, Unresolved> {
        let documents = documents(values);
        TypeMetadata::resolve(vct, None, |vct| documents.iter().find(|document| document.vct == vct).cloned())
    }

    fn path(value: &Value) -> Vec<Component> {
        ClaimsPath::parse(value).unwrap().components().to_vec()
    }

    fn is_invalid<T>(result: Result<T, Unresolved>) -> bool {
        matches!(result, Err(Unresolved::Invalid(reason)) if reason.code == Code::TypeMetadataInvalid)
    }

    #[test]
    fn the_example_of_the_specification() {
        // VC-41; SD-JWT VC section 4.6.5.2: one claim is inherited, one overridden, one new.
        let merged = resolve(
            &[
                json!({"vct": "https://example.com/base-type-metadata", "claims": [
                    {"path": ["name"], "display": [{"label": "Full Name", "locale": "en"}]},
                    {"path": ["address", "city"], "display": [{"label": "City", "locale": "en"}]}]}),
                json!({"vct": "https://example.com/custom-type-metadata",
                    "extends": "https://example.com/base-type-metadata", "claims": [
                    {"path": ["address", "city"], "display": [{"label": "Town", "locale": "en"}]},
                    {"path": ["nationalities"], "display": [{"label": "Nationalities", "locale": "en"}]}]}),
            ],
            "https://example.com/custom-type-metadata",
        )
        .unwrap();
        let labels: Vec<_> =
            merged.claims().iter().map(|rule| (rule.path.to_string(), rule.display[0].text.as_str())).collect();
        assert_eq!(
            labels,
            [
                (r#"["name"]"#.to_owned(), "Full Name"),
                (r#"["address","city"]"#.to_owned(), "Town"),
                (r#"["nationalities"]"#.to_owned(), "Nationalities"),
            ]
        );
        let types: Vec<_> = merged.types().collect();
        assert_eq!(types, ["https://example.com/custom-type-metadata", "https://example.com/base-type-metadata"]);
    }

    #[test]
    fn every_level_must_be_there() {
        // VC-41.
        let child = json!({"vct": "a", "extends": "b"});
        let needed = |documents: &[Value]| match resolve(documents, "a") {
            Err(Unresolved::Needed { vct, .. }) => vct,
            other => panic!("{other:?}"),
        };
        assert_eq!(needed(&[]), "a");
        assert_eq!(needed(std::slice::from_ref(&child)), "b");
        assert_eq!(needed(&[child.clone(), json!({"vct": "b", "extends": "c"})]), "c");
        assert!(resolve(&[child, json!({"vct": "b"})], "a").is_ok());
    }

    #[test]
    fn circles_and_long_chains_refuse() {
        // VC-45.
        assert!(is_invalid(resolve(&[json!({"vct": "a", "extends": "a"})], "a")));
        let circle = [json!({"vct": "a", "extends": "b"}), json!({"vct": "b", "extends": "a"})];
        assert!(is_invalid(resolve(&circle, "a")));
        let tail = [
            json!({"vct": "x", "extends": "a"}),
            json!({"vct": "a", "extends": "b"}),
            json!({"vct": "b", "extends": "a"}),
        ];
        assert!(is_invalid(resolve(&tail, "x")));
        let chain = |length: usize| {
            let mut documents: Vec<Value> = (0..length - 1)
                .map(|level| json!({"vct": level.to_string(), "extends": (level + 1).to_string()}))
                .collect();
            documents.push(json!({"vct": (length - 1).to_string()}));
            resolve(&documents, "0")
        };
        assert!(chain(limits::TYPE_METADATA_CHAIN).is_ok());
        assert!(is_invalid(chain(limits::TYPE_METADATA_CHAIN + 1)));
    }

    #[test]
    fn each_reference_means_one_document() {
        // VC-42, VC-43.
        let parent = json!({"vct": "b", "name": "B"});
        let good = format!("sha256-{}", hash::integrity("sha256", parent.to_string().as_bytes()).unwrap());
        let other = format!("sha256-{}", hash::integrity("sha256", b"other").unwrap());
        for (integrity, fits) in [(&good, true), (&other, false)] {
            let child = json!({"vct": "a", "extends": "b", "extends#integrity": integrity});
            assert_eq!(resolve(&[child, parent.clone()], "a").is_ok(), fits);
            let stated = Integrity::parse(integrity).unwrap();
            let document = documents(std::slice::from_ref(&parent)).remove(0);
            let resolved = TypeMetadata::resolve("b", Some(&stated), |_| Some(Arc::clone(&document)));
            assert_eq!(resolved.is_ok(), fits);
            assert!(fits || is_invalid(resolved));
        }
        let document = documents(&[parent]).remove(0);
        assert!(is_invalid(TypeMetadata::resolve("c", None, |_| Some(Arc::clone(&document)))));
    }

    #[test]
    fn a_type_tightens_and_never_loosens() {
        // VC-47, through two levels.
        let chain = |general: Value, special: Value| {
            let claim = |mut more: Value| {
                more["path"] = json!(["x"]);
                json!([more])
            };
            resolve(
                &[
                    json!({"vct": "a", "extends": "b", "claims": claim(special)}),
                    json!({"vct": "b", "extends": "c", "claims": claim(json!({}))}),
                    json!({"vct": "c", "claims": claim(general)}),
                ],
                "a",
            )
        };
        for (general, special, sd, mandatory) in [
            (json!({}), json!({"sd": "always", "mandatory": true}), Disclosability::Always, true),
            (json!({"sd": "allowed"}), json!({"sd": "never"}), Disclosability::Never, false),
            (json!({"sd": "never", "mandatory": true}), json!({}), Disclosability::Never, true),
            (json!({"sd": "always"}), json!({"sd": "always"}), Disclosability::Always, false),
            (json!({"mandatory": false}), json!({"mandatory": true}), Disclosability::Allowed, true),
        ] {
            let merged = chain(general, special).unwrap();
            assert_eq!((merged.claims()[0].sd, merged.claims()[0].mandatory), (sd, mandatory));
        }
        for (general, special) in [
            (json!({"sd": "always"}), json!({"sd": "allowed"})),
            (json!({"sd": "always"}), json!({"sd": "never"})),
            (json!({"sd": "never"}), json!({"sd": "allowed"})),
            (json!({"sd": "never"}), json!({"sd": "always"})),
            (json!({"mandatory": true}), json!({"mandatory": false})),
        ] {
            assert!(is_invalid(chain(general.clone(), special.clone())), "{general} {special}");
        }
    }

    #[test]
    fn identifiers_of_templates_are_unique() {
        let claims = |left: &str, right: &str| {
            resolve(
                &[json!({"vct": "a", "claims": [{"path": ["x"], "svg_id": left}, {"path": ["y"], "svg_id": right}]})],
                "a",
            )
        };
        assert!(claims("a", "b").is_ok());
        assert!(is_invalid(claims("a", "a")));
    }

    #[test]
    fn words_in_the_language_of_the_reader() {
        // VC-49; SD-JWT VC sections 4.5.2 and 4.6.5: names and labels are replaced as a whole.
        let base = json!({"vct": "b", "display": [{"locale": "fr", "name": "Carte"}], "claims": [
            {"path": ["nationalities", null], "display": [{"locale": "de", "label": "Staat"}, {"locale": "fr", "label": "État"}]},
            {"path": ["name"], "display": [{"locale": "fr", "label": "Nom"}]}]});
        let own = json!({"vct": "a", "extends": "b", "display": [{"locale": "de", "name": "Karte"}], "claims": [
            {"path": ["name"], "display": [{"locale": "de", "label": "Name"}]}]});
        let plain = json!({"vct": "c", "extends": "b"});
        let metadata = resolve(&[base.clone(), own], "a").unwrap();
        assert_eq!(metadata.name(&["fr", "en"]), Some("Karte"));
        assert_eq!(metadata.label(&path(&json!(["name"])), &["fr"]), Some("Name"));
        assert_eq!(metadata.label(&path(&json!(["nationalities", 1])), &["fr-BE"]), Some("État"));
        assert_eq!(metadata.label(&path(&json!(["nationalities"])), &["de"]), None);
        let metadata = resolve(&[base, plain], "c").unwrap();
        assert_eq!(metadata.name(&["de"]), Some("Carte"), "inherited, where the type has no names of its own");
        assert_eq!(metadata.to_json()["claims"][1]["display"], json!([{"locale": "fr", "label": "Nom"}]));
    }
}
