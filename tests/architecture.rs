//! The rules of the house as tests: which layer may import which, how long a function and a file may be, where
//! `unsafe` and foreign crates may stand.
//!
//! Files are read as Rust (`syn` and its tokens), because a grep lies about comments, strings, groups and tests.
//! Every rule has a planted violation, so that none of them can pass by checking nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::Visit;

#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/literals.rs"]
mod literals;

/// A folder of `src` and what it may import of the others, bottom-up: the table of `src/lib.rs`.
const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("host", &["model"]),
    ("api", &["model"]),
    ("kinds", &["model", "host"]),
    ("manifest", &["model", "kinds"]),
    ("plan", &["model", "kinds"]),
    ("store", &["model"]),
    ("reconcile", &["model", "host", "kinds", "plan", "store"]),
    ("client", &["model", "api"]),
    ("remote", &["model", "api", "kinds", "plan", "client"]),
    ("watch", &["model", "host", "kinds", "manifest", "plan", "store"]),
    ("service", &["model", "host", "api", "kinds", "manifest", "plan", "store", "client"]),
    ("http", &["model", "host", "api", "kinds", "plan", "store", "client", "service"]),
    ("daemon", ALL_BELOW),
    ("cli", ALL_BELOW),
    ("main", &["cli"]),
];

/// Everything that stands above a layer in the table.
const ALL_BELOW: &[&str] = &["*"];

/// Crates that one part of the program keeps to itself, so that it can be exchanged.
const CONFINED: &[(&str, &[&str])] = &[
    ("rtnetlink", &["src/host/linux"]),
    ("rusqlite", &["src/store"]),
    ("openraft", &["src/store"]),
    ("axum", &["src/http", "src/daemon"]),
    ("clap", &["src/cli", "src/main.rs"]),
    ("granit_parser", &["src/manifest"]),
    ("ignore", &["src/manifest/files.rs", "src/watch/ignored.rs"]),
];

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 400;
/// A folder with more files than this is a pile: it wants rooms with names.
const FOLDER_FILES_MAX: usize = 22;
/// Folders that are a list by nature.
const LISTS: &[(&str, &str)] = &[("src/cli/command", "one file for each command")];

/// Files that need each other, each with the reason. The list may only shrink.
const CIRCLES: &[(&[&str], &str)] = &[
    (
        &["cli/arguments", "cli/command/completions", "cli/command/man"],
        "what describes the command line is a command of it",
    ),
    (
        &["cli/command/apply", "cli/command/plan", "cli/command/saved"],
        "plans are applied, and what is applied is planned",
    ),
    (&["daemon/context", "daemon/form/mod"], "the context carries out what forming asks of it"),
    (
        &["host/linux/storage/record", "host/linux/storage/site"],
        "a pool's record stands in its folder, whose state it tells",
    ),
    (
        &["kinds/registry/admit", "kinds/registry/check", "kinds/registry/kind", "kinds/registry/unknown_fields"],
        "the trait is checked by rules that ask the trait",
    ),
    (
        &["manifest/lint/dialect", "manifest/lint/overlap", "manifest/set/index", "manifest/set/object_set"],
        "rules across a set read the index that they fill",
    ),
    (
        &["manifest/schema/editor/keys", "manifest/schema/editor/text", "manifest/schema/editor/values"],
        "schemas of keys have texts, which name keys",
    ),
    (
        &["model/management", "model/object", "model/waves"],
        "an object has a rollout, whose progress is told of objects",
    ),
    (
        &[
            "plan/compute",
            "plan/diff/fields",
            "plan/diff/implied",
            "plan/diff/merge",
            "plan/diff/object",
            "plan/diff/placement",
            "plan/diff/projected",
            "plan/digest",
            "plan/impact/effect",
            "plan/impact/liveness",
            "plan/report",
            "plan/rollout",
            "plan/rules/grant",
            "plan/rules/lost",
            "plan/rules/order",
            "plan/rules/overlap",
            "plan/rules/ownership",
            "plan/rules/preconditions",
            "plan/rules/prune",
            "plan/rules/references",
        ],
        "types of a plan still stand beside what makes it",
    ),
    (
        &["reconcile/attempts", "reconcile/pass", "reconcile/status_update", "reconcile/work_queue"],
        "one loop in four files",
    ),
    (&["reconcile/commit_confirm", "reconcile/leader"], "one duty of the leader's loop"),
    (
        &[
            "service/access/password",
            "service/access/signature",
            "service/access/strangers",
            "service/access/tokens",
            "service/access/trust",
            "service/cluster/admission",
            "service/cluster/agreement",
            "service/cluster/configuration",
            "service/cluster/freshness",
            "service/cluster/join",
            "service/cluster/lifecycle",
            "service/cluster/removal",
            "service/cluster/shared_certificate",
            "service/objects/commit",
            "service/objects/records",
            "service/objects/trial",
            "service/operations",
            "service/peers/connections",
            "service/peers/fanout",
            "service/server",
        ],
        "`Server` owns its parts, and they take it whole",
    ),
    (
        &[
            "store/freshness",
            "store/inner",
            "store/raft/heartbeat",
            "store/raft/leadership",
            "store/raft/log_match",
            "store/raft/network",
            "store/read_index",
            "store/submit",
        ],
        "one actor: `inner` starts the tasks that work on it",
    ),
    (&["store/machine/apply", "store/machine/state_view"], "the state in memory is changed by what is applied to it"),
    (&["store/machine/mod", "store/raft/types"], "openraft is built with the state machine as one of its types"),
    (&["watch/survey", "watch/tree"], "a tree is looked at file by file"),
];

