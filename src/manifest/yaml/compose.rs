//! Parser events to trees: aliases resolved within limits, merge keys applied, duplicate keys reported.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, ScalarStyle, Tag};

use super::dom::{Entry, Scalar, Span, Value, YamlNode, place};
use super::invisible::{self, is_false_blank, is_invisible};
use crate::manifest::report::findings::Findings;
use crate::model::{Finding, Place};

/// Deeper values than this are no manifest; walking them could exhaust the stack.
const DEPTH_MAX: usize = 64;

/// Stands for a key that is no text; its entry is dropped.
const NO_KEY: &str = "\0";

/// Takes over the entries of another mapping.
const MERGE: &str = "<<";

/// Builds the trees of one source.
pub struct Composer<'a> {
    file: &'a str,
    open: Vec<Frame<'a>>,
    anchors: HashMap<usize, Anchored<'a>>,
    nodes_left: usize,
    root: Option<YamlNode<'a>>,
    findings: Findings,
}

/// A collection that is still open.
struct Frame<'a> {
    partial: Partial<'a>,
    span: Span,
    anchor: usize,
    size: Size,
}

enum Partial<'a> {
    List(Vec<YamlNode<'a>>),
    Map { entries: Vec<Entry<'a>>, key: Option<(Cow<'a, str>, Span)> },
}

struct Anchored<'a> {
    node: YamlNode<'a>,
    size: Size,
}

/// What a value costs when it is repeated.
#[derive(Clone, Copy)]
struct Size {
    /// Values in it, where long text counts as several.
    nodes: usize,
    /// Collections on the longest way down.
    height: usize,
}

impl<'a> Composer<'a> {
    /// A composer that refuses a source of more than `nodes_max` values.
    pub fn new(file: &'a str, nodes_max: usize) -> Self {
        Self {
            file,
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes_left: nodes_max,
            root: None,
            findings: Findings::default(),
        }
    }

    /// Starts the next document and forgets what is left of the last one.
    pub fn begin(&mut self) {
        self.open.clear();
        self.anchors.clear();
        self.root = None;
    }

