//! A DCQL query from its JSON, with every fault at once (OpenID4VP 1.0 section 6).
//!
//! What a query may say at all is checked here; what we may send is the business of [`mod@super::lint`].

use super::path::{ClaimsPath, Component};
use crate::domain::limits;
use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;

/// One fault of a query, or of a document that contains one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// JSON pointer (RFC 6901) to the member at fault, also if it is missing.
    pub pointer: String,
    /// What is wrong.
    pub detail: Cow<'static, str>,
    /// The rule that says so.
    pub rule: &'static str,
}

impl Fault {
    /// The same fault, seen from a document that holds this one at `prefix`.
    #[must_use]
    pub fn under(self, prefix: &str) -> Self {
        Self { pointer: format!("{prefix}{}", self.pointer), ..self }
    }
}

/// A valid query.
#[derive(Clone, PartialEq)]
pub struct DcqlQuery {
    original: Value,
    credentials: Vec<CredentialQuery>,
    credential_sets: Vec<CredentialSet>,
    ignored: Vec<String>,
}

/// Without `original`: what a caller expects of a claim may be somebody's data (see [`ClaimValue`]).
impl fmt::Debug for DcqlQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("DcqlQuery");
        shown.field("credentials", &self.credentials).field("credential_sets", &self.credential_sets);
        shown.finish_non_exhaustive()
    }
}

impl DcqlQuery {
    /// Reads and checks a query. Unknown members are ignored, members of the wrong type are faults.
    ///
    /// # Errors
    /// Every fault that was found; at least one.
    ///
    /// # Source
    /// OpenID4VP 1.0 sections 6 and 7, appendix B; OVP-DCQL-01 to 17, OVP-DCQL-20, OVP-DCQL-30, OVP-DCQL-33; DCQ-017, DCQ-024.
    pub fn parse(value: &Value) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::default();
        if json_size(value) > limits::DCQL_BYTES {
            reader.fault(&At::root(), "OVP-DCQL-01", "the query is larger than 48 KiB");
            return Err(reader.faults);
        }
        match reader.query(value) {
            Some(query) if reader.faults.is_empty() => Ok(Self { ignored: reader.ignored, ..query }),
            _ => Err(reader.faults),
        }
    }

    /// The JSON exactly as it was read, unknown members included: what is sent to the wallet.
    pub fn as_json(&self) -> &Value {
        &self.original
    }

    /// The credential queries in order; at least one. A position in this list names a query elsewhere.
    pub fn credentials(&self) -> &[CredentialQuery] {
        &self.credentials
    }

    /// The sets in order. Empty: there is no `credential_sets`, and every credential is asked for.
    pub fn credential_sets(&self) -> &[CredentialSet] {
        &self.credential_sets
    }

    /// JSON pointers to the members that mean nothing in OpenID4VP 1.0.
    pub fn ignored_members(&self) -> &[String] {
        &self.ignored
    }

    /// The position of the credential query with this id.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.credentials.iter().position(|credential| credential.id == id)
    }

    /// Whether this query asks for nothing that `other` does not ask for: each of its credentials is there under the
    /// same id and format, with all its types, and each claim is one of `other` or a part of one.
    ///
    /// Sets and `values` may differ: they choose among what is asked for, they do not widen it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.credentials.iter().all(|mine| {
            other
                .position(&mine.id)
                .and_then(|at| other.credentials.get(at))
                .is_some_and(|theirs| mine.is_within(theirs))
        })
    }
}

/// The query for one kind of credential.
#[derive(Debug, Clone, PartialEq)]
pub struct CredentialQuery {
    id: String,
    format: Format,
    multiple: bool,
    meta: Meta,
    trusted_authorities: Vec<TrustedAuthority>,
    holder_binding: bool,
    claims: Vec<ClaimQuery>,
    claim_sets: Vec<Vec<usize>>,
}

impl CredentialQuery {
    /// The name that the answer uses.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The format asked for.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// Whether more than one presentation may come (OVP-DCQL-08).
    pub fn multiple(&self) -> bool {
        self.multiple
    }

    /// The types asked for.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The authorities, one of which the issuer must belong to; empty: any.
    pub fn trusted_authorities(&self) -> &[TrustedAuthority] {
        &self.trusted_authorities
    }

    /// `require_cryptographic_holder_binding`, by default true (OVP-DCQL-09).
    pub fn requires_holder_binding(&self) -> bool {
        self.holder_binding
    }

    /// The claims in order; empty: no selectively disclosable claim is asked for (OVP-DCQL-26).
    pub fn claims(&self) -> &[ClaimQuery] {
        &self.claims
    }

    /// The alternatives in order, as positions in [`Self::claims`]; empty: all claims are asked for.
    pub fn claim_sets(&self) -> &[Vec<usize>] {
        &self.claim_sets
    }

    fn is_within(&self, other: &Self) -> bool {
        self.format == other.format
            && self.meta.is_within(&other.meta)
            && (!self.multiple || other.multiple)
            && (self.holder_binding || !other.holder_binding)
            && self.claims.iter().all(|mine| {
                let retained = mine.intent_to_retain == Some(true);
                other.claims.iter().any(|theirs| {
                    mine.path.is_within(&theirs.path) && (!retained || theirs.intent_to_retain == Some(true))
                })
            })
    }
}

/// A credential format identifier (OpenID4VP 1.0 appendix B).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Format {
    /// `dc+sd-jwt`.
    SdJwtVc,
    /// `mso_mdoc`.
    Mdoc,
    /// A format that a valid query may name, but that this verifier never asks for: `jwt_vc_json`, `ldp_vc`, and
    /// `vc+sd-jwt` of earlier drafts.
    Other(String),
}

