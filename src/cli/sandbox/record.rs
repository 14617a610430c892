//! What a sandbox needs to remember, so that another command can end it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::plot::Plot;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// The file in the sandbox's directory.
const FILE: &str = "sandbox.json";

/// Everything that a sandbox made outside its directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The namespace that joins the others.
    pub daemon: Option<String>,
    /// The members.
    pub plots: Vec<Plot>,
    /// Their daemons' processes, in the same order.
    pub pids: Vec<u32>,
}

impl Record {
    /// Keeps it in the sandbox's directory.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, room: &Path) -> Result<(), Failure> {
        let file = room.join(FILE);
        let text = serde_json::to_vec_pretty(self).map_err(std::io::Error::other);
        text.and_then(|text| std::fs::write(&file, text))
            .map_err(|cause| Failure::because(format!("write {}", file.display()), &cause))
    }

    /// Reads it from a sandbox's directory.
    ///
    /// # Errors
    /// When there is no sandbox.
    pub fn read(room: &Path) -> Result<Self, Failure> {
        let file = room.join(FILE);
        let text = std::fs::read(&file).map_err(|cause| {
            Failure::because(format!("there is no sandbox in {}: read {}", room.display(), file.display()), &cause)
                .exiting(Exit::NoInput)
                .hint("the directory is the one that `seedbed sandbox --keep` printed")
        })?;
        serde_json::from_slice(&text).map_err(|cause| Failure::because(format!("read {}", file.display()), &cause))
    }

    /// Ends the daemons, removes the namespaces, and removes the directory.
    ///
    /// # Errors
    /// When the directory cannot be removed.
    pub async fn tear_down(&self, room: &Path) -> Result<(), Failure> {
        let daemons: Vec<(u32, &Path)> =
            self.pids.iter().copied().zip(self.plots.iter().map(|plot| plot.state_dir.as_path())).collect();
        super::process::end(&daemons).await;
        let spaces = self.plots.iter().filter_map(|plot| plot.namespace.clone());
        super::netns::remove(&spaces.chain(self.daemon.clone()).collect::<Vec<_>>()).await;
        std::fs::remove_dir_all(room).map_err(|cause| Failure::because(format!("remove {}", room.display()), &cause))
    }

    /// The sockets, to talk to the members.
    pub fn state_dirs(&self) -> impl Iterator<Item = &PathBuf> {
        self.plots.iter().map(|plot| &plot.state_dir)
    }
}
