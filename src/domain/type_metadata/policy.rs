//! Which types are concerned, whose documents count, and what is needed for a credential.

use super::catalogue::{TypeCatalogue, Unresolved};
use super::chain::TypeMetadata;
use super::document::Document;
use super::integrity::Integrity;
use super::invalid;
use crate::domain::reason::Reason;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What holds for type metadata.
#[derive(Debug, Clone, Default)]
pub struct TypeMetadataPolicy {
    /// The documents that the operator has given.
    pub catalogue: TypeCatalogue,
    /// What holds for single types.
    pub rules: BTreeMap<String, TypeRule>,
}

/// What holds for one type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TypeRule {
    /// Whether a credential may be accepted without metadata.
    pub rule: TypeMetadataRule,
    /// Who is recognised as publisher for this type and what it extends (VC-52): exact origins that may be asked, as
    /// `https://host:port`. None: nothing is fetched.
    pub publishers: Vec<String>,
    /// The document that the operator means, whatever a credential says.
    pub integrity: Option<Integrity>,
}

/// Whether metadata must be there (VC-40). What is there is always used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TypeMetadataRule {
    /// Without metadata a credential is judged without it.
    #[default]
    IfKnown,
    /// Without metadata a credential is refused.
    Required,
}

/// Type metadata that is needed for a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeNeed {
    /// The type of the credential.
    pub vct: String,
    /// What the credential says of its document.
    pub integrity: Option<Integrity>,
    /// The first document that is missing: that of the type itself, or of one that it extends.
    pub missing: String,
}

/// Brings the type metadata that the core asked for.
pub trait TypeDocuments {
    /// The metadata for this need, its whole chain.
    ///
    /// # Errors
    /// [`NoMetadata`]
    fn metadata(&self, need: &TypeNeed) -> Result<Arc<TypeMetadata>, NoMetadata>;
}

/// Nothing is brought.
#[derive(Debug, Clone, Copy)]
pub struct NoTypeDocuments;

impl TypeDocuments for NoTypeDocuments {
    fn metadata(&self, need: &TypeNeed) -> Result<Arc<TypeMetadata>, NoMetadata> {
        Err(NoMetadata::Unavailable { vct: need.missing.clone() })
    }
}

/// Why no metadata was brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoMetadata {
    /// A document cannot be had now.
    Unavailable {
        /// Its type: that of the credential, or one that it extends.
        vct: String,
    },
    /// What there is cannot be used.
    Invalid(Reason),
}

/// What is known about the type of a credential.
#[derive(Debug, Clone)]
pub enum Consulted {
    /// Nothing, and nothing is due.
    NotConcerned,
    /// Its rules.
    Known(Arc<TypeMetadata>),
    /// Documents have to be brought first.
    Needed(TypeNeed),
}

/// Why a credential is refused over what was, or was not, brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsettled {
    /// The reason.
    pub reason: Reason,
    /// Whether a later try may end otherwise.
    pub may_pass_later: bool,
}

impl TypeMetadataPolicy {
    /// A policy of given documents, each used if its type is met.
    ///
    /// # Errors
    /// As [`TypeCatalogue::new`].
    pub fn of(documents: impl IntoIterator<Item = Arc<Document>>) -> Result<Self, Reason> {
        Ok(Self { catalogue: TypeCatalogue::new(documents)?, rules: BTreeMap::new() })
    }

    /// What is known about the type of a credential, whose `vct#integrity` is `stated`.
    ///
    /// # Errors
    /// `type_metadata_invalid` if `stated` is no integrity text with a known hash, even where no document is known
    /// (case SVC-009); if the document is not the one that it means (case SVC-008), its chain is not sound or not whole
    /// (VC-41 to VC-47), or metadata is required and there is no way to it (VC-40).
    pub fn consult(&self, vct: &str, stated: Option<&Value>) -> Result<Consulted, Reason> {
        let stated = match stated {
            None => None,
            Some(Value::String(text)) => Some(Integrity::parse(text)?),
            Some(_) => return Err(invalid("vct#integrity is no string")),
        };
        let missing = match self.catalogue.resolve(vct, stated.as_ref()) {
            Ok(metadata) => return Ok(Consulted::Known(metadata)),
            Err(Unresolved::Invalid(reason)) => return Err(reason),
            Err(Unresolved::Needed { vct, .. }) => vct,
        };
        let rule = self.rules.get(vct);
        if rule.is_some_and(|rule| !rule.publishers.is_empty()) {
            return Ok(Consulted::Needed(TypeNeed { vct: vct.to_owned(), integrity: stated, missing }));
        }
        let required = rule.is_some_and(|rule| rule.rule == TypeMetadataRule::Required);
        match missing == vct {
            true if required => Err(invalid("the type metadata is required, and there is none")),
            true => Ok(Consulted::NotConcerned),
            false => Err(invalid("the type extends one whose metadata is not there")),
        }
    }