impl Format {
    const FOREIGN: [&'static str; 3] = ["jwt_vc_json", "ldp_vc", "vc+sd-jwt"];

    /// The format with this identifier, if there is one.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "dc+sd-jwt" => Some(Self::SdJwtVc),
            "mso_mdoc" => Some(Self::Mdoc),
            _ => Self::FOREIGN.contains(&text).then(|| Self::Other(text.to_owned())),
        }
    }

    /// The identifier.
    pub fn as_str(&self) -> &str {
        match self {
            Self::SdJwtVc => "dc+sd-jwt",
            Self::Mdoc => "mso_mdoc",
            Self::Other(name) => name,
        }
    }
}

/// The types that `meta` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meta {
    /// `vct_values`: one of these types (OpenID4VP 1.0 appendix B.3.5).
    VctValues(Vec<String>),
    /// `doctype_value`: this document type (appendix B.2.3).
    Doctype(String),
    /// `type_values`: all types of one of these lists (appendix B.1.1).
    TypeValues(Vec<Vec<String>>),
}

impl Meta {
    fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::VctValues(mine), Self::VctValues(theirs)) => mine.iter().all(|vct| theirs.contains(vct)),
            _ => self == other,
        }
    }
}

/// One entry of `trusted_authorities`: a hint to the wallet, never a proof of trust (OVP-DCQL-23).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedAuthority {
    /// How the values name an authority.
    pub kind: AuthorityKind,
    /// The values; at least one.
    pub values: Vec<String>,
}

/// The `type` of a trusted authority (OpenID4VP 1.0 section 6.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorityKind {
    /// `aki`: base64url of a key identifier.
    KeyIdentifier,
    /// `etsi_tl`: the address of a trusted list.
    TrustedList,
    /// `openid_federation`: an entity identifier.
    Federation,
    /// A type that OpenID4VP 1.0 does not define.
    Other(String),
}

/// The query for one claim.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimQuery {
    id: Option<String>,
    path: ClaimsPath,
    values: Vec<ClaimValue>,
    intent_to_retain: Option<bool>,
}

impl ClaimQuery {
    /// The id that claim sets use.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Where the claim is.
    pub fn path(&self) -> &ClaimsPath {
        &self.path
    }

    /// The values of which one is expected; empty: any.
    pub fn values(&self) -> &[ClaimValue] {
        &self.values
    }

    /// For mdoc: whether the element will be kept; `None`: nothing is stated (OVP-DCQL-28).
    pub fn intent_to_retain(&self) -> Option<bool> {
        self.intent_to_retain
    }
}

/// An expected value. `Debug` does not show it: it may name a person.
#[derive(Clone, PartialEq, Eq)]
pub enum ClaimValue {
    /// A string, compared by code point (JSN-015).
    Text(String),
    /// An integer.
    Integer(i128),
    /// `true` or `false`.
    Boolean(bool),
}

impl ClaimValue {
    /// Reads an expected value; `None` for `null`, fractions, arrays and objects (OVP-DCQL-17).
    pub fn parse(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Bool(flag) => Some(Self::Boolean(*flag)),
            Value::Number(number) => number.as_i128().map(Self::Integer),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// Whether a claim has this type and value. JSON has one number type, so `18` and `18.0` are the same number.
    ///
    /// # Source
    /// OpenID4VP 1.0 section 6.3; DCQ-010.
    pub fn equals(&self, claim: &Value) -> bool {
        match self {
            Self::Text(text) => claim.as_str() == Some(text),
            Self::Boolean(flag) => claim.as_bool() == Some(*flag),
            Self::Integer(integer) => match claim {
                Value::Number(number) => {
                    let written = number.to_string();
                    number.as_i128().or_else(|| written.strip_suffix(".0")?.parse().ok()) == Some(*integer)
                }
                _ => false,
            },
        }
    }
}

impl fmt::Debug for ClaimValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimValue(..)")
    }
}

/// Alternatives among credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialSet {
    options: Vec<Vec<usize>>,
    required: bool,
}

impl CredentialSet {
    /// The options in order of preference, as positions in [`DcqlQuery::credentials`]; none is empty.
    pub fn options(&self) -> &[Vec<usize>] {
        &self.options
    }

    /// Whether one option must be answered, by default true (OVP-DCQL-16).
    pub fn required(&self) -> bool {
        self.required
    }
}

/// The size of a value as compact JSON, in bytes.
fn json_size(value: &Value) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.saturating_add(bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, value) {
        Ok(()) => count.0,
        Err(_) => usize::MAX,
    }
}

/// A place in the document, as a JSON pointer.
pub(crate) struct At(String);

impl At {
    pub(crate) fn root() -> Self {
        Self(String::new())
    }

    /// Places in a document that lies at `pointer` of another one.
    pub(crate) fn under(pointer: &str) -> Self {
        Self(pointer.to_owned())
    }

    pub(crate) fn key(&self, name: &str) -> Self {
        Self(format!("{}/{}", self.0, name.replace('~', "~0").replace('/', "~1")))
    }

    pub(crate) fn item(&self, index: usize) -> Self {
        Self(format!("{}/{index}", self.0))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

type Members = Map<String, Value>;

/// Walks a document and collects faults. A method returns `None` only for something absent, or after a fault.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) faults: Vec<Fault>,
    pub(crate) ignored: Vec<String>,
}

impl Reader {
    pub(crate) fn fault(&mut self, at: &At, rule: &'static str, detail: impl Into<Cow<'static, str>>) {
        self.faults.push(Fault { pointer: at.0.clone(), detail: detail.into(), rule });
    }

