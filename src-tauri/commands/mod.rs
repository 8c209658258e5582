//! The commands of the page, one thin function each: arguments in, one call of
//! core, the answer or an `ErrorReport` out. A name in [`handler`] without its
//! function does not compile.

mod backup;
mod convert;
mod files;
mod jobs;
mod machine;
mod session;
mod tables;

use tauri::Wry;
use tauri::ipc::Invoke;

pub fn handler() -> impl Fn(Invoke<Wry>) -> bool + Send + Sync + 'static {
    tauri::generate_handler![
        session::app_state,
        session::retry_keyring,
        session::sign_in,
        session::use_profile,
        session::sign_out,
        session::forget_profile,
        session::rename_profile,
        session::save_recovery_kit,
        session::save_settings,
        files::list_files,
        files::file_counts,
        files::file_details,
        files::pick_files,
        files::pick_folders,
        files::import_offered,
        files::save_copies,
        files::delete_files,
        files::restore_from_trash,
        files::empty_trash,
        files::verify_files,
        files::stats,
        jobs::jobs,
        jobs::cancel_job,
        jobs::dismiss_job,
        convert::formats,
        convert::conversion_options,
        convert::plan_conversion,
        convert::convert_file,
        convert::plan_merge,
        convert::merge_files,
        convert::rerun_conversion,
        convert::history,
        convert::save_certificate,
        convert::inspect_file,
        convert::presets,
        convert::save_preset,
        convert::delete_preset,
        tables::open_grid,
        tables::grid_rows,
        tables::refine_grid,
        tables::close_grid,
        tables::run_query,
        tables::cancel_query,
        tables::export_query,
        tables::query_history,
        tables::query_relations,
        tables::data_tables,
        tables::add_table,
        tables::drop_table,
        backup::backup_status,
        backup::set_bucket,
        backup::probe_bucket,
        backup::clear_bucket,
        backup::plan_backup,
        backup::run_backup,
        backup::transfer,
        backup::pause_transfers,
        backup::restore_points,
        backup::plan_restore,
        backup::run_restore,
        backup::undo_restore,
        backup::point_changes,
        backup::check_backup,
        backup::drill_backup,
        backup::set_check_schedule,
        machine::doctor,
        machine::server_status,
        machine::start_server,
        machine::stop_server,
        machine::subscribe,
        machine::window_ready,
    ]
}
