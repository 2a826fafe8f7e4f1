//! How environments and wrappers are saved and restored: one macro for all of them.

/// Lets serde save and restore a type that derives both traits with `#[serde(remote = "Self")]`,
/// and that has a `restore(&mut self) -> Result<()>`. What was read goes through `restore` before
/// anyone sees it: it refuses what could not have been saved, and computes the fields that are
/// skipped.
macro_rules! saved {
    ($name:ident $(<$inner:ident>)?) => {
        #[cfg(feature = "serde")]
        impl $(<$inner: serde::Serialize>)? serde::Serialize for $name $(<$inner>)? {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                // Serde's derive with "Self" as the remote type makes these two of the type's own.
                $name::serialize(self, to)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de $(, $inner: crate::Env + serde::Deserialize<'de>)?> serde::Deserialize<'de>
            for $name $(<$inner>)?
        {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let mut value = $name::deserialize(from)?;
                value.restore().map_err(serde::de::Error::custom)?;
                Ok(value)
            }
        }
    };
}

pub(crate) use saved;
