//! `seedbed source`: the directories and repositories that manifests come from by themselves.

mod show;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Map, Value, json};

use crate::api::paths;
use crate::cli::duration;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::layers::variable;
use crate::cli::session::{Session, failure};
use crate::kinds::source::{Reason, SourceStatus, Standing};

const SOURCES: &str = "/1.0/sources";

/// The arguments of `seedbed source`.
#[derive(Args, Debug)]
pub struct SourceArgs {
    #[command(subcommand)]
    verb: SourceVerb,
}

/// What to do with sources.
#[derive(Subcommand, Debug)]
enum SourceVerb {
    /// List all and how they stand
    #[command(visible_alias = "ls")]
    List,
    /// Show one: what it is, what is in force, and what is in the way
    Show {
        /// Its name
        name: String,
    },
    /// Add a directory of a member, or a git repository
    Add(Box<AddArgs>),
    /// Remove one; what it has applied stays and belongs to nobody
    #[command(visible_alias = "rm")]
    Remove {
        /// Its name
        name: String,
    },
    /// Change what one may do
    Set {
        /// Its name
        name: String,
        #[command(flatten)]
        limits: Limits,
        #[command(flatten)]
        grants: Grants,
    },
    /// Have a round done now, changed or not, and wait for it
    Sync {
        /// Its name
        name: String,
        /// How long to wait
        #[arg(long, value_parser = duration::parse, default_value = "60s", value_name = "TIME")]
        timeout: Duration,
    },
    /// Leave the cluster alone for a time, whatever the source says
    Suspend {
        /// Its name
        name: String,
        /// For how long; it resumes by itself
        #[arg(long = "for", value_parser = duration::parse, value_name = "TIME")]
        time: Duration,
    },
    /// End a suspension
    Resume {
        /// Its name
        name: String,
    },
}

/// The arguments of `seedbed source add`.
#[derive(Args, Debug)]
struct AddArgs {
    /// The name that it gets
    name: String,
    /// A directory (every .yaml and .yml below) or a file
    #[arg(long, value_name = "DIR", required_unless_present = "git", conflicts_with = "git")]
    path: Option<PathBuf>,
    /// A git repository: https, ssh or file
    #[arg(long, value_name = "URL")]
    git: Option<String>,
    /// The branch or tag; the repository's own default when it is left out
    #[arg(long = "ref", value_name = "NAME", requires = "git")]
    reference: Option<String>,
    /// Take only commits that are signed by a key of this allowed signers file (see ssh-keygen); its text is stored
    #[arg(long, value_name = "KEYS", requires = "git")]
    verify_signatures: Option<PathBuf>,
    /// A directory below it that is a layer; given several times, the base first
    #[arg(long = "layer", value_name = "DIR")]
    layers: Vec<String>,
    /// What ${NAME} stands for in values; without any, ${ is text
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, String)>,
    /// The member that has the directory: this one when it is left out
    #[arg(long, value_name = "MEMBER", conflicts_with = "git")]
    member: Option<String>,
    /// How often to look without being told of a change
    #[arg(long, value_name = "TIME", default_value = "30s")]
    interval: String,
    /// Leave keys alone that an earlier revision set and a later one does not
    #[arg(long)]
    merge: bool,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    grants: Grants,
}

/// What only a person gives a source: each makes whoever may change its manifests root on some member.
#[derive(Args, Debug)]
struct Grants {
    /// Let its manifests have keys that run programs, write files or let somebody in: raw.*, source.wipe,
    /// core.trust_password, sources and certificates
    #[arg(long, value_name = "WHETHER", num_args = 0..=1, default_missing_value = "on", value_parser = ["on", "off"])]
    allow_raw: Option<String>,
    /// Let secrets be given as exec:PROGRAM …, which runs as root on whichever member reads; --allow-raw is in it
    #[arg(long, value_name = "WHETHER", num_args = 0..=1, default_missing_value = "on", value_parser = ["on", "off"])]
    allow_exec: Option<String>,
    /// Let secrets be given as env:NAME, for this NAME in the environment of the daemon; '' for none
    #[arg(long, value_name = "NAME")]
    allow_env: Vec<String>,
    /// Let secrets be given as file:/… below this directory of the member that reads; '' for none
    #[arg(long, value_name = "DIR")]
    secrets_dir: Option<String>,
}

