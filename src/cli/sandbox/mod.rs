//! `seedbed sandbox`: a whole cluster on this machine, from one manifest, gone again when it has been shown.

mod form;
mod netns;
mod plot;
mod process;
mod record;
mod show;

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use super::command::{apply, init};
use super::exit::Exit;
use super::failure::Failure;
use super::input::Input;
use super::screen::Screen;
use crate::manifest;
use form::Running;
use plot::Ground;
use record::Record;

/// The arguments of `seedbed sandbox`.
#[derive(Args, Debug)]
pub struct SandboxArgs {
    /// The manifest; its cluster.members are the members that are started
    #[arg(required_unless_present = "stop", value_name = "FILE")]
    file: Option<String>,
    /// Leave it running, and say how to talk to it
    #[arg(long)]
    keep: bool,
    /// What the daemons work on: this machine (root only), or an imagined one
    #[arg(long, value_enum)]
    host: Option<HostChoice>,
    /// How many members, when the manifest names none
    #[arg(long, default_value_t = 3, value_name = "N")]
    members: usize,
    /// How long to wait until everything stands
    #[arg(long, value_parser = super::duration::parse, default_value = "60s", value_name = "TIME")]
    timeout: Duration,
    /// End a sandbox that was kept, and remove all that it made
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    stop: Option<PathBuf>,
}

/// What the daemons of a sandbox work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HostChoice {
    /// Real directories, bridges and namespaces.
    Linux,
    /// In memory: nothing on this machine changes.
    Fake,
}

/// Shows a cluster, or ends one that was kept.
///
/// # Errors
/// What cannot be started, formed or applied. Whatever was made by then is gone again.
pub async fn run(args: &SandboxArgs, screen: Screen) -> Result<Exit, Failure> {
    if let Some(room) = &args.stop {
        Record::read(room)?.tear_down(room).await?;
        screen.say(&format!("The sandbox in {} has ended, and all that it made is gone.", room.display()));
        return Ok(Exit::Done);
    }
    let room = make_room()?;
    let mut sandbox = Sandbox { args, screen, room: &room, record: Record::default() };
    let played = tokio::select! {
        played = sandbox.play() => played,
        name = stopped() => Err(Failure::new(Exit::NotConverged, format!("stopped by {name}"))),
    };
    let record = sandbox.record;
    if args.keep && played.is_ok() {
        show::kept(screen, &room, &record);
        return played;
    }
    record.tear_down(&room).await?;
    if played.is_ok() {
        show::gone(screen, args.file.as_deref().unwrap_or_default());
    }
    played.map_err(|failure| failure.untouched("The sandbox is gone again: nothing of it is left on this machine."))
}

/// One sandbox, from its first process to the last screen.
struct Sandbox<'a> {
    args: &'a SandboxArgs,
    screen: Screen,
    room: &'a Path,
    record: Record,
}

impl Sandbox<'_> {
    async fn play(&mut self) -> Result<Exit, Failure> {
        let file = self.args.file.clone().unwrap_or_default();
        let ground = self.ground();
        let mut input =
            Input::read_valid(std::slice::from_ref(&file), &super::layers::LayerArgs::default(), self.screen)?;
        let declared = input.loaded.cluster.as_ref().map(|cluster| cluster.members.clone()).unwrap_or_default();
        self.record.plots = plot::lay_out(&declared, self.args.members, ground, self.room)?;
        if ground == Ground::Loopback {
            input = input.rewritten(|text| plot::rewrite(text, &declared));
        }
        show::opening(self.screen, ground, self.record.plots.len());
        let members = input.loaded.cluster.take().map(init::section).transpose()?.map(|section| section.members);
        let running = self.start(ground, &members.unwrap_or_default()).await?;
        let Some(first) = running.first() else { return Ok(Exit::NoInput) };
        let invocation = apply::Invocation::new(input.loaded.desired, input.sources, &[file], &apply::How::default());
        let exit = apply::carry_out(&invocation, self.args.timeout, &first.session).await?;
        show::ending(exit, &invocation, &first.session).await?;
        Ok(exit)
    }

    fn ground(&self) -> Ground {
        let is_root = rustix::process::geteuid().is_root();
        match self.args.host {
            Some(HostChoice::Fake) => Ground::Loopback,
            Some(HostChoice::Linux) => Ground::Namespaces,
            None if is_root => Ground::Namespaces,
            None => Ground::Loopback,
        }
    }

    // Every process and namespace is on record before anything can fail.
    async fn start(&mut self, ground: Ground, members: &form::Declared) -> Result<Vec<Running>, Failure> {
        let begun = Instant::now();
        let host = match ground {
            Ground::Namespaces => "linux",
            Ground::Loopback => "fake",
        };
        if ground == Ground::Namespaces {
            let daemon = format!("{}-hub", plot::label(self.room));
            self.record.daemon = Some(daemon.clone());
            netns::make(&daemon, &self.record.plots).await?;
        }
        let mut running = Vec::new();
        for plot in self.record.plots.clone() {
            let daemon = Running::start(plot, host, self.screen)?;
            self.record.pids.push(daemon.pid());
            running.push(daemon);
        }
        self.record.write(self.room)?;
        let ready = futures_util::future::try_join_all(running.iter_mut().map(Running::ready)).await?;
        if let Some((first, others)) = running.split_first() {
            first.bootstrap(members).await?;
            for other in others {
                other.join(first, members).await?;
            }
            show::members(self.screen, &running, &ready, begun).await?;
        }
        Ok(running)
    }
}

impl Input {
    /// The same input from changed texts.
    fn rewritten(self, change: impl Fn(&str) -> String) -> Self {
        let sources: Vec<_> =
            self.sources.iter().map(|source| manifest::Source::new(&source.path, change(&source.text))).collect();
        let loaded = manifest::load(&sources, &manifest::Options::default());
        Self { sources, loaded, reading: self.reading }
    }
}

fn make_room() -> Result<PathBuf, Failure> {
    let mut rng = [0u8; 3];
    getrandom::fill(&mut rng).map_err(|cause| Failure::because("choose a name for the sandbox", &cause))?;
    let [a, b, c] = rng;
    let room = std::env::temp_dir().join(format!("seedbed-{a:02x}{b:02x}{c:02x}"));
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&room)
        .map_err(|cause| Failure::because(format!("make the sandbox's directory {}", room.display()), &cause))?;
    Ok(room)
}

// The signals that end a program; nothing may be left behind because of them.
async fn stopped() -> &'static str {
    let wait = async |kind: SignalKind| match signal(kind) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => "Ctrl-C",
        () = wait(SignalKind::terminate()) => "SIGTERM",
        () = wait(SignalKind::hangup()) => "SIGHUP",
    }
}
