//! Whether a document fits the schema, answered from the tree itself.
//!
//! Nearly every document fits, and only one that does not is worth a full validation, which makes a JSON value of all
//! of it. This check knows the few keywords that our own schema uses; a schema with others fits nothing, so that the
//! full validation decides.

use serde_json::{Map, Value as Json};

use crate::kinds::tables::quick::QuickMap;
use crate::manifest::yaml::dom::{Value, YamlNode};

/// As many values that do not fit are shown to the full validation: more than it may find, so that the end is told.
const MISFITS_MAX: usize = 2_000;

/// Keywords that say nothing about whether a value fits.
const ANNOTATIONS: [&str; 7] = ["$schema", "title", "description", "default", "deprecated", "examples", "$id"];

/// A schema, ready to be asked.
#[derive(Debug, Default)]
pub struct Fit {
    types: Types,
    properties: QuickMap<String, Fit>,
    required: Vec<String>,
    additional: Option<Box<Fit>>,
    items: Option<Box<Fit>>,
    options: Option<Vec<Json>>,
}

/// The JSON types that a value may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Types(u8);

impl Types {
    const NONE: Self = Self(0);
    const ALL: Self = Self(0b11_1111);
    const NULL: Self = Self(1);
    const BOOLEAN: Self = Self(2);
    const NUMBER: Self = Self(4);
    const STRING: Self = Self(8);
    const ARRAY: Self = Self(16);
    const OBJECT: Self = Self(32);
    const SCALAR: Self = Self(0b1111);

    fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn named(name: &str) -> Self {
        match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            // Plain scalars are whole numbers or texts.
            "number" | "integer" => Self::NUMBER,
            "string" => Self::STRING,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => Self::NONE,
        }
    }
}

impl Default for Types {
    fn default() -> Self {
        Self::ALL
    }
}

impl Fit {
    /// Prepares a schema.
    pub fn new(schema: &Json) -> Self {
        match schema {
            Json::Bool(true) => Self::default(),
            Json::Object(keywords) => Self::of_keywords(keywords).unwrap_or_else(Self::nothing),
            _ => Self::nothing(),
        }
    }

    fn nothing() -> Self {
        Self { types: Types::NONE, ..Self::default() }
    }

    fn of_keywords(keywords: &Map<String, Json>) -> Option<Self> {
        let mut fit = Self::default();
        for (keyword, value) in keywords {
            match keyword.as_str() {
                "type" => fit.types = types(value),
                "properties" => {
                    let properties = value.as_object()?.iter();
                    fit.properties = properties.map(|(name, schema)| (name.clone(), Self::new(schema))).collect();
                }
                "required" => fit.required = texts(value)?,
                "additionalProperties" => fit.additional = Some(Box::new(Self::new(value))),
                "items" => fit.items = Some(Box::new(Self::new(value))),
                "enum" => fit.options = Some(value.as_array()?.clone()),
                known if ANNOTATIONS.contains(&known) => {}
                _ => return None,
            }
        }
        Some(fit)
    }

    /// Whether the value fits. `false` also when only a full validation can tell.
    pub fn holds(&self, node: &YamlNode<'_>) -> bool {
        match &node.value {
            Value::Scalar(_) if self.options.is_none() && self.types.has(Types::SCALAR) => true,
            Value::Scalar(scalar) => {
                let json = scalar.typed();
                self.types.has(type_of(&json)) && self.options.as_ref().is_none_or(|options| options.contains(&json))
            }
            Value::List(items) => {
                self.takes(Types::ARRAY)
                    && self.items.as_ref().is_none_or(|fit| items.iter().all(|item| fit.holds(item)))
            }
            Value::Map(entries) => {
                let fits =
                    |key: &str, value: &YamlNode<'_>| match self.properties.get(key).or(self.additional.as_deref()) {
                        Some(fit) => fit.holds(value),
                        None => true,
                    };
                self.takes(Types::OBJECT)
                    && self.required.iter().all(|name| node.entry(name).is_some())
                    && entries.iter().all(|entry| fits(&entry.key, &entry.value))
            }
        }
    }

    /// What a full validation has to see of a value that does not fit: the rest is left out, and of a million mistakes
    /// all but the first.
    pub fn misfits(&self, node: &YamlNode<'_>) -> Json {
        let mut left = MISFITS_MAX;
        self.excerpt(node, &mut left)
    }

    fn excerpt(&self, node: &YamlNode<'_>, left: &mut usize) -> Json {
        *left = left.saturating_sub(1);
        match &node.value {
            Value::Scalar(scalar) => scalar.typed(),
            Value::List(_) if !self.takes(Types::ARRAY) => Json::Array(Vec::new()),
            Value::Map(_) if !self.takes(Types::OBJECT) => Json::Object(Map::new()),
            Value::List(items) => {
                let item = |item: &YamlNode<'_>, left: &mut usize| match &self.items {
                    Some(fit) => fit.part(item, left).unwrap_or(Json::Null),
                    None => Json::Null,
                };
                Json::Array(items.iter().map(|node| item(node, left)).collect())
            }
            Value::Map(entries) => {
                let mut map = Map::new();
                for entry in entries {
                    let part = match self.properties.get(&*entry.key).or(self.additional.as_deref()) {
                        Some(fit) => fit.part(&entry.value, left),
                        None => Some(Json::Null),
                    };
                    map.extend(part.map(|part| (entry.key.clone().into_owned(), part)));
                }
                Json::Object(map)
            }
        }
    }

    // `None` for what fits nowhere when there is enough of it.
    fn part(&self, node: &YamlNode<'_>, left: &mut usize) -> Option<Json> {
        match &node.value {
            _ if !self.holds(node) => (*left > 0).then(|| self.excerpt(node, left)),
            Value::List(_) | Value::Map(_) if self.types.has(Types::NULL) => Some(Json::Null),
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => Some(node.typed_json()),
        }
    }

    // Our schemas list no collections among their options.
    fn takes(&self, kind: Types) -> bool {
        self.types.has(kind) && self.options.is_none()
    }
}

