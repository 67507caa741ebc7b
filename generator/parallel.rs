//! Runs independent work for several items on several threads.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Runs `work` for each item and returns the results in the order of the items. It uses as many threads as the machine
/// has processors, since the user decides the number of items.
pub fn each<T: Send, U: Send>(
    items: impl IntoIterator<Item = T, IntoIter: Send>,
    work: impl Fn(T) -> U + Sync,
) -> Vec<U> {
    let items = Mutex::new(items.into_iter().enumerate());
    let run = || {
        let mut results = Vec::new();
        loop {
            let next = items.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((place, item)) = next else { return results };
            results.push((place, work(item)));
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut results: Vec<(usize, U)> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let results = each(0..5_000_u64, |number| number * 2);
        assert!(results.iter().copied().eq((0..5_000).map(|number| number * 2)));
        assert!(each(Vec::<u8>::new(), |byte| byte).is_empty());
    }
}
