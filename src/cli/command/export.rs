//! `seedbed export`: the stored state as a manifest, which changes nothing when it is planned.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::json;

use super::noun;
use crate::api::ObjectsReply;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::input::plural;
use crate::cli::session::{Session, failure};
use crate::kinds::tables::key_table;
use crate::kinds::{self, Kind};
use crate::manifest::{self, Frame, Options, Source, emit};
use crate::model::{ClusterState, Key, Object, Phase, Rollout, printable};
use crate::plan::{Export, export};

/// The arguments of `seedbed export`.
#[derive(Args, Debug, Default)]
pub struct ExportArgs {
    /// Only these: a kind, as in storage-pool, or an object, as in storage-pool/data; without it, everything
    #[arg(value_name = "KIND[/NAME]")]
    only: Vec<String>,
    /// Only what is in this project, and the project itself
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// Also what sources declare: by itself that is left out, as it belongs where they read it
    #[arg(long)]
    with_sources: bool,
}

/// A part of the state.
struct Choice {
    kind: &'static dyn Kind,
    name: Option<String>,
}

/// Prints the manifest.
///
/// # Errors
/// A kind or an object that does not exist, or what the daemon says.
pub async fn run(args: &ExportArgs, session: &Session) -> Result<Exit, Failure> {
    let choices = args.only.iter().map(|word| choice(word)).collect::<Result<Vec<_>, _>>()?;
    let reply = session.client.objects(&[]).await.map_err(failure)?;
    let partly = partly_defined(&reply);
    let owners = owners(&reply);
    let mut export = exported(reply);
    let is_chosen = |key: &Key| choices.is_empty() || choices.iter().any(|choice| choice.names(key));
    export.desired.objects.retain(|key, _| is_chosen(key) && args.is_in_project(key));
    for choice in &choices {
        if !export.desired.objects.keys().any(|key| choice.names(key)) {
            return Err(choice.nothing());
        }
    }
    let left_out = if args.with_sources { Vec::new() } else { leave_out(&mut export, &owners) };
    let mut frame = frame(&export, choices.is_empty() && args.project.is_none());
    for (key, remark) in partly.into_iter().filter(|(key, _)| export.desired.objects.contains_key(key)) {
        frame.remarks.entry(key).or_default().push(remark);
    }
    left_out.iter().for_each(|line| session.screen.say(line));
    if session.screen.format.is_for_programs() {
        session.screen.write_value(&json!(export.desired))?;
        return Ok(Exit::Done);
    }
    let heading: String = left_out.iter().map(|line| format!("# {}\n", printable(line))).collect();
    let text = heading + &emit(&export.desired, &frame);
    session.screen.write_exactly(&text)?;
    doubt(&text, session);
    Ok(Exit::Done)
}

/// Which source each object belongs to.
fn owners(reply: &ObjectsReply) -> BTreeMap<Key, String> {
    let owner = |object: &Object| Some((object.key.clone(), object.management.source.clone()?));
    reply.objects.iter().filter_map(owner).collect()
}

/// Leaves out what belongs to sources: applied by hand it would be refused. Says what was left out.
fn leave_out(export: &mut Export, owners: &BTreeMap<Key, String>) -> Vec<String> {
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    export.desired.objects.retain(|key, _| match owners.get(key) {
        Some(source) => {
            *counts.entry(source).or_default() += 1;
            false
        }
        None => true,
    });
    let line = |(source, count): (&String, usize)| {
        format!(
            "{} of the source {source} left out, which declares them: --with-sources shows them",
            plural(count, "object")
        )
    };
    counts.into_iter().map(line).collect()
}

