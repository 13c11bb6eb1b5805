//! What a query asks beside what is registered: every path of every credential query must be registered for the same format
//! and type. Values, sets and authorities are not compared: they make a query smaller, never larger.

use super::content::RegisteredCredential;
use crate::domain::dcql::{ClaimsPath, Component, CredentialQuery, DcqlQuery, Fault, Format, Meta};
use std::fmt;

/// The comparison of one query with one registration: first what is asked, in the order of the query, then what is
/// registered beyond it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// The rows of the table.
    pub rows: Vec<Row>,
}

/// One claim of one credential type, registered or asked for or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The format.
    pub format: Format,
    /// The credential type.
    pub credential_type: String,
    /// What is asked for; `None` where it is registered only.
    pub asked: Option<Asked>,
    /// The registered path that covers what is asked, or that nobody asks for.
    pub registered: Option<ClaimsPath>,
}

/// What a query asks of one credential type, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The path; `None` for a query without `claims`, which asks for everything.
    pub path: Option<ClaimsPath>,
    /// JSON pointer of the place in the query.
    pub pointer: String,
}

/// How a row comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// Asked for, and registered.
    None,
    /// Asked for without being registered: such a query is not sent.
    NotRegistered,
    /// Registered without being asked for, which harms nobody.
    NotAsked,
}

impl Difference {
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::NotRegistered => "not_registered",
            Self::NotAsked => "not_asked",
        }
    }
}

impl Row {
    /// How it comes out.
    pub const fn difference(&self) -> Difference {
        match (&self.asked, &self.registered) {
            (Some(_), None) => Difference::NotRegistered,
            (Some(_), Some(_)) => Difference::None,
            (None, _) => Difference::NotAsked,
        }
    }
}

impl Asked {
    /// The path as JSON, or `everything`.
    pub fn text(&self) -> String {
        self.path.as_ref().map_or_else(|| "everything".to_owned(), ClaimsPath::to_string)
    }
}

/// Compares a query with what is registered.
///
/// A registered path covers what lies below it. A registered `null` covers `null` and every index, but not the array as such;
/// a registered index covers itself only.
///
/// # Source
/// ARF RPRC_21; CIR (EU) 2025/848 article 8(2)(c) and (d); OpenID4VP 1.0 section 6.1; RPC-19, case DCQ-023.
pub fn compare(query: &DcqlQuery, registered: &[RegisteredCredential]) -> Coverage {
    let mut rows = Vec::new();
    for (index, credential) in query.credentials().iter().enumerate() {
        for (credential_type, place) in types(credential) {
            let entries = || of_type(registered, credential.format(), &credential_type);
            let paths = || entries().flat_map(|entry| &entry.paths);
            let known = entries().next().is_some();
            let row = |path: Option<&ClaimsPath>, pointer: String| Row {
                format: credential.format().clone(),
                credential_type: credential_type.clone(),
                // That a type is not registered at all is said at the type.
                asked: Some(Asked {
                    path: path.cloned(),
                    pointer: if known { pointer } else { format!("/credentials/{index}/meta{place}") },
                }),
                registered: path.and_then(|path| paths().find(|registered| covers(registered, path))).cloned(),
            };
            if credential.claims().is_empty() {
                rows.push(row(None, format!("/credentials/{index}")));
            }
            for (claim, asked) in credential.claims().iter().enumerate() {
                rows.push(row(Some(asked.path()), format!("/credentials/{index}/claims/{claim}/path")));
            }
        }
    }
    rows.extend(unasked(query, registered));
    Coverage { rows }
}

/// What is registered, and neither asked for nor above or below what is.
fn unasked(query: &DcqlQuery, registered: &[RegisteredCredential]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for entry in registered {
        for credential_type in &entry.types {
            let asking = |credential: &&CredentialQuery| {
                *credential.format() == entry.format
                    && types(credential).iter().any(|(asked, _)| asked == credential_type)
            };
            for path in &entry.paths {
                let mut asked = query.credentials().iter().filter(asking);
                let used =
                    |credential: &CredentialQuery| credential.claims().iter().any(|claim| covers(path, claim.path()));
                let row = Row {
                    format: entry.format.clone(),
                    credential_type: credential_type.clone(),
                    asked: None,
                    registered: Some(path.clone()),
                };
                if !asked.any(used) && !rows.contains(&row) {
                    rows.push(row);
                }
            }
        }
    }
    rows
}

impl Coverage {
    /// Whether nothing is asked beyond what is registered.
    pub fn is_complete(&self) -> bool {
        self.excess().next().is_none()
    }