    /// What to go on with after documents were asked for. `None`: without metadata.
    ///
    /// # Errors
    /// [`Unsettled`] if what was brought cannot be used or is not what was asked for, if metadata is required and cannot be had (VC-40), and if only a
    /// part of a chain can be had (VC-41).
    pub fn settle(
        &self,
        need: &TypeNeed,
        brought: Result<Arc<TypeMetadata>, NoMetadata>,
    ) -> Result<Option<Arc<TypeMetadata>>, Unsettled> {
        let refused = |reason| Unsettled { reason, may_pass_later: false };
        match brought {
            Ok(metadata) => {
                let configured = self.rules.get(&need.vct).and_then(|rule| rule.integrity.as_ref());
                for meant in [need.integrity.as_ref(), configured] {
                    metadata.check_meant(&need.vct, meant).map_err(refused)?;
                }
                Ok(Some(metadata))
            }
            Err(NoMetadata::Invalid(reason)) => Err(refused(reason)),
            Err(NoMetadata::Unavailable { vct }) => {
                let rule = self.rules.get(&need.vct).map(|rule| rule.rule).unwrap_or_default();
                match rule {
                    TypeMetadataRule::IfKnown if vct == need.vct => Ok(None),
                    TypeMetadataRule::IfKnown => {
                        let reason = invalid("the type extends one whose metadata cannot be had now");
                        Err(Unsettled { reason, may_pass_later: true })
                    }
                    TypeMetadataRule::Required => {
                        let reason = invalid("the type metadata is required, and cannot be had now");
                        Err(Unsettled { reason, may_pass_later: true })
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::jose::hash;
    use crate::domain::reason::Code;
    use serde_json::json;

    fn document(value: &Value) -> Arc<Document> {
        Arc::new(Document::parse(value.to_string().as_bytes()).unwrap())
    }

    fn policy(documents: &[Value], rules: &[(&str, TypeMetadataRule, &[&str])]) -> TypeMetadataPolicy {
        let mut policy = TypeMetadataPolicy::of(documents.iter().map(document)).unwrap();
        for (vct, rule, publishers) in rules {
            let publishers = publishers.iter().map(|&text| text.to_owned()).collect();
            policy.rules.insert((*vct).to_owned(), TypeRule { rule: *rule, publishers, integrity: None });
        }
        policy
    }

    const PUBLISHER: &[&str] = &["https://types.example:443"];

    #[test]
    fn metadata_is_used_if_it_is_known_and_demanded_if_it_is_required() {
        // VC-40, VC-52.
        use TypeMetadataRule::{IfKnown, Required};
        let known = policy(&[json!({"vct": "a"})], &[]);
        assert!(matches!(known.consult("a", None), Ok(Consulted::Known(_))));
        assert!(matches!(known.consult("b", None), Ok(Consulted::NotConcerned)));
        let rule = |rule, publishers| policy(&[], &[("a", rule, publishers)]).consult("a", None);
        assert!(matches!(rule(IfKnown, &[]), Ok(Consulted::NotConcerned)));
        assert_eq!(rule(Required, &[]).unwrap_err().code, Code::TypeMetadataInvalid);
        assert!(matches!(rule(IfKnown, PUBLISHER), Ok(Consulted::Needed(need)) if need.vct == "a"));
        assert!(matches!(rule(Required, PUBLISHER), Ok(Consulted::Needed(_))));
        // A publisher is one for its type, not for all.
        let other = policy(&[], &[("a", IfKnown, PUBLISHER)]);
        assert!(matches!(other.consult("https://types.example/b", None), Ok(Consulted::NotConcerned)));
    }

    #[test]
    fn half_a_chain_is_none() {
        // VC-41.
        let child = json!({"vct": "a", "extends": "b"});
        assert_eq!(
            policy(std::slice::from_ref(&child), &[]).consult("a", None).unwrap_err().code,
            Code::TypeMetadataInvalid
        );
        let fetching = policy(&[child], &[("a", TypeMetadataRule::IfKnown, PUBLISHER)]);
        let Ok(Consulted::Needed(need)) = fetching.consult("a", None) else { panic!("needed") };
        assert_eq!((need.vct.as_str(), need.missing.as_str()), ("a", "b"));
        // Nothing is brought: the half that is there does not count as nothing.
        assert!(fetching.settle(&need, NoTypeDocuments.metadata(&need)).unwrap_err().may_pass_later);
    }

    #[test]
    fn the_issuer_says_which_document_it_means() {
        // VC-43, VC-51, cases SVC-008, SVC-009.
        let value = json!({"vct": "a"});
        let of = |text: &[u8]| json!(format!("sha256-{}", hash::integrity("sha256", text).unwrap()));
        let known = policy(std::slice::from_ref(&value), &[]);
        assert!(matches!(known.consult("a", Some(&of(value.to_string().as_bytes()))), Ok(Consulted::Known(_))));
        assert_eq!(known.consult("a", Some(&of(b"x"))).unwrap_err().code, Code::TypeMetadataInvalid);
        for wrong in [json!("md5-AAAA"), json!(""), json!(7), json!(null)] {
            for vct in ["a", "unknown"] {
                assert_eq!(known.consult(vct, Some(&wrong)).unwrap_err().code, Code::TypeMetadataInvalid, "{wrong}");
            }
        }
        assert!(matches!(known.consult("unknown", Some(&of(b"x"))), Ok(Consulted::NotConcerned)));
    }

    #[test]
    fn what_is_brought_is_what_was_asked_for() {
        // VC-42, VC-43.
        let text = json!({"vct": "a"}).to_string();
        let resolved = |vct: &str| {
            let document = document(&json!({"vct": vct}));
            Ok(Arc::new(TypeMetadata::resolve(vct, None, |_| Some(Arc::clone(&document))).unwrap()))
        };
        let stated = |text: &str| {
            let hash = hash::integrity("sha256", text.as_bytes()).unwrap();
            Some(Integrity::parse(&format!("sha256-{hash}")).unwrap())
        };
        let policy = policy(&[], &[]);
        for (vct, integrity, good) in [
            ("a", None, true),
            ("a", stated(&text), true),
            ("a", stated("x"), false),
            ("b", None, false),
            ("b", stated(&text), false),
        ] {
            let need = |integrity| TypeNeed { vct: "a".to_owned(), integrity, missing: "a".to_owned() };
            assert_eq!(policy.settle(&need(integrity.clone()), resolved(vct)).is_ok(), good, "{vct}");
            // The same hash in the configuration instead of the credential.
            let rule = TypeRule { integrity, ..TypeRule::default() };
            let pinned = TypeMetadataPolicy { rules: [("a".to_owned(), rule)].into(), ..policy.clone() };
            assert_eq!(pinned.settle(&need(None), resolved(vct)).is_ok(), good, "{vct}");
        }
    }

    #[test]
    fn what_cannot_be_brought() {
        // VC-40, VC-41.
        use TypeMetadataRule::{IfKnown, Required};
        let need = TypeNeed { vct: "a".to_owned(), integrity: None, missing: "a".to_owned() };
        let unavailable = |vct: &str| Err(NoMetadata::Unavailable { vct: vct.to_owned() });
        let settle = |rule, brought| policy(&[], &[("a", rule, PUBLISHER)]).settle(&need, brought);
        assert_eq!(settle(IfKnown, unavailable("a")), Ok(None));
        assert_eq!(settle(IfKnown, NoTypeDocuments.metadata(&need)), Ok(None));
        for (rule, vct) in [(IfKnown, "b"), (Required, "a"), (Required, "b")] {
            let unsettled = settle(rule, unavailable(vct)).unwrap_err();
            assert_eq!((unsettled.reason.code, unsettled.may_pass_later), (Code::TypeMetadataInvalid, true));
        }
        for rule in [IfKnown, Required] {
            let unsettled = settle(rule, Err(NoMetadata::Invalid(invalid("broken")))).unwrap_err();
            assert_eq!((unsettled.reason.code, unsettled.may_pass_later), (Code::TypeMetadataInvalid, false));
        }
    }
}
