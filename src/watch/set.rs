//! A tree that was read, as a desired state: the whole set or none of it.

use serde::{Deserialize, Serialize};

use super::tree::{RawSource, Tree};
use crate::manifest::{self, Layers, Loaded, Options, Source, Variables};
use crate::model::Finding;

/// How the roots of a tree make one set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// How many of the roots, at their end, are each a layer over those before it; the others are the base together.
    pub overlays: usize,
    /// What `${NAME}` stands for; `None` leaves `${` as it is written.
    pub variables: Option<Variables>,
}

/// Validates a tree as one set. [`Loaded::is_usable`] says whether it may be handed on.
///
/// A set that declares nothing at all is an error: a checkout that went wrong looks like that.
pub fn load(tree: Tree, recipe: &Recipe) -> Loaded {
    load_telling(tree.roots, recipe, &|_| ())
}

/// The same for the files of each root, telling the path of each file before it is parsed, perhaps more than once and
/// from several threads, and an empty one before the rules look at all of them together.
pub fn load_telling(roots: Vec<Vec<RawSource>>, recipe: &Recipe, tell: &(dyn Fn(&str) + Sync)) -> Loaded {
    let mut findings = Vec::new();
    let mut roots: Vec<Vec<Source>> = roots.into_iter().map(|root| decoded(root, &mut findings, tell)).collect();
    let overlays = roots.split_off(roots.len().saturating_sub(recipe.overlays));
    let layers: Vec<Vec<Source>> = std::iter::once(roots.into_iter().flatten().collect()).chain(overlays).collect();
    let layers = Layers { layers: &layers, variables: recipe.variables.as_ref() };
    let mut loaded = manifest::load_layers_telling(&layers, &Options::default(), tell);
    loaded.findings.splice(0..0, findings);
    if loaded.is_usable() && loaded.desired.objects.is_empty() {
        let finding = Finding::error("SB003", "the manifests declare nothing at all");
        loaded.findings.push(finding.helping("an empty set never means that everything is to go"));
    }
    loaded
}

fn decoded(root: Vec<RawSource>, findings: &mut Vec<Finding>, tell: &dyn Fn(&str)) -> Vec<Source> {
    let text = |RawSource { path, bytes }| {
        tell(&path);
        match manifest::decode(&path, bytes) {
            Ok(text) => Some(Source::new(path, text)),
            Err(finding) => {
                findings.push(*finding);
                None
            }
        }
    };
    root.into_iter().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::Digest;
    use super::*;

    fn tree(texts: &[&str]) -> Tree {
        let file = |(at, text): (usize, &&str)| RawSource { path: format!("{at}.yaml"), bytes: text.as_bytes().into() };
        let sources = texts.iter().enumerate().map(file).collect();
        Tree { digest: Digest::of_bytes(b""), roots: vec![sources] }
    }

    #[test]
    fn one_bad_file_makes_the_whole_set_unusable() {
        let good = "profiles:\n- name: web\n";
        assert!(load(tree(&[good]), &Recipe::default()).is_usable());
        assert!(!load(tree(&[good, "profiles:\n- nam: db\n"]), &Recipe::default()).is_usable());
        let mut torn = tree(&[good]);
        torn.roots[0].push(RawSource { path: "torn.yaml".to_owned(), bytes: vec![b'a', 0xff] });
        assert!(!load(torn, &Recipe::default()).is_usable());
    }

    #[test]
    fn a_set_that_declares_nothing_is_an_error() {
        for texts in [&[""][..], &["# only a comment\n", "profiles: []\n"]] {
            let loaded = load(tree(texts), &Recipe::default());
            assert!(!loaded.is_usable(), "{texts:?}");
        }
    }
}
