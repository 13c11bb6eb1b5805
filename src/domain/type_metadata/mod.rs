//! Type metadata: what the publisher of a credential type says about its claims (SD-JWT VC sections 4 to 7).
//!
//! [`integrity`] which bytes a reference means · [`document`] one document, strictly read · [`chain`] a document and all
//! that it extends, merged · [`check`] does a credential obey · [`catalogue`] the documents that are at hand ·
//! [`policy`] which types are concerned, who may publish, what is needed · [`text`] words for people.
//!
//! Sections are those of draft 18. Only rules, names, labels and descriptions are read. Logos, colours and templates are ignored, so nothing of a
//! document is ever fetched, drawn or run.

pub mod catalogue;
pub mod chain;
pub mod check;
pub mod document;
pub mod integrity;
pub mod policy;
pub mod text;

pub use catalogue::{TypeCatalogue, Unresolved};
pub use chain::{ClaimRule, TypeMetadata};
pub use document::{Disclosability, Document};
pub use integrity::Integrity;
pub use policy::{
    Consulted, NoMetadata, NoTypeDocuments, TypeDocuments, TypeMetadataPolicy, TypeMetadataRule, TypeNeed, TypeRule,
};

use crate::domain::reason::{Code, Reason};
use std::borrow::Cow;

/// The refusal of everything in this room.
fn invalid(detail: impl Into<Cow<'static, str>>) -> Reason {
    Reason::new(Code::TypeMetadataInvalid, detail)
}