    /// The rows that are asked for without being registered.
    pub fn excess(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.difference() == Difference::NotRegistered)
    }

    /// The excess as faults of a query, all at once.
    pub fn faults(&self) -> Vec<Fault> {
        let fault = |row: &Row| {
            let asked = row.asked.as_ref()?;
            let detail = format!("{} of {} is not registered", asked.text(), row.credential_type);
            Some(Fault { pointer: asked.pointer.clone(), detail: detail.into(), rule: "RPC-19" })
        };
        self.excess().filter_map(fault).collect()
    }
}

/// The table: difference, format, type, what is asked, what covers it.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            let sign = match row.difference() {
                Difference::None => "ok  ",
                Difference::NotRegistered => "MORE",
                Difference::NotAsked => "-   ",
            };
            let asked = row.asked.as_ref().map_or_else(|| "-".to_owned(), Asked::text);
            let registered = row.registered.as_ref().map_or_else(|| "-".to_owned(), ClaimsPath::to_string);
            let (format, kind) = (row.format.as_str(), &row.credential_type);
            writeln!(f, "{sign} {format} {kind}  asked {asked}  registered {registered}")?;
        }
        Ok(())
    }
}

fn of_type<'a>(
    registered: &'a [RegisteredCredential],
    format: &'a Format,
    credential_type: &'a str,
) -> impl Iterator<Item = &'a RegisteredCredential> {
    registered.iter().filter(move |entry| {
        entry.format == *format && entry.types.iter().any(|registered| registered == credential_type)
    })
}

/// The types of a credential query with their places below `meta`.
fn types(credential: &CredentialQuery) -> Vec<(String, String)> {
    match credential.meta() {
        Meta::VctValues(values) => {
            values.iter().enumerate().map(|(at, vct)| (vct.clone(), format!("/vct_values/{at}"))).collect()
        }
        Meta::Doctype(doctype) => vec![(doctype.clone(), "/doctype_value".to_owned())],
        Meta::TypeValues(lists) => {
            lists.iter().enumerate().map(|(at, parts)| (parts.join(" "), format!("/type_values/{at}"))).collect()
        }
    }
}

