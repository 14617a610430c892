//! Work on many things at once, with the results in the order of the things and never many of them in memory.

use std::sync::mpsc::sync_channel;
use std::thread;

/// Items that a worker does in a row and hands over at once: waking the other side costs as much as a small item.
const TOGETHER_MAX: usize = 8;
/// Rows of results that a worker may have ready before the ones in front of them are taken: one that is held up for a
/// moment, as on a busy machine, does not stop the others.
const AHEAD: usize = 8;

/// Does `work` on every item with as many threads as there are processors, and gives the results to `take` in order.
///
/// # Errors
/// The first error of `take`: the rest is not done then.
pub fn in_order<T: Sync, R: Send, E>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    with_workers(processors.min(items.len()), items, work, take)
}

fn with_workers<T: Sync, R: Send, E>(
    workers: usize,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    if workers <= 1 {
        return items.iter().try_for_each(|item| take(work(item)));
    }
    let together = (items.len() / (4 * workers)).clamp(1, TOGETHER_MAX);
    let rows: Vec<&[T]> = items.chunks(together).collect();
    thread::scope(|scope| {
        let (work, rows) = (&work, &rows);
        let start = |first: usize| {
            let (to, from) = sync_channel::<Vec<R>>(AHEAD);
            let mine = rows.iter().skip(first).step_by(workers);
            // Nobody listens any more after an error.
            scope
                .spawn(move || mine.map(|row| row.iter().map(work).collect()).try_for_each(|results| to.send(results)));
            from
        };
        let results: Vec<_> = (0..workers).map(start).collect();
        // Each worker has every n-th row, so that the order is known without asking.
        let in_turn = results.iter().cycle().take(rows.len()).map_while(|from| from.recv().ok());
        in_turn.flatten().try_for_each(&mut take)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items_whatever_the_number_of_workers() {
        let items: Vec<u64> = (0..100).collect();
        for workers in [0, 1, 2, 3, 7, 200] {
            let mut taken = Vec::new();
            let take = |result| {
                taken.push(result);
                Ok::<(), ()>(())
            };
            assert_eq!(with_workers(workers, &items, |item| item * 2, take), Ok(()));
            assert_eq!(taken, items.iter().map(|item| item * 2).collect::<Vec<_>>(), "{workers}");
        }
    }

    #[test]
    fn the_first_error_ends_the_work() {
        let items: Vec<u64> = (0..1_000).collect();
        let take = |result: u64| if result == 40 { Err(result) } else { Ok(()) };
        assert_eq!(with_workers(3, &items, |item| *item, take), Err(40));
    }
}