/// What was defined on some members only, as `--target` does it, with whom it waits for.
fn partly_defined(reply: &ObjectsReply) -> Vec<(Key, String)> {
    let members: Vec<&str> =
        reply.objects.iter().filter(|it| it.key.kind.as_str() == Key::MEMBER).map(|it| it.key.name.as_str()).collect();
    let is_partly = |object: &&Object| object.phase == Phase::Pending && object.rollout != Rollout::RecordOnly;
    let remark = |object: &Object| {
        let absent =
            members.iter().filter(|member| !object.placements.keys().any(|placed| placed.as_str() == **member));
        let absent: Vec<&str> = absent.copied().collect();
        let text = match absent.is_empty() {
            true => "only defined so far: nothing stands on any member".to_owned(),
            false => format!("only defined so far, and not on {}: nothing stands on any member", absent.join(", ")),
        };
        (object.key.clone(), text)
    };
    reply.objects.iter().filter(is_partly).map(remark).collect()
}

fn exported(reply: ObjectsReply) -> Export {
    let ObjectsReply { revision, objects, hidden, .. } = reply;
    let objects = objects.into_iter().map(|object| (object.key.clone(), object)).collect();
    let mut export = export(&ClusterState { revision, objects });
    let hidden = hidden.into_iter().filter_map(|(key, keys)| Some((key.parse().ok()?, keys)));
    export.secrets.extend(hidden);
    export
}

fn frame(export: &Export, is_whole: bool) -> Frame {
    let mut frame = Frame { enabled: (is_whole && export.is_clustered).then_some(true), ..Frame::default() };
    for (key, secrets) in &export.secrets {
        let remark = |secret: &String| format!("{secret} is a secret and left out; it stays as it is");
        let remarks = secrets.iter().map(remark);
        frame.remarks.insert(key.clone(), remarks.collect());
    }
    frame
}

// What a client may store and a manifest may not say is rare, but nobody should find out by applying.
fn doubt(text: &str, session: &Session) {
    let sources = [Source::new("export", text)];
    let loaded = manifest::load(&sources, &Options::default());
    let errors = loaded.findings.iter().filter(|finding| finding.is_error()).count();
    if errors > 0 {
        session
            .screen
            .say(&format!("warning: this manifest has {}: look with `seedbed validate`", plural(errors, "error")));
    }
}

impl ExportArgs {
    fn is_in_project(&self, key: &Key) -> bool {
        self.project.as_ref().is_none_or(|project| match key.kind.as_str() {
            "project" => key.name == *project,
            _ => {
                let has_projects =
                    kinds::find(key.kind.as_str()).is_some_and(|kind| kind.scope() != kinds::Scope::Cluster);
                has_projects && key.project.as_str() == project
            }
        })
    }
}

impl Choice {
    fn names(&self, key: &Key) -> bool {
        key.kind.as_str() == self.kind.words().kind && self.name.as_ref().is_none_or(|name| key.name == *name)
    }

    fn nothing(&self) -> Failure {
        let spoken = self.kind.words().spoken;
        let text = match &self.name {
            Some(name) => format!("there is no {spoken} `{name}`"),
            None => format!("there is no {spoken}"),
        };
        Failure::new(Exit::Failed, text).hint("what there is: seedbed status")
    }
}

fn choice(word: &str) -> Result<Choice, Failure> {
    let (kind, name) = match word.split_once('/') {
        Some((kind, name)) => (kind, Some(name.to_owned()).filter(|name| !name.is_empty())),
        None => (word, None),
    };
    let of_cluster = [Key::MEMBER, Key::server().kind.as_str()].into_iter().filter_map(kinds::find).collect::<Vec<_>>();
    let all: Vec<&'static dyn Kind> = noun::declared().chain(of_cluster).collect();
    let is_meant = |candidate: &&&'static dyn Kind| {
        let words = candidate.words();
        [words.kind, words.section, words.collection, words.noun].contains(&kind)
    };
    if let Some(found) = all.iter().find(is_meant) {
        return Ok(Choice { kind: *found, name });
    }
    let names: Vec<&str> = all.iter().map(|kind| kind.words().kind).collect();
    let failure = Failure::usage(format!("there is no kind `{kind}`"));
    Err(match key_table::nearest(kind, names.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint(format!("kinds: {}", names.join(", "))),
    })
}
