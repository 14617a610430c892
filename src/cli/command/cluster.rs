//! `seedbed cluster`: the members, as in LXD's client.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use crate::api::{ClusterCertificatePut, ClusterMember, ClusterPut, JoinToken, Operation, Secret, paths};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::screen::Table;
use crate::cli::session::{Session, failure};
use crate::client::Force;
use crate::model::{Key, MemberName, printable};

/// The arguments of `seedbed cluster`.
#[derive(Args, Debug)]
pub struct ClusterArgs {
    #[command(subcommand)]
    verb: ClusterVerb,
}

/// What to do with the members.
#[derive(Subcommand, Debug)]
enum ClusterVerb {
    /// List the members
    #[command(visible_alias = "ls")]
    List,
    /// Show one member
    Show {
        /// The member
        member: String,
    },
    /// Print a token with which a new member joins
    Add {
        /// The name that the new member gets
        member: String,
    },
    /// Remove a member; its objects leave it first
    #[command(visible_alias = "rm")]
    Remove {
        /// The member
        member: String,
        /// Without asking the member: for one that does not come back
        #[arg(long)]
        force: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// List the tokens that were not used yet
    ListTokens,
    /// Make a token worthless
    RevokeToken {
        /// The name that the token was made for
        member: String,
    },
    /// Give the cluster another certificate: all members answer with it from then on
    ///
    /// Without files a new one is made. Clients and scrapers that know the cluster by the one before need the new one
    /// (cluster.crt on any member), and tokens that were not used yet are worthless afterwards.
    UpdateCertificate {
        /// The certificate as PEM, with those that vouch for it
        #[arg(requires = "key")]
        certificate: Option<PathBuf>,
        /// Its private key as PEM
        key: Option<PathBuf>,
    },
    /// Form a cluster with this daemon as its first member
    Enable {
        /// The name that this member gets
        member: String,
    },
}

/// Runs it.
///
/// # Errors
/// What the daemon says.
pub async fn run(args: &ClusterArgs, session: &Session) -> Result<Exit, Failure> {
    match &args.verb {
        ClusterVerb::List => list(session).await?,
        ClusterVerb::Show { member } => show(member, session).await?,
        ClusterVerb::Add { member } => add(member, session).await?,
        ClusterVerb::Remove { member, force, yes } => return remove(member, *force, *yes, session).await,
        ClusterVerb::ListTokens => list_tokens(session).await?,
        ClusterVerb::RevokeToken { member } => revoke(member, session).await?,
        ClusterVerb::UpdateCertificate { certificate, key } => {
            return update_certificate(certificate.as_deref(), key.as_deref(), session).await;
        }
        ClusterVerb::Enable { member } => enable(member, session).await?,
    }
    Ok(Exit::Done)
}

/// Prints all members.
///
/// # Errors
/// What the daemon says, and that it stands alone.
pub async fn list(session: &Session) -> Result<(), Failure> {
    clustered(session).await?;
    let members: Vec<ClusterMember> = session.client.members().await.map_err(failure)?;
    let mut table =
        Table::new(["NAME", "URL", "ROLES", "ARCHITECTURE", "FAILURE DOMAIN", "DESCRIPTION", "STATE", "MESSAGE"]);
    for member in &members {
        let ClusterMember {
            server_name, url, roles, architecture, failure_domain, description, status, message, ..
        } = member;
        let (roles, state) = (roles.join("\n"), status.to_uppercase());
        table.push([server_name, url, &roles, architecture, failure_domain, description, &state, message]);
    }
    session.screen.write_table(&table, &json!(members))?;
    if members.iter().any(|member| member.status == "Degraded") {
        let told = session.client.objects(&[Key::membership()]).await.map_err(failure)?.log_troubles;
        for (member, trouble) in &told {
            session.screen.say(&format!("{member}: {trouble}.\n  {}", trouble.remedy(member)));
        }
    }
    Ok(())
}

/// Prints one member as LXD's API has it.
///
/// # Errors
/// What the daemon says.
pub async fn show(member: &str, session: &Session) -> Result<(), Failure> {
    let (value, _) = session.fetch(&paths::member(&member.into())).await?;
    session.screen.write_value(&value)
}

async fn clustered(session: &Session) -> Result<(), Failure> {
    if session.client.cluster().await.map_err(failure)?.enabled {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, "this daemon is not part of a cluster")
        .hint("form one: seedbed cluster enable NAME, or seedbed init --preseed FILE"))
}

async fn add(member: &str, session: &Session) -> Result<(), Failure> {
    clustered(session).await?;
    let operation: Operation =
        session.client.post(paths::MEMBERS, &json!({ "server_name": member })).await.map_err(failure)?;
    let token = token(&operation)?;
    if session.screen.format.is_for_programs() {
        return session.screen.write_value(&json!({ "server_name": member, "token": token }));
    }
    session.screen.say(&format!("Member {member} join token:"));
    session.screen.write(&format!("{token}\n"))
}

