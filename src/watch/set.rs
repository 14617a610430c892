//! A tree that was read, as a desired state: the whole set or none of it.

use super::tree::Tree;
use crate::manifest::{self, Layers, Loaded, Options, Source, Variables};
use crate::model::Finding;

/// How the roots of a tree make one set.
#[derive(Clone, Debug, Default)]
pub struct Recipe {
    /// How many of the roots, at their end, are each a layer over those before it; the others are the base together.
    pub overlays: usize,
    /// What `${NAME}` stands for; `None` leaves `${` as it is written.
    pub variables: Option<Variables>,
}

/// Validates a tree as one set. [`Loaded::is_usable`] says whether it may be handed on.
///
/// A set that declares nothing at all is an error: a checkout that went wrong looks like that.
pub fn load(tree: &Tree, recipe: &Recipe) -> Loaded {
    let (base, overlays) = tree.roots.split_at(tree.roots.len().saturating_sub(recipe.overlays));
    let base: Vec<Source> = base.iter().flatten().cloned().collect();
    let layers: Vec<Vec<Source>> = std::iter::once(base).chain(overlays.iter().cloned()).collect();
    let layers = Layers { layers: &layers, variables: recipe.variables.as_ref() };
    let mut loaded = manifest::load_layers(&layers, &Options::default());
    loaded.findings.splice(0..0, tree.findings.iter().cloned());
    if loaded.is_usable() && loaded.desired.objects.is_empty() {
        let finding = Finding::error("SB003", "the manifests declare nothing at all");
        loaded.findings.push(finding.helping("an empty set never means that everything is to go"));
    }
    loaded
}

#[cfg(test)]
mod tests {
    use super::super::tree::Digest;
    use super::*;

    fn tree(texts: &[&str]) -> Tree {
        let sources = texts.iter().enumerate().map(|(at, text)| Source::new(format!("{at}.yaml"), *text)).collect();
        Tree { digest: Digest::of_bytes(b""), roots: vec![sources], findings: Vec::new() }
    }

    #[test]
    fn one_bad_file_makes_the_whole_set_unusable() {
        let good = "profiles:\n- name: web\n";
        assert!(load(&tree(&[good]), &Recipe::default()).is_usable());
        assert!(!load(&tree(&[good, "profiles:\n- nam: db\n"]), &Recipe::default()).is_usable());
        let mut torn = tree(&[good]);
        torn.findings.push(Finding::error("SB002", "not text"));
        assert!(!load(&torn, &Recipe::default()).is_usable());
    }

    #[test]
    fn a_set_that_declares_nothing_is_an_error() {
        for texts in [&[""][..], &["# only a comment\n", "profiles: []\n"]] {
            let loaded = load(&tree(texts), &Recipe::default());
            assert!(!loaded.is_usable(), "{texts:?}");
        }
    }
}
