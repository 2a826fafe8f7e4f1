//! What can be set, and read back.

use reflux_nn::Regression;

use crate::{DqnConfig, Optimism, PolicyLoss, Result, Schedule, Values};

/// The settings, each with the name that the field gives it.
impl DqnConfig {
    /// Sets the widths of the hidden layers; none makes Q linear in the observation.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) for a width of 0.
    pub fn with_hidden(self, hidden: &[usize]) -> Result<Self> {
        Self { hidden: hidden.to_vec(), ..self }.checked()
    }

    /// Chooses a dueling head, which adds an action's advantage to the value of the state (Wang et al.
    /// 2016, arXiv:1511.06581).
    pub fn with_dueling(self, dueling: bool) -> Self {
        Self { dueling, ..self }
    }

    /// Chooses noisy layers in place of epsilon, with this σ₀ (Fortunato et al. 2018,
    /// arXiv:1706.10295: 0.5). Their noise is drawn anew for acting and for each pass of an update,
    /// and no action is random besides.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) unless it is finite and above 0.
    pub fn with_noisy(self, sigma: Option<f64>) -> Result<Self> {
        Self { noisy: sigma, ..self }.checked()
    }

    /// Sets what the network's outputs mean: expected returns, their quantiles or distributions.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) as [`Values::quantile`] and [`Values::categorical`].
    pub fn with_values(self, values: Values) -> Result<Self> {
        Self { values, ..self }.checked()
    }

    /// Sets the number of rewards in a target before a value takes over (Sutton 1988): 1, or 3 in
    /// Rainbow.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) for 0.
    pub fn with_n_step(self, n_step: usize) -> Result<Self> {
        Self { n_step, ..self }.checked()
    }

    /// Sets the discount of a reward one step away.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) outside `[0, 1]`.
    pub fn with_gamma(self, gamma: f64) -> Result<Self> {
        Self { gamma, ..self }.checked()
    }

    /// Chooses double Q-learning (van Hasselt, Guez & Silver 2016, arXiv:1509.06461) or the plain
    /// target of Mnih et al. 2015.
    pub fn with_double(self, double: bool) -> Self {
        Self { double, ..self }
    }

    /// Sets the loss of a temporal-difference error: Huber with δ = 1, or squared. Distributions
    /// have losses of their own.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) for a δ that is not finite and above 0.
    pub fn with_loss(self, loss: Regression) -> Result<Self> {
        Self { loss, ..self }.checked()
    }

    /// Sets Adam's step size.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) unless it is finite and above 0.
    pub fn with_learning_rate(self, learning_rate: f64) -> Result<Self> {
        Self { learning_rate, ..self }.checked()
    }

    /// Sets the largest Euclidean norm of a gradient.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) unless it is finite and above 0.
    pub fn with_max_gradient_norm(self, max_gradient_norm: f64) -> Result<Self> {
        Self { max_gradient_norm, ..self }.checked()
    }

    /// Sets how many transitions are sampled for one update.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) for 0, or for more than the buffer holds.
    pub fn with_batch_size(self, batch_size: usize) -> Result<Self> {
        Self { batch_size, ..self }.checked()
    }

    /// Sets how many transitions are kept.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) for fewer than a batch.
    pub fn with_buffer_capacity(self, buffer_capacity: usize) -> Result<Self> {
        Self { buffer_capacity, ..self }.checked()
    }

    /// Sets how many steps are taken before the first update: at random, unless layers are noisy.
    pub fn with_learning_starts(self, learning_starts: u64) -> Self {
        Self { learning_starts, ..self }
    }

    /// After every `steps` steps of the environment, makes `updates` updates.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) where either is 0.
    pub fn with_training(self, steps: u64, updates: u64) -> Result<Self> {
        Self { train_every: steps, updates_per_training: updates, ..self }.checked()
    }

