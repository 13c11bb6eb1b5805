//! What the simulated wallet needs to know of a world: a small file, so that it can answer from another process.

use crate::domain::encoding::base64;
use crate::domain::time::UnixSeconds;
use crate::simulator::SimulatorError;
use crate::simulator::authority::TestAuthority;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// The seed of a world and the addresses in it. Everything follows from it, so it is worth nothing elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passport {
    /// The seed, 32 bytes in base64url.
    pub seed: String,
    /// A time of the day on which the certificates begin.
    pub made_at: UnixSeconds,
    /// The host of the verifier, as in its access certificate.
    pub verifier_host: String,
    /// The address of the status host.
    pub status_base: String,
}

/// The name of the file.
pub const FILE_NAME: &str = "world.json";

/// Why a passport cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PassportError {
    /// The file cannot be read or written.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// It is no passport.
    #[error("this is no file of a simulated world: {0}")]
    Form(String),
    /// The simulator cannot use it.
    #[error(transparent)]
    Simulator(#[from] SimulatorError),
}

impl Passport {
    /// Reads the file.
    ///
    /// # Errors
    /// [`PassportError`]
    pub fn read(file: &Path) -> Result<Self, PassportError> {
        let text = std::fs::read_to_string(file)?;
        serde_json::from_str(&text).map_err(|error| PassportError::Form(error.to_string()))
    }

    /// Writes the file into a folder.
    ///
    /// # Errors
    /// [`PassportError::File`]
    pub fn write_to(&self, folder: &Path) -> Result<(), PassportError> {
        let text = serde_json::to_string_pretty(self).map_err(|error| PassportError::Form(error.to_string()))?;
        Ok(std::fs::write(folder.join(FILE_NAME), text + "\n")?)
    }

    /// The seed.
    ///
    /// # Errors
    /// [`PassportError::Form`] if it has not 32 bytes.
    pub fn seed(&self) -> Result<[u8; 32], PassportError> {
        let bytes = base64::decode_url(&self.seed).map_err(|reason| PassportError::Form(reason.to_string()))?;
        bytes.try_into().map_err(|_| PassportError::Form("the seed has not 32 bytes".to_owned()))
    }

    /// The authority of the world.
    ///
    /// # Errors
    /// [`PassportError`]
    pub fn authority(&self) -> Result<Arc<TestAuthority>, PassportError> {
        Ok(Arc::new(TestAuthority::for_host(self.seed()?, self.made_at, &self.verifier_host)?))
    }
}
