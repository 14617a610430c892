//! The project that an object really lives in: projects without a feature use the objects of `default`.

use super::kind::Scope;
use crate::kinds::tables::value;
use crate::model::{Config, Key, ProjectName};

/// The key under which an object that was written as `key` is kept.
///
/// `project` gives a project's configuration, `None` for one that does not exist.
pub fn home(key: &Key, project: impl Fn(&ProjectName) -> Option<Config>) -> Key {
    let scope = crate::kinds::find(key.kind.as_str()).map(crate::kinds::Kind::scope);
    let stays = match scope {
        Some(Scope::Project { feature }) => {
            key.project.is_default() || project(&key.project).is_none_or(|config| is_own(&config, feature))
        }
        Some(Scope::Cluster) => false,
        None => true,
    };
    let project = if stays { key.project.clone() } else { ProjectName::default() };
    Key { project, ..key.clone() }
}

/// Whether a project has objects of its own under a feature. A stored project without the key has not, as in LXD: what
/// a new one has unless it says otherwise is written down when it is made.
pub fn is_own(project: &Config, feature: &str) -> bool {
    project.value(feature).and_then(value::read_bool).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_live_in_default_unless_their_project_has_its_own() {
        let config = |name: &ProjectName| match name.as_str() {
            "own" => Some(Config::from([("features.profiles", "true")])),
            "shared" => Some(Config::from([("features.profiles", "false")])),
            _ => None,
        };
        let at =
            |project: &str| home(&Key::in_project("profile", &ProjectName::from(project), "p"), config).to_string();
        assert_eq!(at("own"), "profile/own/p");
        assert_eq!(at("shared"), "profile/p");
        // Nobody knows it yet: the plan will say that it does not exist.
        assert_eq!(at("unknown"), "profile/unknown/p");
    }
}
