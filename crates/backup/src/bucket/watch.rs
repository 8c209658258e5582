//! Sees every request as it leaves and every answer as it comes: counts them, gives
//! their bodies a pulse, spares the signer a hash that is known, and reads the
//! server's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use aws_runtime::auth::PayloadSigningOverride;
use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::SdkBody;

use super::pulse::{PULSE, metered};

const UNKNOWN: i64 = i64::MIN;

#[derive(Clone, Debug)]
pub(super) struct Watch(Arc<Seen>);

#[derive(Debug)]
struct Seen {
    requests: AtomicU64,
    skew: AtomicI64,
}

impl Default for Watch {
    fn default() -> Self {
        Self(Arc::new(Seen {
            requests: AtomicU64::new(0),
            skew: AtomicI64::new(UNKNOWN),
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
