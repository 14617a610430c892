//! Tests end a daemon at a chosen instant of a join, as `kill -9` does there: what the next start finds is what a power
//! cut leaves. Nobody else sets this.

/// An instant of a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failpoint {
    /// The joiner has its place, and has written nothing down.
    Offered,
    /// The joiner has written down what it needs to come back.
    Prepared,
    /// The joiner's second store is open.
    Following,
    /// The joiner's own replicated state says that it is a member, or the cluster says that it is not.
    Ended,
    /// The joiner has decided, and its database is not in its place yet.
    Decided,
    /// The joiner's database is in its place.
    Moved,
    /// The leader has written down who comes.
    Recorded,
    /// The leader sends its log to the joiner.
    Seated,
    /// The leader has committed the join, and has not said so.
    Admitted,
}

impl Failpoint {
    const ALL: [Self; 9] = [
        Self::Offered,
        Self::Prepared,
        Self::Following,
        Self::Ended,
        Self::Decided,
        Self::Moved,
        Self::Recorded,
        Self::Seated,
        Self::Admitted,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Offered => "join-offered",
            Self::Prepared => "join-prepared",
            Self::Following => "join-following",
            Self::Ended => "join-ended",
            Self::Decided => "join-decided",
            Self::Moved => "join-moved",
            Self::Recorded => "join-recorded",
            Self::Seated => "join-seated",
            Self::Admitted => "join-admitted",
        }
    }
}

impl std::str::FromStr for Failpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|point| point.word() == text);
        found.ok_or_else(|| format!("one of {}", Self::ALL.map(Self::word).join(", ")))
    }
}

/// Where this daemon ends, if anywhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct Failpoints(pub Option<Failpoint>);

impl Failpoints {
    /// Ends the process when this is the point.
    pub fn at(self, point: Failpoint) {
        if self.0 == Some(point) {
            std::process::abort();
        }
    }
}
