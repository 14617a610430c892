//! The names of kinds as text: whoever tests a literal kind outside of `kinds/` knows something that its folder should
//! say. What is left of that is counted, file by file, and may only shrink.

use proc_macro2::TokenTree;

use super::{Source, every_token};

/// The names in a file that are names of kinds, tests left out.
pub fn kind_literals(source: &Source, kinds: &[&str]) -> usize {
    let mut count = 0;
    every_token(&source.tokens, &mut |tokens, at| {
        if let TokenTree::Literal(literal) = &tokens[at]
            && let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string())
            && kinds.contains(&text.value().as_str())
            && !source.is_test_line(literal.span().start().line)
        {
            count += 1;
        }
    });
    count
}
