//! What people call the claims that the presets ask for, in German and English.

use crate::domain::dcql::{ClaimsPath, Component};

/// Path (without namespace and array selectors) and its names.
const NAMES: [(&[&str], &str, &str); 24] = [
    (&["family_name"], "Nachname", "family name"),
    (&["given_name"], "Vornamen", "given names"),
    (&["birthdate"], "Geburtsdatum", "date of birth"),
    (&["birth_date"], "Geburtsdatum", "date of birth"),
    (&["birth_name"], "Geburtsname", "name at birth"),
    (&["title"], "Doktorgrad", "academic title"),
    (&["academic_title"], "Doktorgrad", "academic title"),
    (&["nationalities"], "Staatsangehörigkeiten", "nationalities"),
    (&["nationality"], "Staatsangehörigkeiten", "nationalities"),
    (&["place_of_birth", "locality"], "Geburtsort", "place of birth"),
    (&["place_of_birth"], "Geburtsort", "place of birth"),
    (&["address", "street_address"], "Straße und Hausnummer", "street and house number"),
    (&["address", "postal_code"], "Postleitzahl", "postal code"),
    (&["address", "locality"], "Wohnort", "town"),
    (&["address", "country"], "Land der Anschrift", "country of the address"),
    (&["address"], "Anschrift", "address"),
    (&["resident_street"], "Straße und Hausnummer", "street and house number"),
    (&["resident_postal_code"], "Postleitzahl", "postal code"),
    (&["resident_city"], "Wohnort", "town"),
    (&["resident_country"], "Land der Anschrift", "country of the address"),
    (&["age_equal_or_over", "18"], "Ob mindestens 18 Jahre alt (ja oder nein)", "whether 18 or older (yes or no)"),
    (&["age_over_18"], "Ob mindestens 18 Jahre alt (ja oder nein)", "whether 18 or older (yes or no)"),
    (&["berechtigt"], "Ob berechtigt (ja oder nein)", "whether entitled (yes or no)"),
    (&["gueltig_bis"], "Gültig bis", "valid until"),
];

/// The names of a claim in German and English. A claim without a name here is called by its path.
pub(super) fn of(path: &ClaimsPath, namespaced: bool) -> (String, String) {
    let keys: Vec<&str> = path
        .components()
        .iter()
        .skip(usize::from(namespaced))
        .filter_map(|component| match component {
            Component::Key(name) => Some(name.as_str()),
            Component::All | Component::Index(_) => None,
        })
        .collect();
    let known = NAMES.iter().find(|(known, ..)| *known == keys.as_slice());
    known.map_or_else(|| (path.to_string(), path.to_string()), |(_, de, en)| ((*de).to_owned(), (*en).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dcql::Format;
    use crate::domain::preset::shipped;

    #[test]
    fn every_claim_of_the_shipped_presets_has_names() {
        for preset in shipped().unwrap() {
            for credential in preset.query.credentials() {
                let namespaced = *credential.format() != Format::SdJwtVc;
                for claim in credential.claims() {
                    let (de, _) = of(claim.path(), namespaced);
                    assert!(!de.starts_with('['), "{}: {}", preset.id, claim.path());
                }
            }
        }
    }
}
