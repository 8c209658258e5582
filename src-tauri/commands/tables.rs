//! The tables screen: grids, data tables, the SQL console. Grids go by handles that
//! only the session that opened them knows.

use std::collections::BTreeMap;

use redline_core::{
    ConversionRequest, DataTableView, GridOpen, GridQuery, GridRows, GridTarget, QueryRecord,
    QueryRelation, QueryView,
};
use tauri::State;

use crate::shell::{Answer, Shell};

#[tauri::command]
pub async fn open_grid(
    shell: State<'_, Shell>,
    of: GridTarget,
    options: BTreeMap<String, String>,
) -> Answer<GridOpen> {
    shell
        .with_session(move |session| session.open_grid(&of, &options))
        .await
}

#[tauri::command]
pub async fn grid_rows(
    shell: State<'_, Shell>,
    grid: String,
    first: u64,
    count: u64,
) -> Answer<GridRows> {
    shell
        .with_session(move |session| session.grid_rows(&grid, first, count))
        .await
}

#[tauri::command]
pub async fn refine_grid(
    shell: State<'_, Shell>,
    grid: String,
    query: GridQuery,
) -> Answer<GridOpen> {
    shell
        .with_session(move |session| session.refine_grid(&grid, &query))
        .await
}

#[tauri::command]
pub async fn close_grid(shell: State<'_, Shell>, grid: String) -> Answer<()> {
    shell
        .with_session(move |session| {
            session.close_grid(&grid);
            Ok(())
        })
        .await
}

#[tauri::command]
pub async fn run_query(shell: State<'_, Shell>, sql: String) -> Answer<QueryView> {
    shell
        .with_session(move |session| session.run_query(&sql))
        .await
}

#[tauri::command]
pub async fn cancel_query(shell: State<'_, Shell>) -> Answer<()> {
    shell
        .with_session(|session| {
            session.cancel_query();
            Ok(())
        })
        .await
}

/// The job's id; the result is stored beside the files.
#[tauri::command]
pub async fn export_query(
    shell: State<'_, Shell>,
    sql: String,
    request: ConversionRequest,
    name: String,
) -> Answer<String> {
    shell
        .with_session(move |session| session.export_query(&sql, &request, &name))
        .await
}

#[tauri::command]
pub async fn query_history(shell: State<'_, Shell>) -> Answer<Vec<QueryRecord>> {
    shell
        .with_session(|session| Ok(session.query_history()))
        .await
}

#[tauri::command]
pub async fn query_relations(shell: State<'_, Shell>) -> Answer<Vec<QueryRelation>> {
    shell
        .with_session(|session| session.query_relations())
        .await
}

#[tauri::command]
pub async fn data_tables(shell: State<'_, Shell>) -> Answer<Vec<DataTableView>> {
    shell.with_session(|session| session.data_tables()).await
}

#[tauri::command]
pub async fn add_table(
    shell: State<'_, Shell>,
    file_id: i64,
    name: Option<String>,
    options: Option<BTreeMap<String, String>>,
) -> Answer<DataTableView> {
    shell
        .with_session(move |session| {
            session.add_table(file_id, name.as_deref(), &options.unwrap_or_default(), &())
        })
        .await
}

/// Its file stays.
#[tauri::command]
pub async fn drop_table(shell: State<'_, Shell>, name: String) -> Answer<()> {
    shell
        .with_session(move |session| session.drop_table(&name).map(drop))
        .await
}
