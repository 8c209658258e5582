//! The engine's C interface, as far as batches need it: results that stream out as Arrow,
//! and Arrow that is appended. The safe crate has both only in forms that panic or that
//! know fewer types. All of the `unsafe` of this format is here.

use std::ffi::{CStr, CString};
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Schema};
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi, to_ffi};
use duckdb::ffi;

/// The engine's own words for what went wrong.
pub(super) type Said<T> = Result<T, String>;

/// A database in memory, to which files are attached.
pub(super) struct Engine {
    db: ffi::duckdb_database,
}

// SAFETY: DuckDB's database handle may be used from any thread; connecting takes a lock
// of its own. The handle is closed once, in `drop`.
unsafe impl Send for Engine {}
// SAFETY: as for `Send`.
unsafe impl Sync for Engine {}

impl Engine {
    pub(super) fn open() -> Said<Arc<Self>> {
        let mut db = std::ptr::null_mut();
        // SAFETY: the out-pointer is valid, and a null path means in memory.
        let state = unsafe { ffi::duckdb_open(std::ptr::null(), &mut db) };
        let engine = Engine { db };
        if state == ffi::DuckDBSuccess {
            Ok(Arc::new(engine))
        } else {
            Err("an in-memory database could not be opened".to_owned())
        }
    }

    pub(super) fn connect(self: &Arc<Self>) -> Said<Connection> {
        let mut con = std::ptr::null_mut();
        // SAFETY: the database is open, and the out-pointer valid.
        let state = unsafe { ffi::duckdb_connect(self.db, &mut con) };
        let connection = Connection {
            con,
            _engine: Arc::clone(self),
        };
        if state == ffi::DuckDBSuccess {
            Ok(connection)
        } else {
            Err("no connection to an in-memory database".to_owned())
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // SAFETY: takes null, and nulls the handle. Connections keep the engine alive.
        unsafe { ffi::duckdb_close(&mut self.db) };
    }
}

pub(super) struct Connection {
    con: ffi::duckdb_connection,
    // Closed after the connection, by the order of drops: `drop` below runs before fields go.
    _engine: Arc<Engine>,
}

// SAFETY: DuckDB guards a connection with a lock of its own.
unsafe impl Send for Connection {}
// SAFETY: as for `Send`; `duckdb_interrupt` is made to be called while another thread
// runs a statement. Nothing closes the handle before `drop`.
unsafe impl Sync for Connection {}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: takes null, and nulls the handle.
        unsafe { ffi::duckdb_disconnect(&mut self.con) };
    }
}

impl Connection {
    pub(super) fn interrupt(&self) {
        // SAFETY: the connection is open for as long as `self` is.
        unsafe { ffi::duckdb_interrupt(self.con) };
    }

    /// Runs one statement and throws its result away.
    pub(super) fn run(&self, statement: &str) -> Said<()> {
        self.stream(statement).and_then(|mut rows| {
            while rows.next_chunk()?.is_some() {}
            Ok(())
        })
    }

    /// All rows of a query whose columns are all VARCHAR. For small results.
    pub(super) fn texts(&self, query: &str) -> Said<Vec<Vec<Option<String>>>> {
        let mut rows = self.stream(query)?;
        let mut out = Vec::new();
        while let Some(batch) = rows.next_batch()? {
            let columns: Vec<_> = batch
                .columns()
                .iter()
                .map(|c| c.as_any().downcast_ref::<arrow::array::StringArray>())
                .collect::<Option<_>>()
                .ok_or("a column is not text")?;
            for row in 0..batch.num_rows() {
                let field = |c: &&arrow::array::StringArray| {
                    c.is_valid(row).then(|| c.value(row).to_owned())
                };
                out.push(columns.iter().map(field).collect());
            }
        }
        Ok(out)
    }

