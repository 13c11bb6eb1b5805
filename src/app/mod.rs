//! The use cases. They name what they need from outside in [`ports`]; `adapters` brings it.

pub mod ports;
pub mod render;
pub mod time_text;
