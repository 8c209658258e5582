//! The S3 test server as a program: prints one line of JSON when it is ready,
//! serves on 127.0.0.1 until it is ended.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use redline_tests::s3::{ACCESS_KEY, Options, REGION, SECRET_KEY, TestS3};

const USAGE: &str = "usage: redline-test-s3 [--dir DIR] [--port N] [--bucket NAME]";

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
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
    let ready = serde_json::json!({
        "endpoint": server.endpoint(),
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

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(name) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{name} needs a value."));
        match name.as_str() {
            "--dir" => options.dir = Some(PathBuf::from(value()?)),
            "--port" => {
                options.port = value()?
                    .parse()
                    .map_err(|_| "--port takes a number up to 65535.".to_owned())?
            }
            "--bucket" => options.bucket = value()?,
            _ => return Err(format!("{name} is not an option.")),
        }
    }
    Ok(options)
}