fn types(value: &Json) -> Types {
    let named = |value: &Json| value.as_str().map_or(Types::NONE, Types::named);
    let one = |sum: Types, value: &Json| Types(sum.0 | named(value).0);
    value.as_array().map_or_else(|| named(value), |values| values.iter().fold(Types::NONE, one))
}

fn texts(value: &Json) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|value| Some(value.as_str()?.to_owned())).collect()
}

fn type_of(json: &Json) -> Types {
    match json {
        Json::Null => Types::NULL,
        Json::Bool(_) => Types::BOOLEAN,
        Json::Number(_) => Types::NUMBER,
        Json::String(_) => Types::STRING,
        Json::Array(_) => Types::ARRAY,
        Json::Object(_) => Types::OBJECT,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::manifest::schema::json_schema::SCHEMA;
    use crate::manifest::yaml::parse;
    use crate::manifest::{Limits, Source};

    struct Both {
        full: jsonschema::Validator,
        short: Fit,
    }

    impl Both {
        fn new(schema: &Json) -> Self {
            Self { full: jsonschema::validator_for(schema).expect("a schema"), short: Fit::new(schema) }
        }

        // What the full validation says of a text, and what the short one says.
        fn verdicts(&self, text: &str) -> Vec<(bool, bool)> {
            let source = Source::new("a.yaml", text);
            let parsed = parse::parse(&source, &Limits::default());
            let verdict = |root: &YamlNode<'_>| (self.full.is_valid(&root.typed_json()), self.short.holds(root));
            parsed.documents.iter().map(|document| verdict(&document.root)).collect()
        }
    }

    static BOTH: LazyLock<Both> = LazyLock::new(|| Both::new(&SCHEMA));

    #[test]
    fn our_schema_uses_only_the_keywords_that_are_known_here() {
        let text = "storage_pools: [{name: a, driver: dir}]\ncluster: {enabled: true, members: {a: {address: b}}}";
        assert_eq!(BOTH.verdicts(text), [(true, true)]);
    }

    #[test]
    fn what_another_keyword_says_is_left_to_the_full_validation() {
        let schema = json!({ "type": "object", "properties": { "a": { "minLength": 1 } } });
        let both = Both::new(&schema);
        assert_eq!(both.verdicts("a: b"), [(true, false)]);
        assert_eq!(both.verdicts("b: c"), [(true, true)]);
    }

    fn values() -> impl Strategy<Value = String> {
        let scalar = prop::sample::select(vec!["a", "1", "-7", "1.5", "true", "no", "~", "''", "'1'", "storage-pool"]);
        scalar.prop_map(str::to_owned).prop_recursive(4, 24, 4, |inner| {
            let keys = prop::sample::select(vec![
                "name",
                "driver",
                "config",
                "size",
                "members",
                "devices",
                "cluster",
                "enabled",
                "storage_pools",
                "networks",
                "profiles",
                "projects",
                "certificates",
                "restricted",
                "member_config",
                "entity",
                "key",
                "groups",
                "source",
                "type",
            ]);
            let entry = (keys, inner.clone()).prop_map(|(key, value)| format!("{key}: {value}"));
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
                prop::collection::vec(entry, 0..5).prop_map(|entries| format!("{{{}}}", entries.join(", "))),
            ]
        })
    }

    proptest! {
        #[test]
        fn both_validations_agree_on_any_document(value in values()) {
            for (full, short) in BOTH.verdicts(&value) {
                prop_assert_eq!(full, short, "{}", value);
            }
        }

        #[test]
        fn the_full_validation_finds_as_much_in_the_misfits_as_in_the_whole(value in values()) {
            let source = Source::new("a.yaml", value.as_str());
            for document in parse::parse(&source, &Limits::default()).documents {
                let told = |json: &Json| -> Vec<String> {
                    BOTH.full.iter_errors(json).map(|error| format!("{:?} {}", error.kind(), error.instance_path())).collect()
                };
                if !BOTH.short.holds(&document.root) {
                    prop_assert_eq!(told(&document.root.typed_json()), told(&BOTH.short.misfits(&document.root)));
                }
            }
        }
    }
}
