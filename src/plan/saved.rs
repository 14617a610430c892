//! A plan taken apart, to be kept, and put together again.

use super::report::{Plan, Work};
use crate::model::{Change, Expect};

impl Plan {
    /// What must hold and what is committed. Values are in it, secrets included.
    pub fn apart(&self) -> (Vec<Expect>, Vec<Change>) {
        (self.work.expect.clone(), self.work.changes.clone())
    }

    /// The plan as it was before it was taken apart: what was read from JSON has nothing to commit.
    #[must_use]
    pub fn together(self, expect: Vec<Expect>, changes: Vec<Change>) -> Self {
        Self { work: Work { expect, changes, ..self.work }, ..self }
    }
}
