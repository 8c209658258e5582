//! The S3 test server as a program: prints one line of JSON when it is ready,
//! serves on 127.0.0.1 until it is ended.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use redline_tests::proxy::Proxy;
use redline_tests::s3::{ACCESS_KEY, Options, Personality, REGION, SECRET_KEY, TestS3};

const USAGE: &str = "usage: redline-test-s3 [--dir DIR] [--port N] [--bucket NAME] \
                     [--personality aws|r2|b2|garage|minio] [--round-trip-ms N]";

fn main() -> ExitCode {
    let (options, round_trip) = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let server = match TestS3::start(options) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("Could not start the S3 test server: {error}.");
            return ExitCode::FAILURE;
        }
    };
    // In front of it only if asked for: a proxy costs time of its own.
    let proxy = match round_trip {
        Some(time) => match Proxy::start(&server.endpoint()) {
            Ok(proxy) => {
                proxy.set_round_trip(time);
                Some(proxy)
            }
            Err(error) => {
                eprintln!("Could not start the proxy of the S3 test server: {error}.");
                return ExitCode::FAILURE;
            }
        },
        None => None,
    };
    let ready = serde_json::json!({
        "endpoint": proxy.as_ref().map_or_else(|| server.endpoint(), Proxy::endpoint),
        "bucket": server.bucket(),
        "region": REGION,
        "access_key": ACCESS_KEY,
        "secret_key": SECRET_KEY,
    });
    println!("{ready}");
    let _ = std::io::stdout().flush();
    loop {
        std::thread::park();
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<(Options, Option<Duration>), String> {
    let mut options = Options::default();
    let mut round_trip = None;
    while let Some(name) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{name} needs a value."));
        match name.as_str() {
            "--dir" => options.dir = Some(PathBuf::from(value()?)),
            "--port" => {
                options.port = value()?
                    .parse()
                    .map_err(|_| "--port takes a number up to 65535.".to_owned())?
            }
            "--personality" => {
                let wanted = value()?;
                options.personality = Personality::ALL
                    .into_iter()
                    .find_map(|(name, personality)| (name == wanted).then_some(personality))
                    .ok_or_else(|| format!("{wanted} is no personality."))?;
            }
            "--round-trip-ms" => {
                let time = value()?
                    .parse()
                    .map_err(|_| "--round-trip-ms takes a number of milliseconds.".to_owned())?;
                round_trip = Some(Duration::from_millis(time)).filter(|time| !time.is_zero());
            }
            "--bucket" => options.bucket = value()?,
            _ => return Err(format!("{name} is not an option.")),
        }
    }
    Ok((options, round_trip))
}
