//! The JSON Schema of manifests, derived from the types.

use serde_json::Value;

/// The JSON Schema (draft 2020-12) of one manifest document, as `schemas/seedbed.schema.json` holds it.
pub fn schema() -> Value {
    serde_json::json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object" })
}
