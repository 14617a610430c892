//! `seedbed config trust`: the clients that are trusted, as in LXD's client.

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use crate::api::{Certificate, paths};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::screen::Table;
use crate::cli::session::Session;

/// Fingerprints in tables are cut to this many digits, which are enough everywhere.
const DIGITS: usize = 12;

/// The arguments of `seedbed config trust`.
#[derive(Args, Debug)]
pub struct TrustArgs {
    #[command(subcommand)]
    verb: TrustVerb,
}

/// What to do with the certificates.
#[derive(Subcommand, Debug)]
enum TrustVerb {
    /// List the certificates
    #[command(visible_alias = "ls")]
    List,
    /// Show one certificate
    Show {
        /// The first digits of its fingerprint
        fingerprint: String,
    },
    /// Trust a certificate no longer
    #[command(visible_alias = "rm")]
    Remove {
        /// The first digits of its fingerprint
        fingerprint: String,
    },
}

/// Runs it.
///
/// # Errors
/// What the daemon says.
pub async fn run(args: &TrustArgs, session: &Session) -> Result<Exit, Failure> {
    match &args.verb {
        TrustVerb::List => list(session).await?,
        TrustVerb::Show { fingerprint } => show(fingerprint, session).await?,
        TrustVerb::Remove { fingerprint } => {
            session.change(Method::DELETE, &path(fingerprint), &Value::Null, None).await?;
        }
    }
    Ok(Exit::Done)
}

/// Prints all certificates.
///
/// # Errors
/// What the daemon says.
pub async fn list(session: &Session) -> Result<(), Failure> {
    let (all, _) = session.fetch(&format!("{}?recursion=1", paths::CERTIFICATES)).await?;
    let certificates: Vec<Certificate> =
        serde_json::from_value(all).map_err(|cause| Failure::because("read the list of certificates", &cause))?;
    let mut table = Table::new(["TYPE", "NAME", "FINGERPRINT", "PROJECTS"]);
    for Certificate { kind, name, fingerprint, projects, .. } in &certificates {
        table.push([kind, name, &fingerprint.chars().take(DIGITS).collect(), &projects.join("\n")]);
    }
    session.screen.write_table(&table, &json!(certificates))
}

/// Prints one certificate as LXD's API has it.
///
/// # Errors
/// What the daemon says.
pub async fn show(fingerprint: &str, session: &Session) -> Result<(), Failure> {
    let (certificate, _) = session.fetch(&path(fingerprint)).await?;
    session.screen.write_value(&certificate)
}

fn path(fingerprint: &str) -> String {
    format!("{}/{}", paths::CERTIFICATES, paths::escape(fingerprint))
}