/// How often the name of a kind stands as text in files outside of `kinds/`; a field of that name counts, too. These
/// numbers may only shrink.
const KIND_LITERALS: &[(&str, usize)] = &[
    ("src/api/server.rs", 1),
    ("src/cli/command/adopt.rs", 1),
    ("src/cli/command/against/extensions.rs", 1),
    ("src/cli/command/against/lxd.rs", 25),
    ("src/cli/command/against/mod.rs", 1),
    ("src/cli/command/against/product.rs", 3),
    ("src/cli/command/apply.rs", 1),
    ("src/cli/command/cluster.rs", 2),
    ("src/cli/command/config.rs", 3),
    ("src/cli/command/drift.rs", 1),
    ("src/cli/command/export.rs", 1),
    ("src/cli/command/get.rs", 6),
    ("src/cli/command/noun/change.rs", 2),
    ("src/cli/command/noun/create.rs", 1),
    ("src/cli/command/noun/mod.rs", 2),
    ("src/cli/command/noun/shape.rs", 4),
    ("src/cli/command/source.rs", 1),
    ("src/cli/command/webhook.rs", 1),
    ("src/cli/sandbox/show.rs", 2),
    ("src/cli/status_view/mod.rs", 1),
    ("src/cli/status_view/notice.rs", 1),
    ("src/cli/status_view/render.rs", 1),
    ("src/cli/status_view/wire.rs", 1),
    ("src/daemon/form/join.rs", 5),
    ("src/daemon/form/leave.rs", 1),
    ("src/daemon/initial_records.rs", 3),
    ("src/daemon/sources/mod.rs", 2),
    ("src/daemon/sources/reader.rs", 1),
    ("src/daemon/webhooks/mod.rs", 2),
    ("src/daemon/webhooks/outbox.rs", 2),
    ("src/daemon/webhooks/watched_status.rs", 3),
    ("src/host/fake/storage.rs", 4),
    ("src/host/linux/storage/mod.rs", 1),
    ("src/host/linux/storage/record.rs", 3),
    ("src/host/linux/storage/site.rs", 1),
    ("src/http/internal/join.rs", 1),
    ("src/http/lxd/certificates.rs", 1),
    ("src/http/lxd/machine.rs", 2),
    ("src/http/lxd/objects.rs", 6),
    ("src/http/lxd/root.rs", 3),
    ("src/http/lxd/vacant.rs", 8),
    ("src/http/seedbed/drift.rs", 1),
    ("src/http/seedbed/metrics/figures.rs", 5),
    ("src/http/server/query.rs", 1),
    ("src/manifest/lint/dialect.rs", 6),
    ("src/manifest/lint/foreign.rs", 3),
    ("src/manifest/lint/overlap.rs", 2),
    ("src/manifest/lint/placeholder.rs", 1),
    ("src/manifest/lint/references.rs", 5),
    ("src/manifest/lint/semantic.rs", 7),
    ("src/manifest/load.rs", 1),
    ("src/manifest/schema/editor/mod.rs", 6),
    ("src/manifest/schema/json_schema.rs", 4),
    ("src/manifest/schema/validate.rs", 1),
    ("src/manifest/set/collect.rs", 3),
    ("src/manifest/set/formation.rs", 2),
    ("src/manifest/set/join.rs", 5),
    ("src/manifest/set/layers.rs", 4),
    ("src/manifest/set/member_config.rs", 4),
    ("src/manifest/set/object_set.rs", 2),
    ("src/manifest/yaml/diagnosis.rs", 1),
    ("src/manifest/yaml/emit/mod.rs", 3),
    ("src/model/desired.rs", 1),
    ("src/model/key.rs", 2),
    ("src/model/object.rs", 2),
    ("src/plan/compute.rs", 2),
    ("src/plan/diff/fields.rs", 1),
    ("src/plan/diff/implied.rs", 4),
    ("src/plan/diff/object.rs", 2),
    ("src/plan/diff/placement.rs", 2),
    ("src/plan/digest.rs", 1),
    ("src/plan/export.rs", 5),
    ("src/plan/impact/lockout.rs", 4),
    ("src/plan/lxd/define.rs", 1),
    ("src/plan/lxd/delete.rs", 6),
    ("src/plan/lxd/guard.rs", 3),
    ("src/plan/lxd/names.rs", 2),
    ("src/plan/lxd/profiles.rs", 2),
    ("src/plan/lxd/rename.rs", 7),
    ("src/plan/lxd/update.rs", 3),
    ("src/plan/read_set.rs", 14),
    ("src/plan/rollback/revert.rs", 3),
    ("src/plan/rules/constraints.rs", 3),
    ("src/plan/rules/grant.rs", 1),
    ("src/plan/rules/lost.rs", 1),
    ("src/plan/rules/overlap.rs", 2),
    ("src/plan/rules/ownership.rs", 1),
    ("src/plan/rules/prune.rs", 8),
    ("src/plan/rules/references.rs", 5),
    ("src/plan/rules/restricted.rs", 5),
    ("src/plan/select.rs", 1),
    ("src/reconcile/holds.rs", 1),
    ("src/reconcile/member.rs", 1),
    ("src/service/access/certificates.rs", 1),
    ("src/service/access/tokens.rs", 1),
    ("src/service/access/trust.rs", 7),
    ("src/service/cluster/admission.rs", 1),
    ("src/service/cluster/join.rs", 2),
    ("src/service/cluster/shared_certificate.rs", 4),
    ("src/service/events.rs", 2),
    ("src/service/interfaces.rs", 1),
    ("src/service/objects/change.rs", 6),
    ("src/service/objects/path.rs", 1),
    ("src/service/objects/view.rs", 5),
    ("src/service/ownership.rs", 1),
    ("src/service/sources.rs", 1),
    ("src/service/webhooks.rs", 1),
    ("src/store/log/mod.rs", 1),
];