    /// An object; names other than `known` are noted as ignored.
    pub(crate) fn object<'v>(
        &mut self,
        value: &'v Value,
        at: &At,
        rule: &'static str,
        known: &[&str],
    ) -> Option<&'v Members> {
        let Value::Object(members) = value else {
            self.fault(at, rule, "must be an object");
            return None;
        };
        let unknown = members.keys().filter(|name| !known.contains(&name.as_str()));
        self.ignored.extend(unknown.map(|name| at.key(name).0));
        Some(members)
    }

    pub(crate) fn required<'v>(
        &mut self,
        members: &'v Members,
        name: &str,
        at: &At,
        rule: &'static str,
    ) -> Option<&'v Value> {
        let value = members.get(name);
        if value.is_none() {
            self.fault(&at.key(name), rule, format!("{name} is missing"));
        }
        value
    }

    pub(crate) fn text<'v>(&mut self, value: &'v Value, at: &At, rule: &'static str) -> Option<&'v str> {
        match value.as_str() {
            Some("") => {
                self.fault(at, rule, "must not be empty");
                None
            }
            Some(text) => Some(text),
            None => {
                self.fault(at, rule, "must be a string");
                None
            }
        }
    }

    pub(crate) fn flag(&mut self, members: &Members, name: &str, at: &At, rule: &'static str) -> Option<bool> {
        let value = members.get(name)?;
        if value.as_bool().is_none() {
            self.fault(&at.key(name), rule, "must be true or false");
        }
        value.as_bool()
    }

    fn list<'v>(&mut self, value: &'v Value, at: &At, rule: &'static str, limit: usize) -> Option<&'v [Value]> {
        match value {
            Value::Array(items) if items.is_empty() => self.fault(at, rule, "must not be empty"),
            Value::Array(items) if items.len() > limit => {
                self.fault(at, rule, format!("has more than {limit} entries"));
            }
            Value::Array(items) => return Some(items),
            _ => self.fault(at, rule, "must be an array"),
        }
        None
    }

    fn texts(&mut self, value: &Value, at: &At, rule: &'static str) -> Option<Vec<String>> {
        let items = self.list(value, at, rule, limits::DCQL_CLAIMS)?;
        self.each(items, at, |reader, item, at| reader.text(item, at, rule).map(str::to_owned))
    }

    /// Reads every item, so that all faults come out; `None` if one failed.
    fn each<T>(
        &mut self,
        items: &[Value],
        at: &At,
        mut read: impl FnMut(&mut Self, &Value, &At) -> Option<T>,
    ) -> Option<Vec<T>> {
        let read: Vec<Option<T>> =
            items.iter().enumerate().map(|(index, item)| read(self, item, &at.item(index))).collect();
        read.into_iter().collect()
    }

    fn identifier<'v>(&mut self, value: &'v Value, at: &At, rule: &'static str) -> Option<&'v str> {
        let text = self.text(value, at, rule)?;
        if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
            return Some(text);
        }
        self.fault(at, rule, "an id has only the characters A-Z a-z 0-9 _ -");
        None
    }

    /// References by id, as positions.
    fn references(
        &mut self,
        value: &Value,
        at: &At,
        rule: &'static str,
        limit: usize,
        known: &HashMap<&str, usize>,
    ) -> Option<Vec<usize>> {
        let items = self.list(value, at, rule, limit)?;
        self.each(items, at, |reader, item, at| {
            let id = reader.text(item, at, rule)?;
            let position = known.get(id).copied();
            if position.is_none() {
                reader.fault(at, rule, "there is no such id");
            }
            position
        })
    }

    fn query(&mut self, value: &Value) -> Option<DcqlQuery> {
        const RULE: &str = "OVP-DCQL-01";
        let at = At::root();
        let members = self.object(value, &at, RULE, &["credentials", "credential_sets"])?;

        let credentials_at = at.key("credentials");
        let items = self
            .required(members, "credentials", &at, RULE)
            .and_then(|value| self.list(value, &credentials_at, RULE, limits::DCQL_CREDENTIALS));
        let credentials = items.and_then(|items| {
            let credentials = self.each(items, &credentials_at, Self::credential);
            self.unique_ids(items, &credentials_at, "OVP-DCQL-03");
            credentials
        });

        let known = ids(items.unwrap_or_default());
        let credential_sets = match members.get("credential_sets") {
            None => Some(Vec::new()),
            Some(value) => {
                let at = at.key("credential_sets");
                self.list(value, &at, RULE, limits::DCQL_SETS).and_then(|items| {
                    // Without readable credentials every reference would seem to dangle.
                    credentials.as_ref()?;
                    self.each(items, &at, |reader, item, at| reader.credential_set(item, at, &known))
                })
            }
        };
        Some(DcqlQuery {
            original: value.clone(),
            credentials: credentials?,
            credential_sets: credential_sets?,
            ignored: Vec::new(),
        })
    }

    fn unique_ids(&mut self, items: &[Value], at: &At, rule: &'static str) {
        let mut seen = HashSet::new();
        for (index, item) in items.iter().enumerate() {
            if let Some(id) = item.get("id").and_then(Value::as_str)
                && !seen.insert(id)
            {
                self.fault(&at.item(index).key("id"), rule, "this id occurs twice");
            }
        }
    }

    fn credential_set(&mut self, value: &Value, at: &At, known: &HashMap<&str, usize>) -> Option<CredentialSet> {
        const RULE: &str = "OVP-DCQL-16";
        let members = self.object(value, at, RULE, &["options", "required"])?;
        let required = self.flag(members, "required", at, RULE).unwrap_or(true);
        let options_at = at.key("options");
        let options = self.required(members, "options", at, RULE)?;
        let options = self.list(options, &options_at, RULE, limits::DCQL_SETS)?;
        let options = self.each(options, &options_at, |reader, option, at| {
            reader.references(option, at, RULE, limits::DCQL_CREDENTIALS, known)
        })?;
        Some(CredentialSet { options, required })
    }

    fn credential(&mut self, value: &Value, at: &At) -> Option<CredentialQuery> {
        let known = [
            "id",
            "format",
            "multiple",
            "meta",
            "trusted_authorities",
            "require_cryptographic_holder_binding",
            "claims",
            "claim_sets",
        ];
        let members = self.object(value, at, "OVP-DCQL-01", &known)?;
        let id = self
            .required(members, "id", at, "OVP-DCQL-03")
            .and_then(|value| self.identifier(value, &at.key("id"), "OVP-DCQL-03"));
        let format = self.format(members, at);
        let multiple = self.flag(members, "multiple", at, "OVP-DCQL-08").unwrap_or(false);
        let meta = self.meta(members, at, format.as_ref());
        let trusted_authorities = self.trusted_authorities(members, at);
        let holder_binding =
            self.flag(members, "require_cryptographic_holder_binding", at, "OVP-DCQL-09").unwrap_or(true);
        let claims = self.claims(members, at, format.as_ref());
        let claim_sets = self.claim_sets(members, at);
        Some(CredentialQuery {
            id: id?.to_owned(),
            format: format?,
            multiple,
            meta: meta?,
            trusted_authorities: trusted_authorities?,
            holder_binding,
            claims: claims?,
            claim_sets: claim_sets?,
        })
    }

    fn format(&mut self, members: &Members, at: &At) -> Option<Format> {
        const RULE: &str = "OVP-DCQL-04";
        let text = self.required(members, "format", at, RULE)?;
        let text = self.text(text, &at.key("format"), RULE)?;
        let format = Format::parse(text);
        if format.is_none() {
            self.fault(&at.key("format"), RULE, "this is no credential format identifier of OpenID4VP 1.0");
        }
        format
    }

    fn meta(&mut self, members: &Members, at: &At, format: Option<&Format>) -> Option<Meta> {
        let value = self.required(members, "meta", at, "OVP-DCQL-05")?;
        let at = at.key("meta");
        // Which members `meta` has depends on the format; without one only its own type can be checked.
        let Some(format) = format else {
            self.object(value, &at, "OVP-DCQL-05", &[])?;
            return None;
        };
        let drafts_vct =
            matches!(format, Format::Other(name) if name == "vc+sd-jwt") && value.get("vct_values").is_some();
        match format {
            Format::Mdoc => {
                const RULE: &str = "OVP-DCQL-07";
                let members = self.object(value, &at, "OVP-DCQL-05", &["doctype_value"])?;
                let doctype = self.required(members, "doctype_value", &at, RULE)?;
                let doctype = self.text(doctype, &at.key("doctype_value"), RULE)?;
                Some(Meta::Doctype(doctype.to_owned()))
            }
            Format::Other(_) if !drafts_vct => {
                const RULE: &str = "OVP-DCQL-05";
                let members = self.object(value, &at, RULE, &["type_values"])?;
                let types = self.required(members, "type_values", &at, RULE)?;
                let at = at.key("type_values");
                let types = self.list(types, &at, RULE, limits::DCQL_SETS)?;
                self.each(types, &at, |reader, item, at| reader.texts(item, at, RULE)).map(Meta::TypeValues)
            }
            Format::SdJwtVc | Format::Other(_) => {
                const RULE: &str = "OVP-DCQL-06";
                let members = self.object(value, &at, "OVP-DCQL-05", &["vct_values"])?;
                let types = self.required(members, "vct_values", &at, RULE)?;
                self.texts(types, &at.key("vct_values"), RULE).map(Meta::VctValues)
            }
        }
    }

    fn trusted_authorities(&mut self, members: &Members, at: &At) -> Option<Vec<TrustedAuthority>> {
        const RULE: &str = "OVP-DCQL-20";
        let Some(value) = members.get("trusted_authorities") else { return Some(Vec::new()) };
        let at = at.key("trusted_authorities");
        let items = self.list(value, &at, RULE, limits::DCQL_SETS)?;
        self.each(items, &at, |reader, item, at| {
            let members = reader.object(item, at, RULE, &["type", "values"])?;
            let kind =
                reader.required(members, "type", at, RULE).and_then(|value| reader.text(value, &at.key("type"), RULE));
            let values = reader
                .required(members, "values", at, RULE)
                .and_then(|value| reader.texts(value, &at.key("values"), RULE));
            let kind = match kind? {
                "aki" => AuthorityKind::KeyIdentifier,
                "etsi_tl" => AuthorityKind::TrustedList,
                "openid_federation" => AuthorityKind::Federation,
                other => AuthorityKind::Other(other.to_owned()),
            };
            Some(TrustedAuthority { kind, values: values? })
        })
    }

    fn claims(&mut self, members: &Members, at: &At, format: Option<&Format>) -> Option<Vec<ClaimQuery>> {
        let Some(value) = members.get("claims") else { return Some(Vec::new()) };
        let at = at.key("claims");
        let items = self.list(value, &at, "OVP-DCQL-10", limits::DCQL_CLAIMS)?;
        self.unique_ids(items, &at, "OVP-DCQL-12");
        let mut paths = HashSet::new();
        self.each(items, &at, |reader, item, at| {
            let claim = reader.claim(item, at, format)?;
            if !paths.insert(claim.path.clone()) {
                reader.fault(&at.key("path"), "OVP-DCQL-11", "an earlier claim has the same path");
            }
            Some(claim)
        })
    }

    fn claim(&mut self, value: &Value, at: &At, format: Option<&Format>) -> Option<ClaimQuery> {
        const RULE: &str = "OVP-DCQL-10";
        let members = self.object(value, at, RULE, &["id", "path", "values", "intent_to_retain"])?;
        let id = match members.get("id") {
            None => Some(None),
            Some(value) => self.identifier(value, &at.key("id"), "OVP-DCQL-12").map(|id| Some(id.to_owned())),
        };
        let path = self
            .required(members, "path", at, RULE)
            .and_then(|value| self.path(value, &at.key("path"), format == Some(&Format::Mdoc)));
        let values = match members.get("values") {
            None => Some(Vec::new()),
            Some(value) => self.values(value, &at.key("values")),
        };
        let intent_to_retain = self.flag(members, "intent_to_retain", at, "OVP-DCQL-28");
        Some(ClaimQuery { id: id?, path: path?, values: values?, intent_to_retain })
    }

    fn path(&mut self, value: &Value, at: &At, mdoc: bool) -> Option<ClaimsPath> {
        let path = match ClaimsPath::parse(value) {
            Ok(path) => path,
            Err(faults) => {
                for fault in faults {
                    match fault.component {
                        Some(index) => self.fault(&at.item(index), "OVP-DCQL-30", fault.detail),
                        None => self.fault(at, "OVP-DCQL-10", fault.detail),
                    }
                }
                return None;
            }
        };
        if mdoc && !matches!(path.components(), [Component::Key(_), Component::Key(_)]) {
            self.fault(at, "OVP-DCQL-33", "a path into an mdoc is a namespace and an element identifier, two strings");
            return None;
        }
        Some(path)
    }

    fn values(&mut self, value: &Value, at: &At) -> Option<Vec<ClaimValue>> {
        const RULE: &str = "OVP-DCQL-17";
        let items = self.list(value, at, RULE, limits::DCQL_CLAIMS)?;
        self.each(items, at, |reader, item, at| {
            let value = ClaimValue::parse(item);
            if value.is_none() {
                reader.fault(at, RULE, "must be a string, an integer or true or false");
            }
            value
        })
    }

    fn claim_sets(&mut self, members: &Members, at: &At) -> Option<Vec<Vec<usize>>> {
        const RULE: &str = "OVP-DCQL-12";
        let Some(value) = members.get("claim_sets") else { return Some(Vec::new()) };
        let claims_at = at.key("claims");
        let at = at.key("claim_sets");
        let claims = match members.get("claims") {
            None => {
                self.fault(&at, "OVP-DCQL-13", "claim_sets without claims");
                return None;
            }
            Some(Value::Array(claims)) if claims.len() <= limits::DCQL_CLAIMS => claims,
            // The fault is noted where claims are read; only the outer type can be checked then.
            Some(_) => {
                self.list(value, &at, RULE, limits::DCQL_SETS)?;
                return None;
            }
        };
        let known = ids(claims);
        let sets = self.list(value, &at, RULE, limits::DCQL_SETS)?;
        let sets =
            self.each(sets, &at, |reader, set, at| reader.references(set, at, RULE, limits::DCQL_CLAIMS, &known))?;
        let used: HashSet<usize> = sets.iter().flatten().copied().collect();
        for (index, claim) in claims.iter().enumerate() {
            let at = claims_at.item(index);
            if claim.is_object() && claim.get("id").is_none() {
                self.fault(&at.key("id"), RULE, "with claim_sets every claim needs an id");
            } else if !used.contains(&index) && claim.get("id").is_some_and(Value::is_string) {
                self.fault(&at, "OVP-DCQL-15", "no claim set uses this claim");
            }
        }
        Some(sets)
    }
}

