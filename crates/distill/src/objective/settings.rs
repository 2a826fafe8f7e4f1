//! How the settings of the objectives are read from a file.

/// With the feature `serde`, makes settings that are read go through the same checks as any others:
/// they are read as `Unchecked`, and `TryFrom` builds the loss with its own methods.
macro_rules! checked_settings {
    ([$($generics:tt)*] $loss:ty { $($field:ident: $type:ty),* $(,)? } $build:expr) => {
        #[cfg(feature = "serde")]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Unchecked {
            $($field: $type,)*
        }

        #[cfg(feature = "serde")]
        impl<$($generics)*> TryFrom<Unchecked> for $loss {
            type Error = crate::Error;
            fn try_from(unchecked: Unchecked) -> crate::Result<Self> {
                let build: fn(Unchecked) -> crate::Result<Self> = $build;
                build(unchecked)
            }
        }

        #[cfg(feature = "serde")]
        impl<$($generics)*> From<$loss> for Unchecked {
            fn from(loss: $loss) -> Self {
                Self { $($field: loss.$field,)* }
            }
        }
    };
}

pub(super) use checked_settings;