    /// The result of one statement, made as it is asked for.
    pub(super) fn stream(&self, statement: &str) -> Said<Stream<'_>> {
        let statement = CString::new(statement).map_err(|_| "a name holds a NUL".to_owned())?;
        let mut stream = Stream {
            prepared: std::ptr::null_mut(),
            // SAFETY: a C struct of numbers and pointers, for which zeros are "nothing yet".
            result: unsafe { std::mem::zeroed() },
            executed: false,
            options: std::ptr::null_mut(),
            schema: None,
            _connection: self,
        };
        // SAFETY: the connection is open, the text ends in NUL, the out-pointers are those
        // of `stream`, whose `drop` destroys whatever was made, on each way out.
        unsafe {
            if ffi::duckdb_prepare(self.con, statement.as_ptr(), &mut stream.prepared)
                != ffi::DuckDBSuccess
            {
                return Err(text(ffi::duckdb_prepare_error(stream.prepared)));
            }
            stream.executed = true;
            let state = ffi::duckdb_execute_prepared_streaming(stream.prepared, &mut stream.result);
            if state != ffi::DuckDBSuccess {
                return Err(text(ffi::duckdb_result_error(&mut stream.result)));
            }
        }
        Ok(stream)
    }

    /// Begins to append to a table, whose columns have these types or ones they cast to.
    pub(super) fn append(&self, catalog: &str, table: &str, schema: &Schema) -> Said<Appender<'_>> {
        let name = |s: &str| CString::new(s).map_err(|_| "a name holds a NUL".to_owned());
        let (catalog, table) = (name(catalog)?, name(table)?);
        let mut exported = FFI_ArrowSchema::try_from(schema).map_err(|e| e.to_string())?;
        let mut appender = Appender {
            converted: std::ptr::null_mut(),
            appender: std::ptr::null_mut(),
            connection: self,
        };
        // SAFETY: the connection is open; both layouts of the schema are Arrow's C data
        // interface; `exported` is released by its own `drop`; what the calls make is
        // destroyed by the `drop` of `appender`, on each way out.
        unsafe {
            check(ffi::duckdb_schema_from_arrow(
                self.con,
                (&raw mut exported).cast(),
                &mut appender.converted,
            ))?;
            let main = c"main";
            let state = ffi::duckdb_appender_create_ext(
                self.con,
                catalog.as_ptr(),
                main.as_ptr(),
                table.as_ptr(),
                &mut appender.appender,
            );
            if state != ffi::DuckDBSuccess {
                return Err(appender.said());
            }
        }
        Ok(appender)
    }
}

/// Rows in the engine's own portions (2,048 at most).
pub(super) struct Stream<'a> {
    prepared: ffi::duckdb_prepared_statement,
    result: ffi::duckdb_result,
    executed: bool,
    options: ffi::duckdb_arrow_options,
    schema: Option<FFI_ArrowSchema>,
    _connection: &'a Connection,
}

/// A portion of a result, destroyed when dropped.
struct Chunk(ffi::duckdb_data_chunk);

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: takes null, and nulls the handle.
        unsafe { ffi::duckdb_destroy_data_chunk(&mut self.0) };
    }
}

impl Stream<'_> {
    fn next_chunk(&mut self) -> Said<Option<Chunk>> {
        // SAFETY: the result was executed, and is destroyed only by `drop`. The struct that
        // is passed by value is the handle that the call expects.
        unsafe {
            let chunk = Chunk(ffi::duckdb_fetch_chunk(self.result));
            if chunk.0.is_null() {
                let error = ffi::duckdb_result_error(&mut self.result);
                return if error.is_null() {
                    Ok(None)
                } else {
                    Err(text(error))
                };
            }
            if ffi::duckdb_data_chunk_get_size(chunk.0) == 0 {
                return Ok(None);
            }
            Ok(Some(chunk))
        }
    }

    /// The next portion. The columns have the names that the query gives them.
    pub(super) fn next_batch(&mut self) -> Said<Option<RecordBatch>> {
        let Some(chunk) = self.next_chunk()? else {
            return Ok(None);
        };
        if self.schema.is_none() {
            self.schema = Some(self.settle()?);
        }
        let Some(schema) = &self.schema else {
            return Err("a result without a schema".to_owned());
        };
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: the options and the chunk are alive; `array` is an empty struct of Arrow's
        // C data interface, which the call fills, and whose content its schema describes.
        let data = unsafe {
            check(ffi::duckdb_data_chunk_to_arrow(
                self.options,
                chunk.0,
                (&raw mut array).cast(),
            ))?;
            from_ffi(array, schema).map_err(|e| e.to_string())?
        };
        Ok(Some(RecordBatch::from(StructArray::from(data))))
    }

    /// What the batches will be of, whether or not there are any.
    pub(super) fn schema(&mut self) -> Said<Schema> {
        Schema::try_from(&self.settle()?).map_err(|e| e.to_string())
    }

    fn settle(&mut self) -> Said<FFI_ArrowSchema> {
        let mut schema = FFI_ArrowSchema::empty();
        // SAFETY: the result was executed; each logical type is destroyed once, after its
        // use; names are copies that outlive the call; `schema` is filled by the call.
        unsafe {
            if self.options.is_null() {
                self.options = ffi::duckdb_result_get_arrow_options(&mut self.result);
            }
            let width = ffi::duckdb_column_count(&mut self.result);
            let mut types: Vec<ffi::duckdb_logical_type> = (0..width)
                .map(|i| ffi::duckdb_column_logical_type(&mut self.result, i))
                .collect();
            let names: Vec<CString> = (0..width)
                .map(|i| {
                    let name = ffi::duckdb_column_name(&mut self.result, i);
                    if name.is_null() {
                        CString::default()
                    } else {
                        CStr::from_ptr(name).to_owned()
                    }
                })
                .collect();
            let mut pointers: Vec<_> = names.iter().map(|n| n.as_ptr()).collect();
            let outcome = check(ffi::duckdb_to_arrow_schema(
                self.options,
                types.as_mut_ptr(),
                pointers.as_mut_ptr(),
                width,
                (&raw mut schema).cast(),
            ));
            for logical in &mut types {
                ffi::duckdb_destroy_logical_type(logical);
            }
            outcome?;
        }
        Ok(schema)
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        // SAFETY: each call takes null or an empty handle; the result was filled if and
        // only if the statement was executed, with or without success.
        unsafe {
            if !self.options.is_null() {
                ffi::duckdb_destroy_arrow_options(&mut self.options);
            }
            if self.executed {
                ffi::duckdb_destroy_result(&mut self.result);
            }
            ffi::duckdb_destroy_prepare(&mut self.prepared);
        }
    }
}

