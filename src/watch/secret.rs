//! Puts secrets in the place of their references, at the last moment before a set is handed on.
//!
//! Only the trust password is taken: the cluster keeps nothing of it but a hash. Every other secret key is kept as it
//! is written, where a reference would promise more than it holds.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;

use super::program::Program;
use super::resolve::resolve as follow;
use crate::kinds::tables::key_table;
use crate::kinds::{self, server};
use crate::manifest::{SecretReference, open_regular, open_regular_below, read_at_most};
use crate::model::{Config, Desired, Finding, Key};

/// No secret is longer; a file that is was not meant.
const SECRET_BYTES_MAX: u64 = 64 << 10;
const EXEC_LIMIT: Duration = Duration::from_secs(30);
/// A file system that takes longer is not there.
const FILE_LIMIT: Duration = Duration::from_secs(10);

/// What references may use.
pub struct Resolver<'a> {
    /// The environment.
    pub env: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
    /// Which variables of it may be named.
    pub names: SecretNames<'a>,
    /// Which files may be named.
    pub files: SecretFiles,
    /// Whether programs may be run.
    pub exec: Exec,
}

/// Which variables of the environment references may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretNames<'a> {
    /// All: whoever runs the command has them anyway.
    All,
    /// These.
    Only(&'a [String]),
}

/// Which files references may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretFiles {
    /// All: whoever runs the command may read what they may read.
    All,
    /// Those below these directories, links included.
    Below(Vec<PathBuf>),
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
    if is_secret || key_table::is_secret_key(name) {
        let text =
            format!("`{name}` of {key} cannot be a reference: the cluster would keep the secret as it is written");
        return Finding::error("SB192", text).helping(format!("only `{}` is kept as a hash", server::TRUST_PASSWORD));
    }
    Finding::warning("SB192", format!("`{name}` of {key} is no secret: the reference is taken as text"))
}

async fn fetch(reference: SecretReference, resolver: &Resolver<'_>) -> Result<String, String> {
    let secret = match reference {
        SecretReference::Env(name) if !resolver.names.has(&name) => {
            return Err(format!(
                "the variable {name} may not be used here; a source is given it by `source add --allow-env {name}`"
            ));
        }
        SecretReference::Env(name) => (resolver.env)(&name).ok_or_else(|| format!("the environment has no {name}"))?,
        SecretReference::File(path) => read(path, resolver.files.clone()).await?,
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

async fn read(path: String, files: SecretFiles) -> Result<String, String> {
    let named = path.clone();
    let work = tokio::task::spawn_blocking(move || {
        let failed = |cause: String| format!("{path}: {cause}");
        let file = files.open(Path::new(&path))?.map_err(|cause| failed(cause.to_string()))?;
        let bytes = read_at_most(file, SECRET_BYTES_MAX).map_err(|cause| failed(cause.to_string()))?;
        text(bytes.ok_or_else(|| failed(too_long()))?).map_err(failed)
    });
    match timeout(FILE_LIMIT, work).await {
        Ok(Ok(read)) => read,
        Ok(Err(_)) => Err(format!("{named}: it cannot be read")),
        Err(_) => Err(format!("{named}: its file system did not answer within {} s", FILE_LIMIT.as_secs())),
    }
}

async fn run(words: Vec<String>) -> Result<String, String> {
    let (name, args) = words.split_first().ok_or("it names no program")?;
    let program = Program {
        name: name.clone(),
        args: args.to_vec(),
        env: Vec::new(),
        dir: PathBuf::from("/"),
        limit: EXEC_LIMIT,
        user: None,
    };
    // What it complains about may quote what it decrypts: that is not passed on.
    let said = program.run().await.map_err(|_| format!("`{name}` failed; run it by hand to see why"))?;
    text(said).map_err(|cause| format!("{name}: {cause}"))
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > SECRET_BYTES_MAX {
        return Err(too_long());
    }
    String::from_utf8(bytes).map_err(|_| "it gives no text".to_owned())
}

fn too_long() -> String {
    format!("it gives more than {} KiB", SECRET_BYTES_MAX >> 10)
}

impl SecretNames<'_> {
    fn has(self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|known| known == name),
        }
    }
}