/// The ids of items and their positions; the first of two equal ids counts.
fn ids(items: &[Value]) -> HashMap<&str, usize> {
    let mut known = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        if let Some(id) = item.get("id").and_then(Value::as_str) {
            known.entry(id).or_insert(index);
        }
    }
    known
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "a json! value reads best without a borrow")]
mod tests {
    use super::*;
    use serde_json::json;

    /// A query in which every member occurs.
    fn full() -> Value {
        json!({
            "credentials": [
                {
                    "id": "pid_de-1", "format": "dc+sd-jwt", "multiple": false,
                    "meta": {"vct_values": ["urn:eudi:pid:de:1"]},
                    "trusted_authorities": [{"type": "aki", "values": ["s9tIpPmhxdiuNkHMEWNpYim8S8Y"]}],
                    "require_cryptographic_holder_binding": true,
                    "claims": [
                        {"id": "a", "path": ["nationalities", null], "values": ["DE", 18, true]},
                        {"id": "b", "path": ["degrees", 0, "type"]}
                    ],
                    "claim_sets": [["a", "b"], ["a"]]
                },
                {
                    "id": "mdoc", "format": "mso_mdoc",
                    "meta": {"doctype_value": "eu.europa.ec.eudi.pid.1"},
                    "claims": [{"path": ["eu.europa.ec.eudi.pid.1", "family_name"], "intent_to_retain": true}]
                }
            ],
            "credential_sets": [{"options": [["pid_de-1"], ["mdoc"]], "required": true}]
        })
    }

