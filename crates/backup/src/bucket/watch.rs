//! Sees every request as it leaves and every answer as it comes: counts them,
//! and reads the server's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;

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
