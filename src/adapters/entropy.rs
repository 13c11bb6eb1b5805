//! Random bytes: from the operating system, or from a seed for tests.

use crate::app::ports::{Entropy, EntropyFailed};
use crate::domain::jose::keys::EphemeralKey;
use std::sync::{Mutex, PoisonError};

/// The random source of the operating system. If it fails, so does the call: there is no other (REQ-019).
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyFailed> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that makes randomness")]
        getrandom::fill(bytes).map_err(|_| EntropyFailed)
    }

    /// From the crypto library, which seeds itself from the same source and makes a key in half the time.
    fn encryption_key(&self) -> Result<EphemeralKey, EntropyFailed> {
        EphemeralKey::generate().map_err(|_| EntropyFailed)
    }
}

/// A repeatable sequence from a seed. **For tests and reproducible demonstrations only**: whoever knows the seed, or a
/// few of its bytes, knows all of it.
///
/// SplitMix64 (Steele, Lea, Flood 2014): one 64-bit counter, mixed.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<u64>);

impl SeededEntropy {
    /// The sequence of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyFailed> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = *state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            for (byte, random) in chunk.iter_mut().zip(mixed.to_le_bytes()) {
                *byte = random;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Nonce;
    use std::collections::HashSet;

    #[test]
    fn system_randomness_does_not_repeat() {
        // NON-01 in small: ten thousand names, all different.
        let entropy: &dyn Entropy = &OsEntropy;
        let names: HashSet<_> = (0..10_000).map(|_| entropy.draw(Nonce::from_random).unwrap()).collect();
        assert_eq!(names.len(), 10_000);
    }

    #[test]
    fn a_seed_gives_one_sequence() {
        let draw = |seed| {
            let mut bytes = [0; 20];
            SeededEntropy::new(seed).fill(&mut bytes).unwrap();
            bytes
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        // First output of SplitMix64 for seed 0, as published with the reference code.
        assert_eq!(draw(0)[..8], 0xe220_a839_7b1d_cdaf_u64.to_le_bytes());
    }

    #[test]
    fn failure_is_passed_on() {
        // REQ-019: a failing source yields an error, never a name.
        struct Broken;
        impl Entropy for Broken {
            fn fill(&self, _: &mut [u8]) -> Result<(), EntropyFailed> {
                Err(EntropyFailed)
            }
        }
        let broken: &dyn Entropy = &Broken;
        assert_eq!(broken.draw(Nonce::from_random), Err(EntropyFailed));
    }
}
