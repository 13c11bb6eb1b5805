//! Integrity of a referenced document: `vct#integrity`, `extends#integrity` (Subresource Integrity).

use super::invalid;
use crate::domain::jose::constant_time_eq;
use crate::domain::jose::hash;
use crate::domain::reason::Reason;

/// The known labels, weakest first.
const LABELS: [&str; 3] = ["sha256", "sha384", "sha512"];

/// Which bytes a reference means: the hashes of the strongest function that is known. Weaker ones are not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Integrity {
    /// Place in [`LABELS`].
    rank: usize,
    /// Standard base64 with padding, as received; sorted, so that the order in the text does not matter.
    hashes: Vec<String>,
}

impl Integrity {
    /// Reads integrity metadata: entries such as `sha256-…`, separated by blanks, with ignored options after `?`.
    ///
    /// # Errors
    /// `type_metadata_invalid` if there is no hash of a known function (case SVC-009). Entries with unknown labels are
    /// passed over, as the specification says.
    ///
    /// # Source
    /// SD-JWT VC section 5, W3C Subresource Integrity sections 3.3.3 and 3.3.4; VC-43.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        let entries: Vec<(usize, &str)> = text
            .split_ascii_whitespace()
            .filter_map(|entry| entry.split_once('-'))
            .filter_map(|(label, hash)| {
                let rank = LABELS.iter().position(|known| *known == label)?;
                Some((rank, hash.split('?').next().unwrap_or_default()))
            })
            .collect();
        let rank = entries.iter().map(|(rank, _)| *rank).max();
        let rank = rank.ok_or_else(|| invalid("the integrity names no hash of a known kind"))?;
        let mut hashes: Vec<String> =
            entries.iter().filter(|entry| entry.0 == rank).map(|(_, hash)| (*hash).to_owned()).collect();
        hashes.sort();
        hashes.dedup();
        Ok(Self { rank, hashes })
    }

    /// Whether these are the bytes that are meant: one of the strongest hashes is theirs. Compared as text, so that only
    /// standard base64 with its padding fits (VC-44).
    pub fn fits(&self, digests: &Digests) -> bool {
        let own = digests.0.get(self.rank);
        own.is_some_and(|own| self.hashes.iter().any(|hash| constant_time_eq(own.as_bytes(), hash.as_bytes())))
    }
}

/// The hashes of a document by all known functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests([String; LABELS.len()]);

impl Digests {
    /// Hashes the bytes as they were received.
    pub fn of(bytes: &[u8]) -> Self {
        Self(LABELS.map(|label| hash::integrity(label, bytes).unwrap_or_default()))
    }

    /// The SHA-256 as integrity metadata, for people: `sha256-…`.
    pub fn sha256(&self) -> String {
        let [sha256, ..] = &self.0;
        format!("sha256-{sha256}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reason::Code;

    fn of(label: &str, text: &[u8]) -> String {
        format!("{label}-{}", hash::integrity(label, text).unwrap())
    }

    fn fits(text: &str) -> bool {
        Integrity::parse(text).unwrap().fits(&Digests::of(b"doc"))
    }

    #[test]
    fn the_strongest_hash_decides() {
        // VC-43, case SVC-008.
        for label in LABELS {
            assert!(fits(&of(label, b"doc")));
            assert!(!fits(&of(label, b"other")));
        }
        assert!(fits(&format!("{} {}", of("sha256", b"other"), of("sha384", b"doc"))), "a weaker one does not matter");
        assert!(!fits(&format!("{} {}", of("sha256", b"doc"), of("sha512", b"other"))), "nor does it help");
        assert!(fits(&format!("{}\t{}", of("sha512", b"other"), of("sha512", b"doc"))), "one of several");
        assert!(fits(&format!("md5-AAAA {}?option", of("sha256", b"doc"))));
    }

    #[test]
    fn unknown_functions_alone_refuse() {
        // VC-43, case SVC-009.
        for wrong in ["", " ", "sha256", "md5-AAAA", "sha1-AAAA", "SHA256-AAAA", "sha-256-AAAA"] {
            assert_eq!(Integrity::parse(wrong).unwrap_err().code, Code::TypeMetadataInvalid, "{wrong}");
        }
    }

    #[test]
    fn hashes_are_standard_base64() {
        // VC-44: the other alphabet, no padding.
        let text = (0_u32..1000)
            .map(|number| number.to_string())
            .find(|text| of("sha256", text.as_bytes()).contains('/') && of("sha256", text.as_bytes()).contains('+'))
            .unwrap();
        let digests = Digests::of(text.as_bytes());
        let good = of("sha256", text.as_bytes());
        let url = good.replacen('-', "!", 1).replace('+', "-").replace('/', "_").replacen('!', "-", 1);
        for (written, expected) in [(good.clone(), true), (url, false), (good.trim_end_matches('=').to_owned(), false)]
        {
            assert_eq!(Integrity::parse(&written).unwrap().fits(&digests), expected, "{written}");
        }
        assert_eq!(digests.sha256(), good);
    }

    #[test]
    fn the_order_of_entries_does_not_matter() {
        // VC-48: what is kept is found again under the same value, however it is written.
        let [a, b] = [of("sha256", b"a"), of("sha256", b"b")];
        let weak = of("sha384", b"c");
        assert_eq!(Integrity::parse(&format!("{a} {b}")), Integrity::parse(&format!("{b}  {a} {b}")));
        assert_ne!(Integrity::parse(&a), Integrity::parse(&format!("{a} {weak}")));
    }
}
