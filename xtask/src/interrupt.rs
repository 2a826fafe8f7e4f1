//! Ctrl-C: work stops at the next opportunity, and nothing half-written stays behind.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// The work was interrupted by the user.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("interrupted; nothing was written")]
pub(crate) struct Interrupted;

/// From now on Ctrl-C asks the work to stop; a second one ends the program at once.
pub(crate) fn listen() -> Result<()> {
    ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(crate::INTERRUPTED));
        }
    })
    .context("Ctrl-C cannot be listened to")
}

/// An error once Ctrl-C was pressed.
pub(crate) fn check() -> Result<(), Interrupted> {
    if REQUESTED.load(Ordering::Relaxed) { Err(Interrupted) } else { Ok(()) }
}

/// For observers of training: go on, or stop because Ctrl-C was pressed.
pub(crate) fn flow() -> ControlFlow<()> {
    if check().is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}