fn covers(registered: &ClaimsPath, asked: &ClaimsPath) -> bool {
    let (registered, asked) = (registered.components(), asked.components());
    let same = |(registered, asked): (&Component, &Component)| match (registered, asked) {
        (Component::All, Component::All | Component::Index(_)) => true,
        (registered, asked) => registered == asked,
    };
    registered.len() <= asked.len() && registered.iter().zip(asked).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const DE: &str = "urn:eudi:pid:de:1";

    fn path(value: &Value) -> ClaimsPath {
        ClaimsPath::parse(value).unwrap()
    }

    fn registered(types: &[&str], paths: &[Value]) -> RegisteredCredential {
        RegisteredCredential {
            format: Format::SdJwtVc,
            types: types.iter().map(|text| (*text).to_owned()).collect(),
            paths: paths.iter().map(path).collect(),
        }
    }

    fn query(credentials: &Value) -> DcqlQuery {
        DcqlQuery::parse(&json!({"credentials": credentials})).unwrap()
    }

    fn asking(types: &[&str], paths: &[Value]) -> DcqlQuery {
        let claims: Vec<Value> = paths.iter().map(|path| json!({"path": path})).collect();
        query(&json!([{"id": "p", "format": "dc+sd-jwt", "meta": {"vct_values": types}, "claims": claims}]))
    }

    fn pointers(coverage: &Coverage) -> Vec<String> {
        coverage.faults().into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn what_is_registered_may_be_asked() {
        // RPC-19.
        let entries = [registered(&[DE], &[json!(["family_name"]), json!(["address"]), json!(["birthdate"])])];
        let coverage = compare(&asking(&[DE], &[json!(["address", "locality"]), json!(["family_name"])]), &entries);
        assert!(coverage.is_complete());
        let words: Vec<Difference> = coverage.rows.iter().map(Row::difference).collect();
        assert_eq!(words, [Difference::None, Difference::None, Difference::NotAsked]);
        assert_eq!(coverage.rows[2].registered, Some(path(&json!(["birthdate"]))));
    }

    #[test]
    fn every_excess_is_named_at_once() {
        // RPC-19, PRV-01, case DCQ-023.
        let entries = [registered(&[DE], &[json!(["address", "locality"])])];
        let asked = asking(&[DE], &[json!(["address"]), json!(["address", "locality"]), json!(["family_name"])]);
        let coverage = compare(&asked, &entries);
        assert_eq!(pointers(&coverage), ["/credentials/0/claims/0/path", "/credentials/0/claims/2/path"]);
        assert!(coverage.to_string().contains("MORE dc+sd-jwt urn:eudi:pid:de:1  asked [\"address\"]  registered -"));
    }

    #[test]
    fn array_selectors_cover_what_they_select() {
        // RPC-19, DEU-06.
        let cases = [
            (json!(["n", null]), json!(["n", null]), true),
            (json!(["n", null]), json!(["n", 3]), true),
            (json!(["n", null]), json!(["n", null, "x"]), true),
            (json!(["n"]), json!(["n", 3]), true),
            (json!(["n"]), json!(["n", null]), true),
            (json!(["n", null]), json!(["n"]), false),
            (json!(["n", 3]), json!(["n", null]), false),
            (json!(["n", 3]), json!(["n", 4]), false),
            (json!(["n", null]), json!(["n", "x"]), false),
            (json!(["age_equal_or_over", "18"]), json!(["age_equal_or_over", "18"]), true),
            (json!(["age_equal_or_over", "18"]), json!(["age_equal_or_over", 18]), false),
            (json!(["age_equal_or_over", "18"]), json!(["age_equal_or_over", "21"]), false),
            (json!(["family_name"]), json!(["family_name_birth"]), false),
        ];
        for (known, asked, covered) in cases {
            let coverage = compare(
                &asking(&[DE], std::slice::from_ref(&asked)),
                &[registered(&[DE], std::slice::from_ref(&known))],
            );
            assert_eq!(coverage.is_complete(), covered, "{known} and {asked}");
        }
    }

    #[test]
    fn without_claims_everything_is_asked() {
        // RPC-19, case DCQ-023: whatever is registered, it is not everything.
        let all = query(&json!([{"id": "p", "format": "dc+sd-jwt", "meta": {"vct_values": [DE]}}]));
        let coverage = compare(&all, &[registered(&[DE], &[json!(["family_name"])])]);
        assert_eq!(pointers(&coverage), ["/credentials/0"]);
        assert_eq!(coverage.rows[0].asked.as_ref().unwrap().text(), "everything");
    }

    #[test]
    fn every_type_must_be_registered() {
        // RPC-19.
        let name = json!(["family_name"]);
        let both = asking(&[DE, "urn:eudi:pid:1"], std::slice::from_ref(&name));
        let one = [registered(&[DE], std::slice::from_ref(&name))];
        assert_eq!(pointers(&compare(&both, &one)), ["/credentials/0/meta/vct_values/1"]);
        let two = [one[0].clone(), registered(&["urn:eudi:pid:1"], std::slice::from_ref(&name))];
        assert!(compare(&both, &two).is_complete());
        // Claims of one type may be spread over several entries.
        let spread = [one[0].clone(), registered(&[DE], &[json!(["birthdate"])])];
        assert!(compare(&asking(&[DE], &[name, json!(["birthdate"])]), &spread).is_complete());
    }

    #[test]
    fn formats_are_not_mixed_up() {
        // RPC-19: the same name as another kind of type is another type.
        let mdoc = |doctype: &str| {
            query(&json!([{"id": "m", "format": "mso_mdoc", "meta": {"doctype_value": doctype},
                          "claims": [{"path": ["ns", "family_name"]}]}]))
        };
        let entry = RegisteredCredential {
            format: Format::parse("mso_mdoc").unwrap(),
            ..registered(&["a"], &[json!(["ns", "family_name"])])
        };
        assert!(compare(&mdoc("a"), std::slice::from_ref(&entry)).is_complete());
        assert_eq!(pointers(&compare(&mdoc("b"), std::slice::from_ref(&entry))), ["/credentials/0/meta/doctype_value"]);
        let sd_jwt = registered(&["a"], &[json!(["ns", "family_name"])]);
        assert!(!compare(&mdoc("a"), &[sd_jwt]).is_complete());
    }

    #[test]
    fn claim_sets_and_values_change_nothing() {
        // RPC-19: an alternative is asked for as well, and a value makes it smaller only.
        let sets = query(&json!([{"id": "p", "format": "dc+sd-jwt", "meta": {"vct_values": [DE]},
            "claims": [{"id": "a", "path": ["family_name"], "values": ["X"]}, {"id": "b", "path": ["birthdate"]}],
            "claim_sets": [["a", "b"], ["a"]]}]));
        let name = registered(&[DE], &[json!(["family_name"])]);
        assert_eq!(pointers(&compare(&sets, &[name])), ["/credentials/0/claims/1/path"]);
        let both = registered(&[DE], &[json!(["family_name"]), json!(["birthdate"])]);
        assert!(compare(&sets, &[both]).is_complete());
    }
}
