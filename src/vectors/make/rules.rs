//! Rules that cases are about beside the one that each was made for.

/// Case and rules.
pub(super) const ALSO: &[(&str, &[&str])] = &[
    ("jwe-crit", &["OVP-JWE-09"]),
    ("jwe-zip", &["OVP-JWE-08"]),
    ("jwe-zip-unknown", &["OVP-JWE-08"]),
    ("presentation-form-plain-instead", &["PRV-14"]),
    ("presentation-no-proof", &["KB-01", "KB-02", "OVP-VPT-10"]),
    ("presentation-two", &["OVP-VPT-09", "NON-08", "GEN-04"]),
    ("presentation-two-second-key", &["GEN-04", "OVP-VPT-08"]),
    ("presentation-two-second-nonce", &["OVP-VPT-09", "NON-08"]),
    ("sd-jwt-json-form", &["SDJ-06"]),
    ("sd-jwt-typ-other", &["SDJ-43"]),
    ("vc-expired", &["TSL-05"]),
    ("vc-json-form", &["SDJ-06"]),
    ("vc-list-500", &["TSL-45"]),
    ("vc-list-cwt", &["VC-11", "TSL-45"]),
    ("vc-list-garbage", &["TSL-45"]),
    ("vc-list-malformed", &["TSL-45"]),
    ("vc-list-timeout", &["TSL-45"]),
    ("vc-minimal", &["VC-06"]),
    ("vc-no-iss", &["VC-06"]),
    ("vc-proof-missing", &["KB-01", "KB-03"]),
    ("vc-status-ok", &["VC-11", "TSL-05", "TSL-45"]),
    ("vc-typ-draft", &["VC-02"]),
    ("vc-typ-jwt", &["SDJ-43"]),
];

#[cfg(test)]
mod tests {
    use super::ALSO;
    use std::collections::BTreeSet;

    #[test]
    fn each_case_is_there_and_named_once() {
        let files = crate::vectors::make::files().unwrap();
        let cases: BTreeSet<&str> =
            files.iter().flat_map(|(_, file)| file.cases()).map(|(case, _)| case.id.as_str()).collect();
        let named: BTreeSet<&str> = ALSO.iter().map(|(case, _)| *case).collect();
        assert_eq!(named.len(), ALSO.len());
        assert!(named.is_subset(&cases), "{:?}", named.difference(&cases));
    }
}
