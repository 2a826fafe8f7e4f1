//! Was it worth it? Students side by side, with what they cost and how good they are.

use std::fmt::{self, Display, Formatter};
use std::hint::black_box;
use std::time::{Duration, Instant};

use ndarray::{Array2, ArrayRef2};
use reflux_nn::{Mlp, Real};

use crate::{Error, Evaluation, Interval, Result, agreement};

/// What a classifier costs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Cost {
    /// The number of weights and biases.
    pub parameters: usize,
    /// The bytes that they take.
    pub bytes: usize,
    /// Multiplications of one row, each with an addition; a FLOP count is twice that.
    pub multiply_adds: usize,
    /// How long one row takes, alone, in seconds, where it has been measured.
    pub latency: Option<f64>,
}

impl Cost {
    /// Of something that is not an `Mlp`.
    pub fn new(parameters: usize, bytes: usize, multiply_adds: usize) -> Self {
        Self { parameters, bytes, multiply_adds, latency: None }
    }

    /// Of a network.
    pub fn of_mlp<F>(mlp: &Mlp<F>) -> Self
    where
        F: Real,
    {
        let config = mlp.config();
        let parameters = config.parameters();
        Self::new(parameters, parameters * size_of::<F>(), config.multiply_adds())
    }

    /// With how long one row takes, alone; [`latency`] measures it.
    pub fn with_latency(self, latency: Duration) -> Self {
        Self { latency: Some(latency.as_secs_f64()), ..self }
    }
}

/// How long `work` takes: the median of 15 measurements of about a millisecond each, after one that
/// does not count.
///
/// ```
/// use reflux_nn::{Mlp, MlpConfig, Workspace};
/// use rand::SeedableRng;
///
/// let rng = &mut rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(0);
/// let mlp = Mlp::<f32>::new(MlpConfig::new(8, &[16], 3)?, rng)?;
/// let (row, mut workspace) = (ndarray::Array2::zeros((1, 8)), Workspace::new());
/// let one_row = reflux_distill::latency(|| mlp.forward(&row, &mut workspace).map(|y| y[[0, 0]]));
/// assert!(one_row.as_nanos() > 0);
/// # Ok::<(), reflux_nn::Error>(())
/// ```
pub fn latency<T>(mut work: impl FnMut() -> T) -> Duration {
    let mut measure = |calls: u32| {
        let start = Instant::now();
        (0..calls).for_each(|_| _ = black_box(work()));
        start.elapsed()
    };
    let first = measure(1).max(Duration::from_nanos(1));
    let calls = (Duration::from_millis(1).as_nanos() / first.as_nanos()).clamp(1, 100_000) as u32;
    measure(calls);
    let mut times: Vec<Duration> = (0..15).map(|_| measure(calls)).collect();
    times.sort();
    times[7] / calls
}

/// One quantity, once for each seed.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Spread {
    values: Vec<f64>,
}

impl Spread {
    /// The values, one a seed.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Their mean.
    pub fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    /// Their mean with its 95% confidence interval; none for a single seed.
    pub fn interval(&self) -> Option<Interval> {
        Interval::new(&self.values).ok()
    }

    fn scaled(&self, factor: f64) -> Self {
        Self { values: self.values.iter().map(|value| factor * value).collect() }
    }
}

impl Display for Spread {
    /// The interval, or the mean alone for a single seed.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(4);
        match self.interval() {
            Some(interval) => write!(f, "{interval:.decimals$}"),
            None => write!(f, "{:.decimals$}", self.mean()),
        }
    }
}

/// One way of making a classifier: what it costs, and how good it is, seed by seed.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Contender {
    /// What it is called in the report.
    pub name: String,
    /// What it costs.
    pub cost: Cost,
    /// The fraction that was right.
    pub accuracy: Spread,
    /// The number that was wrong.
    pub errors: Spread,
    /// The fraction of rows on which it chooses what the teacher chooses.
    pub agreement: Option<Spread>,
    /// The mean negative log-likelihood of the labels, in nats.
    pub negative_log_likelihood: Spread,
    /// The Brier score, 0 to 2.
    pub brier: Spread,
    /// The expected calibration error, 0 to 1.
    pub calibration_error: Spread,
}

