//! `validate --against`: what only a cluster can tell of a manifest. Nothing is changed there.

mod extensions;
mod lxd;
mod product;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use extensions::{Info, lacking, parties};

use crate::api::{ObjectsReply, PlanRequest};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::input::{Input, plural};
use crate::cli::screen::Screen;
use crate::cli::session::{self, socket};
use crate::client::{Client, ClientError, Identity};
use crate::manifest::locate;
use crate::model::{Finding, Key, Object, Severity};

/// How long the cluster may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The rule of names that files do not declare: a cluster knows whether they are there.
const UNDECLARED: &str = "SB113";

/// Whom to ask.
#[derive(Args, Debug, Default)]
pub struct Against {
    /// Ask a cluster too, or a LXD or Incus: the state directory or socket of a daemon, or https://HOST:PORT with the files below
    #[arg(long, value_name = "DIR|URL")]
    against: Option<String>,
    /// The certificate of the cluster, for https
    #[arg(long, value_name = "FILE", requires = "against")]
    cluster_cert: Option<PathBuf>,
    /// A certificate that the cluster trusts, for https; LXD and Incus tell strangers their extensions only
    #[arg(long, value_name = "FILE", requires = "against")]
    client_cert: Option<PathBuf>,
    /// Its key, for https
    #[arg(long, value_name = "FILE", requires = "against")]
    client_key: Option<PathBuf>,
}

impl Against {
    /// Whether a cluster is named.
    pub fn is_asked(&self) -> bool {
        self.against.is_some()
    }

    /// Adds what the cluster says to the findings. Does nothing when no cluster is named.
    ///
    /// # Errors
    /// When the cluster cannot be asked: with an exit code of its own, because the manifest may be right or wrong.
    pub async fn check(&self, input: &mut Input, screen: Screen) -> Result<(), Failure> {
        let Some(place) = &self.against else { return Ok(()) };
        let client = self.client(place)?.with_timeout(PATIENCE);
        let info = Info::ask(&client, None).await.map_err(|error| silent(place, error))?;
        let is_ours = info.product == "seedbed" || (info.product.is_empty() && is_seedbed(&client).await);
        if !is_ours && !info.is_trusted && self.client_cert.is_some() {
            return Err(untrusted(place));
        }
        let told =
            if is_ours { ask_seedbed(&client, &info, input).await } else { lxd::ask(&client, &info, input).await };
        let Told { whom, is_whole, mut findings } = told.map_err(|error| silent(place, error))?;
        let what_next = if is_whole { "" } else { "; what a plan would say is told when the errors are gone" };
        screen.say(&format!("compared with {place}: {whom}{what_next}"));
        locate(&mut findings, &input.sources);
        input.loaded.findings.extend(findings);
        Ok(())
    }

    fn client(&self, place: &str) -> Result<Client, Failure> {
        let Some(address) = place.strip_prefix("https://") else {
            let path = Path::new(place);
            if place.contains("://") || place.contains(':') && !path.exists() {
                return Err(no_place(place));
            }
            return Ok(Client::unix(if path.is_dir() { socket(path) } else { path.to_owned() }));
        };
        let address = address.trim_end_matches('/');
        let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        if port.is_none() {
            return Err(no_place(place));
        }
        let read = |file: &Option<PathBuf>, option: &str| {
            let file = file.as_ref().ok_or_else(|| Failure::usage(format!("{option} is needed to ask {place}")))?;
            std::fs::read_to_string(file)
                .map_err(|cause| Failure::because(format!("read {}", file.display()), &cause).exiting(Exit::NoInput))
        };
        let cluster = read(&self.cluster_cert, "--cluster-cert")?;
        // LXD and Incus tell strangers their extensions.
        let identity = if self.client_cert.is_some() || self.client_key.is_some() {
            let pair = (read(&self.client_cert, "--client-cert")?, read(&self.client_key, "--client-key")?);
            Some(Identity::from_pem(&pair.0, &pair.1).map_err(session::failure)?)
        } else {
            None
        };
        Client::https(address, &cluster, identity.as_ref()).map_err(session::failure)
    }
}

// Who shows a certificate wants all told: half an answer would look like a good one.
fn untrusted(place: &str) -> Failure {
    Failure::new(Exit::Refused, format!("{place} does not trust the certificate of --client-cert"))
        .untouched(untold_of(place))
        .hint("add it there: `incus config trust add-certificate FILE`, or `lxc config trust add FILE`")
        .hint("without --client-cert, LXD and Incus are asked for their extensions only")
}

fn no_place(place: &str) -> Failure {
    Failure::usage(format!("`{place}` is neither a directory, nor a socket, nor https://HOST:PORT"))
        .hint("Seedbed, LXD and Incus speak https only, on port 8443 unless they are told otherwise")
}

/// What counts of a plan here.
#[derive(Deserialize)]
struct Noted {
    #[serde(default)]
    notes: Vec<Finding>,
}

/// What was learnt.
struct Told {
    /// Who was asked, for people.
    whom: String,
    /// Whether the manifest could be compared at all.
    is_whole: bool,
    findings: Vec<Finding>,
}

