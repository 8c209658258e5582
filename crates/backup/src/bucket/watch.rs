//! Sees every request as it leaves and every answer as it comes: counts them, gives
//! their bodies a pulse, spares the signer a hash that is known, and reads the
//! server's clock, by which requests are signed once ours proved to be off.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use std::time::{Duration, SystemTime};

use aws_runtime::auth::PayloadSigningOverride;
use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_async::time::TimeSource;

use super::pulse::{PULSE, metered};

const UNKNOWN: i64 = i64::MIN;
/// Seconds; the header has no finer.
const CLOSE_ENOUGH: u64 = 5;

#[derive(Clone, Debug)]
pub(super) struct Watch(Arc<Seen>);

#[derive(Debug)]
struct Seen {
    requests: AtomicU64,
    skew: AtomicI64,
    /// Seconds that are taken off this machine's clock when signing.
    corrected: AtomicI64,
}

impl Default for Watch {
    fn default() -> Self {
        Self(Arc::new(Seen {
            requests: AtomicU64::new(0),
            skew: AtomicI64::new(UNKNOWN),
            corrected: AtomicI64::new(0),
        }))
    }
}

impl Watch {
    pub(super) fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    pub(super) fn skew_seconds(&self) -> Option<i64> {
        let skew = self.0.skew.load(Ordering::Relaxed);
        (skew != UNKNOWN).then_some(skew)
    }

    /// Seconds that requests are signed off this machine's clock.
    pub(super) fn corrected(&self) -> i64 {
        self.0.corrected.load(Ordering::Relaxed)
    }

    /// After a server refused a request that was signed `signed_with` seconds off: sign
    /// by its clock from now on. False if that changes nothing, so that asking again
    /// would get the same answer.
    pub(super) fn correct_clock(&self, signed_with: i64) -> bool {
        let Some(skew) = self.skew_seconds() else {
            return false;
        };
        if signed_with.abs_diff(skew) <= CLOSE_ENOUGH {
            return false;
        }
        if self
            .0
            .corrected
            .swap(skew, Ordering::Relaxed)
            .abs_diff(skew)
            > CLOSE_ENOUGH
        {
            tracing::warn!(
                seconds = skew,
                "this machine's clock is off: requests are signed by the server's"
            );
        }
        true
    }
}

/// The clock that requests are signed by.
impl TimeSource for Watch {
    fn now(&self) -> SystemTime {
        let corrected = self.corrected();
        let by = Duration::from_secs(corrected.unsigned_abs());
        let now = SystemTime::now();
        let then = if corrected < 0 {
            now.checked_add(by)
        } else {
            now.checked_sub(by)
        };
        then.unwrap_or(now)
    }
}

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "redline-watch"
    }

    fn modify_before_signing(
        &self,
        _context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let known = PULSE.try_with(|pulse| pulse.body_sha256.clone());
        // A caller who asked for no signature over the payload has said so already.
        if let Ok(Some(sha256)) = known
            && config.load::<PayloadSigningOverride>().is_none()
        {
            config
                .interceptor_state()
                .store_put(PayloadSigningOverride::Precomputed(sha256));
        }
        Ok(())
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Ok(pulse) = PULSE.try_with(Arc::clone) {
            let slot = context.request_mut().body_mut();
            let body = std::mem::replace(slot, SdkBody::taken());
            *slot = metered(body, pulse);
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().headers().get("date")
            && let Ok(server) = jiff::fmt::rfc2822::parse(date)
        {
            let skew = jiff::Timestamp::now().as_second() - server.timestamp().as_second();
            self.0.skew.store(skew, Ordering::Relaxed);
        }
        Ok(())
    }
}
