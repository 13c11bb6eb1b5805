//! Type metadata that has to be fetched: from recognised publishers only, once for everybody.

use super::App;
use super::ports::{FetchError, FetchRequest, FetchResponse, Validators};
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::trust::StatusOrigin;
use crate::domain::type_metadata::{
    Document, Integrity, NoMetadata, TypeDocuments, TypeMetadata, TypeMetadataPolicy, TypeNeed, TypeRule, Unresolved,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Mutex as AsyncMutex;
use url::{Origin, Url};

/// Longest time for a fetch, redirects included.
const FETCH_MILLISECONDS: u64 = 3_000;
/// Most documents that are kept.
const CAPACITY: usize = 64;
/// How long a document without integrity is kept if its host says nothing, in seconds.
const LIFE_SECONDS: i64 = 300;
/// How long a document without integrity is kept at most, whatever its host says, in seconds.
const LIFE_SECONDS_MOST: i64 = 24 * 3_600;
/// How long nobody asks again after a failure, in seconds: a host that is down must not hold up every answer.
const RETRY_SECONDS: i64 = 30;

/// The documents that are kept.
#[derive(Debug, Default)]
pub struct TypeCache {
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
}

/// A document is one for those who mean the same bytes and recognise the same publishers: what another tenant's publisher
/// says is nothing to this one (VC-48, VC-52).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    vct: String,
    integrity: Option<Integrity>,
    publishers: Vec<String>,
}

/// One document. The lock is held while it is fetched, so that a thousand answers cause one fetch.
#[derive(Debug, Default)]
struct Slot {
    kept: Mutex<Option<Kept>>,
    fetching: AsyncMutex<()>,
}

#[derive(Debug, Clone)]
struct Kept {
    result: Result<Arc<Document>, NoMetadata>,
    /// When it is asked for again; `None`: never, as its hash says that it is the one that is meant.
    until: Option<UnixSeconds>,
}

/// What was brought for the needs of one answer.
#[derive(Debug, Default)]
pub struct BroughtTypes(Vec<(TypeNeed, Result<Arc<TypeMetadata>, NoMetadata>)>);

impl TypeDocuments for BroughtTypes {
    fn metadata(&self, need: &TypeNeed) -> Result<Arc<TypeMetadata>, NoMetadata> {
        let found = self.0.iter().find(|(brought, _)| brought == need);
        found.map_or_else(|| Err(NoMetadata::Unavailable { vct: need.missing.clone() }), |(_, result)| result.clone())
    }
}

impl TypeCache {
    fn slot(&self, key: Key) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(&key) {
            return Arc::clone(slot);
        }
        if slots.len() >= CAPACITY {
            let until =
                |slot: &Slot| slot.kept().map_or(UnixSeconds(0), |kept| kept.until.unwrap_or(UnixSeconds(i64::MAX)));
            let first = slots
                .iter()
                .filter(|(_, slot)| Arc::strong_count(slot) == 1)
                .min_by_key(|(_, slot)| until(slot))
                .map(|(key, _)| key.clone());
            if let Some(key) = first {
                slots.remove(&key);
            }
        }
        Arc::clone(slots.entry(key).or_default())
    }
}

impl Slot {
    fn kept(&self) -> Option<Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fresh(&self, now: UnixSeconds) -> Option<Result<Arc<Document>, NoMetadata>> {
        self.kept().filter(|kept| kept.until.is_none_or(|until| now < until)).map(|kept| kept.result)
    }
}

impl App {
    /// Brings the type metadata that an answer needs: from the configuration, from memory, else from its publishers.
    pub(super) async fn bring_types(&self, policy: &TypeMetadataPolicy, needs: Vec<TypeNeed>) -> BroughtTypes {
        let mut brought = Vec::with_capacity(needs.len());
        for need in needs {
            let result = self.bring_type(policy, &need).await;
            brought.push((need, result));
        }
        BroughtTypes(brought)
    }