// Strangers learn no name of a product: ours has paths of its own.
async fn is_seedbed(client: &Client) -> bool {
    let answer = client.objects(&[]).await;
    matches!(answer, Err(ClientError::Api { status: 403, .. }))
}

async fn ask_seedbed(client: &Client, info: &Info, input: &mut Input) -> Result<Told, ClientError> {
    let reply = client.objects(&[]).await?;
    let members: Vec<(String, String)> = members(&reply)
        .map(|member| (member.key.name.clone(), member.spec.text("extensions_digest").to_owned()))
        .collect();
    let whom = format!("{}, revision {}", plural(members.len(), "member"), reply.revision);
    let mut findings = strangers(&reply);
    let is_whole = input.loaded.is_usable();
    if is_whole {
        let (known, unknown) = parties(client, info, &members).await;
        findings.extend(lacking(&input.loaded.desired, &known, Severity::Warning));
        findings.extend(unknown.iter().map(|name| untold(name)));
        // Nobody needs it afterwards, and it may be large.
        let desired = std::mem::take(&mut input.loaded.desired);
        let request = PlanRequest { desired, merge: false, ..PlanRequest::default() };
        let said = match client.plan::<Noted>(&request).await {
            Ok(plan) => plan.notes,
            Err(ClientError::Api { findings, .. }) if !findings.is_empty() => findings,
            Err(error) => return Err(error),
        };
        take(input, said);
    }
    Ok(Told { whom, is_whole, findings })
}

fn members(reply: &ObjectsReply) -> impl Iterator<Item = &Object> {
    reply.objects.iter().filter(|object| object.key.kind.as_str() == Key::MEMBER)
}

fn untold(name: &str) -> Finding {
    let text =
        format!("{name} has other API extensions than the rest and does not answer: which keys it takes is unknown");
    Finding { severity: Severity::Note, ..Finding::warning("SB068", text) }
        .helping(format!("validate again when {name} answers"))
}

fn silent(place: &str, error: ClientError) -> Failure {
    let exit = match error {
        ClientError::Api { status: 403, .. } => Exit::Refused,
        _ => Exit::NotConverged,
    };
    let mut failure = session::failure(error).exiting(exit);
    failure.message = format!("the cluster cannot be asked: {}", failure.message);
    failure.untouched(untold_of(place))
}

fn untold_of(place: &str) -> String {
    format!("Nothing was compared with {place}: whether the manifest fits it is unknown.")
}

// The cluster knows what the files name, or says better that it does not.
fn take(input: &mut Input, said: Vec<Finding>) {
    let loaded = &mut input.loaded;
    let is_name = |finding: &Finding| finding.code == UNDECLARED && !finding.message.starts_with('`');
    let said = without_echoes(said);
    let (names, mut findings): (Vec<Finding>, Vec<Finding>) = loaded.findings.drain(..).partition(is_name);
    let mut refused = BTreeSet::new();
    for mut finding in said {
        if finding.severity == Severity::Error {
            refused.extend(subject(&finding.message).map(str::to_owned));
        }
        if let Some(exact) = names.iter().find(|name| is_same(name, &finding)) {
            finding.place.clone_from(&exact.place);
        }
        findings.push(finding);
    }
    findings.sort_by_key(|finding| finding.place.as_ref().map(|place| (place.file.clone(), place.start)));
    loaded.findings = findings;
    loaded.counts.valid = loaded.counts.valid.saturating_sub(refused.len());
}

// An object that would have to be made anew keeps keys that its new driver or type does not know.
fn without_echoes(mut said: Vec<Finding>) -> Vec<Finding> {
    let anew = said.iter().filter(|finding| ["SB041", "SB049"].contains(&finding.code.as_str()));
    let anew: BTreeSet<String> = anew.filter_map(|finding| subject(&finding.message)).map(str::to_owned).collect();
    said.retain(|finding| finding.code != "SB014" || subject(&finding.message).is_none_or(|key| !anew.contains(key)));
    said
}

// Both sentences start with the object, and hold the name that leads nowhere.
fn is_same(name: &Finding, refusal: &Finding) -> bool {
    let missing = name.message.split_once(" names ").and_then(|(_, rest)| rest.split_once(',')).map(|(key, _)| key);
    let missing = missing.and_then(|key| key.rsplit_once('/')).map(|(_, name)| format!("`{name}`"));
    subject(&name.message) == subject(&refusal.message) && missing.is_some_and(|name| refusal.message.contains(&name))
}

fn subject(message: &str) -> Option<&str> {
    message.split([' ', ':']).next().filter(|word| word.parse::<Key>().is_ok())
}

// Members of another version may know other keys than the rules of this program.
fn strangers(reply: &ObjectsReply) -> Vec<Finding> {
    let own = env!("CARGO_PKG_VERSION");
    let others = members(reply).filter(|object| !["", own].contains(&object.spec.text("version")));
    let note = |object: &Object| {
        let (name, version) = (&object.key.name, object.spec.text("version"));
        let text = format!("{name} runs version {version}, these rules are of version {own}: it may know other keys");
        Finding { severity: Severity::Note, ..Finding::warning("SB068", text) }
            .helping(format!("validate with the seedbed of {name} too"))
    };
    others.map(note).collect()
}
