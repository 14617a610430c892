//! A tree that was read, as a desired state: the whole set or none of it.

use super::tree::Tree;
use crate::manifest::{self, Loaded, Options, Source};
use crate::model::Finding;

/// Validates a tree as one set. [`Loaded::is_usable`] says whether it may be handed on.
///
/// A set that declares nothing at all is an error: a checkout that went wrong looks like that.
pub fn load(tree: &Tree) -> Loaded {
    let sources: Vec<Source> = tree.roots.iter().flatten().cloned().collect();
    let mut loaded = manifest::load(&sources, &Options::default());
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
        assert!(load(&tree(&[good])).is_usable());
        assert!(!load(&tree(&[good, "profiles:\n- nam: db\n"])).is_usable());
        let mut torn = tree(&[good]);
        torn.findings.push(Finding::error("SB002", "not text"));
        assert!(!load(&torn).is_usable());
    }

    #[test]
    fn a_set_that_declares_nothing_is_an_error() {
        for texts in [&[""][..], &["# only a comment\n", "profiles: []\n"]] {
            let loaded = load(&tree(texts));
            assert!(!loaded.is_usable(), "{texts:?}");
        }
    }
}
