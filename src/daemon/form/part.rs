//! What a `cluster` section asks of the one member that reads it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::listen::with_port;
use crate::api::{ApiError, ClusterSection, DeclaredMember, JoinToken, MemberConfigKey, Secret};
use crate::kinds::server::TRUST_PASSWORD;
use crate::model::{Desired, Key, MemberName};
use crate::service::{CLUSTER_ADDRESS, HTTPS_ADDRESS};

/// One member's part of a section.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its name.
    pub name: MemberName,
    /// Where it is reached.
    pub address: String,
    /// What else the file says about it.
    pub declared: DeclaredMember,
    /// What it is to do.
    pub ask: Ask,
    /// Member-specific keys of this member, as LXD's preseed writes them. Empty values are left to the system.
    pub member_config: Vec<MemberConfigKey>,
    /// Whether the file is about all members: then its objects are applied, not only compared.
    pub is_whole_cluster: bool,
}

/// What a member is to do.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Form a cluster.
    Bootstrap,
    /// Form the cluster of a list, unless that was done before.
    Found(List),
    /// Join one.
    Join(Endpoints),
}

/// The list of members that the first of them reads.
#[derive(Clone, Debug)]
pub struct List {
    /// The others: their names and where they are reached.
    pub others: Vec<(MemberName, String)>,
    /// What they must show, if they are in a cluster already.
    pub known: Known,
    /// The password with which they join, or with which this one does.
    pub password: Secret,
}

/// Where and how to get into a cluster.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// Members to try, in this order.
    pub addresses: Vec<String>,
    /// What they must show.
    pub known: Known,
    /// Why this one may come in.
    pub credential: Credential,
    /// The first member of the list, which forms the cluster.
    pub founder: Option<MemberName>,
}

/// How the cluster is recognised.
#[derive(Clone, Debug)]
pub enum Known {
    /// By its certificate, as PEM.
    Certificate(String),
    /// By the fingerprint of its certificate.
    Fingerprint(String),
    /// By knowing the password too.
    ByPassword,
}

/// Why a member may come in.
#[derive(Clone, Debug)]
pub enum Credential {
    /// It knows the trust password.
    Password(Secret),
    /// It has a token.
    Token(Secret),
}

impl Part {
    /// Writes the member's own addresses into the desired state: they are part of its configuration.
    pub fn write_into(&self, desired: &mut Desired) {
        let server = desired.objects.entry(Key::server()).or_default();
        let mut own = server.of(&self.name);
        own.extend(self.declared.here.0.clone());
        own.entry(HTTPS_ADDRESS.to_owned()).or_insert_with(|| self.address.clone());
        own.insert(CLUSTER_ADDRESS.to_owned(), self.address.clone());
        server.members.remove(&self.name);
        server.here = own;
    }
}

/// The password with which the others of the list join is what the cluster asks them for, unless the file says so itself.
pub fn set_password(desired: &mut Desired, password: &Secret) {
    let server = desired.objects.entry(Key::server()).or_default();
    let mut config = server.spec.config();
    if !password.is_empty() && config.value(TRUST_PASSWORD).is_none() {
        config.insert(TRUST_PASSWORD.to_owned(), password.reveal().to_owned());
        server.spec.set_config(&config);
    }
}

fn decode(text: &str) -> Option<JoinToken> {
    let bytes = STANDARD.decode(text.trim()).ok()?;
    serde_json::from_slice::<JoinToken>(&bytes).ok().filter(|token| !token.secret.is_empty())
}

/// This member's part.
///
/// # Errors
/// What is missing or ambiguous, and how to say it.
pub fn read(section: &ClusterSection, desired: &Desired) -> Result<Part, ApiError> {
    if !section.enabled && section.cluster_token.is_empty() {
        return Err(ApiError::bad_request(
            "the cluster section names a cluster to join, but `enabled: true` is missing: nothing was done",
        ));
    }
    let token = match section.cluster_token.reveal() {
        // LXD's preseed takes a token for the password, too.
        "" => decode(section.cluster_password.reveal()),
        text => Some(decode(text).ok_or_else(|| ApiError::bad_request("Invalid cluster join token: copy it whole"))?),
    };
    if let Some(token) = &token
        && !section.server_name.is_empty()
        && token.server_name != section.server_name
    {
        let (made_for, name) = (&token.server_name, &section.server_name);
        return Err(ApiError::bad_request(format!(
            "the join token was made for {made_for}, and the file calls this member {name}: nothing was done. Make one \
             with `seedbed cluster add {name}`, or leave cluster.server_name out"
        )));
    }
    let given = token.as_ref().map_or(section.server_name.as_str(), |token| token.server_name.as_str());
    let configured = configured_address(section, desired, given);
    let (name, declared) = find(section, given, configured.as_deref())?;
    let address = address(section, &declared, configured.as_deref())?;
    let ask = ask(section, token, &name, &address)?;
    let member_config = section.member_config.iter().filter(|entry| !entry.value.is_empty()).cloned().collect();
    Ok(Part { name, address, declared, ask, member_config, is_whole_cluster: !section.members.is_empty() })
}

