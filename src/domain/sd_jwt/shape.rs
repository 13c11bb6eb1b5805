//! The shape of a credential as it was issued, as far as a verifier can know it: which parts came by a disclosure, and
//! where something was withheld. It holds names, no values.

use std::collections::HashMap;
use std::fmt;

/// The shape of one value.
#[derive(Clone, PartialEq, Eq)]
pub enum Shape {
    /// A text, a number, a truth value or null; also what was not drawn.
    Scalar,
    /// An object.
    Object {
        /// What can be seen of it.
        members: HashMap<String, Part>,
        /// Whether it has digests that no disclosure belongs to: withheld members, or decoys.
        withheld: bool,
    },
    /// An array as it was issued: `None` stands for an element that was withheld (or a decoy).
    Array(Vec<Option<Part>>),
}

/// A member of an object or an element of an array.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// Whether it came by a disclosure of its own. What lies within a disclosure did not.
    pub disclosed: bool,
    /// Its shape.
    pub shape: Shape,
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shape(..)")
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Part(..)")
    }
}
