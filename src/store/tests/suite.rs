//! openraft's own tests of a log and a state machine, on ours.

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tempfile::TempDir;

use crate::model::MemberId;
use crate::store::failure::Failure;
use crate::store::log::LogStore;
use crate::store::machine::StateMachine;
use crate::store::raft::types::Config;

struct Builder;

impl StoreBuilder<Config, LogStore, StateMachine, TempDir> for Builder {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), StorageError<Config>> {
        let dir = TempDir::new().expect("a directory");
        let log = LogStore::open(dir.path(), MemberId(1), Failure::default()).expect("a log");
        let machine = StateMachine::open(dir.path(), Failure::default()).expect("a state");
        Ok((dir, log, machine))
    }
}

#[test]
fn the_log_and_the_state_pass_the_suite_of_openraft() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(Suite::test_all(Builder)).expect("all pass");
}
