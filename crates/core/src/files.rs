//! Files of a store: listed, looked at, deleted, brought back, counted.

use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;

use redline_store::{FileId, FileRecord, ImportOptions, ListQuery, Sort, Status};

use crate::contract::{
    Event, FilePage, FileQuery, FileStatus, FileView, GrowthPoint, SortKey, StoreStats, TypeCount,
};
use crate::error::CoreError;
use crate::session::Session;
use crate::text;

impl Session {
    pub fn list(&self, query: &FileQuery) -> Result<FilePage, CoreError> {
        self.page(list_query(query, None))
    }

    /// For paging by key: the files after the one with this id, newest first whatever
    /// the query sorts by.
    pub fn list_after(&self, query: &FileQuery, after: Option<i64>) -> Result<FilePage, CoreError> {
        let newest_first = FileQuery {
            sort: SortKey::Added,
            reverse: false,
            offset: 0,
            ..query.clone()
        };
        self.page(list_query(&newest_first, after))
    }

    fn page(&self, query: ListQuery) -> Result<FilePage, CoreError> {
        let page = self.0.store.list(&query)?;
        Ok(FilePage {
            files: page.files.into_iter().map(file_view).collect(),
            total: page.total,
            version: page.version,
        })
    }

    /// Every file of the query, one by one, whatever its limit says; holds none.
    pub fn for_each_file(
        &self,
        query: &FileQuery,
        each: &mut dyn FnMut(FileView) -> ControlFlow<()>,
    ) -> Result<(), CoreError> {
        Ok(self
            .0
            .store
            .for_each(&list_query(query, None), &mut |record| {
                each(file_view(record))
            })?)
    }

    /// How many files of each type there are, the largest in bytes first.
    pub fn counts(&self) -> Result<Vec<TypeCount>, CoreError> {
        Ok(self
            .0
            .store
            .counts_by_type()?
            .into_iter()
            .map(type_count)
            .collect())
    }

    pub fn file(&self, id: i64) -> Result<FileView, CoreError> {
        Ok(file_view(self.0.store.get(FileId(id))?))
    }

    /// Open for reading; the path stays inside.
    pub fn open_file(&self, id: i64) -> Result<(File, FileView), CoreError> {
        self.bring_here(&self.0.store.get(FileId(id))?)?;
        let (file, record) = self.0.store.open_file(FileId(id))?;
        Ok((file, file_view(record)))
    }

    /// Stores what `reader` gives under a name from outside, as a new file even if its
    /// bytes are stored already: whoever sends one expects it to be there.
    pub fn upload(&self, name: &str, reader: &mut dyn Read) -> Result<FileView, CoreError> {
        let options = ImportOptions {
            on_duplicate: redline_store::OnDuplicate::Keep,
        };
        let imported = self.0.store.import_stream(name, reader, &options, &())?;
        self.tell(Event::Files);
        Ok(file_view(imported.record))
    }

    /// What an uploader may say a file is: a short word, as the list's filter takes it.
    ///
    /// # Errors
    /// [`Code::BadRequest`](crate::Code::BadRequest)
    pub fn check_file_type(file_type: &str) -> Result<(), CoreError> {
        let fits = (1..=32).contains(&file_type.len())
            && file_type
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-+.".contains(&b));
        if fits {
            return Ok(());
        }
        Err(CoreError::bad_request(
            "The type of the file is not a type.",
            "A type is one word of at most 32 letters, digits and _ - + ., such as csv; without one it is recognised.",
        ))
    }

    /// Gives a file the type that its uploader says it has.
    pub fn set_file_type(&self, id: i64, file_type: &str) -> Result<FileView, CoreError> {
        Self::check_file_type(file_type)?;
        let file_type = file_type.to_ascii_lowercase();
        let record = self.0.store.set_file_type(FileId(id), &file_type)?;
        self.tell(Event::Files);
        Ok(file_view(record))
    }

    /// Moves files to the trash; answers how many.
    pub fn delete(&self, ids: &[i64]) -> Result<u64, CoreError> {
        let gone = self.0.store.trash(&file_ids(ids))?;
        self.tell(Event::Files);
        Ok(gone.len() as u64)
    }

    /// Takes files out of the trash, under a new name where theirs was taken since.
    pub fn undelete(&self, ids: &[i64]) -> Result<Vec<FileView>, CoreError> {
        let back = self.0.store.untrash(&file_ids(ids))?;
        self.tell(Event::Files);
        Ok(back.into_iter().map(file_view).collect())
    }

    /// Deletes what is in the trash for good; answers files and bytes.
    pub fn empty_trash(&self) -> Result<(u64, u64), CoreError> {
        let emptied = self.0.store.empty_trash()?;
        self.tell(Event::Files);
        Ok((emptied.files, emptied.bytes))
    }

    pub fn stats(&self) -> Result<StoreStats, CoreError> {
        let stats = self.0.store.stats()?;
        Ok(StoreStats {
            total_files: stats.files,
            total_size_bytes: stats.bytes,
            total_size_mb: (stats.bytes as f64 / 1_048_576.0 * 100.0).round() / 100.0,
            total_tables: stats.tables,
            trash_files: stats.trash_files,
            trash_bytes: stats.trash_bytes,
            missing_files: stats.missing_files,
            duplicate_files: stats.duplicate_files,
            duplicate_bytes: stats.duplicate_bytes,
            quota_bytes: self.view().profile.quota_bytes,
            by_type: stats.by_type.into_iter().map(type_count).collect(),
            largest: stats.largest.into_iter().map(file_view).collect(),
            growth: stats
                .growth
                .into_iter()
                .map(|day| GrowthPoint {
                    day: day.day,
                    by_type: day.by_type.into_iter().map(type_count).collect(),
                })
                .collect(),
        })
    }
}

pub(crate) fn file_ids(ids: &[i64]) -> Vec<FileId> {
    ids.iter().copied().map(FileId).collect()
}

fn list_query(query: &FileQuery, after: Option<i64>) -> ListQuery {
    ListQuery {
        file_type: query.file_type.clone(),
        search: query
            .search
            .clone()
            .filter(|search| !search.trim().is_empty()),
        sort: match query.sort {
            SortKey::Name => Sort::Name,
            SortKey::Type => Sort::Type,
            SortKey::Size => Sort::Size,
            SortKey::Added => Sort::Added,
        },
        reverse: query.reverse,
        offset: query.offset,
        limit: query.limit,
        after: after.map(FileId),
        trash: query.trash,
    }
}

pub(crate) fn file_view(record: FileRecord) -> FileView {
    FileView {
        id: record.id.0,
        uid: record.uid,
        filename: record.filename,
        relative_path: record.relative_path,
        original_filename: record.original_filename,
        file_type: record.file_type,
        format: record.format,
        size_bytes: record.size_bytes,
        sha256: record.sha256,
        uploaded_at: text::instant(record.uploaded_at),
        status: match record.status {
            Status::Stored => FileStatus::Stored,
            Status::Missing => FileStatus::Missing,
            Status::Trashed => FileStatus::Trashed,
            Status::CloudOnly => FileStatus::CloudOnly,
        },
        // The window's type is an object.
        metadata: match record.metadata {
            serde_json::Value::Null => serde_json::json!({}),
            metadata => metadata,
        },
    }
}

fn type_count(count: redline_store::TypeCount) -> TypeCount {
    TypeCount {
        file_type: count.file_type,
        files: count.files,
        bytes: count.bytes,
    }
}
