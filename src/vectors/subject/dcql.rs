//! Queries, claims paths, and whether an answer is enough. The model of credentials is that of the format.

use super::{Judged, member};
use crate::domain::dcql::query::{ClaimValue, CredentialQuery};
use crate::domain::dcql::{Candidate, ClaimsPath, DcqlQuery, Rules, Types, check_sets, check_structure, evaluate};
use crate::domain::encoding::base64;
use crate::domain::reason::{Code, Reason};
use crate::vectors::config::{Config, Stop, unsupported};
use serde_json::{Map, Value, json};

fn query(config: Config<'_>, input: &Map<String, Value>) -> Result<DcqlQuery, Stop> {
    config.only(&[])?;
    read_query(member(input, "dcql_query")?)
}

/// A query, or the refusal of one.
pub(super) fn read_query(value: &Value) -> Result<DcqlQuery, Stop> {
    DcqlQuery::parse(value).map_err(|faults| {
        let detail = faults.first().map(|fault| format!("{}: {}", fault.pointer, fault.detail)).unwrap_or_default();
        Reason::new(Code::InvalidQuery, detail).into()
    })
}

pub(super) fn parse(config: Config<'_>, input: &Map<String, Value>) -> Judged {
    query(config, input).map(|_| Value::Null)
}

pub(super) fn structure(config: Config<'_>, input: &Map<String, Value>) -> Judged {
    let query = query(config, input)?;
    check_structure(&query, member(input, "vp_token")?)?;
    Ok(Value::Null)
}

pub(super) fn select(config: Config<'_>, input: &Map<String, Value>) -> Judged {
    config.only(&[])?;
    let path = ClaimsPath::parse(member(input, "path")?)
        .map_err(|_| Reason::new(Code::InvalidQuery, "the path is no claims path"))?;
    let selected =
        path.select(member(input, "json")?).map_err(|_| Reason::new(Code::ClaimMissing, "the path selects nothing"))?;
    if let Some(values) = input.get("values") {
        let values: Option<Vec<ClaimValue>> =
            values.as_array().and_then(|values| values.iter().map(ClaimValue::parse).collect());
        let values = values.ok_or_else(|| Reason::new(Code::InvalidQuery, "values are no claim values"))?;
        if !selected.iter().any(|found| values.iter().any(|value| value.equals(found))) {
            return Err(Reason::new(Code::ClaimValueMismatch, "no selected element has one of the values").into());
        }
    }
    Ok(json!({"selected": selected}))
}

/// A credential of the model.
struct Modelled<'a> {
    credential: &'a Map<String, Value>,
    type_list: Vec<String>,
    authorities: Vec<Vec<u8>>,
    empty: Map<String, Value>,
}

impl<'a> Modelled<'a> {
    fn read(value: &'a Value) -> Result<Self, Stop> {
        let Value::Object(credential) = value else { return unsupported("a credential is no object") };
        let list = |value: Option<&Value>| -> Vec<String> {
            let items = value.and_then(Value::as_array).into_iter().flatten();
            items.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let authority = credential.get("authority");
        let kind = authority.and_then(|authority| authority.get("type")).and_then(Value::as_str);
        let authorities = match kind {
            Some("aki") => list(authority.and_then(|authority| authority.get("values")))
                .iter()
                .filter_map(|value| base64::decode_url(value).ok())
                .collect(),
            _ => Vec::new(),
        };
        Ok(Self { credential, type_list: list(credential.get("type")), authorities, empty: Map::new() })
    }

    fn candidate(&self) -> Candidate<'_> {
        let text = |name: &str| self.credential.get(name).and_then(Value::as_str);
        let types = match (text("doctype"), text("vct")) {
            (Some(doctype), _) => Types::Doctype(doctype),
            (None, Some(vct)) => Types::Vct { vct, aka_vcts: &[] },
            (None, None) => Types::TypeList(&self.type_list),
        };
        let object = |name: &str| self.credential.get(name).and_then(Value::as_object);
        Candidate {
            format: text("credential_format").unwrap_or_default(),
            types,
            claims: object("claims").or_else(|| object("namespaces")).unwrap_or(&self.empty),
            authorities: &self.authorities,
            holder_bound: self.credential.get("cryptographic_holder_binding") == Some(&Value::Bool(true)),
        }
    }

