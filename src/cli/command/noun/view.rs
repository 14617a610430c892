//! `list`, `show` and `info`.

use serde_json::Value;

use super::shape::table;
use super::{Named, Place};
use crate::cli::command::status;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::kinds::Kind;
use crate::model::{Key, ProjectName};

/// Prints all objects of a kind; for programs, the array of LXD's API.
///
/// # Errors
/// What the daemon says.
pub async fn list(kind: &dyn Kind, place: &Place, session: &Session) -> Result<(), Failure> {
    let (objects, _) = session.fetch(&place.recursed(kind)).await?;
    let rows = objects.as_array().map(Vec::as_slice).unwrap_or_default();
    session.screen.write_table(&table(kind.words().kind, rows), &objects)
}

/// Prints one object as LXD's API has it.
///
/// # Errors
/// What the daemon says.
pub async fn show(kind: &dyn Kind, named: &Named, session: &Session) -> Result<(), Failure> {
    let (object, _): (Value, _) = session.fetch(&named.place.object(kind, &named.name)).await?;
    session.screen.write_value(&object)
}

/// Prints how one object stands on every member.
///
/// # Errors
/// What the daemon says.
pub async fn info(kind: &dyn Kind, named: &Named, session: &Session) -> Result<Exit, Failure> {
    // What is not there is refused in the same words as by the other verbs.
    session.fetch(&named.place.object(kind, &named.name)).await?;
    let project = named.place.project.as_deref().map(ProjectName::from).unwrap_or_default();
    status::once(&[Key::in_project(kind.words().kind, &project, &named.name)], session).await
}
