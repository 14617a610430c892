//! What of a source is for people alone: what it was given, where it reads while it has that, and whose signatures it
//! asks for. A source could otherwise hand on, or redirect, what a person gave to another one.

use std::collections::BTreeSet;

use super::SourceSpec;
use crate::kinds::registry::problem::Problem;

/// Why no source may make `new` out of `old`.
pub fn beyond_sources(old: Option<&SourceSpec>, new: &SourceSpec) -> Vec<Problem> {
    let nothing = SourceSpec::default();
    let before = old.unwrap_or(&nothing);
    let mut problems: Vec<Problem> = granted(before, new).into_iter().map(|field| refuse(field, GIVES)).collect();
    if has_any(new) {
        problems.extend(redirected(before, new).into_iter().map(|field| refuse(field, REDIRECTS)));
    }
    if is_weaker(&before.verify, &new.verify) {
        problems.push(refuse("verify", WEAKENS));
    }
    problems
}

const GIVES: &str = "would give a source what only a person may give it";
const REDIRECTS: &str = "would have a source read elsewhere that a person has given rights to";
const WEAKENS: &str = "would let commits in that nobody has signed whom a person has named";

fn refuse(field: &str, what: &str) -> Problem {
    Problem::at_value("SB194", &[field], format!("`{field}` {what}"))
        .helping("apply this one by hand: seedbed apply FILE")
}

/// The rights that `new` has and `old` has not.
fn granted(old: &SourceSpec, new: &SourceSpec) -> Vec<&'static str> {
    let is_more = [
        ("raw", new.raw && !old.raw),
        ("exec", new.exec && !old.exec),
        ("secrets_dir", !new.secrets_dir.is_empty() && new.secrets_dir != old.secrets_dir),
        ("env", new.env.iter().any(|name| !old.env.contains(name))),
    ];
    is_more.into_iter().filter(|(_, is_more)| *is_more).map(|(field, _)| field).collect()
}

fn has_any(spec: &SourceSpec) -> bool {
    spec.may_be_raw() || !spec.secrets_dir.is_empty() || !spec.env.is_empty()
}

/// The fields in which another content would come in.
fn redirected(old: &SourceSpec, new: &SourceSpec) -> Vec<&'static str> {
    let differs = [
        ("path", old.path != new.path),
        ("member", old.member != new.member),
        ("git", old.git != new.git),
        ("ref", old.reference != new.reference),
        ("verify", old.verify != new.verify),
        ("layers", old.layers != new.layers),
        ("variables", old.variables != new.variables),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
}

/// Whether `new` takes a commit that `old` does not.
fn is_weaker(old: &str, new: &str) -> bool {
    let lines = |text: &str| {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let (old, new) = (lines(old), lines(new));
    !old.is_empty() && (new.is_empty() || !new.is_subset(&old))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ops() -> SourceSpec {
        SourceSpec { git: "file:///a".to_owned(), exec: true, ..SourceSpec::default() }
    }

    fn fields(old: Option<&SourceSpec>, new: &SourceSpec) -> Vec<String> {
        beyond_sources(old, new).into_iter().map(|problem| problem.path.join(".")).collect()
    }

    #[test]
    fn a_source_gives_nothing_and_leaves_what_was_given_where_it_was() {
        assert_eq!(fields(None, &ops()), ["exec", "git"]);
        assert_eq!(fields(Some(&ops()), &ops()), [""; 0]);
        let elsewhere = SourceSpec { git: "file:///b".to_owned(), ..ops() };
        assert_eq!(fields(Some(&ops()), &elsewhere), ["git"]);
        let branch = SourceSpec { reference: "evil".to_owned(), layers: vec!["x".to_owned()], ..ops() };
        assert_eq!(fields(Some(&ops()), &branch), ["ref", "layers"]);
        let dropped = SourceSpec { exec: false, ..elsewhere };
        assert_eq!(fields(Some(&ops()), &dropped), [""; 0], "what it was given is gone, and so is the danger");
        let plain = SourceSpec { exec: false, ..ops() };
        let given = |spec: SourceSpec| fields(Some(&plain), &spec);
        assert_eq!(given(SourceSpec { raw: true, ..plain.clone() }), ["raw"]);
        assert_eq!(given(SourceSpec { secrets_dir: "/run".to_owned(), ..plain.clone() }), ["secrets_dir"]);
        assert_eq!(given(SourceSpec { env: vec!["PW".to_owned()], ..plain.clone() }), ["env"]);
        assert_eq!(given(SourceSpec { description: "x".to_owned(), ..plain.clone() }), [""; 0]);
    }

    #[test]
    fn signers_become_fewer_and_never_more_or_none() {
        let with = |verify: &str| SourceSpec { verify: verify.to_owned(), exec: false, ..ops() };
        let both = with("a ssh-ed25519 AAA\nb ssh-ed25519 BBB\n");
        let (one, other) = (with("a ssh-ed25519 AAA\n"), with("c ssh-ed25519 CCC\n"));
        assert_eq!(fields(Some(&both), &one), [""; 0]);
        assert_eq!(fields(Some(&with("")), &one), [""; 0]);
        for weaker in [with(""), with("# nobody\n"), other] {
            assert_eq!(fields(Some(&one), &weaker), ["verify"]);
        }
        assert_eq!(fields(Some(&one), &both), ["verify"]);
        let path = SourceSpec { git: String::new(), path: "/x".to_owned(), ..with("") };
        assert_eq!(fields(Some(&one), &path), ["verify"]);
    }
}
