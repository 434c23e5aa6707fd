//! The state machine.

mod command;

pub use command::{
    Command, Compare, KeyRange, KeyValue, Op, OpResult, Page, Query, RangeEnd, Refusal, Relation,
    Reply, Target, Txn,
};
