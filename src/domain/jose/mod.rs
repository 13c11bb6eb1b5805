//! Signatures, encryption and keys: the only room that names `aws-lc-rs`, `josekit` or `p256`.

/// Compares in time that depends on the lengths only.
pub fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left, right).is_ok()
}
