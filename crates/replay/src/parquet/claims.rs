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

#[cfg(test)]
mod tests {
    use ::parquet::file::metadata::{FileMetaData, RowGroupMetaData};
    use ::parquet::schema::types::{SchemaDescriptor, Type};

    use super::*;

    /// What is wrong with a file of 100 bytes that states so many items, and has groups of so many; an
    /// item has 400 bytes.
    fn problem_of(stated: i64, groups: &[i64]) -> Option<String> {
        let root = Type::group_type_builder("schema").build().unwrap();
        let columns = Arc::new(SchemaDescriptor::new(Arc::new(root)));
        let file = FileMetaData::new(2, stated, None, None, Arc::clone(&columns), None);
        let group = |&rows: &i64| {
            let group = RowGroupMetaData::builder(Arc::clone(&columns)).set_num_rows(rows);
            group.build().unwrap()
        };
        let metadata = ParquetMetaData::new(file, groups.iter().map(group).collect());
        let mut schema = Schema::new();
        schema.column::<f32>("observation", &[100]).unwrap();
        problem(&Source::memory(vec![0; 100]), &metadata, &schema, &[]).unwrap()
    }

    #[test]
    fn a_small_file_cannot_ask_for_much_memory() {
        assert_eq!(problem_of(65_536, &[65_535, 1]), None);
        let much = problem_of(65_537, &[65_537]).unwrap();
        assert!(much.starts_with("it states 65537 items, which are 26214800 bytes"), "{much}");
        let more = problem_of(i64::MAX, &[i64::MAX]).unwrap();
        assert!(more.contains("are taken for damage"), "{more}");
    }

    #[test]
    fn numbers_of_items_that_cannot_be_are_damage() {
        for (stated, groups) in [(3, &[1, 1][..]), (-1, &[]), (i64::MAX, &[i64::MAX, i64::MAX])] {
            let problem = problem_of(stated, groups).unwrap();
            assert!(problem.starts_with(&format!("it states {stated} items, and")), "{problem}");
        }
        let problem = problem_of(0, &[1, -1]).unwrap();
        assert_eq!(problem, "it is damaged: a row group has less than no rows");
    }
}
