//! What the settings of the losses have in common: how they are read from a file.

/// With the feature `serde`, makes settings that are read go through the same checks as any others:
/// they are read as `Unchecked`, and `TryFrom` builds the loss with its own methods.
macro_rules! checked_settings {
    ($loss:ident { $($field:ident: $type:ty),* $(,)? } default $default:expr; $build:expr) => {
        #[cfg(feature = "serde")]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        struct Unchecked {
            $($field: $type,)*
        }

        #[cfg(feature = "serde")]
        impl Default for Unchecked {
            fn default() -> Self {
                $default.into()
            }
        }

        #[cfg(feature = "serde")]
        impl TryFrom<Unchecked> for $loss {
            type Error = crate::Error;
            fn try_from(unchecked: Unchecked) -> crate::Result<Self> {
                let build: fn(Unchecked) -> crate::Result<Self> = $build;
                build(unchecked)
            }
        }

        #[cfg(feature = "serde")]
        impl From<$loss> for Unchecked {
            fn from(loss: $loss) -> Self {
                Self { $($field: loss.$field,)* }
            }
        }
    };
}

pub(super) use checked_settings;
