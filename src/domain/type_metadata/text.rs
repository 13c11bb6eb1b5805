//! Words for people from type metadata: cut to length, cleared of what could disturb a page, chosen by language.
//!
//! Whoever shows them escapes them for the place where they are shown.

use super::invalid;
use crate::domain::reason::Reason;

/// A text in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalText {
    /// A language tag (RFC 5646), as written.
    pub locale: String,
    /// The name of a type, or the label of a claim.
    pub text: String,
    /// More words on it.
    pub description: Option<String>,
}

/// At most `most` characters of a text on one line, without control characters and without those that change the
/// direction of what stands beside them (VC-49).
pub fn shown(text: &str, most: usize) -> String {
    let kept = text.chars().filter_map(|character| match character {
        '\n' | '\r' | '\t' => Some(' '),
        // Marks, embeddings, overrides and isolates of direction; separators of lines; the byte order mark.
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => None,
        character if character.is_control() => None,
        character => Some(character),
    });
    kept.take(most).collect::<String>().trim().to_owned()
}

/// Checks the form of a language tag: subtags of one to eight letters and digits, the first one of letters.
///
/// # Errors
/// `type_metadata_invalid`.
///
/// # Source
/// RFC 5646 section 2.1.
pub fn check_locale(tag: &str) -> Result<(), Reason> {
    let is_subtag = |subtag: &str| (1..=8).contains(&subtag.len()) && subtag.bytes().all(|b| b.is_ascii_alphanumeric());
    let primary = tag.split('-').next().unwrap_or_default();
    if tag.len() <= 64 && primary.bytes().all(|b| b.is_ascii_alphabetic()) && tag.split('-').all(is_subtag) {
        Ok(())
    } else {
        Err(invalid("a locale is no language tag"))
    }
}

/// The text for a person who reads `languages`, best first. For each, in this order: the language itself, a more general
/// one (`de` for `de-AT`), a more special one (`de-DE` for `de`). If none is there, the first text of all: a word in
/// another language helps more than a technical name.
///
/// # Source
/// RFC 4647 section 3.4 (lookup), and the freedom that SD-JWT VC sections 4.5 and 4.6.2 leave.
pub fn choose<'t>(texts: &'t [LocalText], languages: &[&str]) -> Option<&'t LocalText> {
    let exact = |tag: &str| texts.iter().find(|text| text.locale.eq_ignore_ascii_case(tag));
    let within = |tag: &str| {
        texts.iter().find(|text| {
            let (start, rest) = text.locale.split_at_checked(tag.len()).unwrap_or_default();
            start.eq_ignore_ascii_case(tag) && rest.starts_with('-')
        })
    };
    let lookup = |language: &&str| {
        let mut tag = *language;
        loop {
            if let Some(found) = exact(tag) {
                return Some(found);
            }
            match tag.rsplit_once('-') {
                Some((shorter, _)) => tag = shorter,
                None => return within(tag),
            }
        }
    };
    languages.iter().filter(|language| !language.is_empty()).find_map(lookup).or_else(|| texts.first())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_short_and_harmless() {
        // VC-49.
        assert_eq!(shown("  Vor-\nund Nachname ", 128), "Vor- und Nachname");
        assert_eq!(shown("a\u{202e}b\u{0}c\u{2066}d\u{7f}e\u{200f}", 128), "abcde");
        assert_eq!(shown(&"ä".repeat(200), 128).chars().count(), 128);
        assert_eq!(shown("<script>", 128), "<script>", "escaping belongs to the page");
    }

    #[test]
    fn language_tags_have_a_form() {
        for good in ["de", "de-DE", "zh-Hans-CN", "sl-rozaj-biske", "x-private"] {
            assert!(check_locale(good).is_ok(), "{good}");
        }
        for wrong in ["", "-", "de_DE", "de-", "-de", "12", "d\u{e4}", "abcdefghi", &"de-".repeat(40)] {
            assert!(check_locale(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_language_that_fits_best() {
        let texts: Vec<LocalText> = ["fr-FR", "de-DE", "en", "de"]
            .map(|locale| LocalText { locale: locale.to_owned(), text: String::new(), description: None })
            .to_vec();
        let chosen = |languages: &[&str]| choose(&texts, languages).unwrap().locale.as_str();
        for (languages, expected) in [
            (&["de-DE"][..], "de-DE"),
            (&["DE-de"], "de-DE"),
            (&["de-AT"], "de"),
            (&["fr"], "fr-FR"),
            (&["fr-CA"], "fr-FR"),
            (&["pl", "en-GB"], "en"),
            (&["pl"], "fr-FR"),
            (&[""], "fr-FR"),
            (&[], "fr-FR"),
        ] {
            assert_eq!(chosen(languages), expected, "{languages:?}");
        }
        assert_eq!(choose(&[], &["de"]), None);
        assert_eq!(chosen(&["f\u{e4}"]), "fr-FR");
    }
}
