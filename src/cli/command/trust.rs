//! `seedbed config trust`: the clients that are trusted, as in LXD's client.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use crate::api::{Certificate, CertificateAdd, paths};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::screen::Table;
use crate::cli::session::Session;
use crate::client::der_of;

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
    /// Trust a client with this certificate: the whole API is open to it
    Add {
        /// The client's certificate as PEM
        certificate: PathBuf,
        /// A name for it; the file's own without one
        #[arg(long)]
        name: Option<String>,
    },
    /// Trust a certificate no longer
    #[command(visible_alias = "rm")]
    Remove {
        /// Its fingerprint, or the first 12 digits of it
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
        TrustVerb::Add { certificate, name } => add(certificate, name.as_deref(), session).await?,
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

async fn add(file: &Path, name: Option<&str>, session: &Session) -> Result<(), Failure> {
    let doing = format!("read {}", file.display());
    let text = std::fs::read_to_string(file).map_err(|cause| Failure::because(&doing, &cause))?;
    let Some(der) = der_of(&text) else {
        let text = format!("{} holds no certificate in PEM: it begins with BEGIN CERTIFICATE", file.display());
        return Err(Failure::new(Exit::Failed, text));
    };
    let own = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let request = CertificateAdd {
        kind: "client".to_owned(),
        name: name.map_or(own, str::to_owned),
        certificate: STANDARD.encode(der),
        ..CertificateAdd::default()
    };
    session.change(Method::POST, paths::CERTIFICATES, &json!(request), None).await
}

fn path(fingerprint: &str) -> String {
    format!("{}/{}", paths::CERTIFICATES, paths::escape(fingerprint))
}
