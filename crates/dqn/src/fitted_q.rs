//! How good a policy would be, from what another one has done: fitted Q-evaluation.
//!
//! ```text
//! Q ← the network with the least mean loss of  Q(s, a) − (r + γ·Q⁻(s', π(s')))  over the data
//! ```
//!
//! Le, Voloshin & Yue 2019, "Batch policy learning under constraints", arXiv:1903.08738, algorithm 3.

use rand::Rng;
use reflux_nn::{Adam, Mlp, Optimizer, Workspace, clip_norm};
use reflux_replay::{Batch, Buffer, Sampler, Schema, Uniform};

use crate::memory::check_observation;
use crate::offline::each_transition;
use crate::{DqnConfig, Error, Policy, QNetwork, Result, Values};

/// The values that `policy` has, learned in `updates` updates from a recorded buffer with the columns
/// of [`Dqn::remember_all`](crate::Dqn::remember_all): `Q(s, a)` is what it would earn after the action
/// `a`. The policy's value at a start `s` is `Q(s, π(s))`.
///
/// Of `config` it takes the network's layers, gamma, the loss, the optimizer's settings, the batch and
/// how the target network follows.
///
/// # Errors
///
/// [`Error::Replay`] for no data or a column that lacks; [`Error::Config`] for an action in the data, or
/// of the policy, that there is not; [`Error::Diverged`] for a loss that is not finite; what the policy
/// refuses.
///
/// # Example
///
/// ```
/// use rand::SeedableRng;
/// use rand_xoshiro::Xoshiro256PlusPlus;
/// use reflux_dqn::{DqnConfig, fitted_q_evaluation};
/// use reflux_replay::{Buffer, Schema, Uniform};
///
/// let mut schema = Schema::new();
/// schema.column::<f32>("observation", &[1])?;
/// schema.column::<i64>("action", &[])?;
/// schema.column::<f32>("reward", &[])?;
/// schema.column::<f32>("next_observation", &[1])?;
/// schema.column::<bool>("terminated", &[])?;
/// let mut recorded = Buffer::new(schema, 100, Uniform::new())?;
/// // One state, reward 1 for ever: V = 1/(1 − γ).
/// let (one, action, terminated) = (1.0_f32, 0_i64, false);
/// recorded.push(&[
///     (&one).into(),
///     (&action).into(),
///     (&one).into(),
///     (&one).into(),
///     (&terminated).into(),
/// ])?;
///
/// let config = DqnConfig::new().with_hidden(&[])?.with_gamma(0.5)?.with_learning_rate(0.01)?;
/// let config = config.with_target_update(20, 1.0)?;
/// let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
/// let mut policy = |_: &[f32]| Ok(0);
/// let values = fitted_q_evaluation(&recorded, &mut policy, 1, &config, 2_000, rng)?;
/// let value = values.predict(&ndarray::array![[1.0]])?[[0, 0]];
/// assert!((value - 2.0).abs() < 0.01);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn fitted_q_evaluation<T: Sampler, R: Rng + ?Sized>(
    recorded: &Buffer<T>,
    policy: &mut (impl Policy + ?Sized),
    actions: usize,
    config: &DqnConfig,
    updates: u64,
    rng: &mut R,
) -> Result<QNetwork> {
    // The transitions, with what the policy does next beside each.
    let columns = recorded.schema().columns();
    let observation = columns.iter().find(|column| column.name() == "observation");
    let width = observation.map_or(0, reflux_replay::ColumnInfo::width);
    if width == 0 {
        recorded.schema().find::<f32>("observation")?;
    }
    let mut schema = Schema::new();
    let observation = schema.column::<f32>("observation", &[width])?;
    let action = schema.column::<i64>("action", &[])?;
    let reward = schema.column::<f32>("reward", &[])?;
    let next_observation = schema.column::<f32>("next_observation", &[width])?;
    let discount = schema.column::<f32>("discount", &[])?;
    let next_action = schema.column::<i64>("next_action", &[])?;
    let mut data = Buffer::new(schema, recorded.len().max(1), Uniform::new())?;
    each_transition(recorded, false, |step| {
        check_observation(step.observation, width)?;
        check_observation(step.next_observation, width)?;
        let next = policy.act(step.next_observation)?;
        for (name, action) in [("action", step.action), ("the policy's action", next)] {
            if action >= actions {
                let got = format!("{action} of {actions}");
                return Err(Error::config(name, "less than the number of actions", got));
            }
        }
        let discount = if step.terminated { 0.0 } else { config.gamma() as f32 };
        data.push(&[
            step.observation.into(),
            (&(step.action as i64)).into(),
            (&step.reward).into(),
            step.next_observation.into(),
            (&discount).into(),
            (&(next as i64)).into(),
        ])?;
        Ok(())
    })?;

    let shape = reflux_nn::MlpConfig::new(width, config.hidden(), actions)?;
    let mut online = Mlp::new(shape, rng)?;
    let mut target = online.clone();
    let mut adam = Adam::new(config.learning_rate())?;
    let (mut batch, mut workspace, mut next) = (Batch::new(), Workspace::new(), Workspace::new());
    let per_row = 1.0 / config.batch_size() as f32;
    for update in 0..updates {
        data.sample(config.batch_size(), rng, &mut batch)?;
        let seen = batch.matrix(observation)?;
        let (taken, rewards) = (batch.values(action)?, batch.values(reward)?);
        let (discounts, followed) = (batch.values(discount)?, batch.values(next_action)?);
        let judged = target.forward(&batch.matrix(next_observation)?, &mut next)?;
        online.forward(&seen, &mut workspace)?;
        let (values, mut gradient) = workspace.outputs_and_gradient_mut();
        gradient.fill(0.0);
        let mut loss = 0.0;
        for row in 0..batch.len() {
            let y = rewards[row] + discounts[row] * judged[[row, followed[row] as usize]];
            let at = [row, taken[row] as usize];
            let (value, slope) = config.loss().value_and_slope(values[at], y);
            gradient[at] = per_row * slope;
            loss += f64::from(per_row * value);
        }
        if !loss.is_finite() {
            return Err(Error::Diverged { update, loss });
        }
        online.backward(&seen, &mut workspace)?;
        clip_norm(workspace.gradients_mut(), config.max_gradient_norm());
        adam.step(online.parameters_mut(), workspace.gradients())?;
        if (update + 1).is_multiple_of(config.target_update_every()) {
            target.blend(&online, config.tau() as f32)?;
        }
    }
    QNetwork::new(online, Values::Expected)
}
