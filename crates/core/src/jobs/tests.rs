use std::sync::mpsc;

use super::*;
use crate::contract::{FailedFile, ImportReport, OpenNotice};
use crate::events::Events;

fn jobs(dir: &std::path::Path) -> (Jobs, Events) {
    let events = Events::new();
    events.follow(Some("store".into()));
    (
        Jobs::new(dir.join("jobs"), events.for_store("store".into())),
        events,
    )
}

fn result() -> JobResult {
    JobResult::Reconcile(OpenNotice::default())
}

#[test]
fn a_job_is_told_recorded_and_listed() {
    let dir = tempfile::tempdir().unwrap();
    let (jobs, events) = jobs(dir.path());
    let mut heard = events.subscribe();
    let over = jobs.run(JobKind::Import, "Storing 2 files".into(), |job| {
        job.phase("copying");
        job.set_total(Some(10), Some(2));
        job.advance(10, 2);
        Finish::done(result())
    });
    assert_eq!(over.state, JobState::Done);
    assert_eq!(
        (over.bytes_done, over.items_done, over.can_cancel),
        (10, 2, false)
    );
    let states: Vec<JobState> = std::iter::from_fn(|| match heard.try_recv().ok()? {
        Event::Job(job) => Some(job.state),
        other => panic!("{other:?}"),
    })
    .collect();
    assert_eq!(
        (states.first(), states.last()),
        (Some(&JobState::Running), Some(&JobState::Done))
    );
    // Another process sees the same, from the record.
    let (other, _) = self::jobs(dir.path());
    assert_eq!(other.list(), vec![over.clone()]);
    assert_eq!(other.get(&over.id).unwrap(), over);
}

#[test]
fn progress_is_shown_ten_times_a_second_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let (jobs, events) = jobs(dir.path());
    let mut heard = events.subscribe();
    let began = Instant::now();
    jobs.run(JobKind::Import, "Storing".into(), |job| {
        while began.elapsed() < Duration::from_millis(650) {
            job.advance(1, 0);
            thread::sleep(Duration::from_micros(200));
        }
        Finish::done(result())
    });
    let told = std::iter::from_fn(|| heard.try_recv().ok()).count();
    let at_most = began.elapsed().as_millis() as usize / 100 + 2;
    assert!((4..=at_most).contains(&told), "{told} of {at_most}");
}

#[test]
fn a_wait_for_the_network_is_a_phase_and_the_work_goes_on_with_its_own() {
    let job = Job::new(JobKind::Backup, "Backing up".into());
    let away = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = Arc::clone(&away);
    job.waits_when(move || seen.load(std::sync::atomic::Ordering::Relaxed));
    job.phase("uploading");
    job.set_total(Some(100), Some(1));
    job.advance(40, 0);
    assert_eq!(job.refresh().unwrap().phase, "uploading");

    away.store(true, std::sync::atomic::Ordering::Relaxed);
    let waiting = job.refresh().unwrap();
    assert_eq!(
        (waiting.phase.as_str(), waiting.bytes_done, waiting.left),
        ("waiting for the network", 40, None)
    );
    assert_eq!(job.refresh(), None, "nothing more to tell");

    away.store(false, std::sync::atomic::Ordering::Relaxed);
    let on = job.refresh().unwrap();
    assert_eq!((on.phase.as_str(), on.bytes_done), ("uploading", 40));
}

#[test]
fn what_was_done_before_counts_and_is_no_speed() {
    let job = Job::new(JobKind::Backup, "Backing up".into());
    job.phase("uploading");
    job.set_total(Some(1_000_000), Some(1));
    job.refresh();
    job.found(900_000, 0);
    thread::sleep(Duration::from_millis(600));
    job.advance(600, 0);
    let view = job.refresh().unwrap();
    assert_eq!(view.bytes_done, 900_600);
    let rate = view.rate.unwrap();
    assert!((1..=1_000).contains(&rate), "{rate}");
}