impl Grants {
    fn fields(&self) -> Map<String, Value> {
        let raw = self.allow_raw.as_ref().map(|word| ("raw".to_owned(), json!(word == "on")));
        let exec = self.allow_exec.as_ref().map(|word| ("exec".to_owned(), json!(word == "on")));
        let names: Vec<&String> = self.allow_env.iter().filter(|name| !name.is_empty()).collect();
        let env = (!self.allow_env.is_empty()).then(|| ("env".to_owned(), json!(names)));
        let dir = self.secrets_dir.as_ref().map(|dir| ("secrets_dir".to_owned(), json!(dir)));
        [raw, exec, env, dir].into_iter().flatten().collect()
    }
}

/// What a source may do by itself.
#[derive(Args, Debug)]
struct Limits {
    /// Delete what it has applied and declares no more: on or off
    #[arg(long, value_name = "WHETHER", num_args = 0..=1, default_missing_value = "on", value_parser = ["on", "off"])]
    prune: Option<String>,
    /// Apply nothing of a set that would delete more objects than this (10 when it is not said)
    #[arg(long, value_name = "N")]
    max_deletes: Option<u32>,
    /// Whether members put back what changes of its objects on their hosts: on, or off to be told only
    #[arg(long, value_name = "WHETHER", value_parser = ["on", "off"])]
    heal: Option<String>,
    /// Let members take up what changes in waves, as in 1 or node1,25%; '' for all at once
    #[arg(long, value_name = "WAVES")]
    canary: Option<String>,
    /// With --canary: let no other member begin when more than this many have failed
    #[arg(long, value_name = "N")]
    max_failures: Option<u32>,
}

impl Limits {
    fn fields(&self) -> Map<String, Value> {
        let prune = self.prune.as_ref().map(|word| ("prune".to_owned(), json!(word == "on")));
        let max = self.max_deletes.map(|max| ("max_deletes".to_owned(), json!(max)));
        let heal = self.heal.as_ref().map(|word| ("heal".to_owned(), json!(word == "on")));
        let canary = self.canary.as_ref().map(|waves| ("canary".to_owned(), json!(waves)));
        let failures = self.max_failures.map(|max| ("max_failures".to_owned(), json!(max)));
        [prune, max, heal, canary, failures].into_iter().flatten().collect()
    }
}

/// Runs it.
///
/// # Errors
/// What the daemon says.
pub async fn run(args: &SourceArgs, session: &Session) -> Result<Exit, Failure> {
    match &args.verb {
        SourceVerb::List => show::list(session).await?,
        SourceVerb::Show { name } => show::one(name, session).await?,
        SourceVerb::Add(args) => add(args, session).await?,
        SourceVerb::Remove { name } => {
            session.change(Method::DELETE, &path(name), &Value::Null, None).await?;
            session.screen.say(&format!("Source {name} removed; what it has applied stays and belongs to nobody"));
        }
        SourceVerb::Set { name, limits, grants } => {
            let mut fields = limits.fields();
            fields.extend(grants.fields());
            if fields.is_empty() {
                return Err(Failure::usage("nothing to change: see seedbed source set --help"));
            }
            session.change(Method::PATCH, &path(name), &Value::Object(fields), None).await?;
            session.screen.say(&format!("Source {name} changed"));
        }
        SourceVerb::Sync { name, timeout } => return sync(name, *timeout, session).await,
        SourceVerb::Suspend { name, time } => {
            let until = session.skew().await.moment().after(*time);
            let path = format!("{}/suspend", path(name));
            session.change(Method::POST, &path, &json!({ "until": until }), None).await?;
            session.screen.say(&format!("Source {name} is suspended; to end it: seedbed source resume {name}"));
        }
        SourceVerb::Resume { name } => {
            session.change(Method::POST, &format!("{}/resume", path(name)), &json!({}), None).await?;
            session.screen.say(&format!("Source {name} resumed"));
        }
    }
    Ok(Exit::Done)
}