    /// The faults after one change of [`full`]: `None` removes the member.
    fn faults(pointer: &str, value: Option<Value>) -> Vec<(String, &'static str)> {
        let mut query = full();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match (query.pointer_mut(parent).unwrap(), value) {
            (Value::Object(members), Some(value)) => drop(members.insert(name.to_owned(), value)),
            (Value::Object(members), None) => drop(members.remove(name)),
            (Value::Array(items), Some(value)) => items[name.parse::<usize>().unwrap()] = value,
            _ => panic!("{pointer}"),
        }
        match DcqlQuery::parse(&query) {
            Ok(_) => vec![],
            Err(faults) => faults.into_iter().map(|fault| (fault.pointer, fault.rule)).collect(),
        }
    }

    #[track_caller]
    fn one(pointer: &str, value: Value, at: &str, rule: &'static str) {
        assert_eq!(faults(pointer, Some(value.clone())), [(at.to_owned(), rule)], "{pointer} = {value}");
    }

    #[test]
    fn a_full_query_is_read_and_kept() {
        let query = DcqlQuery::parse(&full()).unwrap();
        assert_eq!(query.as_json(), &full());
        let [pid, mdoc] = query.credentials() else { panic!() };
        assert_eq!((pid.id(), pid.format(), pid.multiple()), ("pid_de-1", &Format::SdJwtVc, false));
        assert_eq!(pid.meta(), &Meta::VctValues(vec!["urn:eudi:pid:de:1".into()]));
        assert_eq!(pid.claim_sets(), [vec![0, 1], vec![0]]);
        assert_eq!(pid.claims()[0].id(), Some("a"));
        assert_eq!(pid.claims()[0].values().len(), 3);
        assert_eq!(mdoc.meta(), &Meta::Doctype("eu.europa.ec.eudi.pid.1".into()));
        assert_eq!(mdoc.claims()[0].intent_to_retain(), Some(true));
        assert_eq!(query.credential_sets()[0].options(), [vec![0], vec![1]]);
        assert_eq!(query.position("mdoc"), Some(1));
        assert!(query.ignored_members().is_empty());
    }

