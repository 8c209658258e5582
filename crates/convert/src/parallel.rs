//! Work on several threads whose results come out in the order in which it went in,
//! with a bound on how much is under way. Owns the threads; knows nothing of tables.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::error::{ConvertError, Result};

/// Threads that each take the oldest waiting item and turn it into a result.
///
/// The owner puts items in with [`submit`](Pool::submit) and takes results, oldest first,
/// with [`next`](Pool::next); [`is_full`](Pool::is_full) says when to do the second before
/// the first. Dropping a pool throws away what waits, and returns once its threads have
/// ended, so that nothing of a job outlives it.
pub(crate) struct Pool<T: Send + 'static, U: Send + 'static> {
    shared: Arc<Shared<T, U>>,
    threads: Vec<JoinHandle<()>>,
    /// Items under way, or done and not taken, at most.
    bound: u64,
    put: u64,
    taken: u64,
}

struct Shared<T, U> {
    state: Mutex<State<T, U>>,
    work: Condvar,
    done: Condvar,
}

struct State<T, U> {
    waiting: VecDeque<(u64, T)>,
    done: BTreeMap<u64, Result<U>>,
    closed: bool,
}

impl<T, U> Shared<T, U> {
    fn lock(&self) -> MutexGuard<'_, State<T, U>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + 'static, U: Send + 'static> Pool<T, U> {
    /// `bound` is at least 1; twice the threads keeps them all busy.
    pub(crate) fn new(
        name: &str,
        threads: usize,
        bound: usize,
        map: impl Fn(T) -> Result<U> + Send + Sync + 'static,
    ) -> Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                done: BTreeMap::new(),
                closed: false,
            }),
            work: Condvar::new(),
            done: Condvar::new(),
        });
        let map = Arc::new(map);
        let mut pool = Pool {
            shared,
            threads: Vec::new(),
            bound: bound.max(1) as u64,
            put: 0,
            taken: 0,
        };
        for _ in 0..threads.max(1) {
            let (shared, map) = (Arc::clone(&pool.shared), Arc::clone(&map));
            let thread = std::thread::Builder::new()
                .name(format!("convert-{name}"))
                .spawn(move || serve(&shared, map.as_ref()))?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.put - self.taken >= self.bound
    }

    /// Never waits; whoever submits past the bound gets that much in memory.
    pub(crate) fn submit(&mut self, item: T) {
        self.shared.lock().waiting.push_back((self.put, item));
        self.put += 1;
        self.shared.work.notify_one();
    }

    /// The result of the oldest item, waited for; none where nothing is under way.
    pub(crate) fn next(&mut self) -> Option<Result<U>> {
        if self.taken == self.put {
            return None;
        }
        let mut state = self.shared.lock();
        loop {
            if let Some(result) = state.done.remove(&self.taken) {
                self.taken += 1;
                return Some(result);
            }
            state = self
                .shared
                .done
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T: Send + 'static, U: Send + 'static> Drop for Pool<T, U> {
    fn drop(&mut self) {
        {
            let mut state = self.shared.lock();
            state.closed = true;
            state.waiting.clear();
        }
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn serve<T, U>(shared: &Shared<T, U>, map: &(impl Fn(T) -> Result<U> + ?Sized)) {
    loop {
        let (at, item) = {
            let mut state = shared.lock();
            loop {
                if let Some(next) = state.waiting.pop_front() {
                    break next;
                }
                if state.closed {
                    return;
                }
                state = shared
                    .work
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        };
        // A panic must reach the one who waits for this result, not leave it waiting.
        let result = catch_unwind(AssertUnwindSafe(|| map(item))).unwrap_or_else(|_| {
            Err(ConvertError::Engine {
                detail: "an internal error; the log has more".to_owned(),
            })
        });
        shared.lock().done.insert(at, result);
        shared.done.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let mut pool = Pool::new("test", 3, 4, |n: u64| {
            std::thread::sleep(Duration::from_micros((n * 7919) % 300));
            Ok(n)
        })
        .unwrap();
        let mut seen = Vec::new();
        for n in 0..200 {
            while pool.is_full() {
                seen.push(pool.next().unwrap().unwrap());
            }
            pool.submit(n);
        }
        while let Some(result) = pool.next() {
            seen.push(result.unwrap());
        }
        assert!(seen.iter().copied().eq(0..200));
    }

    #[test]
    fn an_error_and_a_panic_come_in_their_place() {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let mut pool = Pool::new("test", 2, 8, |n: u64| match n {
            1 => Err(ConvertError::Cancelled),
            2 => panic!("a test of the pool"),
            _ => Ok(n),
        })
        .unwrap();
        (0..4).for_each(|n| pool.submit(n));
        assert!(matches!(pool.next(), Some(Ok(0))));
        assert!(matches!(pool.next(), Some(Err(ConvertError::Cancelled))));
        assert!(matches!(
            pool.next(),
            Some(Err(ConvertError::Engine { .. }))
        ));
        assert!(matches!(pool.next(), Some(Ok(3))));
        std::panic::set_hook(hook);
    }

    #[test]
    fn a_dropped_pool_does_no_more_work() {
        let began = std::time::Instant::now();
        let mut pool = Pool::new("test", 1, 1000, |_: u64| {
            std::thread::sleep(Duration::from_millis(20));
            Ok(())
        })
        .unwrap();
        (0..1000).for_each(|n| pool.submit(n));
        drop(pool);
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}