#[test]
fn a_record_outlives_its_process_as_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let (jobs, _) = jobs(dir.path());
    let records = Records::new(dir.path().join("jobs"));
    let mut view = Job::new(JobKind::Backup, "Backing up".into()).view();
    view.phase = "sending".into();
    let lock = records.begin(&view).unwrap();
    let seen = jobs.get(&view.id).unwrap();
    assert_eq!(
        (seen.state, seen.elsewhere, seen.can_cancel),
        (JobState::Running, true, true)
    );
    // The end of a process closes its files and runs no destructor of ours.
    let mut lock = std::mem::ManuallyDrop::new(lock);
    lock.close_for_test();
    let seen = jobs.get(&view.id).unwrap();
    assert_eq!(
        (seen.state, seen.elsewhere, seen.can_cancel),
        (JobState::Interrupted, false, false)
    );
    assert!(seen.finished_at.is_some());
    jobs.dismiss(&view.id).unwrap();
    assert_eq!(jobs.list(), vec![]);
    assert_eq!(
        std::fs::read_dir(dir.path().join("jobs")).unwrap().count(),
        0
    );
}

#[test]
fn a_job_is_cancelled_from_another_process() {
    let dir = tempfile::tempdir().unwrap();
    let (here, _) = jobs(dir.path());
    let (elsewhere, _) = jobs(dir.path());
    let (send, started) = mpsc::channel();
    let id = here
        .spawn(JobKind::Import, "Storing".into(), move |job| {
            send.send(()).unwrap();
            let began = Instant::now();
            while !job.is_cancelled() && began.elapsed() < Duration::from_secs(20) {
                thread::sleep(Duration::from_millis(5));
            }
            let stopped = job
                .is_cancelled()
                .then(|| CoreError::new(Code::Cancelled, "Cancelled.", ""));
            stopped.map_or(Finish::done(result()), |error| {
                Finish::stopped(error, Some(result()))
            })
        })
        .unwrap();
    started.recv().unwrap();
    assert!(elsewhere.get(&id).unwrap().elsewhere);
    assert!(elsewhere.running(&[JobKind::Import]).is_some());
    elsewhere.cancel(&id).unwrap();
    let over = elsewhere.wait(&id).unwrap();
    assert_eq!(over.state, JobState::Cancelled);
    assert_eq!(over.result, Some(result()));
    here.wait(&id).unwrap();
    assert_eq!(elsewhere.running(&[JobKind::Import]), None);
}

#[test]
fn a_panic_is_a_failed_job() {
    let dir = tempfile::tempdir().unwrap();
    let (jobs, _) = jobs(dir.path());
    let over = jobs.run(JobKind::Verify, "Checking".into(), |_| panic!("a mistake"));
    assert_eq!(over.state, JobState::Failed);
    assert_eq!(over.error.unwrap().code, Code::Internal);
}

#[test]
fn a_job_runs_without_a_record() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("jobs"),
        b"a file where the folder should be",
    )
    .unwrap();
    let (jobs, _) = jobs(dir.path());
    assert_eq!(
        jobs.run(JobKind::Verify, "Checking".into(), |_| Finish::done(
            result()
        ))
        .state,
        JobState::Done
    );
}

#[test]
fn the_last_fifty_are_kept_and_no_token_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let (jobs, _) = jobs(dir.path());
    let failed = FailedFile {
        path: "a.csv".into(),
        error: CoreError::new(Code::Unreadable, "no", "").report(),
        token: Some("token".into()),
    };
    let report = ImportReport {
        failed_count: 1,
        failed: vec![failed],
        ..ImportReport::default()
    };
    let mut last = String::new();
    for _ in 0..KEPT + 5 {
        last = jobs
            .run(JobKind::Import, "Storing".into(), |_| {
                Finish::partial(JobResult::Import(report.clone()))
            })
            .id;
        // Ids of one millisecond are in no order.
        thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(jobs.list().len(), KEPT);
    assert_eq!(jobs.list()[0].id, last);
    let told = serde_json::to_string(&jobs.get(&last).unwrap()).unwrap();
    assert!(
        told.contains("token\":\"token"),
        "the window can still try again"
    );
    let (other, _) = self::jobs(dir.path());
    assert!(
        !serde_json::to_string(&other.list())
            .unwrap()
            .contains("token\":\"token")
    );
}

#[test]
fn an_id_is_never_a_path() {
    let dir = tempfile::tempdir().unwrap();
    let (jobs, _) = jobs(dir.path());
    std::fs::write(dir.path().join("outside.json"), b"{}").unwrap();
    for id in ["../outside", "", "x", "01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        assert_eq!(jobs.get(id).unwrap_err().code(), Code::NotFound, "{id}");
        assert_eq!(jobs.cancel(id).unwrap_err().code(), Code::NotFound, "{id}");
        assert_eq!(jobs.dismiss(id).unwrap_err().code(), Code::NotFound, "{id}");
    }
}
