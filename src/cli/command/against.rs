//! `validate --against`: what only a cluster can tell of a manifest. Nothing is changed there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::api::{ObjectsReply, PlanRequest};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::input::{Input, plural};
use crate::cli::screen::Screen;
use crate::cli::session::{self, socket};
use crate::client::{Client, ClientError, Identity};
use crate::model::{Finding, Key, Severity};
use crate::plan::Plan;

/// How long the cluster may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The rule of names that files do not declare: a cluster knows whether they are there.
const UNDECLARED: &str = "SB113";

/// Whom to ask.
#[derive(Args, Debug, Default)]
pub struct Against {
    /// Ask a cluster too: the state directory or socket of a daemon, or https://HOST:PORT with the three files below
    #[arg(long, value_name = "DIR|URL")]
    against: Option<String>,
    /// The certificate of the cluster, for https
    #[arg(long, value_name = "FILE", requires = "against")]
    cluster_cert: Option<PathBuf>,
    /// A certificate that the cluster trusts, for https
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
        let reply = client.objects(&[]).await.map_err(|error| silent(place, error))?;
        let strangers = strangers(&reply);
        let members = reply.objects.iter().filter(|object| object.key.kind.as_str() == Key::MEMBER).count();
        let compared = format!("compared with {place}: {}, revision {}", plural(members, "member"), reply.revision);
        if input.loaded.is_usable() {
            let request = PlanRequest { desired: input.loaded.desired.clone(), merge: false, ..PlanRequest::default() };
            let said = match client.plan::<Plan>(&request).await {
                Ok(plan) => plan.notes,
                Err(ClientError::Api { findings, .. }) if !findings.is_empty() => findings,
                Err(error) => return Err(silent(place, error)),
            };
            take(input, said);
            screen.say(&compared);
        } else {
            screen.say(&format!("{compared}; what a plan would say is told when the errors are gone"));
        }
        input.loaded.findings.extend(strangers);
        Ok(())
    }

    fn client(&self, place: &str) -> Result<Client, Failure> {
        let Some(address) = place.strip_prefix("https://") else {
            let path = Path::new(place);
            return Ok(Client::unix(if path.is_dir() { socket(path) } else { path.to_owned() }));
        };
        let read = |file: &Option<PathBuf>, option: &str| {
            let file = file.as_ref().ok_or_else(|| Failure::usage(format!("{option} is needed to ask {place}")))?;
            std::fs::read_to_string(file)
                .map_err(|cause| Failure::because(format!("read {}", file.display()), &cause).exiting(Exit::NoInput))
        };
        let cluster = read(&self.cluster_cert, "--cluster-cert")?;
        let (certificate, key) = (read(&self.client_cert, "--client-cert")?, read(&self.client_key, "--client-key")?);
        let identity = Identity::from_pem(&certificate, &key).map_err(session::failure)?;
        Client::https(address.trim_end_matches('/'), &cluster, Some(&identity)).map_err(session::failure)
    }
}

fn silent(place: &str, error: ClientError) -> Failure {
    let exit = match error {
        ClientError::Api { status: 403, .. } => Exit::Refused,
        _ => Exit::NotConverged,
    };
    let mut failure = session::failure(error).exiting(exit);
    failure.message = format!("the cluster cannot be asked: {}", failure.message);
    failure.untouched(format!("Nothing was compared with {place}: whether the manifest fits it is unknown."))
}

// The cluster knows what the files name, or says better that it does not.
fn take(input: &mut Input, said: Vec<Finding>) {
    let loaded = &mut input.loaded;
    let is_name = |finding: &Finding| finding.code == UNDECLARED && !finding.message.starts_with('`');
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
    let members = reply.objects.iter().filter(|object| object.key.kind.as_str() == Key::MEMBER);
    let others = members.filter(|object| !["", own].contains(&object.spec.text("version")));
    let note = |object: &crate::model::Object| {
        let (name, version) = (&object.key.name, object.spec.text("version"));
        let text = format!("{name} runs version {version}, these rules are of version {own}: it may know other keys");
        Finding { severity: Severity::Note, ..Finding::warning("SB068", text) }
            .helping(format!("validate with the seedbed of {name} too"))
    };
    others.map(note).collect()
}