    /// The finished document, when there is one.
    pub fn finish(&mut self) -> Option<YamlNode<'a>> {
        self.root.take()
    }

    /// The innermost collection that is open and was opened with a bracket.
    pub fn open_bracket(&self, text: &str) -> Option<Span> {
        let is_bracket = |span: &Span| text.get(span.start..).is_some_and(|rest| rest.starts_with(['{', '[']));
        self.open.iter().rev().map(|frame| frame.span).find(is_bracket)
    }

    /// What was wrong but left usable trees.
    pub fn into_findings(self) -> Vec<Finding> {
        self.findings.into_vec()
    }

    /// Takes one event.
    ///
    /// # Errors
    /// When the document is too large or too deep to go on.
    pub fn take(&mut self, event: Event<'a>, span: Span) -> Result<(), Box<Finding>> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.check_tag(tag.as_deref(), span);
                let size = Size { nodes: 1 + text.len() / 64, height: 0 };
                let scalar = Scalar { text, is_plain: style == ScalarStyle::Plain };
                self.add(YamlNode { value: Value::Scalar(scalar), span }, size, anchor, 1)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), span);
                self.enter(Partial::List(Vec::new()), span, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), span);
                self.enter(Partial::Map { entries: Vec::new(), key: None }, span, anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave(span),
            Event::Alias(id) => self.repeat(id, span),
            _ => Ok(()),
        }
    }

    fn enter(&mut self, partial: Partial<'a>, span: Span, anchor: usize) -> Result<(), Box<Finding>> {
        if self.open.len() >= DEPTH_MAX {
            return Err(self.too_deep(span));
        }
        self.open.push(Frame { partial, span, anchor, size: Size { nodes: 1, height: 0 } });
        Ok(())
    }

    fn leave(&mut self, end: Span) -> Result<(), Box<Finding>> {
        let Some(frame) = self.open.pop() else { return Ok(()) };
        let is_block = frame.span.end == frame.span.start;
        let span = Span { end: end.end.max(frame.span.start), ..frame.span };
        let size = Size { nodes: frame.size.nodes, height: frame.size.height + 1 };
        let node = match frame.partial {
            Partial::List(items) => YamlNode { value: Value::List(items), span },
            Partial::Map { entries, .. } => {
                // A finding about a block mapping shows its first key: the whole would be many lines.
                let first_key = entries.first().filter(|_| is_block).map(|entry| entry.key_span);
                YamlNode { value: Value::Map(self.settle(entries)), span: first_key.unwrap_or(span) }
            }
        };
        self.add(node, size, frame.anchor, 1)
    }

    fn repeat(&mut self, id: usize, span: Span) -> Result<(), Box<Finding>> {
        let Some(anchored) = self.anchors.get(&id) else {
            let finding = Finding::error("SB010", "this alias stands inside the value that it names");
            return Err(Box::new(finding.at(self.place(span)).helping("write the value out")));
        };
        let size = anchored.size;
        if self.open.len() + size.height > DEPTH_MAX {
            return Err(self.too_deep(span));
        }
        if size.nodes > self.nodes_left {
            return Err(self.too_many(span));
        }
        let node = anchored.node.clone();
        self.add(node, size, 0, size.nodes)
    }

    fn add(&mut self, node: YamlNode<'a>, size: Size, anchor: usize, cost: usize) -> Result<(), Box<Finding>> {
        let cost = if anchor == 0 { cost } else { cost + size.nodes };
        let Some(left) = self.nodes_left.checked_sub(cost) else { return Err(self.too_many(node.span)) };
        self.nodes_left = left;
        if anchor != 0 {
            self.anchors.insert(anchor, Anchored { node: node.clone(), size });
        }
        let Some(mut frame) = self.open.pop() else {
            self.root = Some(node);
            return Ok(());
        };
        frame.size.nodes += size.nodes;
        frame.size.height = frame.size.height.max(size.height);
        match &mut frame.partial {
            Partial::List(items) => items.push(node),
            Partial::Map { entries, key } => match key.take() {
                Some((key, key_span)) => entries.push(Entry { key, key_span, value: node }),
                None => *key = Some(self.key_of(node)),
            },
        }
        self.open.push(frame);
        Ok(())
    }

    // Whoever wrote the tag expects that a program does something with it: the value itself is not what is meant.
    fn check_tag(&mut self, tag: Option<&Tag>, span: Span) {
        let Some(tag) = tag.filter(|tag| !is_plain_tag(tag)) else { return };
        let written = format!("{}{}", tag.original_handle(), tag.suffix());
        let message = format!("the tag `{written}` says nothing here: the value would be taken as it is written");
        let finding = Finding::error("SB029", message).at(self.place(span));
        self.findings
            .push(finding.helping("fill in what the tag stands for before the file is read, or remove the tag"));
    }

    fn key_of(&mut self, node: YamlNode<'a>) -> (Cow<'a, str>, Span) {
        let YamlNode { value: Value::Scalar(scalar), span } = node else {
            let is_template = !node.entries().is_empty();
            let finding =
                Finding::error("SB012", "a key must be text, not a list or a mapping").at(self.place(node.span));
            self.findings.push(match is_template {
                true => finding.helping("`{{ … }}` of a template that was not filled in? Render it first, or quote it"),
                false => finding,
            });
            return (Cow::Borrowed(NO_KEY), node.span);
        };
        self.check_key(&scalar.text, span);
        (scalar.text, span)
    }

    // Whoever sees the key takes it for another one.
    fn check_key(&mut self, key: &str, span: Span) {
        if key.is_ascii() {
            return;
        }
        let Some(hidden) = key.trim_start_matches(is_false_blank).chars().find(|c| is_invisible(*c)) else { return };
        let message = format!("this key holds {}, which nobody sees", invisible::name(hidden));
        let finding = Finding::error("SB031", message).at(self.place(span));
        self.findings.push(finding.helping(format!("type it anew; written out it is `{}`", invisible::shown(key))));
    }

    fn settle(&mut self, entries: Vec<Entry<'a>>) -> Vec<Entry<'a>> {
        let mut kept: Vec<Entry<'a>> = Vec::with_capacity(entries.len());
        let mut index = Index::default();
        let mut merges = Vec::new();
        for entry in entries {
            match index.find(&kept, &entry.key) {
                _ if entry.key == NO_KEY => {}
                _ if entry.key == MERGE => merges.push(entry),
                Some(first) => {
                    self.findings.push(self.twice(&kept[first], &entry));
                    kept[first] = entry;
                }
                None => index.push(&mut kept, entry),
            }
        }
        for merge in merges {
            self.merge(merge, &mut kept, &mut index);
        }
        kept
    }

    fn twice(&self, first: &Entry<'a>, second: &Entry<'a>) -> Finding {
        Finding::error("SB007", format!("the key `{}` stands twice in one mapping", second.key))
            .at(self.place(second.key_span))
            .noting("again here")
            .with(self.place(first.key_span), "first here")
            .helping("keep one of them: which one counts would depend on the program that reads the file")
    }

    fn merge(&mut self, merge: Entry<'a>, into: &mut Vec<Entry<'a>>, index: &mut Index<'a>) {
        let parts = match merge.value.value {
            Value::List(items) => items,
            Value::Map(_) => vec![merge.value],
            Value::Scalar(_) => {
                let finding = Finding::error("SB012", "the merge key `<<` takes a mapping or a list of mappings");
                self.findings.push(finding.at(self.place(merge.value.span)));
                return;
            }
        };
        for part in parts {
            let Value::Map(entries) = part.value else { continue };
            for entry in entries {
                if index.find(into, &entry.key).is_none() {
                    index.push(into, entry);
                }
            }
        }
    }

    fn place(&self, span: Span) -> Place {
        place(self.file, span, String::new())
    }

    fn too_deep(&self, span: Span) -> Box<Finding> {
        let finding = Finding::error("SB010", format!("values are nested more than {DEPTH_MAX} deep"));
        Box::new(finding.at(self.place(span)).helping("no manifest needs that: the rest of this document was not read"))
    }

    fn too_many(&self, span: Span) -> Box<Finding> {
        let finding = Finding::error("SB010", "this document grows too large");
        Box::new(finding.at(self.place(span)).helping("aliases repeat too much here, or the file should be several"))
    }
}