/// The token that an operation gives, as it travels.
///
/// # Errors
/// When it gives none.
pub fn token(operation: &Operation) -> Result<String, Failure> {
    let metadata = operation.metadata.clone().unwrap_or_default();
    let text = |key: &str| metadata.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let addresses = metadata.get("addresses").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let token = JoinToken {
        server_name: text("serverName"),
        fingerprint: text("fingerprint"),
        addresses: addresses.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        secret: Secret::new(text("secret")),
        expires_at: text("expiresAt"),
    };
    if token.secret.is_empty() {
        return Err(Failure::new(Exit::Failed, "the daemon gave no token: its answer holds no secret"));
    }
    Ok(STANDARD.encode(json!(token).to_string()))
}

async fn remove(member: &str, force: bool, yes: bool, session: &Session) -> Result<Exit, Failure> {
    clustered(session).await?;
    if force && !yes && !is_sure(member) {
        session.screen.say("Nothing was changed.");
        return Ok(Exit::Refused);
    }
    let unread = read_by(member, session).await?;
    let force = if force { Force::Yes } else { Force::No };
    session.client.remove_member(&MemberName::from(member), force).await.map_err(failure)?;
    session.screen.say(&format!("Member {member} removed"));
    if force == Force::Yes {
        session.screen.say(
            "The cluster has a new certificate: whoever knows it by the old one needs the new cluster.crt. The removed \
             machine may still know what was stored: set core.trust_password anew, or unset it.",
        );
    }
    for source in unread {
        session.screen.say(&format!(
            "It read the source {source}, which nobody reads from now on; what that has applied stays. To end it: seedbed source remove {source}"
        ));
    }
    Ok(Exit::Done)
}

/// The sources whose directory lies on this member.
async fn read_by(member: &str, session: &Session) -> Result<Vec<String>, Failure> {
    let (sources, _) = session.fetch("/1.0/sources?recursion=1").await?;
    let its = sources.as_array().into_iter().flatten().filter(|source| source["member"] == member);
    Ok(its.filter_map(|source| source["name"].as_str().map(str::to_owned)).collect())
}

// A script that says --force means it; a person at a terminal is asked once.
fn is_sure(member: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        return true;
    }
    let question = format!(
        "What only {member} holds is lost, and it must never start again with its old state.\n\
         Are you really sure you want to force removing {member}? (yes/no): "
    );
    let _ = std::io::stderr().write_all(printable(&question).as_bytes());
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && answer.trim() == "yes"
}

/// Prints the tokens that were not used yet.
///
/// # Errors
/// What the daemon says, and that it stands alone.
pub async fn list_tokens(session: &Session) -> Result<(), Failure> {
    let tokens = tokens(session).await?;
    let mut table = Table::new(["NAME", "EXPIRES AT"]);
    for operation in &tokens {
        table.push([metadata(operation, "serverName"), metadata(operation, "expiresAt")]);
    }
    session.screen.write_table(&table, &json!(tokens))
}

async fn revoke(member: &str, session: &Session) -> Result<(), Failure> {
    let tokens = tokens(session).await?;
    let Some(operation) = tokens.iter().find(|operation| metadata(operation, "serverName") == member) else {
        return Err(Failure::new(Exit::Failed, format!("there is no unused token for `{member}`"))
            .hint("list them: seedbed cluster list-tokens"));
    };
    session.change(Method::DELETE, &paths::operation(&operation.id), &Value::Null, None).await?;
    session.screen.say(&format!("Token of {member} revoked"));
    Ok(())
}

async fn tokens(session: &Session) -> Result<Vec<Operation>, Failure> {
    clustered(session).await?;
    let (mut all, _) = session.fetch(&format!("{}?recursion=1", paths::OPERATIONS)).await?;
    let running = all.get_mut("running").map(Value::take).unwrap_or_else(|| json!([]));
    let operations: Vec<Operation> =
        serde_json::from_value(running).map_err(|cause| Failure::because("read the list of operations", &cause))?;
    Ok(operations.into_iter().filter(|operation| !metadata(operation, "serverName").is_empty()).collect())
}

fn metadata(operation: &Operation, key: &str) -> String {
    let value = operation.metadata.as_ref().and_then(|metadata| metadata.get(key));
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

async fn update_certificate(
    certificate: Option<&Path>,
    key: Option<&Path>,
    session: &Session,
) -> Result<Exit, Failure> {
    let text = |path: Option<&Path>| match path {
        None => Ok(String::new()),
        Some(path) => {
            std::fs::read_to_string(path).map_err(|cause| Failure::because(format!("read {}", path.display()), &cause))
        }
    };
    let put = ClusterCertificatePut {
        cluster_certificate: text(certificate)?,
        cluster_certificate_key: Secret::new(text(key)?),
    };
    let answer: Value = session.client.put(paths::CLUSTER_CERTIFICATE, &put).await.map_err(failure)?;
    let fingerprint = answer["fingerprint"].as_str().unwrap_or_default();
    session.screen.say(&format!("The cluster's certificate is {fingerprint} now"));
    let late: Vec<&str> = answer["late"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if late.is_empty() {
        return Ok(Exit::Done);
    }
    session.screen.say(&format!("{} will answer with it later", late.join(", ")));
    Ok(Exit::NotConverged)
}

async fn enable(member: &str, session: &Session) -> Result<(), Failure> {
    let put = ClusterPut { server_name: member.to_owned(), enabled: true, ..ClusterPut::default() };
    session.change(Method::PUT, paths::CLUSTER, &json!(put), None).await?;
    session.screen.say("Clustering enabled");
    Ok(())
}
