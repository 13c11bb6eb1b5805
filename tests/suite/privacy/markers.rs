//! Markers, and the search for them in every form that a value takes on its way.

use pruefstein::domain::encoding::base64;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::fmt::Write as _;

/// A value that must not turn up, under a name for the message.
pub(super) struct Marker {
    pub(super) name: String,
    forms: Vec<Vec<u8>>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn json_escaped(text: &str) -> String {
    text.encode_utf16().fold(String::new(), |mut escaped, unit| {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => escaped.push(char::from(byte)),
            _ => write!(escaped, "\\u{unit:04x}").unwrap(),
        }
        escaped
    })
}

/// What of the encoding of these bytes is there wherever they stand in a longer text.
fn base64_forms(bytes: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for before in 0..3_usize {
        let padded = [vec![0; before], bytes.to_vec()].concat();
        let text = base64::encode_url(&padded);
        let first = (before * 8).div_ceil(6);
        let last = padded.len() * 8 / 6;
        let stable = text[first..last].to_owned();
        forms.push(stable.replace('-', "+").replace('_', "/"));
        forms.push(stable);
    }
    forms
}

impl Marker {
    /// A text: plain, escaped for JSON, percent-encoded, in hexadecimal, in base64 at any offset.
    pub(super) fn text(name: &str, text: &str) -> Self {
        assert!(text.len() >= 8, "{name} is too short to be told from chance: {text}");
        let escaped = json_escaped(text);
        let mut forms = vec![text.to_owned(), escaped.clone(), escaped.to_uppercase().replace("\\U", "\\u")];
        forms.push(form_urlencoded::byte_serialize(text.as_bytes()).collect());
        forms.extend([hex(text.as_bytes()), hex(text.as_bytes()).to_uppercase()]);
        forms.extend(base64_forms(text.as_bytes()));
        forms.extend(base64_forms(escaped.as_bytes()));
        Self { name: name.to_owned(), forms: forms.into_iter().map(String::into_bytes).collect() }
    }

    /// Bytes: as they are, in hexadecimal, in base64, and as `Debug` writes them.
    pub(super) fn bytes(name: &str, bytes: &[u8]) -> Self {
        let mut forms = vec![bytes.to_vec(), hex(bytes).into_bytes(), hex(bytes).to_uppercase().into_bytes()];
        forms.extend(base64_forms(bytes).into_iter().map(String::into_bytes));
        let listed = format!("{bytes:?}");
        forms.push(listed.trim_matches(['[', ']']).as_bytes().to_vec());
        Self { name: name.to_owned(), forms }
    }

    pub(super) fn is_in(&self, haystack: &[u8]) -> bool {
        !found([self], haystack).is_empty()
    }
}

/// The names of those that are found. One pass, whatever the number of markers.
pub(super) fn found<'m>(markers: impl IntoIterator<Item = &'m Marker>, haystack: &[u8]) -> Vec<&'m str> {
    let markers: Vec<&Marker> = markers.into_iter().collect();
    let mut beginnings: HashMap<[u8; 2], Vec<(usize, &[u8])>> = HashMap::new();
    let mut begins = vec![false; 1 << 16];
    for (number, marker) in markers.iter().enumerate() {
        for form in &marker.forms {
            let beginning = [form[0], form[1]];
            begins[usize::from(u16::from_be_bytes(beginning))] = true;
            beginnings.entry(beginning).or_default().push((number, form));
        }
    }
    let mut seen = vec![false; markers.len()];
    for (place, pair) in haystack.array_windows::<2>().enumerate() {
        if begins[usize::from(u16::from_be_bytes(*pair))] {
            for (number, form) in &beginnings[pair] {
                seen[*number] |= haystack[place..].starts_with(form);
            }
        }
    }
    markers.iter().zip(seen).filter(|(_, seen)| *seen).map(|(marker, _)| marker.name.as_str()).collect()
}

/// A PID whose every value is a marker of its own.
pub(super) fn canary() -> (Map<String, Value>, Vec<Marker>) {
    let mut markers = Vec::new();
    let mut value = |name: &str, text: &str| {
        markers.push(Marker::text(name, text));
        json!(text)
    };
    let claims = json!({
        "family_name": value("family_name", "KANARIENVÖGEL-Q7X1"),
        "given_name": value("given_name", "TIRILÎ ÄNNE-W3K8"),
        "birth_name": value("birth_name", "VOLIÈRE-H5N2"),
        "title": value("title", "DR. PIEP-J9D4"),
        "academic_title": value("academic_title", "PROF. PIEP-V6B3"),
        "birthdate": value("birthdate", "1931-07-23"),
        "raw_eid_birth_date": value("raw_eid_birth_date", "19310723"),
        "place_of_birth": {"locality": value("birthplace", "KÄFIGSTADT-M2R6")},
        "nationalities": [value("nationality", "PIEPLAND-T8F5")],
        "address": {
            "street_address": value("street", "STANGENWEG 77-Z4G9"),
            "postal_code": value("plz", "98765-Y1C7"),
            "locality": value("city", "NESTHÄUSEN-P3L0"),
            "region": value("region", "FEDERLAND-S7U2"),
            "country": value("country", "VOGELREICH-E5A8")
        },
        "age_equal_or_over": {"18": true, "65": true},
        "source_document_type": value("source", "RINGKARTE-O6I1"),
        "issuing_country": value("issuing_country", "SCHWINGE-B9X3"),
        "issuing_authority": value("issuing_authority", "AMT FÜR PIEP-D2Q4"),
    });
    (claims.as_object().unwrap().clone(), markers)
}

#[test]
fn the_search_finds_every_form() {
    // The knock-out of all tests here: planted in any form and place, a marker is found; its absence is seen too.
    let marker = Marker::text("name", "KÄFIGSTADT-M2R6");
    let plain = "KÄFIGSTADT-M2R6";
    for planted in [
        plain.to_owned(),
        format!("x{plain}y"),
        "K\\u00c4FIGSTADT-M2R6".to_owned(),
        "K\\u00C4FIGSTADT-M2R6".to_owned(),
        "a=K%C3%84FIGSTADT-M2R6&".to_owned(),
        hex(plain.as_bytes()),
        hex(plain.as_bytes()).to_uppercase(),
        base64::encode_url(format!("[\"salt\",\"locality\",\"{plain}\"]").as_bytes()),
        base64::encode_url(format!("[\"salt1\",\"locality\",\"{plain}\"]").as_bytes()),
        base64::encode_standard(format!("[\"salt12\",\"locality\",\"{plain}\"]").as_bytes()),
        base64::encode_url(b"{\"a\":\"K\\u00c4FIGSTADT-M2R6\"}"),
    ] {
        assert!(marker.is_in(planted.as_bytes()), "{planted}");
    }
    for absent in ["", "KAFIGSTADT-M2R6", "KÄFIGSTADT-M2R7", "käfigstadt-m2r6"] {
        assert!(!marker.is_in(absent.as_bytes()), "{absent}");
    }
    let key = [7, 200, 13, 99, 1, 2, 3, 4, 5, 6, 77, 8];
    let marker = Marker::bytes("key", &key);
    for planted in [
        format!("{key:?}").into_bytes(),
        [&b"x"[..], &key, b"y"].concat(),
        hex(&key).into_bytes(),
        base64::encode_url(&key).into_bytes(),
        base64::encode_standard(&[&b"ab"[..], &key, b"c"].concat()).into_bytes(),
    ] {
        assert!(marker.is_in(&planted), "{planted:?}");
    }
    assert!(!marker.is_in(&[7, 200, 13, 99, 1, 2, 3, 4, 5, 6, 77, 9]));
}