    #[test]
    fn absent_members_have_their_defaults() {
        // OVP-DCQL-08, OVP-DCQL-09, OVP-DCQL-16, OVP-DCQL-26.
        let query = json!({"credentials": [{"id": "a", "format": "dc+sd-jwt", "meta": {"vct_values": ["x"]}}],
                           "credential_sets": [{"options": [["a"]]}]});
        let query = DcqlQuery::parse(&query).unwrap();
        let [credential] = query.credentials() else { panic!() };
        assert!(!credential.multiple() && credential.requires_holder_binding() && credential.claims().is_empty());
        assert!(query.credential_sets()[0].required());
    }

    #[test]
    fn the_top_level_has_credentials() {
        // OVP-DCQL-01.
        for wrong in [json!([]), json!("x"), json!(null), json!(1)] {
            assert_eq!(DcqlQuery::parse(&wrong).unwrap_err()[0].pointer, "", "{wrong}");
        }
        assert!(faults("/credentials", None).contains(&("/credentials".into(), "OVP-DCQL-01")));
        one("/credentials", json!([]), "/credentials", "OVP-DCQL-01");
        one("/credentials", json!({}), "/credentials", "OVP-DCQL-01");
        one("/credentials/0", json!("x"), "/credentials/0", "OVP-DCQL-01");
        for wrong in [json!([]), json!(null), json!({})] {
            one("/credential_sets", wrong, "/credential_sets", "OVP-DCQL-01");
        }
    }

    #[test]
    fn unknown_members_are_ignored_and_named() {
        // OVP-DCQL-02.
        let mut query = full();
        query["a/b~c"] = json!(1);
        query["credentials"][0]["meta"]["vct"] = json!("x");
        query["credential_sets"][0]["purpose"] = json!("x");
        let query = DcqlQuery::parse(&query).unwrap();
        let mut ignored = query.ignored_members().to_vec();
        ignored.sort();
        assert_eq!(ignored, ["/a~1b~0c", "/credential_sets/0/purpose", "/credentials/0/meta/vct"]);
        assert_eq!(query.as_json()["a/b~c"], json!(1));
    }

    #[test]
    fn credential_ids_have_their_alphabet_and_are_unique() {
        // OVP-DCQL-03.
        for wrong in [json!(""), json!("a.b"), json!("a b"), json!("ä"), json!(1), json!(null)] {
            let found = faults("/credentials/0/id", Some(wrong.clone()));
            assert!(found.contains(&("/credentials/0/id".into(), "OVP-DCQL-03")), "{wrong} {found:?}");
        }
        let found = faults("/credentials/1/id", Some(json!("pid_de-1")));
        assert!(found.contains(&("/credentials/1/id".into(), "OVP-DCQL-03")));
        assert!(faults("/credentials/0/id", None).contains(&("/credentials/0/id".into(), "OVP-DCQL-03")));
    }

    #[test]
    fn formats_are_those_of_the_specification() {
        // OVP-DCQL-04.
        for wrong in [json!("invalid-format"), json!(""), json!("DC+SD-JWT"), json!(1)] {
            one("/credentials/0/format", wrong, "/credentials/0/format", "OVP-DCQL-04");
        }
        let mut query = full();
        query["credentials"][0]["format"] = json!("vc+sd-jwt");
        let query = DcqlQuery::parse(&query).unwrap();
        assert_eq!(query.credentials()[0].format(), &Format::Other("vc+sd-jwt".into()));
        let w3c = json!({"credentials": [{"id": "a", "format": "ldp_vc", "meta": {"type_values": [["x", "y"]]}}]});
        assert!(DcqlQuery::parse(&w3c).is_ok());
        let w3c = json!({"credentials": [{"id": "a", "format": "ldp_vc", "meta": {"type_values": ["x"]}}]});
        assert_eq!(DcqlQuery::parse(&w3c).unwrap_err()[0].pointer, "/credentials/0/meta/type_values/0");
    }

    #[test]
    fn meta_names_the_types() {
        // OVP-DCQL-05, OVP-DCQL-06, OVP-DCQL-07.
        assert_eq!(faults("/credentials/0/meta", None), [("/credentials/0/meta".into(), "OVP-DCQL-05")]);
        one("/credentials/0/meta", json!([]), "/credentials/0/meta", "OVP-DCQL-05");
        let at = "/credentials/0/meta/vct_values";
        one("/credentials/0/meta", json!({"vct": "urn:eudi:pid:1"}), at, "OVP-DCQL-06");
        for wrong in [json!([]), json!("urn:eudi:pid:1"), json!(null)] {
            one(at, wrong, at, "OVP-DCQL-06");
        }
        one(at, json!(["x", ""]), &format!("{at}/1"), "OVP-DCQL-06");
        let at = "/credentials/1/meta/doctype_value";
        assert_eq!(faults(at, None), [(at.into(), "OVP-DCQL-07")]);
        for wrong in [json!(["eu.europa.ec.eudi.pid.1"]), json!("")] {
            one(at, wrong, at, "OVP-DCQL-07");
        }
    }

    #[test]
    fn flags_are_booleans() {
        // OVP-DCQL-08, OVP-DCQL-09, OVP-DCQL-16, OVP-DCQL-28: a wrong type is never read as absent.
        for (at, rule) in [
            ("/credentials/0/multiple", "OVP-DCQL-08"),
            ("/credentials/0/require_cryptographic_holder_binding", "OVP-DCQL-09"),
            ("/credential_sets/0/required", "OVP-DCQL-16"),
            ("/credentials/1/claims/0/intent_to_retain", "OVP-DCQL-28"),
        ] {
            for wrong in [json!("true"), json!(0), json!(null)] {
                one(at, wrong, at, rule);
            }
        }
    }

