//! What a file states of its sizes, looked at before anything is decoded: equal values take next to
//! no space, so a few damaged bytes could ask for billions of them.

use std::sync::Arc;

use ::parquet::column::page::PageReader;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::ParquetMetaData;
use ::parquet::file::serialized_reader::SerializedPageReader;

use crate::Schema;
use crate::files::Source;

/// How many bytes of items a byte of a file may stand for, before its number of rows is taken for
/// damage. Deflate reaches 1,032; runs of equal values reach more, but no data has only those.
const MOST_PER_BYTE: u128 = 1 << 18;

/// What is wrong with the sizes of these columns, whose places among the file's are `roots`. No
/// column may have more values than its rows have elements.
pub(super) fn problem(
    source: &Source,
    metadata: &ParquetMetaData,
    schema: &Schema,
    roots: &[usize],
) -> Result<Option<String>, ParquetError> {
    let (stated, len) = (metadata.file_metadata().num_rows(), source.len());
    let groups = metadata.row_groups();
    if groups.iter().any(|group| group.num_rows() < 0) {
        return Ok(Some("it is damaged: a row group has less than no rows".to_owned()));
    }
    let rows: u128 = groups.iter().map(|group| group.num_rows() as u128).sum();
    if u128::try_from(stated) != Ok(rows) {
        return Ok(Some(format!("it states {stated} items, and its row groups have {rows}")));
    }
    let bytes = rows * schema.bytes_per_item() as u128;
    if bytes > u128::from(len) * MOST_PER_BYTE {
        return Ok(Some(format!(
            "it states {rows} items, which are {bytes} bytes, and has {len} bytes; more than \
             {MOST_PER_BYTE} for one are taken for damage"
        )));
    }
    let reader = Arc::new(source.clone());
    for group in groups {
        for (leaf, chunk) in group.columns().iter().enumerate() {
            let root = metadata.file_metadata().schema_descr().get_column_root_idx(leaf);
            let wanted = schema.columns().iter().zip(roots).find(|&(_, &known)| known == root);
            let Some((column, _)) = wanted else { continue };
            let rows = group.num_rows() as usize;
            let most = rows as u128 * column.width() as u128;
            let mut pages = SerializedPageReader::new(Arc::clone(&reader), chunk, rows, None)?;
            let mut values = 0;
            while let Some(page) = pages.peek_next_page()? {
                values += page.num_levels.unwrap_or(0) as u128;
                if values > most {
                    let (name, shape) = (column.name(), column.shape());
                    return Ok(Some(format!(
                        "its column {name:?} has more than the {most} values that {rows} items of \
                         shape {shape:?} have"
                    )));
                }
                pages.skip_next_page()?;
            }
        }
    }
    Ok(None)
}
