//! The wallet's own reading of a DCQL query, and its choice of what to present (OpenID4VP 1.0 section 6).

use super::authority::IssuerName;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// A query, as far as a wallet with SD-JWT VCs reads it.
#[derive(Debug, Clone)]
pub struct Query {
    /// The credential queries in order.
    pub credentials: Vec<CredentialQuery>,
    sets: Vec<CredentialSet>,
}

/// One credential query.
#[derive(Debug, Clone)]
pub struct CredentialQuery {
    /// The name of the query in `vp_token`.
    pub id: String,
    /// `dc+sd-jwt` or another.
    pub format: String,
    /// `meta.vct_values`.
    pub types: Vec<String>,
    /// The claims in order.
    pub claims: Vec<ClaimQuery>,
    /// `claim_sets`: names of claims, the preferred set first.
    pub claim_sets: Vec<Vec<String>>,
}

/// One claim of a credential query.
#[derive(Debug, Clone)]
pub struct ClaimQuery {
    id: Option<String>,
    /// The claims path.
    pub path: Vec<Value>,
    values: Option<Vec<Value>>,
}

#[derive(Debug, Clone)]
struct CredentialSet {
    options: Vec<Vec<String>>,
    required: bool,
}

/// A credential in the wallet.
#[derive(Debug, Clone)]
pub struct Held {
    /// Who issued it.
    pub kind: IssuerName,
    /// Its type, and the types that it is known as too.
    pub types: Vec<String>,
    /// Its claims in full.
    pub claims: Map<String, Value>,
}

/// A credential that will be presented for a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The name of the query.
    pub query_id: String,
    /// The credential.
    pub kind: IssuerName,
    /// What of it is disclosed.
    pub paths: Vec<Vec<Value>>,
}

/// Whether the wallet keeps to the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Obedience {
    /// Presents values that were not among those asked for.
    pub ignore_values: bool,
}

impl Query {
    /// Reads a query; `None` if its shape breaks section 6.
    pub fn parse(query: &Value) -> Option<Self> {
        let members = query.as_object()?;
        if members.keys().any(|name| !matches!(name.as_str(), "credentials" | "credential_sets")) {
            return None;
        }
        let credentials: Vec<CredentialQuery> = list(members.get("credentials")?, CredentialQuery::parse)?;
        let ids: BTreeSet<&str> = credentials.iter().map(|query| query.id.as_str()).collect();
        if ids.len() != credentials.len() {
            return None;
        }
        let sets = match members.get("credential_sets") {
            None => Vec::new(),
            Some(sets) => list(sets, CredentialSet::parse)?,
        };
        let known = |set: &CredentialSet| set.options.iter().flatten().all(|id| ids.contains(id.as_str()));
        sets.iter().all(known).then(|| Self { credentials, sets })
    }

    /// What this wallet presents, or `None` if it cannot satisfy the query.
    pub fn choose(&self, held: &[Held], obedience: Obedience) -> Option<Vec<Choice>> {
        let candidates = self.candidates(held, obedience);
        let find = |id: &String| candidates.iter().find(|choice| choice.query_id == *id).cloned();
        if self.sets.is_empty() {
            return self.credentials.iter().map(|query| find(&query.id)).collect();
        }
        let mut chosen: Vec<Choice> = Vec::new();
        for set in self.sets.iter().filter(|set| set.required) {
            let option = set.options.iter().find_map(|option| option.iter().map(find).collect::<Option<Vec<_>>>())?;
            chosen.extend(
                option
                    .into_iter()
                    .filter(|choice| chosen.iter().all(|other| other.query_id != choice.query_id))
                    .collect::<Vec<_>>(),
            );
        }
        Some(chosen)
    }

    /// What could be presented for each credential query on its own.
    pub fn candidates(&self, held: &[Held], obedience: Obedience) -> Vec<Choice> {
        let first = |query: &CredentialQuery| held.iter().find_map(|credential| query.matches(credential, obedience));
        self.credentials.iter().filter_map(first).collect()
    }
}

