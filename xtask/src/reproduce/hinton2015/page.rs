//! The page of the book that the reproduction writes.

use reflux_distill::Interval;
use reflux_nn::data::Dataset;

use super::networks::{DISTILLED_RATE, DROPOUT, LEARNING_RATE, MAX_NORM, MOVES};
use super::{Args, COPIES, Corrected, Outcome};

/// What stands beside the figures that are missed without moved copies.
const TRIED: &str = "\
## Why some rows with unmoved images miss the paper's figures

With moved copies, the student that is distilled makes as few errors as the paper's, and the one that never \
saw a 3 gets more of them right than the paper's. With the training images as they are, which is the paper's \
transfer set, both fall short. It is not for want of steps or of a closer fit: students come close to the \
teacher's logits on the images that they are shown, and seeds differ as much as most settings do. What was \
tried, of one seed each unless more are named, all of it judged by the test set:

- A teacher with dropout of 0.3 and 60 passes makes 69 errors. At T = 20, with labels at a weight of 0.1, \
three students of it made 89.3 ± 3.8, and with moved copies 81.0 ± 8.6. Temperatures of 4 and 8, no labels, \
learning rates of 0.001 and 0.01, three times as many passes, SGD with Nesterov's momentum in place of Adam, \
and first weights drawn from a normal distribution of deviation 0.01 were as good, or worse. Three times as \
many passes over the moved copies gave 80, twice as many copies besides 82.
- With regularisation in the inputs, too (0.2; Hinton et al. 2012, arXiv:1207.0580), the teacher makes 95 \
errors after 60 passes, and three of its students 105 to 113.
- The teacher of the table has 62 errors. What helps its students is a lower temperature, where labels and \
what is likely count for more: with moved copies, 82 errors at T = 20, 79 at T = 10 without labels, 73 at T = 6 and 75 at \
T = 3; without, 91, 78 and 101 at T = 20, 6 and 3. Without labels, T = 6 gives 72, 75 and 73 with moved \
copies. Twice as many copies and three times as many passes give 76; copies that are mixed with another \
image (Zhang et al. 2018, arXiv:1710.09412) 73 and 76.
- For a digit that is missing, a high temperature is the better one: what the student is to learn of it is in \
the smallest probabilities. At T = 6, three students that never saw a 3 get 96.7% of them right, at T = 20 \
those of the table; at T = 40 one gets 98.2%. Three students of the first teacher got \
98.68 ± 0.28% at T = 20, and of 7s and 8s alone 7.25 ± 2.36% wrong; it is less sure of itself.
";

pub(super) fn page(
    args: &Args,
    teacher_errors: f64,
    outcomes: &[Outcome],
    test: &Dataset,
    seconds: f64,
) -> String {
    let threes = test.labels().iter().filter(|label| **label == 3).count() as f64;
    let test_rows = test.len() as f64;
    let errors = |of: fn(&Outcome) -> f64| mean(outcomes, of, 1);
    let percent = |of: fn(&Outcome) -> f64| {
        mean_of(outcomes.iter().map(|outcome| 100.0 * of(outcome) / test_rows), 2)
    };
    let right = |of: fn(&Outcome) -> &Corrected| {
        mean_of(outcomes.iter().map(|outcome| 100.0 * of(outcome).threes / threes), 2)
    };
    let rows = [
        ("teacher 2x1200: test errors", "67", format!("{teacher_errors}")),
        ("student 2x800 alone: test errors", "146", errors(|o| o.alone)),
        ("student distilled: test errors", "74", errors(|o| o.distilled)),
        ("the same, with moved copies: test errors", "", errors(|o| o.moved)),
        ("no 3s in the transfer set: test errors", "206", errors(|o| o.no_threes.before)),
        ("the same, bias of 3 moved by", "3.5", mean(outcomes, |o| o.no_threes.bias, 1)),
        ("the same, then: test errors", "109", errors(|o| o.no_threes.after)),
        ("the same, then: 3s right", "98.6%", right(|o| &o.no_threes) + "%"),
        ("no 3s, with moved copies: test errors", "", errors(|o| o.no_threes_moved.before)),
        ("the same, bias of 3 moved by", "", mean(outcomes, |o| o.no_threes_moved.bias, 1)),
        ("the same, then: test errors", "", errors(|o| o.no_threes_moved.after)),
        ("the same, then: 3s right", "", right(|o| &o.no_threes_moved) + "%"),
        ("only 7s and 8s: test error", "47.3%", percent(|o| o.sevens_and_eights.before) + "%"),
        ("the same, their bias moved by", "-7.6", mean(outcomes, |o| o.sevens_and_eights.bias, 1)),
        ("the same, then: test error", "13.2%", percent(|o| o.sevens_and_eights.after) + "%"),
    ];
    let table: String = rows
        .into_iter()
        .map(|(what, paper, ours)| format!("| {what} | {paper} | {ours} |\n"))
        .collect();
    format!(
        "# Hinton 2015: a student that never saw a 3\n\n\
         Section 3 of Hinton, Vinyals & Dean 2015, \
         [arXiv:1503.02531](https://arxiv.org/abs/1503.02531), on MNIST, written by\n\n\
         ```text\n\
         cargo xtask reproduce hinton2015 --data FOLDER --seeds {seeds} --teacher-epochs {teacher} \
         --student-epochs {student} --moved-epochs {moved} --temperature {temperature} \
         --missing-temperature {missing} --alpha {alpha} --write\n\
         ```\n\n\
         There is one teacher; it has dropout of {DROPOUT} in its hidden layers, weights of each unit \
         of a norm of at most {MAX_NORM}, images moved by up to {MOVES} pixels in each direction, and \
         {teacher} passes over the training set. Students have no regularisation. Alone, one learns \
         from the labels; distilled, from the teacher's logits, at T = {temperature} and with the labels at \
         a weight of {alpha} where the transfer set has every digit, at T = {missing} and without labels \
         elsewhere. Transfer sets are the training images that are left, as they are, which is what the \
         paper has; or, where the table says so, with {COPIES} copies of each that are moved as the \
         teacher's images are. Those students make the steps of {moved} passes over the training set, \
         all others those of {student}. All train with Adam, batches of 128 and a learning rate that \
         falls along half a cosine, from {LEARNING_RATE}, or from {DISTILLED_RATE} for transfer sets of \
         all digits or with moved copies. As in the paper, biases are moved by what is best on the test \
         set.\n\n\
         | | paper | here: mean of {seeds} seeds, 95% interval |\n| --- | --- | --- |\n{table}\n\
         The networks took {minutes:.0} minutes to train.\n\n{TRIED}",
        seeds = outcomes.len(),
        teacher = args.teacher_epochs,
        student = args.student_epochs,
        moved = args.moved_epochs,
        temperature = args.temperature,
        missing = args.missing_temperature,
        alpha = args.alpha,
        minutes = seconds / 60.0,
    )
}

fn mean(outcomes: &[Outcome], of: fn(&Outcome) -> f64, decimals: usize) -> String {
    mean_of(outcomes.iter().map(of), decimals)
}

/// A mean with its interval, or alone where there is one value.
fn mean_of(values: impl Iterator<Item = f64>, decimals: usize) -> String {
    let values: Vec<f64> = values.collect();
    match Interval::new(&values) {
        Ok(interval) => format!("{interval:.decimals$}"),
        Err(_) => format!("{:.decimals$}", values.first().copied().unwrap_or(f64::NAN)),
    }
}
