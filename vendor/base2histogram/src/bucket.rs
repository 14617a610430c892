//! Which values share a bucket: those that have their leading one in the same place, and the same two bits after it.
//! A bucket is therefore at most a quarter as wide as its lowest value, and values below 8 have one each.

/// The bits after the leading one that tell buckets apart.
const DETAIL_BITS: u32 = 2;

const DETAIL: u64 = 1 << DETAIL_BITS;

/// How many buckets there are, at most: four for each place of the leading one from the third on, and those of 0 to 3.
pub(crate) const COUNT: usize = 252;

/// The bucket of a value, from 0 to [`COUNT`] - 1; it grows with the value.
pub(crate) fn index(value: u64) -> usize {
    if value < DETAIL {
        return value as usize;
    }
    let shift = value.ilog2() - DETAIL_BITS;
    let detail = (value >> shift) & (DETAIL - 1);
    (shift as usize + 1) * DETAIL as usize + detail as usize
}

/// The lowest value of a bucket.
pub(crate) fn lowest(index: usize) -> u64 {
    match index as u64 / DETAIL {
        0 => index as u64,
        group => (DETAIL + index as u64 % DETAIL) << (group - 1),
    }
}

/// How many values share a bucket.
pub(crate) fn width(index: usize) -> u64 {
    1 << (index as u64 / DETAIL).saturating_sub(1)
}

/// The highest value of a bucket.
pub(crate) fn highest(index: usize) -> u64 {
    lowest(index) + (width(index) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buckets_cover_every_value_once_and_in_order() {
        assert_eq!(lowest(0), 0);
        for index in 1..COUNT {
            assert_eq!(lowest(index), highest(index - 1) + 1, "of bucket {index}");
        }
        assert_eq!(highest(COUNT - 1), u64::MAX);
    }

    #[test]
    fn a_value_is_in_its_bucket() {
        for bucket in 0..COUNT {
            for value in [lowest(bucket), lowest(bucket) + width(bucket) / 2, highest(bucket)] {
                assert_eq!(index(value), bucket, "of {value}");
            }
        }
    }

    #[test]
    fn small_values_have_a_bucket_each_and_no_bucket_is_wider_than_a_quarter_of_its_values() {
        assert!((0..8).all(|value| (lowest(index(value)), highest(index(value))) == (value, value)));
        assert!((8..COUNT).all(|index| width(index) <= lowest(index) / 4));
    }
}