impl CredentialQuery {
    fn parse(query: &Value) -> Option<Self> {
        let members = query.as_object()?;
        let id = text(members.get("id")?)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if id.is_empty() || !id.bytes().all(plain) {
            return None;
        }
        let format = text(members.get("format")?)?;
        let meta = members.get("meta")?.as_object()?;
        let types = match meta.get("vct_values") {
            Some(values) => list(values, text)?,
            None if format == "dc+sd-jwt" => return None,
            None => Vec::new(),
        };
        let claims: Vec<ClaimQuery> = match members.get("claims") {
            None => Vec::new(),
            Some(claims) => list(claims, ClaimQuery::parse)?,
        };
        let claim_sets: Vec<Vec<String>> = match members.get("claim_sets") {
            None => Vec::new(),
            Some(sets) => list(sets, |set| list(set, text))?,
        };
        let named = |id: &String| claims.iter().any(|claim| claim.id.as_ref() == Some(id));
        claim_sets.iter().flatten().all(named).then_some(Self { id, format, types, claims, claim_sets })
    }

    fn matches(&self, held: &Held, obedience: Obedience) -> Option<Choice> {
        if self.format != "dc+sd-jwt" || !held.types.iter().any(|name| self.types.contains(name)) {
            return None;
        }
        let fits = |claim: &&ClaimQuery| claim.fits(&held.claims, obedience);
        let paths = |claims: Vec<&ClaimQuery>| claims.iter().map(|claim| claim.path.clone()).collect();
        let chosen: Vec<&ClaimQuery> = if self.claim_sets.is_empty() {
            let all: Vec<&ClaimQuery> = self.claims.iter().collect();
            all.iter().all(fits).then_some(all)?
        } else {
            self.claim_sets.iter().map(|set| self.named(set)).find(|claims| claims.iter().all(fits))?
        };
        Some(Choice { query_id: self.id.clone(), kind: held.kind, paths: paths(chosen) })
    }

    /// The claims with these names.
    pub fn named(&self, ids: &[String]) -> Vec<&ClaimQuery> {
        ids.iter().filter_map(|id| self.claims.iter().find(|claim| claim.id.as_ref() == Some(id))).collect()
    }
}

impl ClaimQuery {
    fn parse(claim: &Value) -> Option<Self> {
        let members = claim.as_object()?;
        let step = |step: &Value| (step.is_string() || step.is_null() || step.is_u64()).then(|| step.clone());
        let path = list(members.get("path")?, step)?;
        let id = match members.get("id") {
            None => None,
            Some(id) => Some(text(id)?),
        };
        let values = match members.get("values") {
            None => None,
            Some(values) => Some(list(values, |value| Some(value.clone()))?),
        };
        Some(Self { id, path, values })
    }

    fn fits(&self, claims: &Map<String, Value>, obedience: Obedience) -> bool {
        let selected = select(claims, &self.path);
        let matching = |values: &Vec<Value>| selected.iter().any(|found| values.contains(found));
        !selected.is_empty() && (obedience.ignore_values || self.values.as_ref().is_none_or(matching))
    }
}

impl CredentialSet {
    fn parse(set: &Value) -> Option<Self> {
        let members = set.as_object()?;
        let options = list(members.get("options")?, |option| list(option, text))?;
        let required = match members.get("required") {
            None => true,
            Some(required) => required.as_bool()?,
        };
        Some(Self { options, required })
    }
}

/// What a claims path selects (section 7); nothing if it leads nowhere.
pub fn select<'v>(claims: &'v Map<String, Value>, path: &[Value]) -> Vec<&'v Value> {
    let Some((Value::String(first), rest)) = path.split_first() else { return Vec::new() };
    let mut selected: Vec<&Value> = claims.get(first).into_iter().collect();
    for step in rest {
        selected = selected
            .into_iter()
            .flat_map(|value| match step {
                Value::String(name) => value.get(name).into_iter().collect::<Vec<_>>(),
                Value::Null => value.as_array().into_iter().flatten().collect(),
                Value::Number(index) => {
                    let index = index.as_u64().and_then(|index| usize::try_from(index).ok());
                    index.and_then(|index| value.get(index)).into_iter().collect()
                }
                _ => Vec::new(),
            })
            .collect();
    }
    selected
}

