//! A database and one connection to it, through the C interface. All `unsafe` of the
//! engine is here.

use std::ffi::{CStr, CString};

use arrow::ffi_stream::FFI_ArrowArrayStream;
use duckdb::{Connection, ffi};

use crate::error::{ConvertError, Result};

pub(super) struct Raw {
    db: ffi::duckdb_database,
    con: ffi::duckdb_connection,
}

// SAFETY: DuckDB guards a connection with its own lock; `duckdb_interrupt` is made to be
// called while another thread runs a statement on it. Nothing here closes either handle
// before `drop`.
unsafe impl Sync for Raw {}

type Said<T> = std::result::Result<T, String>;

impl Raw {
    pub(super) fn open() -> Result<Self> {
        let mut raw = Raw {
            db: std::ptr::null_mut(),
            con: std::ptr::null_mut(),
        };
        // SAFETY: both out-pointers are valid; a null path means in memory; on
        // failure the handles are null or closed by `drop`, which takes both.
        let opened = unsafe {
            ffi::duckdb_open(std::ptr::null(), &mut raw.db) == ffi::DuckDBSuccess
                && ffi::duckdb_connect(raw.db, &mut raw.con) == ffi::DuckDBSuccess
        };
        if opened {
            return Ok(raw);
        }
        Err(ConvertError::Engine {
            detail: "an in-memory database could not be opened".to_owned(),
        })
    }

    /// Another connection to the same database, of the safe kind. The caller drops it
    /// before this.
    pub(super) fn connection(&self) -> Result<Connection> {
        // SAFETY: the database is open, and closed only once `self` is dropped, which
        // outlives the connection; the connection does not close it.
        unsafe { Connection::open_from_raw(self.db) }.map_err(|e| ConvertError::Engine {
            detail: e.to_string(),
        })
    }

    /// Runs one statement and throws its result away.
    pub(super) fn query(&self, statement: &str) -> Said<()> {
        let statement = CString::new(statement).map_err(|_| "a name holds a NUL".to_owned())?;
        // SAFETY: the connection is open, the text ends in NUL, and the result is
        // destroyed exactly once, after its message has been copied.
        unsafe {
            let mut result: ffi::duckdb_result = std::mem::zeroed();
            let state = ffi::duckdb_query(self.con, statement.as_ptr(), &mut result);
            let outcome = if state == ffi::DuckDBSuccess {
                Ok(())
            } else {
                Err(text(ffi::duckdb_result_error(&mut result)))
            };
            ffi::duckdb_destroy_result(&mut result);
            outcome
        }
    }

    /// Makes a view that reads `stream`, once. It must stay where it is until the view is
    /// dropped.
    pub(super) fn scan(&self, name: &str, stream: *mut FFI_ArrowArrayStream) -> Said<()> {
        let name = CString::new(name).map_err(|_| "a name holds a NUL".to_owned())?;
        // SAFETY: the connection is open, the text ends in NUL, and the stream is a valid
        // one of the C stream interface, whose layout both sides share; the caller keeps
        // it in place for as long as the view is there.
        let state = unsafe { ffi::duckdb_arrow_scan(self.con, name.as_ptr(), stream.cast()) };
        if state == ffi::DuckDBSuccess {
            return Ok(());
        }
        Err("the rows could not be handed to the engine".to_owned())
    }

    pub(super) fn interrupt(&self) {
        // SAFETY: the connection is open for as long as `self` is.
        unsafe { ffi::duckdb_interrupt(self.con) }
    }
}

/// A message of the library's as ours. It may be null.
///
/// # Safety
/// What it points to ends in NUL and is not freed meanwhile.
unsafe fn text(message: *const std::ffi::c_char) -> String {
    if message.is_null() {
        return "no reason given".to_owned();
    }
    // SAFETY: as the caller says.
    unsafe { CStr::from_ptr(message) }
        .to_string_lossy()
        .into_owned()
}

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: both calls accept null, and null the handle that they close.
        unsafe {
            ffi::duckdb_disconnect(&mut self.con);
            ffi::duckdb_close(&mut self.db);
        }
    }
}
