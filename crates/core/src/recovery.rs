//! The recovery kit: the one text of ours that holds a license key. It never holds
//! a bucket's secrets, which its provider can make anew.

use redline_license::LicenseKey;

use crate::bucket::BucketSettings;

/// What someone needs to get everything back on an empty machine.
pub(crate) fn kit(
    key: &LicenseKey,
    label: &str,
    store_name: &str,
    bucket: Option<&BucketSettings>,
    encrypted: bool,
) -> String {
    let sealed = match encrypted {
        true => {
            "\n\nThe backup is encrypted. Its recovery passphrase is not on this page either:\n\
             without it, and without a machine that has opened the backup, nobody can read it."
        }
        false => "",
    };
    let backup = match bucket {
        Some(bucket) => format!(
            "  Bucket    {}\n  Region    {}\n  Endpoint  {}\n  Folder    users/{store_name}/\n\n\
             The bucket's access key and secret key are not on this page. Your storage\n\
             provider shows or makes them.{sealed}\n",
            bucket.bucket,
            bucket.region,
            bucket.endpoint_url.as_deref().unwrap_or("Amazon S3"),
        ),
        None => {
            "  None is set up. Until there is one, the store is on this machine only.\n".to_owned()
        }
    };
    let day = jiff::Timestamp::now().strftime("%Y-%m-%d");
    format!(
        "REDLINE RECOVERY KIT\n\
         {label} · made on {day} (UTC)\n\n\
         Whoever has this page can open your store and your backups. Keep it where only\n\
         you can reach it, and not on this computer alone.\n\n\
         LICENSE KEY\n\n  {}\n\n\
         BACKUP\n\n{backup}\n\
         HOW TO GET EVERYTHING BACK\n\n\
         1. Install Redline and sign in with the license key above.\n\
         2. Under Backup, enter the bucket above with its access key and secret key.\n   \
            (Command line: redline backup setup)\n\
         3. Choose a restore point and restore.\n   \
            (Command line: redline restore plan, then redline restore run)\n",
        key.expose(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kit_has_the_key_and_the_bucket_and_no_other_secret() {
        let key = LicenseKey::parse("RL-05661234-ABCDEFGH-IJKLCC32").unwrap();
        let bucket = BucketSettings {
            bucket: "desk-backups".into(),
            region: "eu-central-1".into(),
            endpoint_url: Some("https://s3.example.org".into()),
            aws_profile: None,
            server_encryption: Default::default(),
            checks: Vec::new(),
            checked_at: None,
        };
        let text = kit(
            &key,
            "Research desk",
            "0123456789abcdef",
            Some(&bucket),
            false,
        );
        for needed in [
            "RL-05661234-ABCDEFGH-IJKLCC32",
            "desk-backups",
            "eu-central-1",
            "https://s3.example.org",
            "users/0123456789abcdef/",
            "3. ",
        ] {
            assert!(text.contains(needed), "{needed} in\n{text}");
        }
        assert!(!text.contains("passphrase"));
        let sealed = kit(&key, "x", "0123456789abcdef", Some(&bucket), true);
        assert!(sealed.contains("recovery passphrase is not on this page"));
        assert!(kit(&key, "x", "0123456789abcdef", None, false).contains("None is set up"));
    }
}
