//! YAML documents as trees with positions. Scalars keep the text that the user wrote: `010` stays `010`.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::model::Place;

/// One document of a source.
#[derive(Debug)]
pub struct Document<'a> {
    /// The source's path.
    pub file: &'a str,
    /// The whole content.
    pub root: YamlNode<'a>,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct YamlNode<'a> {
    pub value: Value<'a>,
    pub span: Span,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    Scalar(Scalar<'a>),
    List(Vec<YamlNode<'a>>),
    Map(Vec<Entry<'a>>),
}

/// Text, and whether quotes (or a block) say that it is nothing but text.
#[derive(Clone, Debug)]
pub struct Scalar<'a> {
    pub text: Cow<'a, str>,
    pub is_plain: bool,
}

/// One key of a mapping with its value. Keys of one mapping differ.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    pub key: Cow<'a, str>,
    pub key_span: Span,
    pub value: YamlNode<'a>,
}

/// A stretch of the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl<'a> YamlNode<'a> {
    /// The entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[Entry<'a>] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Scalar(_) | Value::List(_) => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[YamlNode<'a>] {
        match &self.value {
            Value::List(items) => items,
            Value::Scalar(_) | Value::Map(_) => &[],
        }
    }

    /// The entry under a key.
    pub fn entry(&self, key: &str) -> Option<&Entry<'a>> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&YamlNode<'a>> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The raw text of a scalar; empty for `null`.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) if scalar.is_null() => Some(""),
            Value::Scalar(scalar) => Some(&scalar.text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Whether nothing is there: `null`, `~` or an absent value.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.is_null())
    }

    /// The node that a path leads to, a step each; list items are numbers.
    pub fn at<S: AsRef<str>>(&self, path: &[S]) -> Option<&YamlNode<'a>> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        self.child(first.as_ref())?.at(rest)
    }

    fn child(&self, step: &str) -> Option<&YamlNode<'a>> {
        match &self.value {
            Value::Map(_) => self.get(step),
            Value::List(items) => items.get(step.parse::<usize>().ok()?),
            Value::Scalar(_) => None,
        }
    }

    /// How many values it holds, itself included.
    pub fn size(&self) -> usize {
        let below: usize = match &self.value {
            Value::Scalar(_) => 0,
            Value::List(items) => items.iter().map(YamlNode::size).sum(),
            Value::Map(entries) => entries.iter().map(|entry| entry.value.size()).sum(),
        };
        1 + below
    }

    /// The document as JSON with plain scalars typed, as a schema wants to see it.
    pub fn typed_json(&self) -> Json {
        self.json(Scalars::Typed)
    }

    /// The document as JSON where every scalar is its text.
    pub fn text_json(&self) -> Json {
        self.json(Scalars::Text)
    }

    fn json(&self, scalars: Scalars) -> Json {
        match (&self.value, scalars) {
            (Value::Scalar(scalar), Scalars::Typed) => scalar.typed(),
            (Value::Scalar(scalar), Scalars::Text) if scalar.is_null() => Json::Null,
            (Value::Scalar(scalar), Scalars::Text) => Json::String(scalar.text.clone().into_owned()),
            (Value::List(items), _) => Json::Array(items.iter().map(|item| item.json(scalars)).collect()),
            (Value::Map(entries), _) => {
                let pair = |entry: &Entry<'_>| (entry.key.clone().into_owned(), entry.value.json(scalars));
                Json::Object(entries.iter().map(pair).collect())
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Scalars {
    Typed,
    Text,
}

impl Scalar<'_> {
    /// Whether this is YAML's null.
    pub fn is_null(&self) -> bool {
        self.is_plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }

    /// The value as JSON, plain text typed as YAML does.
    pub fn typed(&self) -> Json {
        if !self.is_plain {
            return Json::String(self.text.clone().into_owned());
        }
        if self.is_null() {
            return Json::Null;
        }
        match &*self.text {
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Json::Bool(true),
            "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Json::Bool(false),
            text if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
                text.parse::<i64>().map_or_else(|_| Json::String(text.to_owned()), Json::from)
            }
            text => Json::String(text.to_owned()),
        }
    }
}

impl<'a> Document<'a> {
    /// The document with nothing but these sections; `None` when it has none of them.
    pub fn with_only(&self, sections: &[&str]) -> Option<Self> {
        let entries = self.root.entries().iter().filter(|entry| sections.contains(&&*entry.key));
        let kept: Vec<Entry<'a>> = entries.cloned().collect();
        let root = YamlNode { value: Value::Map(kept), span: self.root.span };
        Some(Self { file: self.file, root }).filter(|document| !document.root.entries().is_empty())
    }

    /// A place in this document.
    pub fn place(&self, span: Span, pointer: String) -> Place {
        place(self.file, span, pointer)
    }
}

/// A place in a source.
pub fn place(file: &str, span: Span, pointer: String) -> Place {
    let Span { start, end, line, column } = span;
    Place { file: file.to_owned(), line, column, start, end, pointer }
}
