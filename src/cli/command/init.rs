//! `seedbed init --preseed`: forms a cluster, joins one, or only applies, as the file says.

use std::path::Path;
use std::time::Duration;

use clap::Args;

use super::export;
use crate::api::{ClusterSection, DeclaredMember, InitOutcome, InitReply, InitRequest, MemberConfigKey, Secret};

use crate::cli::duration;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::input::Input;
use crate::cli::layers::LayerArgs;
use crate::cli::session::{Session, failure_in};
use crate::manifest::{self, Cluster, Source};

/// The arguments of `seedbed init`.
#[derive(Args, Debug)]
pub struct InitArgs {
    /// Read a manifest in preseed form instead of asking questions
    #[arg(long)]
    preseed: bool,
    /// Print the stored state as a manifest: the same as seedbed export
    #[arg(long, conflicts_with = "preseed")]
    dump: bool,
    /// The manifest; standard input when it is left out
    #[arg(value_name = "FILE")]
    file: Option<String>,
    /// Form the cluster of the list although members of it do not answer: only when it was never formed before
    #[arg(long, requires = "preseed")]
    new_cluster: bool,
    /// How long to wait until everything stands
    #[arg(long, value_parser = duration::parse, default_value = "60s", value_name = "TIME")]
    timeout: Duration,
}

/// Sends the manifest to this machine's daemon, which takes its own part from it.
///
/// # Errors
/// Findings in the manifest, or what the daemon says.
pub async fn run(args: &InitArgs, session: &Session) -> Result<Exit, Failure> {
    if args.dump {
        return export::run(&export::ExportArgs::default(), session).await;
    }
    if !args.preseed {
        return Err(Failure::usage("init asks no questions: it reads a manifest")
            .hint("seedbed init --preseed FILE, or seedbed init --preseed < FILE"));
    }
    let path = args.file.clone().unwrap_or_else(|| Source::STDIN.to_owned());
    let input = Input::read_valid(&[path], &LayerArgs::default(), session.screen)?;
    let Input { sources, loaded, .. } = input;
    let cluster = loaded.cluster.map(section).transpose()?;
    let timeout_ms = u64::try_from(args.timeout.as_millis()).ok();
    let desired = super::apply::resolved(loaded.desired, session).await?;
    let request = InitRequest { desired, cluster, timeout_ms, new_cluster: args.new_cluster };
    let reply = session.client.init(&request).await.map_err(|error| failure_in(error, &sources))?;
    session.screen.say(&told(&reply));
    Ok(Exit::Done)
}

/// How it ended, in one line.
pub fn told(reply: &InitReply) -> String {
    let InitReply { outcome, server_name, revision } = reply;
    let at = revision.map(|revision| format!(" at revision {revision}")).unwrap_or_default();
    match outcome {
        InitOutcome::Bootstrapped => format!("{server_name} has formed a cluster{at}. Next: seedbed cluster add NAME"),
        InitOutcome::Joined => format!("{server_name} has joined the cluster{at}. Next: seedbed cluster list"),
        InitOutcome::Applied => format!("Applied{at}. Next: seedbed status"),
        InitOutcome::Unchanged => "Nothing to do: everything is as the file says.".to_owned(),
    }
}

/// The section as the API takes it.
///
/// # Errors
/// When the certificate's file cannot be read.
pub fn section(cluster: Cluster) -> Result<ClusterSection, Failure> {
    let Cluster {
        enabled,
        server_name,
        server_address,
        cluster_address,
        cluster_certificate,
        cluster_certificate_path,
        cluster_token,
        cluster_password,
        member_config,
        members,
        at: _,
    } = cluster;
    let certificate = match cluster_certificate_path {
        Some(path) if cluster_certificate.is_none() => read_certificate(Path::new(&path))?,
        _ => cluster_certificate.unwrap_or_default(),
    };
    Ok(ClusterSection {
        enabled: enabled.unwrap_or_default(),
        server_name: server_name.map(|name| name.0).unwrap_or_default(),
        server_address: server_address.unwrap_or_default(),
        cluster_address: cluster_address.unwrap_or_default(),
        cluster_certificate: certificate,
        cluster_password: secret(cluster_password),
        cluster_token: secret(cluster_token),
        member_config: member_config.into_iter().map(member_key).collect(),
        members: members.into_iter().map(declared).collect(),
    })
}

fn declared(section: manifest::MemberSection) -> DeclaredMember {
    DeclaredMember {
        name: section.name,
        address: section.address.unwrap_or_default(),
        failure_domain: section.failure_domain.unwrap_or_default(),
        description: section.description.unwrap_or_default(),
        config: section.config,
        roles: section.roles,
        groups: section.groups,
        here: section.here,
    }
}

fn member_key(entry: manifest::MemberConfig) -> MemberConfigKey {
    let manifest::MemberConfig { entity, name, key, value, description, index: _ } = entry;
    MemberConfigKey { entity, name, key, value, description }
}

fn secret(secret: Option<manifest::Secret>) -> Secret {
    secret.map(|secret| Secret::new(secret.reveal())).unwrap_or_default()
}

fn read_certificate(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|cause| {
        Failure::because(format!("read the cluster's certificate from {}", path.display()), &cause)
            .untouched("Nothing was sent to the cluster.")
            .hint("copy cluster.crt from a member of the cluster, and name it in cluster_certificate_path")
    })
}
