//! The documents that are at hand.

use super::chain::{TypeMetadata, check_fits};
use super::document::Document;
use super::integrity::Integrity;
use super::invalid;
use crate::domain::jose::hash::sha256;
use crate::domain::reason::Reason;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A set of documents, one for a type. It does not change.
#[derive(Debug, Clone)]
pub struct TypeCatalogue {
    documents: BTreeMap<String, Arc<Document>>,
    /// What each of them amounts to, found out once.
    resolved: BTreeMap<String, Result<Arc<TypeMetadata>, Unresolved>>,
    digest: [u8; 32],
}

impl Default for TypeCatalogue {
    fn default() -> Self {
        Self { documents: BTreeMap::new(), resolved: BTreeMap::new(), digest: sha256(b"") }
    }
}

/// Why there is no metadata for a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unresolved {
    /// This document is missing; with it, the question can be asked again.
    Needed {
        /// The type that it describes.
        vct: String,
        /// Which document is meant, if the reference says so.
        integrity: Option<Integrity>,
    },
    /// What is there cannot be used.
    Invalid(Reason),
}

impl From<Reason> for Unresolved {
    fn from(reason: Reason) -> Self {
        Self::Invalid(reason)
    }
}

impl TypeCatalogue {
    /// A catalogue of these documents.
    ///
    /// # Errors
    /// `type_metadata_invalid` for two documents of one type. Whether chains are complete and sound is told when they are
    /// asked for.
    pub fn new(documents: impl IntoIterator<Item = Arc<Document>>) -> Result<Self, Reason> {
        let mut known: BTreeMap<String, Arc<Document>> = BTreeMap::new();
        for document in documents {
            if known.insert(document.vct.clone(), document).is_some() {
                return Err(invalid("there are two documents for one type"));
            }
        }
        // The names of the types are in the documents that are hashed.
        let summary: Vec<String> = known.values().map(|document| document.digests.sha256()).collect();
        let resolve = |vct: &String| TypeMetadata::resolve(vct, None, |vct| known.get(vct).cloned()).map(Arc::new);
        let resolved = known.keys().map(|vct| (vct.clone(), resolve(vct))).collect();
        Ok(Self { resolved, digest: sha256(summary.join("\n").as_bytes()), documents: known })
    }

    /// SHA-256 over the hashes of the documents: two catalogues with the same one say the same.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The types that have a document.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.documents.keys().map(String::as_str)
    }

    /// The document of a type.
    pub fn document(&self, vct: &str) -> Option<&Arc<Document>> {
        self.documents.get(vct)
    }

    /// The metadata of a type, its whole chain. `integrity` is what a credential says of the document of its type.
    ///
    /// # Errors
    /// As [`TypeMetadata::resolve`].
    pub fn resolve(&self, vct: &str, integrity: Option<&Integrity>) -> Result<Arc<TypeMetadata>, Unresolved> {
        let Some(document) = self.documents.get(vct) else {
            return Err(Unresolved::Needed { vct: vct.to_owned(), integrity: integrity.cloned() });
        };
        check_fits(document, integrity)?;
        match self.resolved.get(vct) {
            Some(result) => result.clone(),
            None => Err(invalid("the type metadata was not looked through").into()),
        }
    }

    /// The same with further documents, which count only where this catalogue has none.
    ///
    /// # Errors
    /// As [`TypeMetadata::resolve`].
    pub fn resolve_with(
        &self,
        vct: &str,
        integrity: Option<&Integrity>,
        more: &[Arc<Document>],
    ) -> Result<Arc<TypeMetadata>, Unresolved> {
        let known = |vct: &str| {
            let own = self.documents.get(vct);
            own.or_else(|| more.iter().find(|document| document.vct == vct)).cloned()
        };
        TypeMetadata::resolve(vct, integrity, known).map(Arc::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::jose::hash;
    use serde_json::{Value, json};

    fn document(value: &Value) -> Arc<Document> {
        Arc::new(Document::parse(value.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn a_catalogue_resolves_whole_chains() {
        // VC-41, VC-42, VC-43.
        let child = json!({"vct": "a", "extends": "b"});
        let catalogue = TypeCatalogue::new([document(&child), document(&json!({"vct": "x"}))]).unwrap();
        assert_eq!(catalogue.types().collect::<Vec<_>>(), ["a", "x"]);
        assert!(catalogue.document("a").is_some());
        let needed = |vct: &str| Unresolved::Needed { vct: vct.to_owned(), integrity: None };
        assert_eq!(catalogue.resolve("unknown", None), Err(needed("unknown")));
        assert_eq!(catalogue.resolve("a", None), Err(needed("b")));
        assert_eq!(catalogue.resolve_with("a", None, &[document(&json!({"vct": "c"}))]), Err(needed("b")));
        let brought = catalogue.resolve_with("a", None, &[document(&json!({"vct": "b"}))]).unwrap();
        assert_eq!(brought.types().collect::<Vec<_>>(), ["a", "b"]);
        let stated =
            |text: &[u8]| Integrity::parse(&format!("sha256-{}", hash::integrity("sha256", text).unwrap())).unwrap();
        assert!(catalogue.resolve("x", Some(&stated(json!({"vct": "x"}).to_string().as_bytes()))).is_ok());
        assert!(matches!(catalogue.resolve("x", Some(&stated(b"x"))), Err(Unresolved::Invalid(_))));
        let asked = stated(b"y");
        assert_eq!(
            catalogue.resolve("y", Some(&asked)),
            Err(Unresolved::Needed { vct: "y".to_owned(), integrity: Some(asked) })
        );
    }

    #[test]
    fn what_is_configured_wins_over_what_is_brought() {
        // VC-52.
        let own = document(&json!({"vct": "a", "display": [{"locale": "de", "name": "eigen"}]}));
        let other = document(&json!({"vct": "a", "display": [{"locale": "de", "name": "fremd"}]}));
        let catalogue = TypeCatalogue::new([own]).unwrap();
        assert_eq!(catalogue.resolve_with("a", None, &[other]).unwrap().name(&["de"]), Some("eigen"));
    }

    #[test]
    fn one_document_for_a_type_and_one_digest_for_a_set() {
        let (a, b) = (document(&json!({"vct": "a"})), document(&json!({"vct": "b"})));
        assert!(TypeCatalogue::new([Arc::clone(&a), document(&json!({"vct": "a", "name": "x"}))]).is_err());
        let digest = |documents: Vec<Arc<Document>>| *TypeCatalogue::new(documents).unwrap().digest();
        assert_eq!(digest(vec![Arc::clone(&a), Arc::clone(&b)]), digest(vec![Arc::clone(&b), Arc::clone(&a)]));
        assert_ne!(digest(vec![Arc::clone(&a)]), digest(vec![a, b]));
        assert_eq!(digest(Vec::new()), *TypeCatalogue::default().digest());
    }
}
