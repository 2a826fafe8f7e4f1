//! What the authors published: their settings (`utils/best_args.py` of `aimagelab/mammoth`) and their
//! figures (table 2 of arXiv:2004.07211).

use std::fmt::{self, Display, Formatter};

use super::task::Domain;

/// The sizes of the memory that there are settings for.
pub(super) const BUFFERS: [usize; 3] = [200, 500, 5120];

/// How a network learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Without a memory.
    Sgd,
    Der,
    DerPp,
}

/// The learning rate, and the weights of the logits and of the labels of the past.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Settings {
    pub(super) learning_rate: f64,
    pub(super) alpha: f64,
    pub(super) beta: f64,
}

pub(super) fn settings(domain: Domain, method: Method, buffer: usize) -> Settings {
    let (learning_rate, alpha, beta) = match (domain, method, buffer) {
        (_, Method::Sgd, _) => (0.2, 0.0, 0.0),
        (Domain::Permuted, Method::Der, 200 | 500) => (0.2, 1.0, 0.0),
        (Domain::Permuted, Method::Der, _) => (0.2, 0.5, 0.0),
        (Domain::Rotated, Method::Der, 200) => (0.2, 1.0, 0.0),
        (Domain::Rotated, Method::Der, _) => (0.2, 0.5, 0.0),
        (Domain::Permuted, Method::DerPp, 200) => (0.1, 1.0, 1.0),
        (Domain::Permuted, Method::DerPp, 500) => (0.2, 1.0, 0.5),
        (Domain::Permuted, Method::DerPp, _) => (0.2, 0.5, 1.0),
        (Domain::Rotated, Method::DerPp, 200) => (0.1, 1.0, 0.5),
        (Domain::Rotated, Method::DerPp, 500) => (0.2, 0.5, 1.0),
        (Domain::Rotated, Method::DerPp, _) => (0.2, 0.5, 0.5),
    };
    Settings { learning_rate, alpha, beta }
}

/// Mean and standard deviation over 10 seeds, in %.
pub(super) fn published(domain: Domain, method: Method, buffer: usize) -> Option<(f64, f64)> {
    let permuted = domain == Domain::Permuted;
    let (of_permuted, of_rotated) = match (method, buffer) {
        (Method::Sgd, _) => ((40.70, 2.33), (67.66, 8.53)),
        (Method::Der, 200) => ((81.74, 1.07), (90.04, 2.61)),
        (Method::Der, 500) => ((87.29, 0.46), (92.24, 1.12)),
        (Method::Der, 5120) => ((91.66, 0.11), (94.14, 0.31)),
        (Method::DerPp, 200) => ((83.58, 0.59), (90.43, 1.87)),
        (Method::DerPp, 500) => ((88.21, 0.39), (92.77, 1.05)),
        (Method::DerPp, 5120) => ((92.26, 0.17), (94.65, 0.33)),
        _ => return None,
    };
    Some(if permuted { of_permuted } else { of_rotated })
}

impl Method {
    pub(super) fn file_name(self) -> &'static str {
        match self {
            Self::Sgd => "sgd",
            Self::Der => "der",
            Self::DerPp => "derpp",
        }
    }
}

impl Display for Method {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sgd => "SGD",
            Self::Der => "DER",
            Self::DerPp => "DER++",
        })
    }
}