/// Teacher and students on the same test rows.
///
/// # Example
///
/// ```
/// use ndarray::array;
/// use reflux_distill::{Cost, Report};
///
/// let labels = [0, 1, 1];
/// let teacher = array![[4.0_f32, 0.0], [0.0, 4.0], [0.0, 4.0]];
/// // Two seeds of each student.
/// let alone = [array![[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], array![[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]];
/// let distilled = [teacher.clone(), array![[2.0, 0.0], [0.0, 2.0], [0.0, 1.0]]];
///
/// let mut report = Report::new(&labels);
/// report.add_teacher("teacher", Cost::new(5000, 20_000, 4900), &teacher)?;
/// report.add("student alone", Cost::new(50, 200, 49), &alone)?;
/// report.add("distilled", Cost::new(50, 200, 49), &distilled)?;
/// println!("{report}");
/// let gain = report.gain("distilled", "student alone")?;
/// assert!((gain.mean - 1.0 / 3.0).abs() < 1e-6);
/// # Ok::<(), reflux_distill::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Report<'a> {
    rows: usize,
    calibration_bins: usize,
    contenders: Vec<Contender>,
    #[cfg_attr(feature = "serde", serde(skip))]
    labels: &'a [usize],
    #[cfg_attr(feature = "serde", serde(skip))]
    teacher: Option<Array2<f64>>,
}

impl<'a> Report<'a> {
    /// On test rows with these labels; calibration over 15 bins.
    pub fn new(labels: &'a [usize]) -> Self {
        let contenders = Vec::new();
        Self { rows: labels.len(), calibration_bins: 15, contenders, labels, teacher: None }
    }

    /// Sets the number of bins of the calibration error, for those that are added from now on.
    pub fn with_calibration_bins(self, calibration_bins: usize) -> Self {
        Self { calibration_bins, ..self }
    }

    /// Adds the teacher, with its logits `[rows, classes]`. Those that are added after it are compared
    /// with it.
    ///
    /// # Errors
    ///
    /// As [`Evaluation::new`].
    pub fn add_teacher<F: Real>(
        &mut self,
        name: &str,
        cost: Cost,
        logits: &ArrayRef2<F>,
    ) -> Result<()> {
        self.teacher = None;
        self.add(name, cost, &[logits.to_owned()])?;
        self.teacher = Some(logits.mapv(F::as_f64));
        Ok(())
    }

    /// Adds a student, with the logits `[rows, classes]` of each seed.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewValues`] for no seeds, as [`Evaluation::new`], and [`Error::Shape`] for another
    /// number of classes than the teacher's.
    pub fn add<F: Real>(&mut self, name: &str, cost: Cost, seeds: &[Array2<F>]) -> Result<()> {
        if seeds.is_empty() {
            return Err(Error::TooFewValues(0));
        }
        let bins = self.calibration_bins;
        let judged = seeds.iter().map(|logits| Evaluation::with_bins(logits, self.labels, bins));
        let judged = judged.collect::<Result<Vec<_>>>()?;
        let each = |of: fn(&Evaluation) -> f64| Spread { values: judged.iter().map(of).collect() };
        let agreement = match &self.teacher {
            None => None,
            Some(teacher) => {
                let values = seeds.iter().map(|logits| agreement(teacher, &logits.mapv(F::as_f64)));
                Some(Spread { values: values.collect::<Result<_>>()? })
            }
        };
        self.contenders.push(Contender {
            name: name.to_owned(),
            cost,
            accuracy: each(|judged| judged.accuracy),
            errors: each(|judged| judged.errors as f64),
            agreement,
            negative_log_likelihood: each(|judged| judged.negative_log_likelihood),
            brier: each(|judged| judged.brier),
            calibration_error: each(|judged| judged.calibration_error),
        });
        Ok(())
    }

