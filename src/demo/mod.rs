//! The service and the simulator together: a whole world on one machine, for the demonstration, tests and load.
//!
//! Its keys follow from a seed and are thrown away with it; nothing in it is trusted by a configured service.

pub mod form;
pub mod passport;
pub mod registrations;
pub mod stage;
pub mod world;

pub use stage::Stage;
pub use world::World;
