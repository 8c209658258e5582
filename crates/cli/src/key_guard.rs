//! Refuses a license key among the arguments, before anything else looks at them.
//!
//! Other programs on the machine can read arguments, and shells write them down.
//! It never repeats what it found.

use std::ffi::OsString;

use crate::failure::Failure;

/// An error if one of the arguments is a license key, alone or as `--flag=KEY`.
pub fn check(arguments: &[OsString]) -> Result<(), Failure> {
    if arguments
        .iter()
        .skip(1)
        .any(|a| is_or_holds_key(&a.to_string_lossy()))
    {
        return Err(Failure::usage(
            "A license key cannot be an argument: other programs on this machine can read those, and the shell remembers them.",
            "Run `redline login` and paste the key at the prompt, or set REDLINE_LICENSE_KEY. Remove the line from your shell's history.",
        ));
    }
    Ok(())
}

fn is_or_holds_key(argument: &str) -> bool {
    let value = argument
        .rsplit_once('=')
        .map_or(argument, |(_, v)| v)
        .trim();
    looks_like_key(value)
}

/// `RL-` and about twenty more letters, digits and dashes: a key, or one with a typing
/// error. A path that happens to look so can be given as `./RL-…`.
fn looks_like_key(value: &str) -> bool {
    let Some(prefix) = value.get(..3) else {
        return false;
    };
    let rest = &value[3..];
    prefix.eq_ignore_ascii_case("RL-")
        && rest.len() >= 20
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_refused_wherever_they_stand() {
        for bad in [
            "RL-A1B2C3D4E5F6G7H8J9K0L1M2",
            "RL-A1B2C3D4-E5F6G7H8-J9K0L1M2",
            "rl-a1b2c3d4-e5f6g7h8-j9k0l1m2",
            "--key=RL-A1B2C3D4-E5F6G7H8-J9K0L1M2",
            " RL-A1B2C3D4-E5F6G7H8-J9K0L1M2 ",
            "RL-A1B2C3D4-E5F6G7H8-J9K0L1M",
        ] {
            let arguments = ["redline", "login", bad].map(OsString::from);
            let failure = check(&arguments).expect_err(bad);
            assert_eq!(failure.status, 2);
            assert!(
                !failure.report.message.contains("A1B2"),
                "the key is never repeated"
            );
        }
    }

    #[test]
    fn other_arguments_pass() {
        for fine in [
            "RL-notes.csv",
            "./RL-A1B2C3D4-E5F6G7H8-J9K0L1M2",
            "RL-",
            "57",
            "--to=parquet",
            "RL-A1B2C3D4-E5F6G7H8-J9K0L1M2.csv",
            "é",
        ] {
            let arguments = ["redline", "import", fine].map(OsString::from);
            assert!(check(&arguments).is_ok(), "{fine}");
        }
    }
}
