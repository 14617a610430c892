//! Sources: where manifests come from by themselves, a directory of one member or a git repository.

mod address;
mod status;
mod trust;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::registry::field::lenient;
use super::registry::kind::{Need, Resource, Words};
use super::registry::problem::Problem;
use super::registry::unknown_fields::Unknown;
use super::tables::{key_table, value};
use crate::model::{Canary, Config, Heal, Key, MemberName, Rollout, Timestamp};

pub use status::{Condition, Reason, SourceStatus, Standing};

/// The kind.
pub struct Source;

/// How often a source is looked at when it does not say: no notification tells of a commit elsewhere.
const INTERVAL_MS: u64 = 30_000;
/// More deletions at once than this are taken for a mistake.
pub const DELETES_MAX: usize = 10;
/// Faster than this is load without use.
const INTERVAL_MS_MIN: u64 = 1_000;

/// Where manifests come from: a directory (`path`) or a git repository (`git`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "source")]
pub struct SourceSpec {
    /// Free text.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// `user.*` keys.
    #[serde(default, deserialize_with = "lenient")]
    pub config: Config,
    /// A directory or a file of the member that reads it, as an absolute path.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The member that reads `path`; the leader reads `git`.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub member: String,
    /// The address of a git repository: https, ssh or file.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub git: String,
    /// The branch or tag; the repository's own default when it is left out.
    #[serde(default, rename = "ref", deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// Whose signatures a commit needs: the text of an allowed signers file, as ssh-keygen reads it.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub verify: String,
    /// Directories below `path` or of the repository, the base first; a later one changes objects of those before it.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<String>,
    /// What `${NAME}` stands for in values. Without this map `${` is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variables: Option<BTreeMap<String, String>>,
    /// Whether its manifests may have keys that run programs, write files or let somebody in, such as `raw.*`.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "std::ops::Not::not")]
    pub raw: bool,
    /// Whether secrets may be given as `exec:PROGRAM …`, which runs as root on whichever member reads; it may then do
    /// all that `raw` allows.
    #[serde(default, deserialize_with = "lenient")]
    pub exec: bool,
    /// A directory of the member that reads, as an absolute path: secrets may be given as `file:` below it.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub secrets_dir: String,
    /// The variables of the daemon's environment that secrets may be given as: `env:NAME`.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// How often to look without being told of a change, such as 30s or 5m.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub interval: String,
    /// Leaves keys alone that an earlier revision set and this one does not.
    #[serde(default, deserialize_with = "lenient")]
    pub merge: bool,
    /// Deletes what it has applied and declares no more. What is in use, protected or may hold data stays.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "std::ops::Not::not")]
    pub prune: bool,
    /// Nothing of a set is applied when it would delete more objects than this; 10 when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_deletes: Option<u32>,
    /// When it is false, members only tell what has changed of its objects on their hosts, and put nothing back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heal: Option<bool>,
    /// In which order members take up what changes, such as `node1,25%`; all at once when it is left out.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub canary: String,
    /// With `canary`: how many members may fail before no other one begins; none when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_failures: Option<u32>,
    /// Nothing is applied before this moment, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_until: Option<Timestamp>,
    /// What a newer version has stored beside these.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: Unknown,
}

impl SourceSpec {
    /// Whether its manifests may hold what runs programs, writes files or lets somebody in.
    pub fn may_be_raw(&self) -> bool {
        // Whoever runs programs needs no key for anything.
        self.raw || self.exec
    }

    /// Whether members put back what changes of its objects on their hosts.
    pub fn heal(&self) -> Heal {
        if self.heal == Some(false) { Heal::Off } else { Heal::On }
    }

    /// How many objects one set may delete; `None` when it deletes none.
    pub fn deletes_max(&self) -> Option<usize> {
        let max = self.max_deletes.and_then(|max| usize::try_from(max).ok()).unwrap_or(DELETES_MAX);
        self.prune.then_some(max)
    }

    /// In which order members take up what changes; `None` for all at once.
    pub fn canary(&self) -> Option<Canary> {
        let max_failures = self.max_failures.and_then(|max| usize::try_from(max).ok()).unwrap_or(0);
        (!self.canary.is_empty()).then(|| Canary { waves: self.canary.clone(), max_failures })
    }

    /// How often to look, in milliseconds.
    pub fn interval_ms(&self) -> u64 {
        duration_ms(&self.interval).unwrap_or(INTERVAL_MS).max(INTERVAL_MS_MIN)
    }

