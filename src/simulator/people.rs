//! Six invented people and what their wallets hold. No name here belongs to anybody.

use super::authority::IssuerName;
use super::certificates::calendar;
use crate::domain::time::UnixSeconds;
use serde_json::{Map, Value, json};

/// An invented person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Person {
    /// Everything is known: title, birth name, address.
    #[default]
    Ordinary,
    /// A German abroad, without an address.
    WithoutAddress,
    /// Born on 00.08.1983: the day is not known, nor is the place.
    UnknownBirthday,
    /// Two nationalities.
    TwoNationalities,
    /// Sixteen years old until the last day of the year.
    Minor,
    /// A citizen of another member state, whose PID has the mandatory attributes only.
    Foreign,
}

impl Person {
    /// All six.
    pub const ALL: [Self; 6] = [
        Self::Ordinary,
        Self::WithoutAddress,
        Self::UnknownBirthday,
        Self::TwoNationalities,
        Self::Minor,
        Self::Foreign,
    ];

    /// The name for the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::WithoutAddress => "without-address",
            Self::UnknownBirthday => "unknown-birthday",
            Self::TwoNationalities => "two-nationalities",
            Self::Minor => "minor",
            Self::Foreign => "foreign",
        }
    }

    /// The person of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|person| person.name() == name)
    }

    /// The place of the person in [`Self::ALL`], for indexes in status lists.
    pub(super) fn number(self) -> u64 {
        Self::ALL.iter().zip(0..).find(|(person, _)| **person == self).map_or(0, |(_, number)| number)
    }

    /// Who issued the PID of this person.
    pub const fn pid_issuer(self) -> IssuerName {
        match self {
            Self::Foreign => IssuerName::PidForeign,
            _ => IssuerName::PidGermany,
        }
    }

    /// The claims of the credential of this kind, as of today. The PID of the other provider gives none.
    pub fn claims(self, kind: IssuerName, today: UnixSeconds) -> Option<Map<String, Value>> {
        let claims = match kind {
            IssuerName::Municipality => self.pass(today),
            IssuerName::PidForeign if self == Self::Foreign => self.foreign_pid(today),
            IssuerName::PidGermany if self != Self::Foreign => self.german_pid(today),
            IssuerName::PidForeign | IssuerName::PidGermany => return None,
        };
        Some(claims)
    }

    /// All claims of section 4 of the German PID. Empty text means: the field of the card is empty.
    ///
    /// The title stands under `academic_title`, as the reference for relying parties has it, and under `title`, as the
    /// presets ask for it; the German rulebook has had both.
    fn german_pid(self, today: UnixSeconds) -> Map<String, Value> {
        let card = self.card(today);
        let mut claims = Map::new();
        let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        put("family_name", json!(card.family_name));
        put("given_name", json!(card.given_name));
        put("birthdate", json!(card.birthdate()));
        put("raw_eid_birth_date", json!(card.birthdate().replace('-', "")));
        put("place_of_birth", json!({"locality": card.place_of_birth}));
        put("nationalities", json!(card.nationalities));
        if let Some((street, code, town)) = card.address {
            let address = json!({
                "street_address": street, "postal_code": code, "locality": town, "region": "", "country": "DE"
            });
            put("address", address);
        }
        put("birth_name", json!(card.birth_name));
        put("academic_title", json!(card.title));
        put("title", json!(card.title));
        put("age_equal_or_over", card.age_steps(today));
        put("source_document_type", json!("ID"));
        put("issuing_country", json!("DE"));
        put("issuing_authority", json!("DE"));
        claims
    }

    /// What every member state must issue, and nothing else.
    fn foreign_pid(self, today: UnixSeconds) -> Map<String, Value> {
        let card = self.card(today);
        let mut claims = Map::new();
        let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        put("family_name", json!(card.family_name));
        put("given_name", json!(card.given_name));
        put("birthdate", json!(card.birthdate()));
        put("place_of_birth", json!({"country": "FR"}));
        put("nationalities", json!(card.nationalities));
        put("issuing_authority", json!("FR"));
        put("issuing_country", json!("FR"));
        claims
    }

    fn pass(self, today: UnixSeconds) -> Map<String, Value> {
        let card = self.card(today);
        let (year, _, _) = calendar(today);
        let mut claims = Map::new();
        claims.insert("family_name".to_owned(), json!(card.family_name));
        claims.insert("given_name".to_owned(), json!(card.given_name));
        claims.insert("berechtigt".to_owned(), json!(true));
        claims.insert("gueltig_bis".to_owned(), json!(format!("{}-12-31", year.saturating_add(1))));
        claims
    }

    fn card(self, today: UnixSeconds) -> Card {
        let ordinary = Card {
            family_name: "PRÜFSTEIN",
            given_name: "LINA MARIE",
            birth_name: "PROBE",
            title: "DR.",
            born: (1984, 1, 26),
            place_of_birth: "MUSTERSTADT",
            nationalities: &["DE"],
            address: Some(("RATHAUSPLATZ 1", "00001", "MUSTERSTADT")),
        };
        let plain = Card { birth_name: "", title: "", ..ordinary };
        match self {
            Self::Ordinary => ordinary,
            Self::WithoutAddress => {
                Card { family_name: "OHNEHEIM", given_name: "KARL", born: (1961, 11, 2), address: None, ..plain }
            }
            Self::UnknownBirthday => Card {
                family_name: "OHNETAG",
                given_name: "TOMASZ",
                born: (1983, 8, 0),
                place_of_birth: "",
                address: Some(("AM PROBEHANG 7 A", "00002", "BEISPIELDORF")),
                ..plain
            },
            Self::TwoNationalities => Card {
                family_name: "ZWEIPASS",
                given_name: "ELENI ZOË",
                birth_name: "DOPPELSTAAT",
                born: (1992, 2, 29),
                nationalities: &["DE", "GR"],
                address: Some(("EXEMPELWEG 12", "00003", "BAD MUSTER")),
                ..plain
            },
            Self::Minor => {
                let (year, _, _) = calendar(today);
                let born = (year.saturating_sub(17), 12, 31);
                Card { family_name: "JUNGMUSTER", given_name: "PAUL", born, ..plain }
            }
            Self::Foreign => Card {
                family_name: "ÉTRANGÈRE",
                given_name: "CLAIRE",
                born: (1979, 6, 15),
                nationalities: &["FR"],
                address: None,
                ..plain
            },
        }
    }
}

