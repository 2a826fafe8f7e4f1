//! Which instructions the kernels are compiled for, and which of them this machine has.

use std::sync::OnceLock;

pub use pulp::WithSimd;
use pulp::{Scalar, Simd};

/// An instruction set that this machine has been found to have.
#[derive(Debug, Clone, Copy)]
pub enum Path {
    /// AVX-512.
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    /// AVX2 with FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    /// NEON.
    #[cfg(target_arch = "aarch64")]
    Neon(pulp::aarch64::Neon),
    /// No vectors beyond what the compiler makes.
    Portable,
}

impl Path {
    /// The fastest that there is.
    pub fn best() -> Self {
        #[cfg(test)]
        if let Some(path) = FORCED.get() {
            return path;
        }
        static BEST: OnceLock<Path> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().next().unwrap_or(Self::Portable))
    }

    /// All that there are, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let found =
            [pulp::x86::V4::try_new().map(Self::Avx512), pulp::x86::V3::try_new().map(Self::Avx2)];
        #[cfg(target_arch = "aarch64")]
        let found = [pulp::aarch64::Neon::try_new().map(Self::Neon)];
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let found: [Option<Self>; 0] = [];
        found.into_iter().flatten().chain([Self::Portable])
    }

    /// Runs a kernel that is compiled for each of them.
    pub fn run<K: WithSimd>(self, kernel: K) -> K::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => Simd::vectorize(simd, kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => Simd::vectorize(simd, kernel),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => Simd::vectorize(simd, kernel),
            Self::Portable => Simd::vectorize(Scalar, kernel),
        }
    }
}

#[cfg(test)]
thread_local!(static FORCED: std::cell::Cell<Option<Path>> = const { std::cell::Cell::new(None) });

#[cfg(test)]
impl Path {
    /// Runs a test once on every path that this machine has, on this thread alone.
    pub(crate) fn each(test: impl Fn()) {
        for path in Self::available() {
            FORCED.set(Some(path));
            test();
        }
        FORCED.set(None);
    }
}
