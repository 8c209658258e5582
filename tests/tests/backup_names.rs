//! Names at the edge of what file systems and S3 take: each comes back as it was, and
//! what cannot be said is said before anything is sent.

mod backup_support;

use backup_support::*;
use redline_backup::{NameProblem, plan_backup};
use redline_tests::s3::{Options, Personality, TestS3};

/// A path of exactly so many bytes, in parts of 250 and less.
fn path_of(bytes: usize, fill: &str) -> String {
    let mut path = String::new();
    while bytes - path.len() > 251 {
        path.push_str(&fill.repeat(250));
        path.push('/');
    }
    let rest = bytes - path.len();
    path.push_str(&fill.repeat(rest));
    path
}

/// What the keys of this store begin with: 29 bytes of S3's 1,024.
fn plain(path: &str) -> String {
    format!("users/{STORE}/files/{path}")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_names_come_back_and_those_too_long_are_said_in_the_plan() {
    for (server, personality) in Personality::ALL {
        let s3 = TestS3::start(Options {
            personality,
            ..Options::default()
        })
        .unwrap();
        let mut store = FakeStore::new();
        let fits = path_of(995, "k");
        assert_eq!(plain(&fits).len(), 1024);
        let one_more = path_of(996, "l");
        let longest = path_of(4096, "m");
        // 255 bytes of one name, in either form.
        let decomposed = "e\u{301}".repeat(85);
        let composed = "\u{e9}".repeat(85);
        assert_eq!((decomposed.len(), composed.len()), (255, 170));
        let with_key = [&fits, &decomposed, &composed];
        let without_key = [&one_more, &longest];
        for (n, name) in with_key.iter().chain(&without_key).enumerate() {
            store.put(name, format!("content {n}").as_bytes());
        }
        let too_long = [path_of(4097, "n"), "o".repeat(256)];
        for name in &too_long {
            store.put(name, b"refused");
        }

        let bucket = bucket(&s3);
        let plan = plan_backup(&bucket, &store.files, None).await.unwrap();
        let mut refused: Vec<_> = plan
            .refused
            .iter()
            .map(|file| (file.relative_path.len(), file.problem))
            .collect();
        refused.sort_by_key(|(len, _)| *len);
        assert_eq!(
            refused,
            [(256, NameProblem::TooLong), (4097, NameProblem::TooLong)],
            "{server}"
        );

        let outcome = store.back_up(&bucket).await.unwrap();
        let mut left = outcome.without_plain_copy.clone();
        left.sort_by_key(String::len);
        assert_eq!(left.iter().collect::<Vec<_>>(), without_key, "{server}");
        assert!(s3.objects().iter().all(|(key, _)| key.len() <= 1024));
        for name in with_key {
            assert!(s3.object(&plain(name)).is_some(), "{server}: {name}");
        }
        store.files.retain(|f| !too_long.contains(&f.relative_path));
        let sink = FolderSink::new();
        restore_all(&bucket, &sink).await.unwrap();
        assert_eq!(sink.contents(), store.contents(), "{server}");
        // And they are the same names the next time.
        let again = store.back_up(&bucket).await.unwrap();
        assert_eq!((again.uploaded_files, again.unchanged_files), (0, 5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_differ_in_little_stay_apart() {
    let server = server();
    let mut store = FakeStore::new();
    let names = [
        "\u{e9}/\u{e9}.csv",
        "e\u{301}/e\u{301}.csv",
        "A/a",
        "a/A",
        "a/a",
        "+ % & #",
        "%2B %25 %26 %23",
        "+%20%&#",
        "dot",
        "dot.",
        "dot..",
        "dot .",
        "space",
        "space ",
        " space",
        "folder./f",
        "folder /f",
        "folder/f",
        "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467}.csv",
        "\u{1f469}\u{1f469}\u{1f467}.csv",
        "\u{fb01}.csv",
        "fi.csv",
        "\u{212b}.csv",
        "\u{c5}.csv",
    ];
    for (n, name) in names.iter().enumerate() {
        store.put(name, format!("content {n}").as_bytes());
    }
    let outcome = store.back_up(&bucket(&server)).await.unwrap();
    assert_eq!(outcome.uploaded_files as usize, names.len());
    assert!(outcome.without_plain_copy.is_empty());
    for (n, name) in names.iter().enumerate() {
        let there = server.object(&plain(name)).unwrap();
        assert_eq!(there, format!("content {n}").as_bytes(), "{name:?}");
    }
    let sink = FolderSink::new();
    restore_all(&bucket(&server), &sink).await.unwrap();
    assert_eq!(sink.contents(), store.contents());
}