/// One Rust file, read.
struct Source {
    /// From the top of the package: `src/kinds/registry/actuator.rs`.
    path: String,
    text: String,
    syntax: syn::File,
    tokens: TokenStream,
    /// First and last line of everything that only tests see.
    test_lines: Vec<(usize, usize)>,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let syntax = syn::parse_file(text).unwrap_or_else(|cause| panic!("{path}: {cause}"));
        let mut tests = TestItems::default();
        tests.visit_file(&syntax);
        let tokens = text.parse().unwrap_or_else(|cause| panic!("{path}: {cause}"));
        Self { path: path.to_owned(), text: text.to_owned(), syntax, tokens, test_lines: tests.lines }
    }

    fn is_test_line(&self, line: usize) -> bool {
        self.test_lines.iter().any(|(first, last)| (*first..=*last).contains(&line))
    }

    fn fault(&self, at: Span, what: &str) -> String {
        format!("{}:{}: {what}", self.path, at.start().line)
    }

    /// The modules that the file stands for: `src/kinds/network/mod.rs` is `["kinds", "network"]`.
    fn module(&self) -> Vec<String> {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path).trim_end_matches(".rs");
        let mut module: Vec<String> = inner.split('/').map(str::to_owned).collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
            module.pop();
        }
        module
    }
}

#[derive(Default)]
struct TestItems {
    lines: Vec<(usize, usize)>,
    /// Names of `#[cfg(test)] mod name;`, whose files are tests as a whole.
    files: Vec<String>,
}

impl<'ast> Visit<'ast> for TestItems {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if attributes(item).iter().any(is_cfg_test) {
            self.lines.push((item.span().start().line, item.span().end().line));
            if let syn::Item::Mod(module) = item
                && module.content.is_none()
            {
                self.files.push(module.ident.to_string());
            }
        }
        syn::visit::visit_item(self, item);
    }
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Mod(it) => &it.attrs,
        syn::Item::Fn(it) => &it.attrs,
        syn::Item::Use(it) => &it.attrs,
        syn::Item::Impl(it) => &it.attrs,
        syn::Item::Struct(it) => &it.attrs,
        _ => &[],
    }
}

fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
}

/// A path from the crate's root: its segments as far as they are names, and where it stands.
struct Import {
    segments: Vec<String>,
    at: Span,
}