    fn satisfies(&self, query: &DcqlQuery, position: usize) -> Result<(), Code> {
        let asked = query.credentials().get(position).ok_or(Code::VpTokenUnknownQuery)?;
        evaluate(asked, &self.candidate(), Rules::default()).map(|_| ()).map_err(|reason| reason.code)
    }
}

pub(super) fn offered(config: Config<'_>, input: &Map<String, Value>) -> Judged {
    let query = query(config, input)?;
    let offers = member(input, "credentials")?.as_array().map(Vec::as_slice).unwrap_or_default();
    let offers = offers.iter().map(Modelled::read).collect::<Result<Vec<_>, _>>()?;
    let mut matches = Map::new();
    let mut satisfied = Vec::new();
    for (position, asked) in query.credentials().iter().enumerate() {
        let fits = |(index, offer): (usize, &Modelled<'_>)| offer.satisfies(&query, position).is_ok().then_some(index);
        let indexes: Vec<usize> = offers.iter().enumerate().filter_map(fits).collect();
        satisfied.push(!indexes.is_empty());
        let entry = json!({"success": !indexes.is_empty(), "matching_credential_indexes": indexes});
        matches.insert(asked.id().to_owned(), entry);
    }
    check_sets(&query, &satisfied)?;
    let mut output = Map::new();
    output.insert("can_be_satisfied".to_owned(), json!(true));
    output.insert("credential_matches".to_owned(), Value::Object(matches));
    if !query.credential_sets().is_empty() {
        let id = |at: &usize| query.credentials().get(*at).map(CredentialQuery::id);
        let ids = |option: &Vec<usize>| -> Vec<&str> { option.iter().filter_map(id).collect() };
        let met = |at: &usize| satisfied.get(*at).copied().unwrap_or_default();
        let sets = query.credential_sets().iter().map(|set| {
            let options: Vec<_> = set.options().iter().map(ids).collect();
            let met: Vec<_> = set.options().iter().filter(|option| option.iter().all(met)).map(ids).collect();
            let met = if met.is_empty() { Value::Null } else { json!(met) };
            json!({"required": set.required(), "options": options, "matching_options": met})
        });
        output.insert("credential_sets".to_owned(), sets.collect());
    }
    Ok(Value::Object(output))
}

pub(super) fn presented(config: Config<'_>, input: &Map<String, Value>) -> Judged {
    let query = query(config, input)?;
    let presented = member(input, "presented")?.as_object().cloned().unwrap_or_default();
    let mut matches = Map::new();
    let mut satisfied = vec![false; query.credentials().len()];
    let mut first_code = None;
    for (id, value) in &presented {
        let Some(position) = query.position(id) else {
            return Err(Reason::new(Code::VpTokenUnknownQuery, "nobody asked for this").into());
        };
        let items: Vec<&Value> = value.as_array().map_or_else(|| vec![value], |items| items.iter().collect());
        let (mut valid, mut failed) = (Vec::new(), Vec::new());
        for (index, item) in items.into_iter().enumerate() {
            match Modelled::read(item)?.satisfies(&query, position) {
                Ok(()) => valid.push(index),
                Err(code) => {
                    first_code.get_or_insert(code);
                    failed.push(index);
                }
            }
        }
        if let Some(met) = satisfied.get_mut(position) {
            *met = !valid.is_empty();
        }
        matches.insert(id.clone(), json!({"success": !valid.is_empty(), "valid": valid, "failed": failed}));
    }
    if let Some(code) = first_code {
        return Err(Reason::new(code, "a credential does not satisfy its query").into());
    }
    check_sets(&query, &satisfied)?;
    Ok(json!({"satisfied": true, "credential_matches": matches}))
}
