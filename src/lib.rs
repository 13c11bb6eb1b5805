//! Prüfstein: a verifier of EUDI Wallet credentials for public online services.
//!
//! The map, from the ground floor up:
//!
//! - [`domain`] the rules: pure, buildable alone (`--no-default-features`). Start at [`domain::verify`].
//! - `app` the use cases, and the ports: what they need from outside.
//! - `adapters` clock, randomness, keys, HTTPS, stores: one file per port.
//! - `http` the front desk: routes, error bodies, pages.
//! - `config`, `telemetry`, `cli`, `serve`: settings, logs and metrics, commands, and the place where all comes together.
//! - `simulator` a test authority, an issuer and a wallet that misbehaves on command; `demo` service and simulator
//!   together; `vectors` the test vectors. The service uses none of the three.

#[cfg(feature = "service")]
pub mod adapters;
#[cfg(feature = "service")]
pub mod app;
#[cfg(feature = "service")]
pub mod cli;
#[cfg(feature = "service")]
pub mod config;
#[cfg(feature = "service")]
pub mod demo;
pub mod domain;
#[cfg(feature = "service")]
pub mod http;
#[cfg(feature = "service")]
pub mod serve;
#[cfg(feature = "service")]
pub mod simulator;
#[cfg(feature = "service")]
pub mod telemetry;
#[cfg(feature = "service")]
pub mod vectors;
