//! Whatever happens to a machine, it comes to what the model comes to.

use proptest::{collection::vec, prelude::*};

use super::{
    model::Model,
    steps::{Step, query, step},
    *,
};
use crate::env::task::block_on;

/// A machine to which things happen, one with other limits to which nothing happens, and the model.
struct Trial {
    bench: Bench,
    calm: Bench,
    model: Model,
    /// The commands so far, for repetitions.
    commands: Vec<Command>,
}

impl Trial {
    async fn new() -> Self {
        Trial {
            bench: Bench::new(tiny()).await,
            calm: Bench::new(Limits::default()).await,
            model: Model::new(),
            commands: Vec::new(),
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Apply(command) => self.apply(command).await,
            Step::Repeat(back) => {
                if let Some(command) = self.commands.iter().nth_back(back) {
                    self.apply(command.clone()).await;
                }
            }
            Step::NoOp => {
                self.bench
                    .apply(Bytes::new())
                    .await
                    .expect("nothing to refuse");
                self.calm
                    .apply(Bytes::new())
                    .await
                    .expect("nothing to refuse");
            }
            Step::Settle => self.bench.machine.settle().await.expect("settled"),
            Step::Checkpoint => self.bench.machine.checkpoint().await.expect("begun"),
            Step::Crash => self.bench.crash().await,
            Step::Move(bytes_max) => self.bench.move_by_snapshot(bytes_max).await,
        }
    }

    async fn apply(&mut self, command: Command) {
        let expected = self.model.apply(&command);
        assert_eq!(self.bench.apply(command.encode()).await, expected);
        assert_eq!(self.calm.apply(command.encode()).await, expected);
        assert_eq!(self.bench.machine.hash(), self.calm.machine.hash());
        assert_eq!(self.bench.machine.revision(), self.model.revision());
        self.commands.push(command);
    }

    /// Every revision must be readable, and be what it was.
    async fn check_history(&self) {
        for revision in 0..self.model.revision() + 2 {
            let query = Query {
                revision,
                ..all_of(everything())
            };
            self.check(&query).await;
        }
    }

    async fn check(&self, query: &Query) {
        let expected = self
            .model
            .page(query)
            .map(|page| (self.model.revision(), page));
        for bench in [&self.bench, &self.calm] {
            match bench.page(query).await {
                Err(QueryError::Machine(error)) => panic!("{error}"),
                Err(QueryError::BadRevision(refusal)) => {
                    assert_eq!(Err(refusal), expected, "{query:?}");
                }
                Ok(answer) => assert_eq!(Ok(answer), expected, "{query:?}"),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_machine_agrees_with_the_model(
        steps in vec(step(), 1..60),
        queries in vec(query(), 20),
    ) {
        block_on(async {
            let mut trial = Trial::new().await;
            for step in steps {
                trial.step(step).await;
            }
            trial.check_history().await;
            for query in queries {
                trial.check(&query).await;
            }
            trial.bench.crash().await;
            trial.check_history().await;
        });
    }
}
