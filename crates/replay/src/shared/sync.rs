//! What the hand-over is made of. Its model test puts loom's in place of these.

pub(super) use std::sync::{Arc, Condvar, Mutex, MutexGuard, atomic};