/// Finds every path that starts at `crate`, or climbs there by `super`, also inside macros.
fn imports(source: &Source) -> Vec<Import> {
    let mut found = Vec::new();
    walk(&source.tokens.clone().into_iter().collect::<Vec<_>>(), &source.module(), &mut found);
    found
}

fn walk(tokens: &[TokenTree], module: &[String], found: &mut Vec<Import>) {
    let mut at = 0;
    while at < tokens.len() {
        if let Some(base) = path_start(tokens, at, module) {
            expand(tokens, base.next, base.segments, tokens[at].span(), found);
            at = base.next;
        } else if let TokenTree::Group(group) = &tokens[at] {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            match module_name(tokens, at) {
                Some(name) => walk(&inner, &[module, &[name]].concat(), found),
                None => walk(&inner, module, found),
            }
            at += 1;
        } else {
            at += 1;
        }
    }
}

struct PathStart {
    segments: Vec<String>,
    /// The token after `crate::` or the last `super::`.
    next: usize,
}

fn path_start(tokens: &[TokenTree], at: usize, module: &[String]) -> Option<PathStart> {
    let first = name_at(tokens, at)?;
    let follows = is_separator(tokens, at + 1);
    let after_dollar = at > 0 && is_punct(&tokens[at - 1], '$');
    match first.as_str() {
        "crate" if follows && !after_dollar => Some(PathStart { segments: Vec::new(), next: at + 3 }),
        "seedbed" if follows && module == ["main"] => Some(PathStart { segments: Vec::new(), next: at + 3 }),
        "super" if follows => {
            let (mut base, mut next) = (module.to_vec(), at);
            while name_at(tokens, next).is_some_and(|name| name == "super") && is_separator(tokens, next + 1) {
                base.pop();
                next += 3;
            }
            Some(PathStart { segments: base, next })
        }
        _ => None,
    }
}

/// Follows names, and groups into each of their branches.
fn expand(tokens: &[TokenTree], at: usize, mut segments: Vec<String>, span: Span, found: &mut Vec<Import>) {
    match tokens.get(at) {
        Some(TokenTree::Ident(name)) => {
            segments.push(name.to_string());
            if is_separator(tokens, at + 1) {
                expand(tokens, at + 3, segments, span, found);
            } else {
                found.push(Import { segments, at: span });
            }
        }
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            segments.push("{".to_owned());
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            for branch in inner.split(|token| is_punct(token, ',')).filter(|branch| !branch.is_empty()) {
                expand(branch, 0, segments.clone(), branch[0].span(), found);
            }
        }
        Some(_) | None => found.push(Import { segments: [segments, vec!["*".to_owned()]].concat(), at: span }),
    }
}

fn name_at(tokens: &[TokenTree], at: usize) -> Option<String> {
    match tokens.get(at) {
        Some(TokenTree::Ident(name)) => Some(name.to_string()),
        _ => None,
    }
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    tokens.len() > at + 1 && is_punct(&tokens[at], ':') && is_punct(&tokens[at + 1], ':')
}

fn module_name(tokens: &[TokenTree], at: usize) -> Option<String> {
    let name = name_at(tokens, at.checked_sub(1)?)?;
    (name_at(tokens, at.checked_sub(2)?)? == "mod").then_some(name)
}

/// A rule reads one file and names every place that breaks it.
type Rule = fn(&Source) -> Vec<String>;

fn layers_import_only_what_the_table_allows(source: &Source) -> Vec<String> {
    let module = source.module();
    let Some(layer) = module.first() else { return Vec::new() };
    let Some(place) = LAYERS.iter().position(|(name, _)| name == layer) else {
        return vec![format!("{}: `{layer}` is no layer of the table", source.path)];
    };
    let allowed = |name: &str| {
        name == layer
            || match LAYERS[place].1 {
                ALL_BELOW => LAYERS[..place].iter().any(|(below, _)| *below == name),
                named => named.contains(&name),
            }
    };
    let fault = |import: &Import| match import.segments.first().map(String::as_str) {
        Some("{" | "*") | None => Some("import each layer by a `use` of its own, not as a group".to_owned()),
        Some(name) if allowed(name) => None,
        Some(name) => Some(format!("`{layer}` may not import `{name}`")),
    };
    imports(source).iter().filter_map(|import| Some(source.fault(import.at, &fault(import)?))).collect()
}