impl SecretFiles {
    /// Whether a file is there is told only where it may be read.
    fn open(&self, path: &Path) -> Result<io::Result<std::fs::File>, String> {
        let Self::Below(dirs) = self else { return Ok(open_regular(path)) };
        let refused = || {
            "this file may not be used here; a source is given the directory of its secrets by `source add --secrets-dir`"
                .to_owned()
        };
        let real_dirs: Vec<PathBuf> = dirs.iter().filter_map(|dir| Some(follow(dir).ok()?.real)).collect();
        let is_named = |path: &Path| dirs.iter().chain(&real_dirs).any(|dir| path.starts_with(dir));
        let has_steps_up = path.components().any(|step| step == std::path::Component::ParentDir);
        if !is_named(path) || has_steps_up {
            return Err(refused());
        }
        let real = match follow(path) {
            Ok(way) => way.real,
            Err(lost) => return Ok(Err(lost.cause)),
        };
        let dir = real_dirs.iter().find(|dir| real.starts_with(dir)).ok_or_else(refused)?;
        Ok(open_regular_below(dir, &real))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::manifest::{self, Options, Source};

    fn desired(password: &str) -> Desired {
        let text = format!("config:\n  core.trust_password: '{password}'\n");
        manifest::load(&[Source::new("a.yaml", text)], &Options::default()).desired
    }

    fn person(env: &(dyn Fn(&str) -> Option<String> + Send + Sync)) -> Resolver<'_> {
        Resolver { env, names: SecretNames::All, files: SecretFiles::All, exec: Exec::Refused }
    }

    async fn resolved(password: &str, exec: Exec) -> Result<String, String> {
        let mut desired = desired(password);
        let env = |name: &str| (name == "TRUST").then(|| "from-env".to_owned());
        let findings = resolve(&mut desired, &Resolver { exec, ..person(&env) }).await;
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
        let findings = resolve(&mut desired, &Resolver { exec: Exec::Allowed, ..person(&env) }).await;
        let told: Vec<(bool, &str)> = findings.iter().map(|it| (it.is_error(), it.code.as_str())).collect();
        assert_eq!(told, [(true, "SB192"), (false, "SB192")]);
        assert!(!serde_json::to_string(&desired).expect("JSON").contains("sekret"));
    }

    #[tokio::test]
    async fn a_source_reads_files_below_its_directories_and_variables_that_it_was_given() {
        let dir = tempfile::tempdir().expect("a directory");
        let top = dir.path().canonicalize().expect("a real path");
        fs::create_dir_all(top.join("secrets")).expect("a directory");
        fs::write(top.join("secrets/pw"), "inside\n").expect("a file");
        fs::write(top.join("shadow"), "outside\n").expect("a file");
        std::os::unix::fs::symlink("../shadow", top.join("secrets/link")).expect("a link");
        let (given, files) = (["TRUST".to_owned()], SecretFiles::Below(vec![top.join("secrets")]));
        let env = |name: &str| Some(format!("value of {name}"));
        let ask = async |password: String| {
            let mut desired = desired(&password);
            let names = SecretNames::Only(&given);
            let resolver = Resolver { names, files: files.clone(), ..person(&env) };
            let findings = resolve(&mut desired, &resolver).await;
            let value = desired.objects[&Key::server()].spec.config().value(server::TRUST_PASSWORD).map(str::to_owned);
            findings.first().map(|finding| finding.message.clone()).or(value).unwrap_or_default()
        };
        let file = |name: &str| format!("file:{}", top.join(name).display());
        assert_eq!(ask(file("secrets/pw")).await, "inside");
        assert_eq!(ask("env:TRUST".to_owned()).await, "value of TRUST");
        let others = ["shadow", "absent", "secrets/link", "secrets/../shadow"].map(file);
        for refused in others.into_iter().chain(["env:HOME".to_owned(), "file:/dev/ptmx".to_owned()]) {
            let why = ask(refused.clone()).await;
            assert!(why.contains("may not be used here") && !why.contains("outside"), "{refused}: {why}");
        }
        assert!(ask(file("secrets/absent")).await.contains("No such file"));
    }

    #[tokio::test]
    async fn devices_and_long_files_are_no_secrets() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("long"), [b'x'; 70_000]).expect("a file");
        for path in ["/dev/ptmx".into(), "/dev/zero".into(), dir.path().join("long")] {
            let why = resolved(&format!("file:{}", path.display()), Exec::Refused).await.expect_err("no secret");
            assert!(why.contains("no regular file") || why.contains("more than 64 KiB"), "{why}");
        }
    }
}
