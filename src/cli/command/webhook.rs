//! `seedbed webhook`: addresses outside of the cluster that are told what happens in it.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Map, Value, json};

use crate::api::paths;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::screen::{Format, Table};
use crate::cli::session::Session;
use crate::cli::status_view::{Moment, rfc3339};
use crate::kinds::webhook::{EventKind, SECRET, SECRET_PREFIX, WebhookSpec, WebhookStatus};

const WEBHOOKS: &str = "/1.0/webhooks";
/// As long as the key of the signature can use it.
const KEY_BYTES: usize = 32;

/// The arguments of `seedbed webhook`.
#[derive(Args, Debug)]
pub struct WebhookArgs {
    #[command(subcommand)]
    verb: WebhookVerb,
}

/// What to do with webhooks.
#[derive(Subcommand, Debug)]
enum WebhookVerb {
    /// List all, and whether the other ends take messages
    #[command(visible_alias = "ls")]
    List,
    /// Show one; its secret is never shown
    Show {
        /// Its name
        name: String,
    },
    /// Have an address told what happens; without --secret-file a secret is made, and printed this once
    Add(AddArgs),
    /// Remove one; what it was not told yet it is told no more
    #[command(visible_alias = "rm")]
    Remove {
        /// Its name
        name: String,
    },
    /// Send a message of type `test` now, and say whether it was taken
    Test {
        /// Its name
        name: String,
    },
}

/// The arguments of `seedbed webhook add`.
#[derive(Args, Debug)]
struct AddArgs {
    /// The name that it gets
    name: String,
    /// Where messages are posted: http or https
    #[arg(long, value_name = "URL")]
    url: String,
    /// What is told: apply, drift, heal, source, member; all of them when it is left out
    #[arg(long, value_name = "EVENT,…", value_delimiter = ',')]
    events: Vec<EventKind>,
    /// A file with the secret that messages are signed with: at least 16 bytes, or whsec_ and base64
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// The authorities (PEM) that may vouch for the other end, instead of those of the machine
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Free text
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
}

/// Runs it.
///
/// # Errors
/// What the daemon says.
pub async fn run(args: &WebhookArgs, session: &Session) -> Result<Exit, Failure> {
    let screen = session.screen;
    match &args.verb {
        WebhookVerb::List => list(session).await?,
        WebhookVerb::Show { name } => show(name, session).await?,
        WebhookVerb::Add(args) => add(args, session).await?,
        WebhookVerb::Remove { name } => {
            session.change(Method::DELETE, &path(name), &Value::Null, None).await?;
            screen.say(&format!("Webhook {name} removed"));
        }
        WebhookVerb::Test { name } => {
            session.change(Method::POST, &format!("{}/test", path(name)), &json!({}), None).await?;
            screen.say(&format!("Webhook {name} has taken a message of type test"));
        }
    }
    Ok(Exit::Done)
}

fn path(name: &str) -> String {
    format!("{WEBHOOKS}/{}", paths::escape(name))
}

async fn add(args: &AddArgs, session: &Session) -> Result<(), Failure> {
    let given = args.secret_file.as_deref().map(|path| read("secret", path)).transpose()?;
    let secret = match &given {
        Some(text) => text.trim().to_owned(),
        None => made()?,
    };
    let ca = args.ca.as_deref().map(|path| read("authorities", path)).transpose()?;
    let body = json!({
        "name": args.name,
        "url": args.url,
        "events": args.events.iter().map(|kind| kind.word()).collect::<Vec<_>>(),
        "description": args.description,
        "ca": ca.unwrap_or_default(),
        "config": {SECRET: secret},
    });
    session.change(Method::POST, WEBHOOKS, &body, None).await?;
    if given.is_none() {
        session.screen.write(&format!("{secret}\n"))?;
        session.screen.say("This is the secret that messages are signed with: keep it, it is not shown again.");
    }
    session.screen.say(&format!("Webhook {} added. To try it: seedbed webhook test {0}", args.name));
    Ok(())
}

fn read(what: &str, path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|cause| Failure::because(format!("read the {what} {}", path.display()), &cause))
}