fn kinds_refer_to_each_other_by_key_only(source: &Source) -> Vec<String> {
    let module = source.module();
    let Some(own) = kind_folder(source) else { return Vec::new() };
    let names_a_kind = |segments: &[String]| {
        let mut names = segments.iter().filter(|segment| *segment != "{");
        let is_kinds = names.next() == module.first();
        names.next().filter(|name| is_kinds && **name != own && is_kind_folder(name)).cloned()
    };
    imports(source)
        .iter()
        .filter_map(|import| {
            let other = names_a_kind(&import.segments)?;
            Some(source.fault(import.at, &format!("the kind `{own}` names the kind `{other}`: use its `Key`")))
        })
        .collect()
}

/// The rooms of `kinds` that belong to no kind.
const SHARED_BY_KINDS: [&str; 3] = ["records", "registry", "tables"];

/// The folder of the kind that a file belongs to.
fn kind_folder(source: &Source) -> Option<String> {
    let (folder, _) = source.path.strip_prefix("src/kinds/")?.split_once('/')?;
    (!SHARED_BY_KINDS.contains(&folder)).then(|| folder.to_owned())
}

/// Whether a module of `kinds` is a kind: a folder that declares a resource.
fn is_kind_folder(name: &str) -> bool {
    let declares = |file: &Path| fs::read_to_string(file).is_ok_and(|text| text.contains("Resource for"));
    files_under(&root().join("src/kinds").join(name)).iter().any(|file| declares(file))
}

fn crates_stay_where_the_table_confines_them(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, places) in CONFINED {
        let at_home = places.iter().any(|place| source.path.starts_with(place));
        let mut visit = |tokens: &[TokenTree], at: usize| {
            if name_at(tokens, at).is_some_and(|found| found == *name) && is_separator(tokens, at + 1) && !at_home {
                faults.push(source.fault(tokens[at].span(), &format!("`{name}` belongs to {}", places.join(", "))));
            }
        };
        every_token(&source.tokens, &mut visit);
    }
    faults
}

fn functions_are_short(source: &Source) -> Vec<String> {
    let mut lengths = Lengths::default();
    lengths.visit_file(&source.syntax);
    let long = lengths.found.iter().filter(|(_, _, lines)| *lines > FUNCTION_LINES_MAX);
    long.map(|(name, at, lines)| {
        source.fault(*at, &format!("`{name}` has {lines} lines, {FUNCTION_LINES_MAX} are allowed"))
    })
    .collect()
}

#[derive(Default)]
struct Lengths {
    found: Vec<(String, Span, usize)>,
}

impl Lengths {
    fn add(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let span = body.brace_token.span;
        let lines = (span.close().end().line - span.open().start().line).saturating_sub(1);
        self.found.push((signature.ident.to_string(), signature.ident.span(), lines));
    }
}

impl<'ast> Visit<'ast> for Lengths {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig, &function.block);
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
        syn::visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.add(&function.sig, body);
        }
        syn::visit::visit_trait_item_fn(self, function);
    }
}

fn files_are_short(source: &Source) -> Vec<String> {
    let lines = (1..=source.text.lines().count()).filter(|line| !source.is_test_line(*line)).count();
    match lines {
        0..=FILE_LINES_MAX => Vec::new(),
        _ => vec![format!("{}: {lines} lines, {FILE_LINES_MAX} are allowed: split it by type", source.path)],
    }
}

fn files_say_why_they_exist(source: &Source) -> Vec<String> {
    match source.text.starts_with("//! ") {
        true => Vec::new(),
        false => vec![format!("{}: start with `//!` and why the file exists", source.path)],
    }
}

fn nothing_unwraps_outside_tests(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    every_token(&source.tokens, &mut |tokens, at| {
        let calls =
            name_at(tokens, at).is_some_and(|name| name == "unwrap") && at > 0 && is_punct(&tokens[at - 1], '.');
        if calls && !source.is_test_line(tokens[at].span().start().line) {
            faults.push(source.fault(tokens[at].span(), "`unwrap()`: handle it, or `expect(\"why it cannot fail\")`"));
        }
    });
    faults
}

fn unsafe_code_stays_in_the_linux_host(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    every_token(&source.tokens, &mut |tokens, at| {
        if name_at(tokens, at).is_some_and(|name| name == "unsafe") && !source.path.starts_with("src/host/linux/") {
            faults.push(source.fault(tokens[at].span(), "`unsafe` outside of src/host/linux"));
        }
    });
    faults
}

fn lints_are_expected_never_allowed(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    every_token(&source.tokens, &mut |tokens, at| {
        if let TokenTree::Group(group) = &tokens[at]
            && group.delimiter() == Delimiter::Bracket
            && at > 0
            && (is_punct(&tokens[at - 1], '#') || is_punct(&tokens[at - 1], '!'))
            && matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(name)) if name == "allow")
        {
            faults.push(source.fault(group.span(), "`#[allow]` outlives its cause: use `#[expect(lint, reason)]`"));
        }
    });
    faults
}

