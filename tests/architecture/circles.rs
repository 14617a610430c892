//! Circles: files that need each other. What stands in one can only be read, tested and moved as a whole, so each that
//! there is stands in a list with its reason, and the list may only shrink.

use std::collections::{BTreeMap, BTreeSet};

use super::{Source, imports};

/// The files of `src`, as far as they need each other, found by following every import to the file that defines it.
pub fn circles(sources: &[&Source]) -> Vec<BTreeSet<String>> {
    let graph = graph(sources);
    let reached: BTreeMap<&String, BTreeSet<&String>> = graph.keys().map(|from| (from, reach(&graph, from))).collect();
    let mut found: Vec<BTreeSet<String>> = Vec::new();
    for (from, to) in &reached {
        let circle: BTreeSet<String> =
            to.iter().filter(|other| reached[**other].contains(*from)).map(|other| (*other).clone()).collect();
        if circle.len() > 1 && !found.contains(&circle) {
            found.push(circle);
        }
    }
    found
}

fn reach<'a>(graph: &'a BTreeMap<String, BTreeSet<String>>, from: &'a String) -> BTreeSet<&'a String> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(next) = open.pop() {
        for to in graph.get(next).into_iter().flatten() {
            if seen.insert(to) {
                open.push(to);
            }
        }
    }
    seen
}

/// Which file imports which. What a `mod.rs` passes on from below belongs to the file that defines it.
fn graph(sources: &[&Source]) -> BTreeMap<String, BTreeSet<String>> {
    let files: BTreeMap<Vec<String>, &Source> = sources.iter().map(|source| (source.module(), *source)).collect();
    let exports = exports(sources);
    let mut graph = BTreeMap::new();
    for source in sources {
        let passed_on = passed_on(source);
        let mut needs = BTreeSet::new();
        for import in imports(source) {
            if source.is_test_line(import.at.start().line) || passed_on.contains(&import.at.start().line) {
                continue;
            }
            let segments: Vec<String> = import
                .segments
                .into_iter()
                .filter(|segment| segment != "{" && segment != "*" && segment != "self")
                .collect();
            if let Some(file) = defining_file(&segments, &files, &exports, 0).filter(|file| *file != source.path) {
                needs.insert(file);
            }
        }
        graph.insert(source.path.clone(), needs);
    }
    graph
}

type Exports = BTreeMap<(Vec<String>, String), Vec<String>>;

/// `pub use` of each module: the name there, and the path that it stands for.
fn exports(sources: &[&Source]) -> Exports {
    let mut found = Exports::new();
    for source in sources {
        for item in &source.syntax.items {
            if let syn::Item::Use(item) = item
                && !matches!(item.vis, syn::Visibility::Inherited)
            {
                leaves(&item.tree, &mut Vec::new(), &mut |path, name| {
                    found.insert((source.module(), name), absolute(path, &source.module()));
                });
            }
        }
    }
    found
}

fn leaves(tree: &syn::UseTree, path: &mut Vec<String>, found: &mut dyn FnMut(&[String], String)) {
    match tree {
        syn::UseTree::Path(next) => {
            path.push(next.ident.to_string());
            leaves(&next.tree, path, found);
            path.pop();
        }
        syn::UseTree::Name(name) => {
            found(&[path.as_slice(), &[name.ident.to_string()]].concat(), name.ident.to_string())
        }
        syn::UseTree::Rename(rename) => {
            found(&[path.as_slice(), &[rename.ident.to_string()]].concat(), rename.rename.to_string());
        }
        syn::UseTree::Group(group) => group.items.iter().for_each(|item| leaves(item, path, found)),
        syn::UseTree::Glob(_) => {}
    }
}

fn absolute(path: &[String], module: &[String]) -> Vec<String> {
    match path.first().map(String::as_str) {
        Some("crate") => path[1..].to_vec(),
        Some("self") => [module, &path[1..]].concat(),
        Some("super") => absolute_above(path, module),
        _ => [module, path].concat(),
    }
}

fn absolute_above(path: &[String], module: &[String]) -> Vec<String> {
    let climbs = path.iter().take_while(|segment| *segment == "super").count();
    [&module[..module.len().saturating_sub(climbs)], &path[climbs..]].concat()
}

/// The lines of a file's own `pub use`.
fn passed_on(source: &Source) -> BTreeSet<usize> {
    use syn::spanned::Spanned;
    let uses = source.syntax.items.iter().filter_map(|item| match item {
        syn::Item::Use(item) if !matches!(item.vis, syn::Visibility::Inherited) => Some(item.span()),
        _ => None,
    });
    uses.flat_map(|span| span.start().line..=span.end().line).collect()
}

fn defining_file(
    segments: &[String],
    files: &BTreeMap<Vec<String>, &Source>,
    exports: &Exports,
    depth: usize,
) -> Option<String> {
    let cut = (1..=segments.len()).rev().find(|cut| files.contains_key(&segments[..*cut]))?;
    let (module, rest) = segments.split_at(cut);
    let further = rest.first().and_then(|name| exports.get(&(module.to_vec(), name.clone())));
    match further {
        Some(path) if depth < 8 => defining_file(path, files, exports, depth + 1),
        _ => files.get(module).map(|source| source.path.clone()),
    }
}
