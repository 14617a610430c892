//! The object that a request names: a kind, a project and a name.

use crate::api::ApiError;
use crate::kinds::{self, Kind};
use crate::model::{Key, Object, ProjectName};
use crate::service::server::{Server, store_failed};
use crate::store::Store;

/// A kind, a name and the project of the request. In which project the object lives is for the store to say.
#[derive(Clone)]
pub struct ObjectPath {
    /// The kind of the collection.
    pub kind: &'static dyn Kind,
    /// The project that the query names.
    pub project: ProjectName,
    /// The object's name.
    pub name: String,
}

impl ObjectPath {
    /// The object of this name in the project that a request names.
    pub fn new(kind: &'static dyn Kind, project: ProjectName, name: &str) -> Self {
        Self { kind, project, name: name.to_owned() }
    }

    /// Under which key the object is kept: projects without a feature use the objects of `default`.
    ///
    /// # Errors
    /// 404 for a project that this copy does not know.
    pub fn key(&self, store: &Store) -> Result<Key, ApiError> {
        let key = Key::in_project(self.kind.words().kind, &self.project, &self.name);
        if self.project.is_default() {
            return Ok(key);
        }
        let stored = store.get(&Key::new("project", self.project.as_str())).map_err(store_failed)?;
        let config = stored.ok_or_else(|| ApiError::not_found("Project not found"))?.spec.config();
        Ok(kinds::home(&key, |_: &ProjectName| Some(config.clone())))
    }

    /// The object as it is stored on this member.
    ///
    /// # Errors
    /// 404 when this copy does not know it.
    pub fn object(&self, server: &Server) -> Result<Object, ApiError> {
        let store = server.store();
        let object = store.get(&self.key(&store)?).map_err(store_failed)?;
        object.ok_or_else(|| self.not_found())
    }

    /// That there is no such object, in LXD's words.
    pub fn not_found(&self) -> ApiError {
        let spoken = self.kind.words().spoken;
        let mut text: String = spoken.chars().take(1).flat_map(char::to_uppercase).collect();
        text.extend(spoken.chars().skip(1));
        ApiError::not_found(format!("{text} not found"))
    }
}