/// A test that does nothing says so through `skip`, which fails where everything is to run. What nobody's CI has to have
/// is left out: the recorded answers of other products, and a collection of files that is not part of the project.
fn tests_skip_in_one_place(source: &Source) -> Vec<String> {
    const EXCEPT: [&str; 4] = ["src/host/skip.rs", "tests/architecture.rs", "tests/oracle/main.rs", "tests/corpus.rs"];
    let says_so = |(_, line): &(usize, &str)| line.contains("println!(\"skipped");
    let lines = source.text.lines().enumerate().filter(says_so);
    let lines = lines.filter(|_| !EXCEPT.contains(&source.path.as_str()));
    lines.map(|(at, _)| format!("{}:{}: a test that cannot run calls `skip`", source.path, at + 1)).collect()
}

fn every_token(tokens: &TokenStream, visit: &mut dyn FnMut(&[TokenTree], usize)) {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    for at in 0..tokens.len() {
        visit(&tokens, at);
        if let TokenTree::Group(group) = &tokens[at] {
            every_token(&group.stream(), visit);
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries.map(|entry| entry.expect("a readable folder").path()) {
        match entry.is_dir() {
            true => files.extend(files_under(&entry)),
            false if entry.extension().is_some_and(|extension| extension == "rs") => files.push(entry),
            false => {}
        }
    }
    files
}

fn sources(folder: &str) -> Vec<Source> {
    let name = |file: &Path| file.strip_prefix(root()).expect("a file of the package").display().to_string();
    let read = |file: &PathBuf| Source::new(&name(file), &fs::read_to_string(file).expect("a readable file"));
    files_under(&root().join(folder)).iter().map(read).collect()
}

/// The files of `#[cfg(test)] mod tests;`, which only tests see.
fn test_files(sources: &[Source]) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for source in sources {
        let mut tests = TestItems::default();
        tests.visit_file(&source.syntax);
        let folder = source.module().join("/");
        paths.extend(tests.files.iter().map(|name| format!("src/{folder}/{name}.rs").replace("//", "/")));
    }
    paths
}

/// Every place of every source that breaks one of the rules.
fn faults(rules: &[Rule], sources: &[&Source]) -> Vec<String> {
    rules.iter().flat_map(|rule| sources.iter().flat_map(|source| rule(source))).collect()
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{} places break the rules:\n{}", faults.len(), faults.join("\n"));
}

/// Rules for everything below `src`.
const OF_SOURCES: &[Rule] = &[
    layers_import_only_what_the_table_allows,
    kinds_refer_to_each_other_by_key_only,
    crates_stay_where_the_table_confines_them,
    unsafe_code_stays_in_the_linux_host,
];

/// Rules for what is shipped: `src` without its tests.
const OF_PRODUCT: &[Rule] = &[files_are_short, nothing_unwraps_outside_tests];

/// Rules for all Rust code, tests included.
const OF_ALL: &[Rule] =
    &[functions_are_short, files_say_why_they_exist, lints_are_expected_never_allowed, tests_skip_in_one_place];

#[test]
fn the_sources_keep_the_rules() {
    let sources = sources("src");
    assert!(sources.len() > 10, "found only {} files: the rules would hold for nothing", sources.len());
    let tests = test_files(&sources);
    let all: Vec<&Source> = sources.iter().collect();
    let product: Vec<&Source> = sources.iter().filter(|source| !tests.contains(&source.path)).collect();
    assert_none(&[faults(OF_SOURCES, &all), faults(OF_ALL, &all), faults(OF_PRODUCT, &product)].concat());
}

#[test]
fn the_tests_keep_the_rules() {
    let (tests, vendored) = (sources("tests"), sources("vendor"));
    let all: Vec<&Source> = tests.iter().chain(&vendored).collect();
    assert_none(&faults(OF_ALL, &all));
}

#[test]
fn the_table_has_every_folder_of_the_sources() {
    for entry in fs::read_dir(root().join("src")).expect("the sources") {
        let name = entry.expect("an entry").file_name().display().to_string();
        let layer = name.trim_end_matches(".rs");
        assert!(layer == "lib" || LAYERS.iter().any(|(known, _)| *known == layer), "`src/{name}` is no layer");
    }
}

#[test]
fn the_table_is_bottom_up() {
    for (place, (layer, imports)) in LAYERS.iter().enumerate() {
        let below = |name: &str| LAYERS[..place].iter().any(|(known, _)| *known == name);
        let upward: Vec<_> = imports.iter().filter(|name| **name != "*" && !below(name)).collect();
        assert!(upward.is_empty(), "`{layer}` imports {upward:?}, which stand above it");
    }
}

#[test]
fn no_folder_is_a_pile() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for source in sources("src") {
        let folder = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        *counts.entry(folder.to_owned()).or_default() += 1;
    }
    let is_list = |folder: &str| LISTS.iter().any(|(list, _)| *list == folder);
    let piles: Vec<_> =
        counts.into_iter().filter(|(folder, count)| *count > FOLDER_FILES_MAX && !is_list(folder)).collect();
    assert!(piles.is_empty(), "more than {FOLDER_FILES_MAX} files: {piles:?}");
}