    /// Teacher and students, in the order in which they were added.
    pub fn contenders(&self) -> &[Contender] {
        &self.contenders
    }

    /// By how much the accuracy of one is above that of another, seed by seed.
    ///
    /// # Errors
    ///
    /// [`Error::NoContender`] for a name that nobody has, and as [`Interval::of_differences`].
    pub fn gain(&self, ours: &str, theirs: &str) -> Result<Interval> {
        let find = |name: &str| {
            let found = self.contenders.iter().find(|contender| contender.name == name);
            found.ok_or_else(|| Error::NoContender(name.to_owned()))
        };
        let (ours, theirs) = (find(ours)?, find(theirs)?);
        Interval::of_differences(ours.accuracy.values(), theirs.accuracy.values())
    }

    /// What stands in the table: the name of each line, and its cells.
    fn lines(&self) -> Vec<(String, Vec<String>)> {
        let line = |name: &str, cell: &dyn Fn(&Contender) -> String| {
            (name.to_owned(), self.contenders.iter().map(cell).collect())
        };
        let agreement = |contender: &Contender| match &contender.agreement {
            Some(agreement) => format!("{:.2}", agreement.scaled(100.0)),
            None => String::new(),
        };
        let latency = |contender: &Contender| match contender.cost.latency {
            Some(seconds) => format!("{:.2}", 1e6 * seconds),
            None => String::new(),
        };
        let bins = self.calibration_bins;
        vec![
            line("", &|c| c.name.clone()),
            line("parameters", &|c| c.cost.parameters.to_string()),
            line("bytes", &|c| c.cost.bytes.to_string()),
            line("multiply-adds a row", &|c| c.cost.multiply_adds.to_string()),
            line("latency of a row, µs", &latency),
            line("accuracy, %", &|c| format!("{:.2}", c.accuracy.scaled(100.0))),
            line(&format!("errors of {}", self.rows), &|c| format!("{:.1}", c.errors)),
            line("agrees with the teacher, %", &agreement),
            line("negative log-likelihood", &|c| format!("{:.4}", c.negative_log_likelihood)),
            line("Brier score", &|c| format!("{:.4}", c.brier)),
            line(&format!("calibration error, {bins} bins"), &|c| {
                format!("{:.4}", c.calibration_error)
            }),
        ]
    }
}

