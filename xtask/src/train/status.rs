//! How a training stands, in a line.

use std::collections::VecDeque;
use std::fmt::{self, Display, Formatter};
use std::time::Instant;

use reflux_dqn::{Dqn, Event};
use reflux_replay::Sampler;

use crate::plots::thousands;

/// Over so many episodes, the mean return is shown.
const RECENT: usize = 20;

/// The last that was heard.
#[derive(Debug)]
pub(super) struct Status {
    returns: VecDeque<f64>,
    loss: Option<f64>,
    epsilon: f64,
    steps: u64,
    begun: u64,
    started: Instant,
}

impl Status {
    /// For a training that goes on after `begun` steps.
    pub(super) fn new(begun: u64) -> Self {
        let (returns, started) = (VecDeque::new(), Instant::now());
        Self { returns, loss: None, epsilon: 1.0, steps: begun, begun, started }
    }

    /// Takes an event.
    pub(super) fn note<S: Sampler>(&mut self, agent: &Dqn<S>, event: &Event) {
        (self.steps, self.epsilon) = (agent.steps(), agent.epsilon());
        match event {
            Event::Episode { total_reward, .. } => {
                self.returns.push_back(*total_reward);
                if self.returns.len() > RECENT {
                    self.returns.pop_front();
                }
            }
            Event::Learned(update) => self.loss = Some(update.loss),
            _ => {}
        }
    }
}

/// `return 195.3, loss 0.0123, epsilon 0.04, 12,345 steps/s`
impl Display for Status {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.returns.is_empty() {
            let mean = self.returns.iter().sum::<f64>() / self.returns.len() as f64;
            write!(f, "return {mean:.1}, ")?;
        }
        if let Some(loss) = self.loss {
            write!(f, "loss {loss:.4}, ")?;
        }
        let speed = (self.steps - self.begun) as f64 / self.started.elapsed().as_secs_f64();
        write!(f, "epsilon {:.2}, {} steps/s", self.epsilon, thousands(speed))
    }
}
