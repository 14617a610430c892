//! `seedbed export`: the stored state as a manifest, which changes nothing when it is planned.

use clap::Args;
use serde_json::json;

use super::noun;
use crate::api::ObjectsReply;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::input::plural;
use crate::cli::session::{Session, failure};
use crate::kinds::{self, Kind, table};
use crate::manifest::{self, Frame, Options, Source, emit};
use crate::model::{ClusterState, Key};
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
    let mut export = exported(reply);
    let is_chosen = |key: &Key| choices.is_empty() || choices.iter().any(|choice| choice.names(key));
    export.desired.objects.retain(|key, _| is_chosen(key) && args.is_in_project(key));
    for choice in &choices {
        if !export.desired.objects.keys().any(|key| choice.names(key)) {
            return Err(choice.nothing());
        }
    }
    let frame = frame(&export, choices.is_empty() && args.project.is_none());
    if session.screen.format.is_for_programs() {
        session.screen.write_value(&json!(export.desired))?;
        return Ok(Exit::Done);
    }
    let text = emit(&export.desired, &frame);
    session.screen.write(&text)?;
    doubt(&text, session);
    Ok(Exit::Done)
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
    Err(match table::nearest(kind, names.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint(format!("kinds: {}", names.join(", "))),
    })
}