#[test]
fn files_need_each_other_only_where_the_list_says_why() {
    let sources = sources("src");
    let tests = test_files(&sources);
    let product: Vec<&Source> = sources.iter().filter(|source| !tests.contains(&source.path)).collect();
    let found: BTreeSet<BTreeSet<String>> = circles::circles(&product).into_iter().collect();
    let listed: BTreeSet<BTreeSet<String>> =
        CIRCLES.iter().map(|(files, _)| files.iter().map(|file| format!("src/{file}.rs")).collect()).collect();
    let new: Vec<_> = found.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(new.is_empty() && gone.is_empty(), "new circles: {new:#?}\nlisted and gone (take them out): {gone:#?}");
}

#[test]
fn circles_are_found_through_what_modules_pass_on() {
    let files = [
        Source::new("src/plan/mod.rs", "//! M.\nmod a;\nmod b;\npub use b::B;"),
        Source::new("src/plan/a.rs", "//! A.\nuse super::B;\npub struct A;"),
        Source::new("src/plan/b.rs", "//! B.\npub struct B;\nfn f() -> super::a::A { super::a::A }"),
        Source::new("src/plan/c.rs", "//! C.\nuse super::B;"),
    ];
    let names = |circle: &BTreeSet<String>| circle.iter().cloned().collect::<Vec<_>>().join(" ");
    let found: Vec<_> = circles::circles(&files.iter().collect::<Vec<_>>()).iter().map(names).collect();
    assert_eq!(found, ["src/plan/a.rs src/plan/b.rs"]);
}

#[test]
fn the_names_of_kinds_stand_in_their_folders() {
    let kinds: Vec<&str> = seedbed::kinds::ALL.iter().map(|kind| kind.words().kind).collect();
    let sources = sources("src");
    let tests = test_files(&sources);
    let is_test = |path: &str| path.contains("/tests/") || tests.contains(path);
    let outside = sources.iter().filter(|it| !it.path.starts_with("src/kinds/") && !is_test(&it.path));
    let found: BTreeMap<&str, usize> = outside
        .map(|source| (source.path.as_str(), literals::kind_literals(source, &kinds)))
        .filter(|(_, count)| *count > 0)
        .collect();
    let listed: BTreeMap<&str, usize> = KIND_LITERALS.iter().copied().collect();
    let wrong: Vec<_> = found
        .keys()
        .chain(listed.keys())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .map(|path| (*path, found.get(path).copied().unwrap_or(0), listed.get(path).copied().unwrap_or(0)))
        .filter(|(_, found, listed)| found != listed)
        .collect();
    assert!(
        wrong.is_empty(),
        "(file, names of kinds in it, allowed): let the trait of kinds say it instead: {wrong:#?}"
    );
}

#[test]
fn a_literal_kind_is_counted() {
    let count =
        |text: &str| literals::kind_literals(&Source::new("src/plan/planted.rs", text), &["network", "profile"]);
    assert_eq!(count("fn f(k: &str) -> bool { matches!(k, \"network\" | \"profile\") }"), 2);
    assert_eq!(
        count("fn f() { log(\"the network is up\") }\n#[cfg(test)]\nmod tests { const K: &str = \"network\"; }"),
        0
    );
}

/// A file that breaks one rule once, or keeps it: path, text, number of faults.
fn planted(rule: Rule, path: &str, text: &str) -> usize {
    rule(&Source::new(path, text)).len()
}

