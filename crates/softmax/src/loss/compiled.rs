//! What is compiled in this crate, once for each type (see [`Compiled`](crate::lanes::Compiled)).

use super::cross_entropy::Hard;
use super::divergence::DivergenceKind;
use super::mixed::Mixed;
use super::part::Part;
use super::tempered::Tempered;
use super::{entropy, logit_mse, soft_cross_entropy};
use crate::kernel::{Element, Path};

macro_rules! losses {
    ($($name:ident: $loss:ty,)*) => {
        /// The losses of rows, on the best path.
        pub trait Losses: Element {
            $(fn $name(part: &mut Part<'_, '_, Self, $loss>);)*
        }
        losses!(f32 { $($name: $loss,)* });
        losses!(f64 { $($name: $loss,)* });
    };
    ($float:ident { $($name:ident: $loss:ty,)* }) => {
        impl Losses for $float {
            $(fn $name(part: &mut Part<'_, '_, Self, $loss>) {
                Path::best().run(part);
            })*
        }
    };
}

losses! {
    hard: Tempered<Hard, Self>,
    soft: Tempered<soft_cross_entropy::OfRow, Self>,
    entropy: Tempered<entropy::OfRow, Self>,
    divergence: Tempered<DivergenceKind, Self>,
    logit_mse: logit_mse::OfRow,
    mixed: Mixed<Self>,
}