    async fn bring_type(&self, policy: &TypeMetadataPolicy, need: &TypeNeed) -> Result<Arc<TypeMetadata>, NoMetadata> {
        let unavailable = || NoMetadata::Unavailable { vct: need.missing.clone() };
        let rule = policy.rules.get(&need.vct).ok_or_else(unavailable)?;
        let mut documents = Vec::new();
        // Each round adds a type that was not there, and chains are short, so this ends.
        loop {
            match policy.catalogue.resolve_with(&need.vct, need.integrity.as_ref(), &documents) {
                Ok(metadata) => return Ok(metadata),
                Err(Unresolved::Invalid(reason)) => return Err(NoMetadata::Invalid(reason)),
                Err(Unresolved::Needed { vct, integrity }) => {
                    let pinned = rule.integrity.clone().filter(|_| vct == need.vct);
                    documents.push(self.bring_document(rule, vct, integrity.or(pinned)).await?);
                }
            }
        }
    }

    async fn bring_document(
        &self,
        rule: &TypeRule,
        vct: String,
        integrity: Option<Integrity>,
    ) -> Result<Arc<Document>, NoMetadata> {
        let key = Key { vct, integrity, publishers: rule.publishers.clone() };
        let slot = self.types.slot(key.clone());
        if let Some(result) = slot.fresh(self.now()) {
            return result;
        }
        let _guard = slot.fetching.lock().await;
        let now = self.now();
        if let Some(result) = slot.fresh(now) {
            return result;
        }
        let (result, max_age) = match self.fetch_document(&key).await {
            Ok((document, max_age)) => (Ok(Arc::new(document)), max_age),
            Err(error) => (Err(error), None),
        };
        let life = match (&result, &key.integrity) {
            (Err(_), _) => Some(RETRY_SECONDS),
            (Ok(_), Some(_)) => None,
            (Ok(_), None) => Some(max_age.map_or(LIFE_SECONDS, i64::from).min(LIFE_SECONDS_MOST)),
        };
        let kept = Kept { result: result.clone(), until: life.map(|seconds| now.plus(seconds)) };
        *slot.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        result
    }

    /// Fetches one document from the address that its type is, and how long it may be kept.
    async fn fetch_document(&self, key: &Key) -> Result<(Document, Option<u32>), NoMetadata> {
        let unavailable = || NoMetadata::Unavailable { vct: key.vct.clone() };
        let invalid = |detail: &'static str| NoMetadata::Invalid(Reason::new(Code::TypeMetadataInvalid, detail));
        if !is_recognised(key) {
            return Err(unavailable());
        }
        let request = FetchRequest {
            url: key.vct.clone(),
            accept: "application/json",
            max_bytes: limits::TYPE_METADATA_BYTES,
            timeout_ms: FETCH_MILLISECONDS,
            max_redirects: 2,
            allowed_hosts: key.publishers.clone(),
            validators: Validators::default(),
        };
        let response = self.ports.fetch.get(request).await.map_err(|error| match error {
            FetchError::TooLarge => invalid("the type metadata is larger than the limit"),
            _ => unavailable(),
        })?;
        if !is_document(&response) {
            return Err(unavailable());
        }
        let document = Document::parse(&response.body).map_err(NoMetadata::Invalid)?;
        if document.vct != key.vct {
            return Err(invalid("the type metadata is that of another type"));
        }
        if key.integrity.as_ref().is_some_and(|integrity| !integrity.fits(&document.digests)) {
            return Err(invalid("the type metadata is not the document that is meant"));
        }
        Ok((document, response.max_age))
    }
}

/// Whether the type is an address of one of its publishers. Nothing else is asked, whatever a document extends.
fn is_recognised(key: &Key) -> bool {
    let origin = Url::parse(&key.vct).ok().map(|url| url.origin()).filter(Origin::is_tuple);
    let origin = origin.and_then(|origin| StatusOrigin::parse(&origin.ascii_serialization()).ok());
    origin.is_some_and(|origin| key.publishers.contains(&origin.text()))
}

/// Only a success with the right content type counts (SD-JWT VC section 4.3.1).
fn is_document(response: &FetchResponse) -> bool {
    let media_type = response.content_type.as_deref().and_then(|text| text.split(';').next()).map(str::trim);
    response.status == 200 && media_type.is_some_and(|text| text.eq_ignore_ascii_case("application/json"))
}
