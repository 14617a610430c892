//! A document as a tree in the order in which it is written, and its text: blocks, two blanks a level.

use serde_json::Value;

use super::scalar;

/// A value to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// A scalar.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// A mapping with its remarks.
    Map(Vec<Entry>),
}

/// One key of a mapping, or a remark in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A key with its value.
    Key(String, Tree),
    /// A comment.
    Remark(String),
}

impl Tree {
    /// A key with a value, as an entry.
    pub fn under(self, key: &str) -> Entry {
        Entry::Key(key.to_owned(), self)
    }

    /// The text of a document.
    pub fn render(&self) -> String {
        let mut text = String::new();
        self.write(0, &mut text);
        text
    }

    fn write(&self, indent: usize, text: &mut String) {
        match self {
            Self::Text(scalar) => text.push_str(&scalar::value(scalar, indent)),
            Self::List(items) => {
                for item in items {
                    text.push_str(&" ".repeat(indent));
                    text.push_str("- ");
                    item.write_inside(indent + 2, text);
                }
            }
            Self::Map(entries) => {
                for entry in entries {
                    text.push_str(&" ".repeat(indent));
                    entry.write(indent, text);
                }
            }
        }
    }

    // After a dash, whose first line stands on the line of the dash.
    fn write_inside(&self, indent: usize, text: &mut String) {
        match self {
            Self::Map(entries) if !entries.is_empty() => {
                for (index, entry) in entries.iter().enumerate() {
                    if index > 0 {
                        text.push_str(&" ".repeat(indent));
                    }
                    entry.write(indent, text);
                }
            }
            other => {
                text.push_str(&other.short(indent));
                text.push('\n');
            }
        }
    }

    fn short(&self, indent: usize) -> String {
        match self {
            Self::Text(scalar) => scalar::value(scalar, indent),
            Self::List(items) if items.is_empty() => "[]".to_owned(),
            Self::Map(entries) if entries.is_empty() => "{}".to_owned(),
            Self::List(_) | Self::Map(_) => self.render(),
        }
    }
}

impl Entry {
    fn write(&self, indent: usize, text: &mut String) {
        match self {
            Self::Remark(remark) => text.push_str(&format!("# {remark}\n")),
            Self::Key(key, value) => {
                text.push_str(&scalar::key(key));
                text.push(':');
                match value {
                    Tree::Map(entries) if !entries.is_empty() => {
                        text.push('\n');
                        value.write(indent + 2, text);
                    }
                    Tree::List(items) if !items.is_empty() => {
                        text.push('\n');
                        value.write(indent, text);
                    }
                    other => text.push_str(&format!(" {}\n", other.short(indent + 2))),
                }
            }
        }
    }
}

impl From<&Value> for Tree {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Text(String::new()),
            Value::Bool(flag) => Self::Text(flag.to_string()),
            Value::Number(number) => Self::Text(number.to_string()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(map) => Self::Map(map.iter().map(|(key, value)| Self::from(value).under(key)).collect()),
        }
    }
}