// Those that only say what a value looks like anyway. `!!binary` would have to be decoded.
fn is_plain_tag(tag: &Tag) -> bool {
    const PLAIN: [&str; 11] =
        ["bool", "float", "int", "map", "merge", "null", "omap", "seq", "set", "str", "timestamp"];
    match tag.handle() {
        "tag:yaml.org,2002:" => PLAIN.contains(&tag.suffix()),
        handle => handle.is_empty() && tag.suffix() == "!" || handle == "!" && tag.suffix().is_empty(),
    }
}

/// Finds a key among the kept entries; a table only where searching would be slow.
#[derive(Default)]
struct Index<'a> {
    table: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Index<'a> {
    const SEARCHED_MAX: usize = 16;

    fn find(&self, kept: &[Entry<'a>], key: &str) -> Option<usize> {
        if kept.len() <= Self::SEARCHED_MAX {
            return kept.iter().position(|entry| entry.key == key);
        }
        self.table.get(key).copied()
    }

    fn push(&mut self, kept: &mut Vec<Entry<'a>>, entry: Entry<'a>) {
        kept.push(entry);
        let first = match kept.len() {
            len if len <= Self::SEARCHED_MAX => return,
            len if len == Self::SEARCHED_MAX + 1 => 0,
            len => len - 1,
        };
        self.table.extend(kept.iter().enumerate().skip(first).map(|(at, entry)| (entry.key.clone(), at)));
    }
}