#[test]
fn upward_imports_are_caught() {
    let rule: Rule = layers_import_only_what_the_table_allows;
    for (path, text, faults) in [
        ("src/model/key.rs", "use crate::store::Store;", 1),
        ("src/model/key.rs", "use super::super::store::Store;", 1),
        ("src/model/key.rs", "use crate::{store, kinds};", 2),
        ("src/model/key.rs", "use crate::*;", 1),
        ("src/model/mod.rs", "fn f() { let x = vec![crate::http::serve()]; }", 1),
        ("src/store/apply.rs", "mod tests { use super::super::super::kinds::Kind; }", 1),
        ("src/store/apply.rs", "mod tests { use super::super::log::Log; }", 0),
        ("src/plan/mod.rs", "use crate::kinds::{self, Kind};\nuse crate::model::Key;", 0),
        ("src/store/mod.rs", "// use crate::kinds;\nfn f() -> &'static str { \"crate::kinds\" }", 0),
        ("src/model/mod.rs", "macro_rules! m { () => { $crate::model::Key }; }", 0),
        ("src/main.rs", "use seedbed::store::Store;", 1),
        ("src/main.rs", "fn main() { seedbed::cli::run() }", 0),
        ("src/daemon/run.rs", "use crate::http::router;", 0),
        ("src/http/mod.rs", "use crate::daemon::run;", 1),
        ("src/pool/mod.rs", "", 1),
    ] {
        assert_eq!(planted(rule, path, text), faults, "{path}: {text}");
    }
}

#[test]
fn a_kind_that_names_another_is_caught() {
    let rule: Rule = kinds_refer_to_each_other_by_key_only;
    let kind = "storage_pool";
    assert!(is_kind_folder(kind) && !is_kind_folder("kind"), "kinds are not told from their helpers");
    for (text, faults) in [
        (format!("use super::super::{kind}::Spec;"), 1),
        (format!("use crate::kinds::{{Resource, {kind}}};"), 1),
        (format!("use crate::kinds::{kind}::Spec;"), 1),
        ("use super::super::kind::Resource;\nuse super::Spec;".to_owned(), 0),
    ] {
        assert_eq!(planted(rule, "src/kinds/planted/node.rs", &text), faults, "{text}");
    }
    assert_eq!(planted(rule, &format!("src/kinds/{kind}/node.rs"), &format!("use crate::kinds::{kind}::Spec;")), 0);
}

#[test]
fn other_violations_are_caught() {
    let long_function = format!("fn f() {{\n{}}}", "g();\n".repeat(FUNCTION_LINES_MAX + 1));
    let full_function = format!("fn f() {{\n{}}}", "g();\n".repeat(FUNCTION_LINES_MAX));
    let long_method = format!("impl A {{ fn f() {{\n{}}} }}", "g();\n".repeat(FUNCTION_LINES_MAX + 1));
    let long_file = "const A: u8 = 1;\n".repeat(FILE_LINES_MAX + 1);
    let long_tests = format!("#[cfg(test)]\nmod tests {{\n{long_file}}}");
    let cases: &[(Rule, &str, usize)] = &[
        (functions_are_short, &long_function, 1),
        (functions_are_short, &full_function, 0),
        (functions_are_short, &long_method, 1),
        (files_are_short, &long_file, 1),
        (files_are_short, &long_tests, 0),
        (files_say_why_they_exist, "use std::fmt;", 1),
        (files_say_why_they_exist, "//! Because.", 0),
        (tests_skip_in_one_place, "fn f() { println!(\"skipped: no root\"); }", 1),
        (nothing_unwraps_outside_tests, "fn f() { g().unwrap(); }", 1),
        (nothing_unwraps_outside_tests, "fn f() { m!(g().unwrap()); }", 1),
        (nothing_unwraps_outside_tests, "fn f() { g().unwrap_or(1); } // .unwrap()", 0),
        (nothing_unwraps_outside_tests, "#[cfg(test)]\nmod tests { fn f() { g().unwrap(); } }", 0),
        (unsafe_code_stays_in_the_linux_host, "fn f() { unsafe { g() } }", 1),
        (lints_are_expected_never_allowed, "#[allow(dead_code)]\nfn f() {}", 1),
        (lints_are_expected_never_allowed, "#![allow(dead_code)]", 1),
        (lints_are_expected_never_allowed, "#[expect(dead_code, reason = \"planted\")]\nfn f() {}", 0),
        (crates_stay_where_the_table_confines_them, "use rusqlite::Connection;", 1),
        (crates_stay_where_the_table_confines_them, "fn f(x: &axum::Router) {}", 1),
    ];
    for (rule, text, faults) in cases {
        assert_eq!(planted(*rule, "src/model/planted.rs", text), *faults, "{text}");
    }
    assert_eq!(planted(unsafe_code_stays_in_the_linux_host, "src/host/linux/mount.rs", "unsafe fn f() {}"), 0);
    assert_eq!(planted(crates_stay_where_the_table_confines_them, "src/store/log.rs", "use rusqlite::Row;"), 0);
}
