//! Which numbers of a line look as if somebody had measured them.
//!
//! In text, a number with a unit of time, bytes or rate, a percentage, a factor ("3.1x", "20 times"), or
//! an interval (±). In a table also a lone number with a decimal point. Versions, shapes, settings and
//! counts have none of these.

/// Units that follow a number, attached or as the next word.
const UNITS: [&str; 24] = [
    "%", "x", "×", "times", "倍", "ns", "µs", "us", "ms", "s", "min", "h", "second", "seconds",
    "minutes", "hours", "秒", "分钟", "kB", "MB", "GB", "GFLOP", "GFLOP/s", "±",
];

/// The measured numbers of a line, each with its unit.
pub(super) fn measured(line: &str) -> Vec<String> {
    if line.starts_with(['|', '│', '┆']) {
        let cells = line.split(['|', '│', '┆']).map(str::trim);
        return cells
            .flat_map(|cell| {
                let numbers = in_text(cell);
                let lone =
                    is_decimal(cell.trim_matches('*')).then(|| cell.trim_matches('*').to_owned());
                if numbers.is_empty() { lone.into_iter().collect() } else { numbers }
            })
            .collect();
    }
    in_text(line)
}

fn in_text(text: &str) -> Vec<String> {
    let without_code: Vec<&str> = text.split('`').step_by(2).collect();
    let text = without_code.join(" ");
    let words: Vec<&str> = text.split_whitespace().map(trimmed).collect();
    let word = |index: usize| words.get(index).copied().unwrap_or("");
    let is_shape = |index: usize| {
        word(index + 1) == "x" && word(index + 2).starts_with(|c: char| c.is_ascii_digit())
    };
    let found = (0..words.len()).filter(|&index| !is_shape(index));
    found.filter_map(|index| number(word(index), word(index + 1))).collect()
}

fn trimmed(word: &str) -> &str {
    let marks = |c: char| {
        matches!(c, '(' | ')' | '*' | ',' | '.' | ';' | ':' | '"' | '~' | '-' | '。' | '，')
    };
    word.trim_matches(marks)
}

/// "3.1 ms" of the words "3.1" and "ms" or of "3.1ms".
fn number(word: &str, next: &str) -> Option<String> {
    let digits = digits(word);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    match &word[digits.len()..] {
        "" => UNITS.contains(&next).then(|| format!("{digits} {next}")),
        unit => UNITS.contains(&unit).then(|| word.to_owned()),
    }
}

/// What comes before the unit.
pub(super) fn digits(number: &str) -> &str {
    let end = number.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',');
    &number[..end.unwrap_or(number.len())]
}

/// Digits, one point, digits.
fn is_decimal(cell: &str) -> bool {
    let all_digits =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    cell.split_once('.').is_some_and(|(whole, rest)| all_digits(whole) && all_digits(rest))
}

#[cfg(test)]
mod tests {
    use super::measured;

    #[test]
    fn times_percentages_factors_and_intervals_are_measured() {
        let text = "It takes 3.1 ms (2.9x less), in 95% of 20 times 7MB, 78.74 ± 2.28.";
        assert_eq!(measured(text), ["3.1 ms", "2.9x", "95%", "20 times", "7MB", "78.74 ±"]);
    }

    #[test]
    fn settings_shapes_versions_and_code_are_not() {
        let text = "T = 4, 84x84 bytes, 4 x 64 units, Python 3.11, `sleep(3 ms)`, seed 0, 10 seeds";
        assert_eq!(measured(text), [""; 0]);
    }

    #[test]
    fn in_a_table_a_decimal_point_is_enough() {
        assert_eq!(measured("| DQN | 67,586 | 500.0 | **88.68** | 4 |"), ["500.0", "88.68"]);
        assert_eq!(measured("│ softmax 128x10 ┆ 1 ┆ 3.90 µs ┆ 6.6 ┆"), ["3.90 µs", "6.6"]);
    }
}
