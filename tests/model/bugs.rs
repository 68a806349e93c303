//! Bad variants: the model must reject each (G3).

/// What is left out or done otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The owner id is the node's, not a fresh one (R1).
    OwnerIdReused,
    /// A SERIAL read that does not find the batch is taken for "failed" (R3).
    UnknownIsFailed,
    /// A batch in doubt is dropped, and its sender told that he may try again (R3).
    AnotherBatchInDoubt,
    /// The tail is not read after the take-over (R4).
    TailNotRead,
    /// The append asks for next_seq and not for the owner (R2).
    ConditionOnNextAlone,
    /// It asks for the owner and not for next_seq (R2).
    ConditionOnOwnerAlone,
    AckBeforeCommit,
    /// `viewed` rises before the views are written (R5).
    ViewedBeforeViews,
    /// Keys below `viewed` are not asked for (R5).
    DedupeByMemoryAlone,
    /// A bucket that exists is opened again (R9).
    OpenOverwrites,
    /// Membership is not looked at.
    RightsNotAsked,
    /// A take-over of a full bucket leaves it to the next entry to open the one after it.
    SealedBucketKept,
}

pub const ALL: [Bug; 12] = [
    Bug::OwnerIdReused,
    Bug::UnknownIsFailed,
    Bug::AnotherBatchInDoubt,
    Bug::TailNotRead,
    Bug::ConditionOnNextAlone,
    Bug::ConditionOnOwnerAlone,
    Bug::AckBeforeCommit,
    Bug::ViewedBeforeViews,
    Bug::DedupeByMemoryAlone,
    Bug::OpenOverwrites,
    Bug::RightsNotAsked,
    Bug::SealedBucketKept,
];