/// Rows on their way into a table.
pub(super) struct Appender<'a> {
    appender: ffi::duckdb_appender,
    converted: ffi::duckdb_arrow_converted_schema,
    connection: &'a Connection,
}

impl Appender<'_> {
    pub(super) fn push(&mut self, batch: &RecordBatch) -> Said<()> {
        // SAFETY: a getter of a constant.
        let portion = unsafe { ffi::duckdb_vector_size() } as usize;
        let mut from = 0;
        while from < batch.num_rows() {
            let rows = portion.min(batch.num_rows() - from);
            let slice = StructArray::from(batch.slice(from, rows));
            let (mut array, _schema) = to_ffi(&slice.to_data()).map_err(|e| e.to_string())?;
            let mut chunk = Chunk(std::ptr::null_mut());
            // SAFETY: the array is one of the schema that `converted` was made from. The call
            // moves it into the chunk and nulls its `release`, or leaves it to our `drop`; the
            // chunk is destroyed by its own.
            unsafe {
                check(ffi::duckdb_data_chunk_from_arrow(
                    self.connection.con,
                    (&raw mut array).cast(),
                    self.converted,
                    &mut chunk.0,
                ))?;
                if ffi::duckdb_append_data_chunk(self.appender, chunk.0) != ffi::DuckDBSuccess {
                    return Err(self.said());
                }
            }
            from += rows;
        }
        Ok(())
    }

    pub(super) fn close(mut self) -> Said<()> {
        // SAFETY: the appender is alive, and destroyed by `drop`.
        let state = unsafe { ffi::duckdb_appender_close(self.appender) };
        if state == ffi::DuckDBSuccess {
            Ok(())
        } else {
            Err(self.said())
        }
    }

    fn said(&mut self) -> String {
        // SAFETY: the error data is destroyed by `check`, once; takes a null appender.
        let said = unsafe { check(ffi::duckdb_appender_error_data(self.appender)) };
        said.err().unwrap_or_else(|| "no reason given".to_owned())
    }
}

impl Drop for Appender<'_> {
    fn drop(&mut self) {
        // SAFETY: both calls take null, and null the handle.
        unsafe {
            ffi::duckdb_appender_destroy(&mut self.appender);
            ffi::duckdb_destroy_arrow_converted_schema(&mut self.converted);
        }
    }
}

/// Takes error data apart and destroys it.
///
/// # Safety
/// `error` is null, or was returned by a call just now and given to nobody else.
unsafe fn check(mut error: ffi::duckdb_error_data) -> Said<()> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: as the caller promises; the message is copied before it goes.
    unsafe {
        let outcome = if ffi::duckdb_error_data_has_error(error) {
            Err(text(ffi::duckdb_error_data_message(error)))
        } else {
            Ok(())
        };
        ffi::duckdb_destroy_error_data(&mut error);
        outcome
    }
}

/// # Safety
/// `message` is null, or text that ends in NUL and is alive during the call.
unsafe fn text(message: *const std::os::raw::c_char) -> String {
    if message.is_null() {
        return "no reason given".to_owned();
    }
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(message) }
        .to_string_lossy()
        .into_owned()
}

/// Whether a batch's type is what a schema says, names apart.
pub(super) fn same(a: &DataType, b: &DataType) -> bool {
    a.equals_datatype(b)
}