    #[test]
    fn claims_are_not_empty_and_have_a_path() {
        // OVP-DCQL-10, OVP-DCQL-30, DCQ-017.
        let at = "/credentials/1/claims";
        for wrong in [json!([]), json!({}), json!(null)] {
            one(at, wrong, at, "OVP-DCQL-10");
        }
        let at = "/credentials/0/claims/1/path";
        assert_eq!(faults(at, None), [(at.into(), "OVP-DCQL-10")]);
        for wrong in [json!([]), json!("degrees"), json!(null)] {
            one(at, wrong, at, "OVP-DCQL-10");
        }
        for wrong in [json!(-1), json!(1.5), json!(true), json!({})] {
            one(at, json!(["degrees", wrong]), &format!("{at}/1"), "OVP-DCQL-30");
        }
    }

    #[test]
    fn no_claim_is_asked_for_twice() {
        // OVP-DCQL-11: the second one is at fault.
        let at = "/credentials/0/claims/1/path";
        one(at, json!(["nationalities", null]), at, "OVP-DCQL-11");
        assert_eq!(faults(at, Some(json!(["nationalities", 0]))), []);
    }

    #[test]
    fn claim_sets_refer_to_claims_by_id() {
        // OVP-DCQL-12, OVP-DCQL-13, OVP-DCQL-15.
        let sets = "/credentials/0/claim_sets";
        for wrong in [json!([]), json!("a"), json!(null)] {
            one(sets, wrong, sets, "OVP-DCQL-12");
        }
        one(sets, json!([["a", "b"], []]), &format!("{sets}/1"), "OVP-DCQL-12");
        one(sets, json!([["a", "b"], ["c"]]), &format!("{sets}/1/0"), "OVP-DCQL-12");
        one(sets, json!([["a", "b"], [1]]), &format!("{sets}/1/0"), "OVP-DCQL-12");
        one(sets, json!([["a"]]), "/credentials/0/claims/1", "OVP-DCQL-15");
        let id = "/credentials/0/claims/1/id";
        assert!(faults(id, None).contains(&(format!("{sets}/0/1"), "OVP-DCQL-12")));
        assert!(faults(id, Some(json!("a"))).contains(&(id.into(), "OVP-DCQL-12")));
        for wrong in [json!(""), json!("a.b"), json!(1)] {
            assert!(faults(id, Some(wrong)).contains(&(id.into(), "OVP-DCQL-12")));
        }
        assert_eq!(faults("/credentials/0/claims", None), [(sets.into(), "OVP-DCQL-13")]);
    }

    #[test]
    fn with_claim_sets_every_claim_has_an_id() {
        // OVP-DCQL-12.
        let claims = json!([{"id": "a", "path": ["x"]}, {"id": "b", "path": ["y"]}, {"path": ["z"]}]);
        one("/credentials/0/claims", claims, "/credentials/0/claims/2/id", "OVP-DCQL-12");
    }

    #[test]
    fn credential_sets_refer_to_credentials_by_id() {
        // OVP-DCQL-16.
        let at = "/credential_sets/0/options";
        assert_eq!(faults(at, None), [(at.into(), "OVP-DCQL-16")]);
        for wrong in [json!([]), json!("mdoc"), json!(null)] {
            one(at, wrong, at, "OVP-DCQL-16");
        }
        one(at, json!([[]]), &format!("{at}/0"), "OVP-DCQL-16");
        one(at, json!(["mdoc"]), &format!("{at}/0"), "OVP-DCQL-16");
        one(at, json!([["mdoc", "other"]]), &format!("{at}/0/1"), "OVP-DCQL-16");
        one("/credential_sets/0", json!([]), "/credential_sets/0", "OVP-DCQL-16");
    }

    #[test]
    fn values_are_strings_integers_and_booleans() {
        // OVP-DCQL-17.
        let at = "/credentials/0/claims/0/values";
        for wrong in [json!([]), json!("DE"), json!(null)] {
            one(at, wrong, at, "OVP-DCQL-17");
        }
        for wrong in [json!(null), json!(1.5), json!(1.0), json!({}), json!([])] {
            one(at, json!(["DE", wrong]), &format!("{at}/1"), "OVP-DCQL-17");
        }
    }

    #[test]
    fn trusted_authorities_have_a_type_and_values() {
        // OVP-DCQL-20.
        let at = "/credentials/0/trusted_authorities";
        for wrong in [json!([]), json!({}), json!(null)] {
            one(at, wrong, at, "OVP-DCQL-20");
        }
        one(at, json!([{"values": ["x"]}]), &format!("{at}/0/type"), "OVP-DCQL-20");
        one(at, json!([{"type": "aki"}]), &format!("{at}/0/values"), "OVP-DCQL-20");
        one(at, json!([{"type": "aki", "values": []}]), &format!("{at}/0/values"), "OVP-DCQL-20");
        one(at, json!([{"type": "aki", "values": ["x", 1]}]), &format!("{at}/0/values/1"), "OVP-DCQL-20");
    }

    #[test]
    fn mdoc_paths_are_two_strings() {
        // OVP-DCQL-33.
        let at = "/credentials/1/claims/0/path";
        for wrong in [json!(["ns"]), json!(["ns", "a", "b"]), json!(["ns", 0]), json!(["ns", null])] {
            one(at, wrong, at, "OVP-DCQL-33");
        }
    }

