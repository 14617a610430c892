//! `seedbed config`: the server configuration, as in LXD's client.

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Map, Value, json};

use super::noun::pairs;
use super::trust::{self, TrustArgs};
use crate::api::paths;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::kinds::tables::key_table;

/// The arguments of `seedbed config`.
#[derive(Args, Debug)]
pub struct ConfigArgs {
    #[command(subcommand)]
    verb: ConfigVerb,
}

/// What to do with the server configuration.
#[derive(Subcommand, Debug)]
enum ConfigVerb {
    /// Show all keys
    Show {
        #[command(flatten)]
        target: Target,
    },
    /// Print the value of one key
    Get {
        /// The key, as in core.https_address
        key: String,
        #[command(flatten)]
        target: Target,
    },
    /// Set keys
    Set {
        /// KEY=VALUE, or one KEY and its VALUE; `-` reads the value from standard input, which keeps a password out of
        /// the list of processes
        #[arg(required = true, value_name = "KEY=VALUE")]
        pairs: Vec<String>,
        #[command(flatten)]
        target: Target,
    },
    /// Remove keys
    Unset {
        /// The keys
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
        #[command(flatten)]
        target: Target,
    },
    /// Manage the certificates of trusted clients
    Trust(TrustArgs),
}

/// Which member is meant.
#[derive(Args, Debug, Default)]
pub struct Target {
    /// The member whose own keys are meant
    #[arg(long, value_name = "MEMBER")]
    pub target: Option<String>,
}

impl Target {
    fn path(&self) -> String {
        match &self.target {
            Some(member) => format!("{}?target={}", paths::SERVER, paths::escape(member)),
            None => paths::SERVER.to_owned(),
        }
    }
}

/// Runs it.
///
/// # Errors
/// What the daemon says.
pub async fn run(args: &ConfigArgs, session: &Session) -> Result<Exit, Failure> {
    match &args.verb {
        ConfigVerb::Show { target } => show(session, target).await?,
        ConfigVerb::Get { key, target } => {
            let (config, _) = fetch(session, target).await?;
            session.screen.write_one(&format!("{}\n", text(config.get(key))))?;
        }
        ConfigVerb::Set { pairs: words, target } => {
            let changes = from_input(pairs(words)?)?.into_iter().map(|(key, value)| (key, Value::String(value)));
            change(session, target, |config| config.extend(changes)).await?;
        }
        ConfigVerb::Unset { keys, target } => {
            must_be_known(keys)?;
            change(session, target, |config| config.retain(|key, _| !keys.contains(key))).await?;
        }
        ConfigVerb::Trust(args) => return trust::run(args, session).await,
    }
    Ok(Exit::Done)
}

/// A key that is not set may be unset; one that cannot be set is misspelt.
fn must_be_known(keys: &[String]) -> Result<(), Failure> {
    const ENTITY: &str = "server";
    let is_known = |key: &str| key_table::lookup(ENTITY, key).is_some();
    let Some(key) = keys.iter().find(|key| !is_known(key)) else { return Ok(()) };
    let failure = Failure::new(Exit::Failed, format!("unknown key `{key}` for a server configuration"))
        .untouched("Nothing was changed.");
    Err(match key_table::suggest(&[ENTITY], key) {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None => failure,
    })
}

/// The pairs with `-` replaced by what standard input gives, without the end of its last line.
fn from_input(mut pairs: Vec<(String, String)>) -> Result<Vec<(String, String)>, Failure> {
    let mut asked = pairs.iter_mut().filter(|(_, value)| value == "-");
    let Some((key, value)) = asked.next() else { return Ok(pairs) };
    if asked.next().is_some() {
        return Err(Failure::usage("`-` can be the value of one key only: standard input is read once"));
    }
    let doing = format!("read the value of {key} from standard input");
    let text = std::io::read_to_string(std::io::stdin()).map_err(|cause| Failure::because(&doing, &cause))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    *value = text.strip_suffix('\r').unwrap_or(text).to_owned();
    Ok(pairs)
}

/// Prints all keys of a member, the shared ones included.
///
/// # Errors
/// What the daemon says.
pub async fn show(session: &Session, target: &Target) -> Result<(), Failure> {
    let (config, _) = fetch(session, target).await?;
    session.screen.write_value(&json!({ "config": config }))
}

async fn fetch(session: &Session, target: &Target) -> Result<(Map<String, Value>, Option<String>), Failure> {
    let (mut server, etag) = session.fetch(&target.path()).await?;
    match server.get_mut("config").map(Value::take) {
        Some(Value::Object(config)) => Ok((config, etag)),
        _ => Err(Failure::new(Exit::Refused, "the daemon does not trust this client: it shows no configuration")),
    }
}

async fn change(session: &Session, target: &Target, edit: impl FnOnce(&mut Map<String, Value>)) -> Result<(), Failure> {
    let (mut config, etag) = fetch(session, target).await?;
    edit(&mut config);
    session.change(Method::PUT, &target.path(), &json!({ "config": config }), etag.as_deref()).await
}

fn text(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
