//! Runs independent work for several items on several threads.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Runs `work` for each item and returns the results in the order of the items. It uses as many threads as the machine
/// has processors: a thread for each item could be too many, since the user chooses the number of items.
pub fn each<T: Send, U: Send>(
    items: impl IntoIterator<Item = T, IntoIter: Send>,
    work: impl Fn(T) -> U + Sync,
) -> Vec<U> {
    let queue = Mutex::new(items.into_iter().enumerate());
    // Each thread takes the next item until none is left. The queue is locked only while an item is taken.
    let work_until_empty = || {
        let mut results = Vec::new();
        loop {
            let next_item = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((index, item)) = next_item else { return results };
            results.push((index, work(item)));
        }
    };
    let thread_count = thread::available_parallelism().map_or(1, NonZero::get);
    let mut results: Vec<(usize, U)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..thread_count).map(|_| scope.spawn(work_until_empty)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    results.sort_by_key(|(index, _)| *index);
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