fn made() -> Result<String, Failure> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|cause| Failure::because("make a secret", &cause))?;
    Ok(format!("{SECRET_PREFIX}{}", STANDARD.encode(key)))
}

/// A webhook as the daemon shows it, and how it stands.
struct Shown {
    object: Value,
    spec: WebhookSpec,
    status: WebhookStatus,
}

impl Shown {
    async fn of(object: Value, session: &Session) -> Result<Self, Failure> {
        let path = format!("{}/status", path(object["name"].as_str().unwrap_or_default()));
        let (status, _) = session.fetch(&path).await?;
        let status =
            serde_json::from_value(status).map_err(|cause| Failure::because("read how the webhook stands", &cause))?;
        let mut fields: Map<String, Value> = object.as_object().cloned().unwrap_or_default();
        fields.retain(|field, _| !matches!(field.as_str(), "name" | "used_by"));
        let spec = serde_json::from_value(Value::Object(fields)).unwrap_or_default();
        Ok(Self { object, spec, status })
    }

    fn events(&self) -> String {
        if self.spec.events.is_empty() { "all".to_owned() } else { self.spec.events.join(",") }
    }

    fn state(&self, session: &Session) -> String {
        let (word, data) = (self.status.word(), session.screen.data);
        if self.status.failing_since.is_some() { data.error(word) } else { data.good(word) }
    }

    fn json(&self) -> Value {
        let mut value = self.object.clone();
        value["status"] = json!({
            "state": self.status.word(),
            "last_delivery": self.status.last_delivery.map(rfc3339),
            "failing_since": self.status.failing_since.map(rfc3339),
            "error": self.status.error,
            "dropped": self.status.dropped,
        });
        value
    }
}

/// Lists all, and whether the other ends take messages.
///
/// # Errors
/// What the daemon says.
pub async fn list(session: &Session) -> Result<(), Failure> {
    let (objects, _) = session.fetch(&format!("{WEBHOOKS}?recursion=1")).await?;
    let moment = Moment::here();
    let mut table = Table::new(["NAME", "TO", "EVENTS", "STATE", "LAST DELIVERY", "MESSAGE"]);
    let mut values = Vec::new();
    for object in objects.as_array().cloned().unwrap_or_default() {
        let shown = Shown::of(object, session).await?;
        let name = shown.object["name"].as_str().unwrap_or_default();
        let last = shown.status.last_delivery.map(|at| moment.when(at)).unwrap_or_default();
        let message = match shown.status.failing_since {
            Some(since) => format!("for {}: {}", moment.since(since), shown.status.error),
            None => String::new(),
        };
        table.push([name, &shown.spec.shown(), &shown.events(), &shown.state(session), &last, &message]);
        values.push(shown.json());
    }
    session.screen.write_table(&table, &Value::Array(values))
}

/// Shows one, and how it stands.
///
/// # Errors
/// What the daemon says.
pub async fn show(name: &str, session: &Session) -> Result<(), Failure> {
    let (object, _) = session.fetch(&path(name)).await?;
    let shown = Shown::of(object, session).await?;
    if session.screen.format != Format::Table {
        return session.screen.write_value(&shown.json());
    }
    let moment = Moment::here();
    let Shown { spec, status, .. } = &shown;
    let mut lines = vec![format!("{name}  {}", spec.url)];
    lines.extend(Some(format!("  {}", spec.description)).filter(|_| !spec.description.is_empty()));
    lines.push(format!("  told of: {}", shown.events()));
    if !spec.ca.is_empty() {
        lines.push("  known by authorities of its own".to_owned());
    }
    lines.push(format!("  {}", shown.state(session)));
    if let Some(since) = status.failing_since {
        lines.push(format!("  takes no messages for {}: {}", moment.since(since), status.error));
    }
    if let Some(at) = status.last_delivery {
        lines.push(format!("  last message taken: {}", moment.when(at)));
    }
    if status.dropped > 0 {
        lines.push(format!("  {} messages were given up, because too many waited", status.dropped));
    }
    session.screen.write(&(lines.join("\n") + "\n"))
}