impl Display for Report<'_> {
    /// A table with a column for each contender, and what each gains over the first student.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let lines = self.lines();
        let width = |text: &str| text.chars().count();
        let first = lines.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.contenders.len())
            .map(|column| lines.iter().map(|(_, cells)| width(&cells[column])).max().unwrap_or(0))
            .collect();
        for (name, cells) in &lines {
            write!(f, "{name:first$}")?;
            for (cell, width) in cells.iter().zip(&widths) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        let students = &self.contenders[usize::from(self.teacher.is_some())..];
        if let [alone, others @ ..] = students {
            for other in others {
                if let Ok(gain) = self.gain(&other.name, &alone.name) {
                    let gain = Interval {
                        mean: 100.0 * gain.mean,
                        half_width: 100.0 * gain.half_width,
                        ..gain
                    };
                    let verdict = match (gain.is_above(0.0), gain.mean + gain.half_width < 0.0) {
                        (true, _) => "better",
                        (_, true) => "worse",
                        _ => "no difference that these seeds show",
                    };
                    writeln!(f, "{} − {}: {gain:.2} points, {verdict}", other.name, alone.name)?;
                }
            }
        }
        f.write_str("± is a 95% interval over seeds.")
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::array;

    use super::*;

    const LABELS: [usize; 4] = [0, 1, 1, 0];

    fn right() -> Array2<f32> {
        array![[2.0, 0.0], [0.0, 2.0], [0.0, 2.0], [2.0, 0.0]]
    }

    fn report() -> Report<'static> {
        let wrong_once = array![[2.0, 0.0], [0.0, 2.0], [0.0, 2.0], [0.0, 2.0]];
        let wrong_twice = array![[2.0, 0.0], [0.0, 2.0], [2.0, 0.0], [0.0, 2.0]];
        let mut report = Report::new(&LABELS).with_calibration_bins(10);
        report.add_teacher("teacher", Cost::new(100, 400, 90), &right()).unwrap();
        let alone = [wrong_twice.clone(), wrong_once.clone(), wrong_twice];
        report.add("alone", Cost::new(10, 40, 9), &alone).unwrap();
        let cost = Cost::new(10, 40, 9).with_latency(Duration::from_nanos(1500));
        report.add("distilled", cost, &[right(), right(), wrong_once]).unwrap();
        report
    }

    #[test]
    fn figures_are_those_of_each_seed() {
        let report = report();
        let [teacher, alone, distilled] = report.contenders() else { panic!() };
        assert_eq!(teacher.agreement, None);
        assert_eq!(alone.errors.values(), [2.0, 1.0, 2.0]);
        assert_eq!(distilled.agreement.as_ref().unwrap().values(), [1.0, 1.0, 0.75]);
        // Confidence 1/(1 + e⁻²) in one bin, against an accuracy of 1.
        let confidence = 1.0 / (1.0 + (-2.0_f64).exp());
        assert_relative_eq!(teacher.calibration_error.mean(), 1.0 - confidence, epsilon = 1e-6);
        let gain = report.gain("distilled", "alone").unwrap();
        assert_relative_eq!(gain.mean, (0.5 + 0.25 + 0.25) / 3.0, max_relative = 1e-12);
        assert!(matches!(report.gain("distilled", "nobody"), Err(Error::NoContender(_))));
    }

    #[test]
    fn the_text_has_a_column_for_each_and_a_verdict() {
        let text = report().to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].split_whitespace().eq(["teacher", "alone", "distilled"]), "{text}");
        assert!(lines[4].ends_with("1.50"), "{text}");
        assert!(lines[6].starts_with("errors of 4"), "{text}");
        assert!(lines[10].starts_with("calibration error, 10 bins"), "{text}");
        // 50, 25 and 25 points: 33.3 ± 4.303·14.4/√3.
        assert_eq!(
            lines[11],
            "distilled − alone: 33.33 ± 35.86 points, no difference that these seeds show"
        );
    }

    #[cfg(feature = "serde")]
    #[test]
    fn it_is_written_as_json() {
        let value = serde_json::to_value(report()).unwrap();
        assert_eq!(
            (value["rows"].as_u64(), value["calibration_bins"].as_u64()),
            (Some(4), Some(10))
        );
        let distilled = &value["contenders"][2];
        assert_eq!(distilled["errors"], serde_json::json!([0.0, 0.0, 1.0]));
        assert_eq!(distilled["cost"]["latency"], 1.5e-6);
        let read: Contender = serde_json::from_value(distilled.clone()).unwrap();
        assert_eq!(read, report().contenders()[2]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut report = report();
        let none: [Array2<f32>; 0] = [];
        assert!(matches!(report.add("none", Cost::default(), &none), Err(Error::TooFewValues(0))));
        let wide = [Array2::<f32>::zeros((4, 3))];
        assert!(matches!(report.add("wide", Cost::default(), &wide), Err(Error::Shape { .. })));
        let short = [Array2::<f32>::zeros((3, 2))];
        assert!(matches!(report.add("short", Cost::default(), &short), Err(Error::Nn(_))));
        assert_eq!(report.contenders().len(), 3);
    }

    #[test]
    fn the_cost_of_a_network_is_counted() {
        let config = reflux_nn::MlpConfig::new(3, &[4], 2).unwrap();
        let parameters = vec![0.0_f32; config.parameters()];
        let cost = Cost::of_mlp(&Mlp::from_parameters(config, parameters).unwrap());
        assert_eq!((cost.parameters, cost.bytes, cost.multiply_adds), (26, 104, 20));
    }
}
