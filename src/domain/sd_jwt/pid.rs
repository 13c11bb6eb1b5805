//! What the content of a PID should be. Nothing here refuses: issuers differ, and the caller is told what is odd.

use crate::domain::time::UnixSeconds;
use serde_json::{Map, Value};

/// What every type of PID begins with. Only notes hang on it, so a national type that nobody has heard of counts too.
const TYPES: &str = "urn:eudi:pid:";

/// Attributes of a person. Each of them comes by a disclosure of its own (PIDC-12).
const PERSONAL: [&str; 12] = [
    "address",
    "birth_family_name",
    "birth_given_name",
    "birthdate",
    "email",
    "family_name",
    "given_name",
    "nationalities",
    "phone_number",
    "picture",
    "place_of_birth",
    "sex",
];

/// What is to be noted of a PID.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Oddities {
    /// Claims whose value is not what the rulebook says.
    pub values: Vec<&'static str>,
    /// Attributes of a person that were not disclosed selectively.
    pub in_the_clear: Vec<&'static str>,
    /// Whether the document that the PID stands for has run out. The PID itself may count on (PIDC-06).
    pub document_has_run_out: bool,
}

impl Oddities {
    /// Looks at what the issuer signed in the clear. Nothing is odd about other types than PIDs.
    pub fn of_payload(vct: &str, payload: &Map<String, Value>) -> Self {
        let clear = |name: &&str| vct.starts_with(TYPES) && payload.contains_key(*name);
        Self { in_the_clear: PERSONAL.into_iter().filter(clear).collect(), ..Self::default() }
    }

    /// Looks at what was disclosed, too.
    ///
    /// # Source
    /// PID rulebook 1.7 sections 2.2 to 2.5, 3.1.4 and 4.1.1; PIDC-06 to 10, PIDC-12, DEU-07, DEU-12.
    #[must_use]
    pub fn with_claims(mut self, vct: &str, claims: &Map<String, Value>, now: UnixSeconds) -> Self {
        if !vct.starts_with(TYPES) {
            return self;
        }
        let mut expect = |name: &'static str, fits: fn(&Value) -> bool| {
            if claims.get(name).is_some_and(|value| !fits(value)) {
                self.values.push(name);
            }
        };
        expect("nationalities", |value| value.as_array().is_some_and(|countries| countries.iter().all(is_country)));
        expect("picture", |value| {
            value.as_str().is_some_and(|text| text.is_empty() || text.starts_with("data:image/jpeg"))
        });
        expect("place_of_birth", is_place);
        expect("sex", |value| value.as_u64().is_some_and(|number| number <= 6 || number == 9));
        let last_second = |day: &str| UnixSeconds::from_utc_text(&format!("{day}T23:59:59Z"));
        self.document_has_run_out =
            claims.get("date_of_expiry").and_then(Value::as_str).and_then(last_second).is_some_and(|end| end < now);
        self
    }

    /// The oddities in words, without a value; `None` if there are none.
    pub fn note(&self) -> Option<String> {
        let mut parts = Vec::new();
        if !self.values.is_empty() {
            parts.push(format!("not as the PID rulebook has it: {}", self.values.join(", ")));
        }
        if !self.in_the_clear.is_empty() {
            parts.push(format!("not disclosed selectively: {}", self.in_the_clear.join(", ")));
        }
        if self.document_has_run_out {
            parts.push("date_of_expiry has passed".to_owned());
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// Two capital letters: a country, `QU` for unknown or `QS` for none.
fn is_country(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()))
}

/// A place that says at least something of country, region or town.
fn is_place(value: &Value) -> bool {
    let said = |name: &&str| value.get(*name).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    ["country", "region", "locality"].iter().any(said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

    fn odd(claims: &Value) -> Oddities {
        Oddities::default().with_claims("urn:eudi:pid:de:1", claims.as_object().unwrap(), NOW)
    }

    #[test]
    fn values_are_those_of_the_rulebook() {
        // PIDC-07, PIDC-08, PIDC-09, PIDC-10, DEU-07, DEU-12: what fits, and what does not, one by one.
        let picture = "data:image/jpeg;base64,AAAA";
        for (name, good, bad) in [
            (
                "nationalities",
                vec![json!(["DE"]), json!(["QU"]), json!(["QS", "FR"])],
                vec![json!(["D"]), json!(["DEU"]), json!(["de"]), json!("DE"), json!([1])],
            ),
            ("sex", (0..=6).chain([9]).map(|number| json!(number)).collect(), vec![json!(7), json!("m"), json!(-1)]),
            (
                "place_of_birth",
                vec![json!({"country": "FR"}), json!({"region": "NW"}), json!({"locality": "KÖLN"})],
                vec![json!({}), json!({"locality": ""}), json!({"no_place_info": true}), json!("KÖLN")],
            ),
            ("picture", vec![json!(""), json!(picture)], vec![json!("data:image/png;base64,AAAA"), json!(null)]),
        ] {
            for value in good {
                assert_eq!(odd(&json!({name: value})), Oddities::default(), "{name} {value}");
            }
            for value in bad {
                assert_eq!(odd(&json!({name: value})).values, [name], "{value}");
            }
        }
        assert_eq!(odd(&json!({})).note(), None, "PIDC-05, PIDC-13: nothing has to be there");
    }

    #[test]
    fn the_document_ends_by_itself() {
        // PIDC-06: the day still counts, the next does not.
        assert!(!odd(&json!({"date_of_expiry": "2027-01-15"})).document_has_run_out);
        let past = odd(&json!({"date_of_expiry": "2027-01-14"}));
        assert_eq!(past.note().unwrap(), "date_of_expiry has passed");
        assert!(!odd(&json!({"date_of_expiry": "soon"})).document_has_run_out);
    }

    #[test]
    fn attributes_of_a_person_are_selective() {
        // PIDC-12.
        let payload = json!({"family_name": "X", "issuing_country": "DE", "vct": "urn:eudi:pid:1"});
        let payload = payload.as_object().unwrap();
        let found = Oddities::of_payload("urn:eudi:pid:1", payload);
        assert_eq!(found.note().unwrap(), "not disclosed selectively: family_name");
        assert_eq!(Oddities::of_payload("urn:example:pass", payload), Oddities::default());
        let other = json!({"sex": "m"});
        let none = Oddities::default().with_claims("urn:example:pass", other.as_object().unwrap(), NOW);
        assert_eq!(none, Oddities::default(), "other types have rules of their own");
    }
}