    /// After every `updates` updates, moves the target network towards the online network by the
    /// fraction `tau`: 1 copies it (Mnih et al. 2015), a small fraction after every update is
    /// Polyak averaging (Lillicrap et al. 2016, arXiv:1509.02971).
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) for 0 updates or a `tau` outside `(0, 1]`.
    pub fn with_target_update(self, updates: u64, tau: f64) -> Result<Self> {
        Self { target_update_every: updates, tau, ..self }.checked()
    }

    /// Sets how often an action is chosen at random, step by step.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) for a schedule that was read from a file with an end outside `[0, 1]`.
    pub fn with_epsilon(self, epsilon: Schedule) -> Result<Self> {
        Self { epsilon, ..self }.checked()
    }

    /// Adds a bonus to the values of actions that have seldom been tried, in choosing and in targets
    /// (OPIQ: Rashid et al. 2020, arXiv:2002.12174), beside epsilon or noisy layers. Policies for use,
    /// as [`Dqn::greedy`](crate::Dqn::greedy), have none.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) for one that was read from a file and is out of range.
    /// Other widths of cells than there are numbers in an observation are refused by the agent.
    pub fn with_optimism(self, optimism: Option<Optimism>) -> Result<Self> {
        Self { optimism, ..self }.checked()
    }

    /// Sets how many steps the whole training takes, after which prioritized replay's exponent beta
    /// has reached 1.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) for 0.
    pub fn with_training_steps(self, training_steps: u64) -> Result<Self> {
        Self { training_steps, ..self }.checked()
    }

    /// Adds conservative Q-learning's penalty `α·(log Σ_a exp Q(s, a) − Q(s, a_data))` (Kumar et al.
    /// 2020, arXiv:2006.04779, CQL(H)), for data that somebody else collected. 0 is none.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) unless it is finite and at least 0.
    pub fn with_conservative(self, alpha: f64) -> Result<Self> {
        Self { conservative: alpha, ..self }.checked()
    }

    /// Adds the large-margin loss of behavior cloning, `λ·(max_a [Q(s, a) + 0.8·(a ≠ a_data)] −
    /// Q(s, a_data))` (Hester et al. 2018, arXiv:1704.03732), to every transition. 0 is none.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) unless it is finite and at least 0.
    pub fn with_behavior_cloning(self, weight: f64) -> Result<Self> {
        Self { behavior_cloning: weight, ..self }.checked()
    }

    /// Adds a loss towards a teacher's values, which then have to come with each transition
    /// ([`Transition::teacher`](crate::Transition::teacher)), with a weight by the number of steps:
    /// kickstarting (Schmitt et al. 2018, arXiv:1803.03835).
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) for a loss or a schedule out of range.
    pub fn with_teacher(self, teacher: Option<(PolicyLoss, Schedule)>) -> Result<Self> {
        Self { teacher, ..self }.checked()
    }

    /// The widths of the hidden layers.
    pub fn hidden(&self) -> &[usize] {
        &self.hidden
    }

    /// Whether the head is dueling.
    pub fn dueling(&self) -> bool {
        self.dueling
    }

    /// σ₀ of noisy layers, if there are any.
    pub fn noisy(&self) -> Option<f64> {
        self.noisy
    }

    /// What the network's outputs mean.
    pub fn values(&self) -> Values {
        self.values
    }

    /// Rewards in a target.
    pub fn n_step(&self) -> usize {
        self.n_step
    }

    /// The discount.
    pub fn gamma(&self) -> f64 {
        self.gamma
    }

    /// Whether targets are double.
    pub fn double(&self) -> bool {
        self.double
    }

    /// The loss of a temporal-difference error.
    pub fn loss(&self) -> Regression {
        self.loss
    }

    /// Adam's step size.
    pub fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    /// The largest norm of a gradient.
    pub fn max_gradient_norm(&self) -> f64 {
        self.max_gradient_norm
    }

    /// Transitions an update.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Transitions kept.
    pub fn buffer_capacity(&self) -> usize {
        self.buffer_capacity
    }

    /// Steps before the first update.
    pub fn learning_starts(&self) -> u64 {
        self.learning_starts
    }

    /// Steps between two rounds of updates.
    pub fn train_every(&self) -> u64 {
        self.train_every
    }

    /// Updates a round.
    pub fn updates_per_training(&self) -> u64 {
        self.updates_per_training
    }

    /// Updates between two moves of the target network.
    pub fn target_update_every(&self) -> u64 {
        self.target_update_every
    }

    /// How far the target network moves.
    pub fn tau(&self) -> f64 {
        self.tau
    }

    /// How often an action is random.
    pub fn epsilon(&self) -> Schedule {
        self.epsilon
    }

    /// The bonus of what has seldom been tried, if there is any.
    pub fn optimism(&self) -> Option<&Optimism> {
        self.optimism.as_ref()
    }

    /// Steps of the whole training.
    pub fn training_steps(&self) -> u64 {
        self.training_steps
    }

    /// The weight of conservative Q-learning's penalty.
    pub fn conservative(&self) -> f64 {
        self.conservative
    }

    /// The weight of behavior cloning.
    pub fn behavior_cloning(&self) -> f64 {
        self.behavior_cloning
    }

    /// The loss towards a teacher's values and its weight.
    pub fn teacher(&self) -> Option<(PolicyLoss, Schedule)> {
        self.teacher
    }
}
