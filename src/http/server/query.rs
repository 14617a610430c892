//! The query of a request.

use std::convert::Infallible;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use crate::model::{MemberName, ProjectName};

/// What stands after the question mark.
#[derive(Clone, Debug, Default)]
pub struct RequestQuery {
    pairs: Vec<(String, String)>,
}

impl RequestQuery {
    /// The first value under this name; an empty one counts as absent.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// All values under this name.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A number under this name.
    pub fn number<T: FromStr>(&self, name: &str) -> Option<T> {
        self.value(name).and_then(|text| text.parse().ok())
    }

    /// Whether this is switched on: `?force=1`.
    pub fn is_set(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| matches!(value, "1" | "true" | "yes" | "on"))
    }

    /// Whether whole objects are asked for instead of their paths.
    pub fn wants_objects(&self) -> bool {
        self.number::<u8>("recursion").is_some_and(|depth| depth > 0)
    }

    /// The member that is meant.
    pub fn target(&self) -> Option<MemberName> {
        self.value("target").map(MemberName::from)
    }

    /// The project that is meant.
    pub fn project(&self) -> ProjectName {
        self.value("project").map(ProjectName::from).unwrap_or_default()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestQuery {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let pairs = Query::try_from_uri(&parts.uri).map(|Query(pairs)| pairs).unwrap_or_default();
        Ok(Self { pairs })
    }
}