    #[test]
    fn limits_are_exact() {
        // DCQ-024.
        let credential =
            |n: usize| json!({"id": format!("c{n}"), "format": "dc+sd-jwt", "meta": {"vct_values": ["x"]}});
        let credentials = |count: usize| json!({"credentials": (0..count).map(credential).collect::<Vec<_>>()});
        assert!(DcqlQuery::parse(&credentials(limits::DCQL_CREDENTIALS)).is_ok());
        let found = DcqlQuery::parse(&credentials(limits::DCQL_CREDENTIALS + 1)).unwrap_err();
        assert_eq!((found.len(), found[0].pointer.as_str()), (1, "/credentials"));

        let claims = |count: usize| {
            let mut query = credentials(1);
            query["credentials"][0]["claims"] = (0..count).map(|n| json!({"path": [format!("c{n}")]})).collect();
            query
        };
        assert!(DcqlQuery::parse(&claims(limits::DCQL_CLAIMS)).is_ok());
        assert_eq!(DcqlQuery::parse(&claims(limits::DCQL_CLAIMS + 1)).unwrap_err()[0].pointer, "/credentials/0/claims");

        let sets = |count: usize| {
            let mut query = credentials(1);
            query["credential_sets"] = (0..count).map(|_| json!({"options": [["c0"]]})).collect();
            query
        };
        assert!(DcqlQuery::parse(&sets(limits::DCQL_SETS)).is_ok());
        assert_eq!(DcqlQuery::parse(&sets(limits::DCQL_SETS + 1)).unwrap_err()[0].pointer, "/credential_sets");

        let sized = |bytes: usize| {
            let mut query = credentials(1);
            query["x"] = json!("");
            let rest = bytes - query.to_string().len();
            query["x"] = json!("x".repeat(rest));
            query
        };
        assert!(DcqlQuery::parse(&sized(limits::DCQL_BYTES)).is_ok());
        assert_eq!(DcqlQuery::parse(&sized(limits::DCQL_BYTES + 1)).unwrap_err()[0].pointer, "");
    }

    #[test]
    fn all_faults_come_out_at_once() {
        let query = json!({
            "credentials": [
                {"id": "a b", "format": "x", "meta": {}, "multiple": 1, "claims": [{"path": [-1, true], "values": [null]}]},
                {"id": "b", "format": "mso_mdoc", "meta": {"doctype_value": 1}, "claim_sets": [["x"]]}
            ],
            "credential_sets": 5
        });
        let found = DcqlQuery::parse(&query).unwrap_err();
        let pointers: Vec<_> = found.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/credentials/0/id",
                "/credentials/0/format",
                "/credentials/0/multiple",
                "/credentials/0/claims/0/path/0",
                "/credentials/0/claims/0/path/1",
                "/credentials/0/claims/0/values/0",
                "/credentials/1/meta/doctype_value",
                "/credentials/1/claim_sets",
                "/credential_sets",
            ]
        );
        assert_eq!(found[0].clone().under("/dcql_query").pointer, "/dcql_query/credentials/0/id");
    }

    #[test]
    fn equality_is_on_type_and_value() {
        // OVP-DCQL-17, DCQ-010, JSN-015.
        let equal = |expected: Value, claim: Value| ClaimValue::parse(&expected).unwrap().equals(&claim);
        assert!(equal(json!(18), json!(18)) && equal(json!(18), json!(18.0)) && equal(json!(-3), json!(-3.0)));
        assert!(equal(json!(u64::MAX), json!(u64::MAX)) && equal(json!(i64::MIN), json!(i64::MIN)));
        assert!(equal(json!("DE"), json!("DE")) && equal(json!(true), json!(true)));
        for (expected, claim) in [
            (json!(18), json!("18")),
            (json!("18"), json!(18)),
            (json!(true), json!("true")),
            (json!(true), json!(1)),
            (json!(1), json!(true)),
            (json!(18), json!(18.5)),
            (json!("DE"), json!("de")),
            (json!("DE"), json!(["DE"])),
            (json!("\u{fc}"), json!("u\u{308}")),
            (json!(0), json!(null)),
        ] {
            assert!(!equal(expected.clone(), claim.clone()), "{expected} {claim}");
        }
        assert_eq!(format!("{:?}", ClaimValue::Text("Mustermann".into())), "ClaimValue(..)");
    }

    #[test]
    fn a_smaller_query_is_within_a_larger_one() {
        let whole = DcqlQuery::parse(&full()).unwrap();
        let changed = |change: fn(&mut Value)| {
            let mut query = full();
            change(&mut query);
            DcqlQuery::parse(&query).unwrap()
        };
        assert!(whole.is_within(&whole));
        let fewer = changed(|query| {
            query["credentials"][1]["claims"][0]["intent_to_retain"] = json!(false);
            query["credentials"][0]["claims"] = json!([{"path": ["nationalities", null]}]);
            query["credentials"][0].as_object_mut().unwrap().remove("claim_sets");
        });
        assert!(fewer.is_within(&whole));
        assert!(!whole.is_within(&fewer));
        // OVP-DCQL-28: to keep an element is more than to see it.
        let seen = changed(|query| query["credentials"][1]["claims"][0]["intent_to_retain"] = json!(false));
        assert!(seen.is_within(&whole) && !whole.is_within(&seen));
        for larger in [
            changed(|query| query["credentials"][0]["claims"][0]["path"] = json!(["nationalities"])),
            changed(|query| query["credentials"][0]["multiple"] = json!(true)),
            changed(|query| query["credentials"][0]["require_cryptographic_holder_binding"] = json!(false)),
            changed(|query| query["credentials"][0]["meta"]["vct_values"] = json!(["urn:eudi:pid:1"])),
            changed(|query| query["credentials"][1]["meta"]["doctype_value"] = json!("other")),
        ] {
            assert!(!larger.is_within(&whole));
        }
    }

    #[test]
    fn expected_values_are_not_shown() {
        // An expected value may name a person.
        let query = json!({"credentials": [{"id": "pid", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:x"]},
            "claims": [{"path": ["family_name"], "values": ["Canary"]}]}]});
        let shown = format!("{:?}", DcqlQuery::parse(&query).unwrap());
        assert!(shown.contains("family_name") && !shown.contains("Canary"), "{shown}");
    }
}
