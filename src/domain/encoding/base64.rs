//! Base64 in exactly one spelling: no white space, no second way to write the same bytes.

use crate::domain::reason::{Code, Reason};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Decodes canonical base64url without padding.
///
/// # Errors
/// [`Code::Base64urlInvalid`] on padding, the other alphabet, white space, or non-zero unused bits.
///
/// # Source
/// RFC 7515 section 2, RFC 4648 section 3.5; SDJ-04, GEN-09.
pub fn decode_url(text: &str) -> Result<Vec<u8>, Reason> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| Reason::new(Code::Base64urlInvalid, "not canonical base64url without padding"))
}

/// Decodes into `buffer`, which is cleared first; for hot paths that decode many small texts.
///
/// # Errors
/// As [`decode_url`].
pub fn decode_url_into(text: &str, buffer: &mut Vec<u8>) -> Result<(), Reason> {
    buffer.clear();
    URL_SAFE_NO_PAD
        .decode_vec(text, buffer)
        .map_err(|_| Reason::new(Code::Base64urlInvalid, "not canonical base64url without padding"))
}

/// Encodes as base64url without padding.
pub fn encode_url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes canonical standard base64 with padding, as in `x5c` (RFC 7515 section 4.1.6).
///
/// # Errors
/// [`Code::X5cMalformed`] on anything else, base64url included (OVP-JAR-14).
pub fn decode_standard(text: &str) -> Result<Vec<u8>, Reason> {
    STANDARD.decode(text).map_err(|_| Reason::new(Code::X5cMalformed, "not standard base64"))
}

/// Encodes as standard base64 with padding.
pub fn encode_standard(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_only() {
        // JOS-028 padding, JOS-029 alphabet, JOS-030 white space, JOS-031 unused bits.
        assert_eq!(decode_url("-_8").unwrap(), [0xfb, 0xff]);
        for wrong in ["-_8=", "+/8", " -_8", "-_8\n", "-_\t8", "-_9", "-", "é"] {
            assert_eq!(decode_url(wrong).unwrap_err().code, Code::Base64urlInvalid, "{wrong:?}");
        }
        assert_eq!(decode_url("").unwrap(), Vec::<u8>::new());
    }

    #[test]
    fn x5c_is_standard_base64() {
        assert_eq!(decode_standard("+/8=").unwrap(), [0xfb, 0xff]);
        for wrong in ["-_8=", "+/8", "+/8= ", "+/9="] {
            assert_eq!(decode_standard(wrong).unwrap_err().code, Code::X5cMalformed, "{wrong:?}");
        }
    }
}