/// A non-empty array, each element read by `read`.
fn list<T>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    let elements = value.as_array().filter(|elements| !elements.is_empty())?;
    elements.iter().map(read).collect()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::UnixSeconds;
    use crate::simulator::people::Person;
    use serde_json::json;

    fn held(person: Person) -> Vec<Held> {
        let now = UnixSeconds(1_790_000_000);
        let kinds = [(person.pid_issuer(), "urn:eudi:pid:de:1"), (IssuerName::Municipality, "pass")];
        kinds
            .into_iter()
            .map(|(kind, name)| {
                let mut types = vec![name.to_owned()];
                if kind == IssuerName::PidGermany {
                    types.push("urn:eudi:pid:1".to_owned());
                }
                Held { kind, types, claims: person.claims(kind, now).unwrap() }
            })
            .collect()
    }

    fn query(id: &str, claims: &Value) -> Value {
        let meta = json!({"vct_values": ["urn:eudi:pid:de:1"]});
        json!({"id": id, "format": "dc+sd-jwt", "meta": meta, "claims": claims})
    }

    fn with_sets() -> Query {
        let mut german = query(
            "de",
            &json!([{"id": "n", "path": ["family_name"]}, {"id": "s", "path": ["address", "street_address"]}]),
        );
        german["claim_sets"] = json!([["n", "s"], ["n"]]);
        let mut european = query("eu", &json!([{"path": ["family_name"]}]));
        european["meta"]["vct_values"] = json!(["urn:eudi:pid:1"]);
        let sets = json!([{"options": [["de"], ["eu"]]}, {"options": [["eu"]], "required": false}]);
        Query::parse(&json!({"credentials": [german, european], "credential_sets": sets})).unwrap()
    }

    #[test]
    fn the_first_set_that_can_be_met_is_chosen() {
        let chosen = |person| with_sets().choose(&held(person), Obedience::default()).unwrap();
        assert_eq!(chosen(Person::Ordinary).len(), 1);
        assert_eq!(chosen(Person::Ordinary)[0].paths.len(), 2);
        assert_eq!(chosen(Person::WithoutAddress)[0].query_id, "de");
        assert_eq!(chosen(Person::WithoutAddress)[0].paths, [[json!("family_name")]]);
    }

    #[test]
    fn other_names_of_a_type_count() {
        let mut query = query("eu", &json!([{"path": ["family_name"]}]));
        query["meta"]["vct_values"] = json!(["urn:eudi:pid:1"]);
        let query = Query::parse(&json!({"credentials": [query]})).unwrap();
        assert!(query.choose(&held(Person::Ordinary), Obedience::default()).is_some());
    }

    #[test]
    fn values_and_missing_claims_decide() {
        let values = query("a", &json!([{"path": ["nationalities", null], "values": ["GR"]}]));
        let values = Query::parse(&json!({"credentials": [values]})).unwrap();
        assert!(values.choose(&held(Person::TwoNationalities), Obedience::default()).is_some());
        assert!(values.choose(&held(Person::Ordinary), Obedience::default()).is_none());
        assert!(values.choose(&held(Person::Ordinary), Obedience { ignore_values: true }).is_some());
        let missing = query("a", &json!([{"path": ["picture"]}]));
        let missing = Query::parse(&json!({"credentials": [missing]})).unwrap();
        assert!(missing.choose(&held(Person::Ordinary), Obedience::default()).is_none());
    }

    #[test]
    fn paths_select_what_they_say() {
        let claims = json!({"a": [{"b": 1}, {"c": 2}, {"b": 3}]});
        let claims = claims.as_object().unwrap();
        assert_eq!(select(claims, &[json!("a"), Value::Null, json!("b")]), [&json!(1), &json!(3)]);
        assert_eq!(select(claims, &[json!("a"), json!(1), json!("c")]), [&json!(2)]);
        assert!(select(claims, &[json!("a"), json!("b")]).is_empty());
        assert!(select(claims, &[]).is_empty());
    }

    #[test]
    fn broken_queries_are_refused() {
        let good = query("a", &json!([{"path": ["family_name"]}]));
        assert!(Query::parse(&json!({"credentials": [good]})).is_some());
        let changed = |pointer: &str, value: Value| {
            let mut query = json!({"credentials": [good]});
            *query.pointer_mut(pointer).unwrap() = value;
            Query::parse(&query).is_some()
        };
        assert!(!changed("/credentials", json!([])));
        assert!(!changed("/credentials/0/id", json!("a b")));
        assert!(!changed("/credentials/0/meta", json!({})));
        assert!(!changed("/credentials/0/claims", json!([])));
        assert!(!changed("/credentials/0/claims/0/path", json!([])));
        assert!(!changed("/credentials/0/claims/0/path", json!([-1])));
        assert!(Query::parse(&json!({"credentials": [good, good]})).is_none(), "the same id twice");
        assert!(Query::parse(&json!({"credentials": [good], "scope": "x"})).is_none());
        let sets = json!([{"options": [["other"]]}]);
        assert!(Query::parse(&json!({"credentials": [good], "credential_sets": sets})).is_none());
    }
}
