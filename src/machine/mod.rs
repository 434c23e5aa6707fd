//! The state machine.

mod command;

pub use command::{
    Command, Compare, KeyRange, KeyValue, Op, OpResult, Outcome, Page, Query, RangeEnd, Refusal,
    Relation, Reply, Target, Txn, decode_outcome, encode_outcome,
};
