//! numpy's archives of arrays.

mod npy;
mod reader;
mod writer;

pub use reader::NpzReader;
pub use writer::NpzWriter;

/// The error for something that an archive does.
fn archive_error(what: String, error: zip::result::ZipError) -> crate::Error {
    match error {
        zip::result::ZipError::Io(error) => crate::files::io(what, error),
        error => crate::files::format(what, format!("it is not an archive of arrays: {error}")),
    }
}
