//! The state as it will be: what is chosen for one object must not clash with what another declares.

use super::merge::merge;
use crate::model::{ClusterState, Key, Object, Spec};
use crate::plan::compute::{Mode, Scene};
use crate::plan::rules::ownership::is_left_alone;

/// What is stored with what is declared, made when it is first needed: most plans choose nothing.
#[derive(Default)]
pub struct Projected {
    state: Option<ClusterState>,
}

impl Projected {
    /// The state with everything that is declared.
    pub fn state(&mut self, scene: &Scene<'_>) -> &ClusterState {
        self.state.get_or_insert_with(|| {
            let mut state = scene.state.clone();
            for (key, declared) in scene.wanted {
                if is_left_alone(declared, scene.state.get(key)) {
                    continue;
                }
                let object = state.objects.entry(key.clone()).or_insert_with(|| imagined(key));
                object.spec = merge(&object.spec, None, &declared.spec, Mode::Merge);
            }
            state
        })
    }

    /// Keeps what was decided for an object.
    pub fn set(&mut self, key: &Key, spec: &Spec) {
        if let Some(object) = self.state.as_mut().and_then(|state| state.objects.get_mut(key)) {
            object.spec = spec.clone();
        }
    }
}

fn imagined(key: &Key) -> Object {
    Object::blank(key.clone())
}