    /// Where it leads, in words.
    pub fn shown(&self) -> String {
        match (self.git.as_str(), self.reference.as_str()) {
            ("", _) if self.member.is_empty() => self.path.clone(),
            ("", _) => format!("{}:{}", self.member, self.path),
            (git, "") => git.to_owned(),
            (git, reference) => format!("{git} {reference}"),
        }
    }
}

impl Resource for Source {
    type Spec = SourceSpec;

    const WORDS: Words =
        Words { kind: "source", section: "sources", collection: "sources", noun: "source", spoken: "source" };
    const ROLLOUT: Rollout = Rollout::RecordOnly;
    const NAMES: &'static [&'static str] = &[Key::MEMBER];

    fn entities(&self, _: &SourceSpec) -> Vec<&'static str> {
        Vec::new()
    }

    fn check(&self, key: &Key, spec: &SourceSpec, _: &BTreeMap<MemberName, Config>) -> Vec<Problem> {
        let mut problems = Vec::new();
        // The name is a directory's, too.
        if let Some(fault) = value::path_name_fault(&key.name) {
            problems.push(Problem::at_value(
                "SB018",
                &["name"],
                format!("`{}` cannot name a source: {fault}", key.name),
            ));
        }
        match (spec.path.as_str(), spec.git.as_str()) {
            ("", "") => problems.push(Problem::at_key("SB103", &[], "this source needs `path` or `git`")),
            ("", git) => problems.extend(git_problems(spec, git)),
            (path, "") => problems.extend(path_problems(spec, path)),
            _ => problems.push(Problem::at_key("SB023", &["git"], "a source has a `path` or a `git`, not both")),
        }
        problems.extend(layer_problems(&spec.layers));
        problems.extend(secret_problems(spec));
        problems.extend(variable_problems(spec.variables.iter().flatten()));
        if !spec.interval.is_empty() && duration_ms(&spec.interval).is_none() {
            let text = format!("`{}` is no interval: write 30s, 5m or 1h", spec.interval);
            problems.push(Problem::at_value("SB020", &["interval"], text));
        }
        problems
    }

    fn owner<'k>(&self, key: &'k Key) -> Option<&'k str> {
        Some(&key.name)
    }

    fn beyond_sources(&self, old: Option<&SourceSpec>, new: &SourceSpec) -> Vec<Problem> {
        trust::beyond_sources(old, new)
    }

    fn needs(&self, _: &Key, spec: &SourceSpec) -> Vec<Need> {
        let member = Some(&spec.member).filter(|member| !member.is_empty());
        member.map(|member| Need::if_managed(Key::new(Key::MEMBER, member), &["member"])).into_iter().collect()
    }
}

fn layer_problems(layers: &[String]) -> Vec<Problem> {
    let is_below =
        |layer: &str| !layer.is_empty() && !layer.starts_with('/') && !layer.split('/').any(|step| step == "..");
    let bad = layers.iter().enumerate().filter(|(_, layer)| !is_below(layer));
    let problem = |(index, layer): (usize, &String)| {
        let text = format!("`{layer}` is no directory below the source");
        Problem::at_value("SB020", &["layers", &index.to_string()], text)
    };
    bad.map(problem).collect()
}

fn variable_problems<'a>(variables: impl Iterator<Item = (&'a String, &'a String)>) -> Vec<Problem> {
    let secret = variables.filter(|(name, _)| key_table::is_secret_key(&name.to_lowercase()));
    let problem = |(name, _): (&String, &String)| {
        let text = format!("the variable `{name}` would be stored and shown as it is written");
        Problem::at_key("SB192", &["variables", name], text)
            .helping("give the secret by reference where it is used: env:NAME, file:/path or exec:PROGRAM")
    };
    secret.map(problem).collect()
}

