//! Keys by the name of a profile of the AWS configuration: which there are, and what one
//! gives now. Only its name is ever kept.

use redline_backup::{AccessKeys, AwsProfile, BackupError};

use crate::contract::AwsProfileView;
use crate::error::CoreError;
use crate::session::Session;

impl Session {
    /// The profiles of this machine's AWS configuration, by name. Whether one gives keys is
    /// found out when it is used.
    ///
    /// # Errors
    /// [`Code::Unreadable`](crate::Code::Unreadable) if a file of it cannot be read or has a
    /// mistake in it.
    pub fn aws_profiles(&self) -> Result<Vec<AwsProfileView>, CoreError> {
        Ok(self.read_profiles()?.into_iter().map(view).collect())
    }

    /// What a profile says about where its bucket is; nothing for one that is not there,
    /// which is told when its keys are asked for.
    pub(crate) fn profile_place(&self, name: &str) -> Result<AwsProfile, CoreError> {
        let found = self.read_profiles()?.into_iter().find(|p| p.name == name);
        Ok(found.unwrap_or_else(|| AwsProfile {
            name: name.to_owned(),
            region: None,
            endpoint_url: None,
        }))
    }

    /// Asks for the keys anew. May take a minute: a profile can start a program.
    pub(crate) fn profile_keys(&self, name: &str) -> Result<AccessKeys, CoreError> {
        let core = &self.0.core;
        Ok(core.block_on(redline_backup::profile_keys(&core.aws_files, name))??)
    }

    /// The same for a run under way, which has the crate below to report to.
    pub(crate) fn renewed_profile_keys(
        &self,
        name: &str,
    ) -> Result<Option<AccessKeys>, BackupError> {
        let core = &self.0.core;
        core.block_on(redline_backup::profile_keys(&core.aws_files, name))
            .map_or(Ok(None), |keys| keys.map(Some))
    }

    fn read_profiles(&self) -> Result<Vec<AwsProfile>, CoreError> {
        let core = &self.0.core;
        Ok(core.block_on(redline_backup::aws_profiles(&core.aws_files))??)
    }
}

fn view(profile: AwsProfile) -> AwsProfileView {
    AwsProfileView {
        name: profile.name,
        region: profile.region,
        endpoint_url: profile.endpoint_url,
    }
}
