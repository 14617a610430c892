//! Puts secrets in the place of their references, at the last moment before a set is handed on.
//!
//! Only the trust password is taken: the cluster keeps nothing of it but a hash. Every other secret key is kept as it
//! is written, where a reference would promise more than it holds.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use super::program::Program;
use crate::kinds::{self, server, table};
use crate::manifest::SecretReference;
use crate::model::{Config, Desired, Finding, Key};

/// No secret is longer; a file that is was not meant.
const SECRET_BYTES_MAX: u64 = 64 << 10;
const EXEC_LIMIT: Duration = Duration::from_secs(30);

/// What references may use.
pub struct Resolver<'a> {
    /// The environment.
    pub env: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
    /// Whether programs may be run.
    pub exec: Exec,
}

/// Whether references may run programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exec {
    /// They may.
    Allowed,
    /// They may not.
    Refused,
}

/// Resolves every reference of a desired state. Findings never hold what was resolved.
pub async fn resolve(desired: &mut Desired, resolver: &Resolver<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, declared) in &mut desired.objects {
        let at = declared.at.clone();
        let kind = key.kind.as_str();
        let mut config = declared.spec.config();
        let own: Vec<&Config> = declared.members.values().chain([&declared.here]).collect();
        for (name, text) in own.into_iter().flat_map(|config| config.iter()).chain(config.iter()) {
            let is_taken = *key == Key::server() && name == server::TRUST_PASSWORD;
            if !is_taken && SecretReference::parse(text).is_some() {
                findings.push(not_taken(key, name, kinds::is_secret(kind, name)).at(at.clone()));
            }
        }
        let Some(text) = config.value(server::TRUST_PASSWORD).filter(|_| *key == Key::server()) else { continue };
        let Some(reference) = SecretReference::parse(text) else { continue };
        match fetch(reference, resolver).await {
            Ok(secret) => {
                config.insert(server::TRUST_PASSWORD.to_owned(), secret);
                declared.spec.set_config(&config);
            }
            Err(why) => {
                let text = format!("the secret of `{}` cannot be had: {why}", server::TRUST_PASSWORD);
                findings.push(Finding::error("SB193", text).at(at));
            }
        }
    }
    findings
}

fn not_taken(key: &Key, name: &str, is_secret: bool) -> Finding {
    if is_secret || table::is_secret_key(name) {
        let text =
            format!("`{name}` of {key} cannot be a reference: the cluster would keep the secret as it is written");
        return Finding::error("SB192", text).helping(format!("only `{}` is kept as a hash", server::TRUST_PASSWORD));
    }
    Finding::warning("SB192", format!("`{name}` of {key} is no secret: the reference is taken as text"))
}

async fn fetch(reference: SecretReference, resolver: &Resolver<'_>) -> Result<String, String> {
    let secret = match reference {
        SecretReference::Env(name) => (resolver.env)(&name).ok_or_else(|| format!("the environment has no {name}"))?,
        SecretReference::File(path) => read(&path)?,
        SecretReference::Exec(_) if resolver.exec == Exec::Refused => {
            return Err("programs may not be run here; a source is given that by `source add --allow-exec`".to_owned());
        }
        SecretReference::Exec(words) => run(words).await?,
    };
    let secret = secret.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).unwrap_or(&secret);
    match secret {
        "" => Err("it is empty".to_owned()),
        secret if SecretReference::parse(secret).is_some() => Err("it is a reference itself".to_owned()),
        secret => Ok(secret.to_owned()),
    }
}

fn read(path: &str) -> Result<String, String> {
    let failed = |cause| format!("{path}: {cause}");
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    text(bytes, path)
}

async fn run(words: Vec<String>) -> Result<String, String> {
    let (name, args) = words.split_first().ok_or("it names no program")?;
    let program = Program {
        name: name.clone(),
        args: args.to_vec(),
        env: Vec::new(),
        dir: PathBuf::from("/"),
        limit: EXEC_LIMIT,
    };
    // What it complains about may quote what it decrypts: that is not passed on.
    let said = program.run().await.map_err(|_| format!("`{name}` failed; run it by hand to see why"))?;
    text(said, name)
}

fn text(bytes: Vec<u8>, from: &str) -> Result<String, String> {
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > SECRET_BYTES_MAX {
        return Err(format!("{from} gives more than {} KiB", SECRET_BYTES_MAX >> 10));
    }
    String::from_utf8(bytes).map_err(|_| format!("{from} gives no text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{self, Options, Source};

    fn desired(password: &str) -> Desired {
        let text = format!("config:\n  core.trust_password: '{password}'\n");
        manifest::load(&[Source::new("a.yaml", text)], &Options::default()).desired
    }

    async fn resolved(password: &str, exec: Exec) -> Result<String, String> {
        let mut desired = desired(password);
        let env = |name: &str| (name == "TRUST").then(|| "from-env".to_owned());
        let findings = resolve(&mut desired, &Resolver { env: &env, exec }).await;
        match findings.into_iter().next() {
            Some(finding) => Err(finding.message),
            None => {
                Ok(desired.objects[&Key::server()].spec.config().value(server::TRUST_PASSWORD).expect("set").to_owned())
            }
        }
    }

    #[tokio::test]
    async fn references_are_replaced_by_what_they_name() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("pw");
        fs::write(&file, "from-file\n").expect("a file");
        assert_eq!(resolved("sekret", Exec::Refused).await, Ok("sekret".to_owned()));
        assert_eq!(resolved("env:TRUST", Exec::Refused).await, Ok("from-env".to_owned()));
        assert_eq!(resolved(&format!("file:{}", file.display()), Exec::Refused).await, Ok("from-file".to_owned()));
        assert_eq!(resolved("exec:echo from-exec", Exec::Allowed).await, Ok("from-exec".to_owned()));
    }

    #[tokio::test]
    async fn what_cannot_be_had_is_told_without_what_was_read() {
        for (reference, exec) in [
            ("env:NOBODY", Exec::Allowed),
            ("file:/nowhere/pw", Exec::Allowed),
            ("exec:echo hidden", Exec::Refused),
            ("exec:false hidden", Exec::Allowed),
            ("exec:echo env:TRUST", Exec::Allowed),
            ("exec:true", Exec::Allowed),
        ] {
            let why = resolved(reference, exec).await.expect_err(reference);
            assert!(why.contains("core.trust_password") && !why.contains("hidden"), "{why}");
        }
    }

    #[tokio::test]
    async fn keys_that_are_kept_as_written_take_no_reference() {
        let text = "networks:\n- name: br0\n  type: bridge\n  config: {bgp.peers.a.password: 'env:TRUST'}\nprofiles:\n- name: web\n  config: {user.a: 'env:TRUST'}\n";
        let mut desired = manifest::load(&[Source::new("a.yaml", text)], &Options::default()).desired;
        let env = |_: &str| Some("sekret".to_owned());
        let findings = resolve(&mut desired, &Resolver { env: &env, exec: Exec::Allowed }).await;
        let told: Vec<(bool, &str)> = findings.iter().map(|it| (it.is_error(), it.code.as_str())).collect();
        assert_eq!(told, [(true, "SB192"), (false, "SB192")]);
        assert!(!serde_json::to_string(&desired).expect("JSON").contains("sekret"));
    }
}