fn secret_problems(spec: &SourceSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !spec.secrets_dir.is_empty() && !spec.secrets_dir.starts_with('/') {
        let text = format!("`{}` is no absolute path: a daemon has no other", spec.secrets_dir);
        problems.push(Problem::at_value("SB020", &["secrets_dir"], text));
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name =
        |name: &str| !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(is_part);
    let bad = spec.env.iter().enumerate().filter(|(_, name)| !is_name(name));
    problems.extend(bad.map(|(index, name)| {
        let text = format!("`{name}` is no name of a variable of the environment");
        Problem::at_value("SB020", &["env", &index.to_string()], text)
    }));
    problems
}

fn path_problems(spec: &SourceSpec, path: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !path.starts_with('/') {
        let text = format!("`{path}` is no absolute path: a daemon has no other");
        problems.push(Problem::at_value("SB020", &["path"], text));
    }
    let useless = [("ref", &spec.reference), ("verify", &spec.verify)].into_iter().filter(|(_, text)| !text.is_empty());
    problems.extend(
        useless.map(|(field, _)| Problem::at_key("SB023", &[field], format!("`{field}` has no meaning without `git`"))),
    );
    problems
}

fn git_problems(spec: &SourceSpec, git: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(fault) = address::fault(git) {
        problems.push(Problem::at_value("SB020", &["git"], format!("this repository cannot be read: {fault}")));
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '+');
    if spec.reference.starts_with('-') || !spec.reference.chars().all(is_plain) || spec.reference.contains("..") {
        let text = format!("`{}` names no branch or tag", spec.reference);
        problems.push(Problem::at_value("SB020", &["ref"], text));
    }
    if !spec.member.is_empty() {
        problems.push(Problem::at_key("SB023", &["member"], "`member` has no meaning with `git`: the leader reads it"));
    }
    problems
}

/// `30s`, `5m`, `1h`, `500ms`, in milliseconds.
fn duration_ms(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let each = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(each)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(spec: SourceSpec) -> Vec<String> {
        let found = Resource::check(&Source, &Key::new("source", "site"), &spec, &BTreeMap::new());
        found.into_iter().map(|problem| problem.message).collect()
    }

    fn git(address: &str) -> SourceSpec {
        SourceSpec { git: address.to_owned(), ..SourceSpec::default() }
    }

    #[test]
    fn a_source_is_a_directory_or_a_repository() {
        assert_eq!(messages(SourceSpec::default()), ["this source needs `path` or `git`"]);
        let both = SourceSpec { path: "/etc".to_owned(), ..git("https://git.example/site") };
        assert_eq!(messages(both), ["a source has a `path` or a `git`, not both"]);
        let path = SourceSpec { path: "etc".to_owned(), verify: "x".to_owned(), ..SourceSpec::default() };
        assert_eq!(
            messages(path),
            ["`etc` is no absolute path: a daemon has no other", "`verify` has no meaning without `git`"]
        );
    }

    #[test]
    fn addresses_that_could_run_something_or_hold_a_secret_are_refused() {
        for good in
            ["https://git.example/site.git", "ssh://git@git.example/site", "git@git.example:site", "file:///srv/site"]
        {
            assert_eq!(messages(git(good)), [""; 0], "{good}");
        }
        for bad in [
            "ext::sh -c id",
            "-oProxyCommand=x:y",
            "http://git.example/site",
            "https://me:sekret@git.example/site",
            "https://token@git.example/site",
            "ssh://-oProxyCommand=id/site",
            "/etc",
            "../x",
            "site",
            "--upload-pack=id",
            "file://../x",
            "file://host/x",
            "file:///srv/../etc",
            "https:///site",
            "https://git.example/a\nb",
            "git@git.example:a\0b",
            "git@git.example:a b",
            "https://git.example/\u{202e}x",
            "git@-oProxyCommand=id:x",
        ] {
            let found = messages(git(bad));
            assert_eq!(found.len(), 1, "{bad}");
            assert!(!found[0].contains("sekret") && !found[0].contains("token@"), "{found:?}");
        }
    }

    #[test]
    fn a_reference_is_a_name_and_no_option() {
        for bad in ["--upload-pack=id", "a b", "a..b"] {
            assert_eq!(messages(SourceSpec { reference: bad.to_owned(), ..git("file:///x") }).len(), 1, "{bad}");
        }
        assert_eq!(messages(SourceSpec { reference: "release/1.2".to_owned(), ..git("file:///x") }), [""; 0]);
    }

    #[test]
    fn layers_lie_below_and_variables_are_no_secrets() {
        let layers = ["base", "../other", "/etc"].map(str::to_owned).to_vec();
        let variables =
            [("POOL", "data"), ("DB_PASSWORD", "sekret")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let found = messages(SourceSpec { layers, variables: Some(variables.into()), ..git("file:///x") });
        assert_eq!(
            found,
            [
                "`../other` is no directory below the source",
                "`/etc` is no directory below the source",
                "the variable `DB_PASSWORD` would be stored and shown as it is written",
            ]
        );
    }

    #[test]
    fn intervals_have_a_unit_and_a_least() {
        let interval = |text: &str| SourceSpec { interval: text.to_owned(), ..SourceSpec::default() }.interval_ms();
        assert_eq!([interval(""), interval("5m"), interval("10ms")], [30_000, 300_000, 1_000]);
        assert_eq!(duration_ms("30"), None);
    }
}