/// What the file says about where this member listens.
fn configured_address(section: &ClusterSection, desired: &Desired, name: &str) -> Option<String> {
    if !section.server_address.is_empty() {
        return Some(with_port(&section.server_address));
    }
    let own = desired.objects.get(&Key::server()).map(|server| server.of(&MemberName::from(name)))?;
    own.value(CLUSTER_ADDRESS).or(own.value(HTTPS_ADDRESS)).map(with_port)
}

/// The member of the list that this machine is: by name, by what it listens on, or by owning the address.
fn find(
    section: &ClusterSection,
    name: &str,
    configured: Option<&str>,
) -> Result<(MemberName, DeclaredMember), ApiError> {
    if !name.is_empty() {
        let name = MemberName::from(name);
        let declared = section.members.iter().find(|declared| declared.name == name);
        if declared.is_none() && !section.members.is_empty() {
            return Err(ApiError::bad_request(format!("{name} is not among the members that the file lists")));
        }
        return Ok((name, declared.cloned().unwrap_or_default()));
    }
    let is_mine = |declared: &DeclaredMember| match configured {
        Some(address) => with_port(&declared.address) == address,
        None => is_local(&declared.address),
    };
    let mine: Vec<&DeclaredMember> = section.members.iter().filter(|declared| is_mine(declared)).collect();
    match mine.as_slice() {
        [declared] => Ok((declared.name.clone(), (*declared).clone())),
        [] if section.members.is_empty() => {
            Err(ApiError::bad_request("ServerName is required when enabling clustering: add cluster.server_name"))
        }
        [] => Err(ApiError::bad_request(
            "no address in cluster.members belongs to this machine: add cluster.server_name, or correct the addresses",
        )),
        several => {
            let names: Vec<&str> = several.iter().map(|declared| declared.name.as_str()).collect();
            Err(ApiError::bad_request(format!(
                "the addresses of {} all belong to this machine: say with cluster.server_name which one is meant",
                names.join(", ")
            )))
        }
    }
}

/// Whether an interface of this machine has the address: only then may a socket be bound to it.
fn is_local(address: &str) -> bool {
    use std::net::ToSocketAddrs as _;
    let full = with_port(address);
    let addresses = full.to_socket_addrs().map(Iterator::collect::<Vec<_>>).unwrap_or_default();
    addresses.iter().any(|address| std::net::UdpSocket::bind((address.ip(), 0)).is_ok())
}

fn address(section: &ClusterSection, declared: &DeclaredMember, configured: Option<&str>) -> Result<String, ApiError> {
    let listed = Some(&declared.address).filter(|address| !address.is_empty()).map(|address| with_port(address));
    let address = match (section.server_address.is_empty(), listed) {
        (true, Some(listed)) => Some(listed),
        _ => configured.map(str::to_owned),
    };
    let Some(address) = address else {
        return Err(ApiError::bad_request(
            "No server address provided for this member: add core.https_address, or cluster.server_address",
        ));
    };
    let host = address.rsplit_once(':').map_or("", |(host, _)| host);
    if matches!(host, "" | "0.0.0.0" | "[::]" | "*") {
        return Err(ApiError::bad_request(format!(
            "Cannot use wildcard core.https_address {address:?} for cluster.https_address. Please specify a new \
             cluster.https_address or core.https_address"
        )));
    }
    Ok(address)
}

fn ask(section: &ClusterSection, token: Option<JoinToken>, name: &MemberName, own: &str) -> Result<Ask, ApiError> {
    if let Some(token) = token {
        return Ok(Ask::Join(Endpoints {
            addresses: token.addresses.iter().map(|address| with_port(address)).collect(),
            known: Known::Fingerprint(token.fingerprint),
            credential: Credential::Token(token.secret),
            founder: None,
        }));
    }
    let others = section.members.iter().filter(|declared| declared.name != *name);
    let others = others.map(|declared| (declared.name.clone(), with_port(&declared.address)));
    let is_named = |address: &str| address.is_empty() || with_port(address) == own;
    // The first member of a list forms the cluster, and whoever is in already can let the others in.
    let is_first = section.members.first().is_none_or(|first| first.name == *name);
    if is_named(&section.cluster_address) && (is_first || !section.cluster_address.is_empty()) {
        let others: Vec<(MemberName, String)> = others.collect();
        if others.is_empty() {
            return Ok(Ask::Bootstrap);
        }
        return Ok(Ask::Found(List { others, known: known(section)?, password: section.cluster_password.clone() }));
    }
    let addresses = match section.cluster_address.as_str() {
        "" => others.map(|(_, address)| address).collect(),
        named => vec![with_port(named)],
    };
    if section.cluster_password.is_empty() {
        return Err(ApiError::bad_request(
            "joining a cluster needs cluster_password, or cluster_token from `seedbed cluster add`",
        ));
    }
    let credential = Credential::Password(section.cluster_password.clone());
    let founder = section.members.first().map(|first| first.name.clone()).filter(|_| !is_first);
    Ok(Ask::Join(Endpoints { addresses, known: known(section)?, credential, founder }))
}

fn known(section: &ClusterSection) -> Result<Known, ApiError> {
    match section.cluster_certificate.as_str() {
        "" if section.members.is_empty() => {
            Err(ApiError::bad_request("No target cluster member certificate provided: add cluster_certificate"))
        }
        "" => Ok(Known::ByPassword),
        text => Ok(Known::Certificate(text.to_owned())),
    }
}
