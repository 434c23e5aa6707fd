//! The command line: what the programs in `bin/` do with their arguments.
//!
//! A program here reads words, files and the environment, calls the floors below, and puts answers
//! and errors into words. Exit codes: 0 fine, 1 a negative answer or a server that failed, 2 wrong
//! usage or configuration, 3 cannot tell or cannot reach.

pub mod sicli;
pub mod sisyphus;