fn path(name: &str) -> String {
    format!("{SOURCES}/{}", paths::escape(name))
}

async fn status(name: &str, session: &Session) -> Result<SourceStatus, Failure> {
    let (value, _) = session.fetch(&format!("{}/status", path(name))).await?;
    serde_json::from_value(value).map_err(|cause| Failure::because("read how the source stands", &cause))
}

async fn add(args: &AddArgs, session: &Session) -> Result<(), Failure> {
    let mut spec = Map::new();
    let mut set = |field: &str, value: Value| drop(spec.insert(field.to_owned(), value));
    set("name", json!(args.name));
    set("interval", json!(args.interval));
    set("merge", json!(args.merge));
    args.limits.fields().into_iter().for_each(|(field, value)| set(&field, value));
    args.grants.fields().into_iter().for_each(|(field, value)| set(&field, value));
    set("layers", json!(args.layers));
    if !args.variables.is_empty() {
        let variables: Map<String, Value> =
            args.variables.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        set("variables", Value::Object(variables));
    }
    if let Some(path) = &args.path {
        let absolute = std::path::absolute(path).map_err(|cause| Failure::because("find the directory", &cause))?;
        set("path", json!(absolute));
        let member = match &args.member {
            Some(member) => member.clone(),
            None => here(session).await?,
        };
        set("member", json!(member));
    }
    if let Some(git) = &args.git {
        set("git", json!(git));
    }
    if let Some(reference) = &args.reference {
        set("ref", json!(reference));
    }
    if let Some(keys) = &args.verify_signatures {
        let text = std::fs::read_to_string(keys)
            .map_err(|cause| Failure::because(format!("read the signers {}", keys.display()), &cause))?;
        if text.trim().is_empty() {
            return Err(Failure::usage(format!("{} names no signer", keys.display())));
        }
        set("verify", json!(text));
    }
    session.change(Method::POST, SOURCES, &Value::Object(spec), None).await?;
    session.screen.say(&format!("Source {} added. How it stands: seedbed source show {0}", args.name));
    Ok(())
}

/// The name of the member that this command talks to.
async fn here(session: &Session) -> Result<String, Failure> {
    let (server, _) = session.fetch(paths::SERVER).await?;
    Ok(server["environment"]["server_name"].as_str().unwrap_or_default().to_owned())
}

/// Refuses to wait for a reader who is not there.
fn lost(name: &str, status: &SourceStatus) -> Result<(), Failure> {
    if status.reason != Reason::ReaderLost {
        return Ok(());
    }
    Err(Failure::new(Exit::NotConverged, format!("nobody reads source {name}: {}", status.message))
        .hint(format!("what it has applied stays; to take it away: seedbed source remove {name}")))
}

async fn sync(name: &str, limit: Duration, session: &Session) -> Result<Exit, Failure> {
    let start = Instant::now();
    lost(name, &status(name, session).await?)?;
    let asked: Value = session.client.post(&format!("{}/sync", path(name)), &json!({})).await.map_err(failure)?;
    let round = asked["requested"].as_u64().unwrap_or(0);
    loop {
        let status = status(name, session).await?;
        if status.handled >= round {
            session.screen.say(&format!("Source {name}: {:?}: {}", status.standing, status.message));
            status.findings.iter().flat_map(show::told).for_each(|line| session.screen.say(&line));
            return Ok(match status.standing {
                Standing::Ready => Exit::Done,
                Standing::Stalled => Exit::Failed,
                Standing::Reconciling => Exit::NotConverged,
                Standing::Suspended => Exit::Refused,
            });
        }
        lost(name, &status)?;
        if status.standing == Standing::Suspended {
            return Err(Failure::new(Exit::Refused, format!("source {name} is suspended"))
                .hint(format!("end it first: seedbed source resume {name}")));
        }
        if start.elapsed() >= limit {
            return Err(Failure::new(Exit::Timeout, format!("source {name} has not done the round in time"))
                .hint(format!("it goes on: seedbed source show {name}")));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