/// What is printed on the invented card.
#[derive(Clone, Copy)]
struct Card {
    family_name: &'static str,
    given_name: &'static str,
    birth_name: &'static str,
    title: &'static str,
    /// Year, month, day; zero is unknown.
    born: (i32, u8, u8),
    place_of_birth: &'static str,
    nationalities: &'static [&'static str],
    address: Option<(&'static str, &'static str, &'static str)>,
}

impl Card {
    fn birthdate(&self) -> String {
        let (year, month, day) = self.born;
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// An unknown day counts as the last possible one, so that nobody is made older than they are.
    fn age_steps(&self, today: UnixSeconds) -> Value {
        let (year, month, day) = calendar(today);
        let latest = |part: u8, last: u8| if part == 0 { last } else { part };
        let birthday = (latest(self.born.1, 12), latest(self.born.2, 31));
        let age = year.saturating_sub(self.born.0).saturating_sub(i32::from((month, day) < birthday));
        let mut steps = Map::new();
        for step in [12, 14, 16, 18, 21, 65] {
            steps.insert(step.to_string(), json!(age >= step));
        }
        Value::Object(steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-09-21.
    const TODAY: UnixSeconds = UnixSeconds(1_790_000_000);

    fn pid(person: Person) -> Map<String, Value> {
        person.claims(person.pid_issuer(), TODAY).unwrap()
    }

    #[test]
    fn six_people_with_their_peculiarities() {
        assert!(!pid(Person::WithoutAddress).contains_key("address"));
        assert_eq!(pid(Person::UnknownBirthday)["birthdate"], "1983-08-00");
        assert_eq!(pid(Person::UnknownBirthday)["raw_eid_birth_date"], "19830800");
        assert_eq!(pid(Person::UnknownBirthday)["place_of_birth"], json!({"locality": ""}));
        assert_eq!(pid(Person::TwoNationalities)["nationalities"], json!(["DE", "GR"]));
        assert_eq!(pid(Person::Foreign)["issuing_country"], "FR");
        assert!(!pid(Person::Foreign).contains_key("age_equal_or_over"));
        for person in Person::ALL {
            assert_eq!(Person::from_name(person.name()), Some(person));
            assert!(person.claims(IssuerName::Municipality, TODAY).is_some());
        }
        assert!(Person::Foreign.claims(IssuerName::PidGermany, TODAY).is_none());
        assert!(Person::Ordinary.claims(IssuerName::PidForeign, TODAY).is_none());
    }

    #[test]
    fn german_claims_are_those_of_the_reference() {
        let mut names: Vec<String> = pid(Person::Ordinary).keys().cloned().collect();
        names.sort();
        let expected = [
            "academic_title",
            "address",
            "age_equal_or_over",
            "birth_name",
            "birthdate",
            "family_name",
            "given_name",
            "issuing_authority",
            "issuing_country",
            "nationalities",
            "place_of_birth",
            "raw_eid_birth_date",
            "source_document_type",
            "title",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn ages_are_counted_to_the_day() {
        let minor = &pid(Person::Minor)["age_equal_or_over"];
        assert_eq!((&minor["16"], &minor["18"]), (&json!(true), &json!(false)));
        let steps = |today: i64| pid_of_unknown(UnixSeconds(today))["18"].clone();
        // 18 years after 1983-08-31: 2001-08-31T00:00:00Z is 999216000.
        assert_eq!(steps(999_215_999), json!(false));
        assert_eq!(steps(999_216_000), json!(true));
    }

    fn pid_of_unknown(today: UnixSeconds) -> Value {
        Person::UnknownBirthday.claims(IssuerName::PidGermany, today).unwrap()["age_equal_or_over"].clone()
    }
}
