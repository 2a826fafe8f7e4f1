//! Parquet files, which tables of offline data sets are exchanged as.

mod claims;
mod columns;
mod reader;
mod writer;

use std::panic::{AssertUnwindSafe, catch_unwind};

use ::parquet::errors::ParquetError;
pub use reader::ParquetReader;
pub use writer::ParquetWriter;

use crate::{Error, Result, files};

/// The error for something that the file does. An operating system's error, in whatever it is
/// wrapped, is [`Error::Io`].
fn parquet_error(what: impl Into<String>, error: ParquetError) -> Error {
    match error {
        ParquetError::External(error) => match error.downcast::<std::io::Error>() {
            Ok(error) => files::io(what, *error),
            Err(error) => files::format(what, error.to_string()),
        },
        error => files::format(what, format!("it is not a readable Parquet file: {error}")),
    }
}

/// Calls into the decoder, which panics over some damaged files: to us, that is an error as any
/// other. What the decoder has changed until then is not looked at again.
fn guarded<T>(what: &str, decode: impl FnOnce() -> Result<T, ParquetError>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(decode))
        .map_err(|panic| {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            files::format(what, format!("it is damaged: {}", text.unwrap_or("no more is known")))
        })?
        .map_err(|error| parquet_error(what, error))
}
