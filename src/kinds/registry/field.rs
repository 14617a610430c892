//! How the fields of specs are read: a field that is null is a field that is not there, as YAML files write it.

use serde::{Deserialize, Deserializer};

/// Reads null as the default.
///
/// # Errors
/// When the value has another type.
pub fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}
