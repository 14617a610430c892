//! Which texts have a form: sizes, CPUs, times, programs. They follow what LXD's and Incus's own checks take.

use std::collections::BTreeSet;

use crate::kinds::tables::value;

/// Digits and nothing else: whoever parses a number takes a sign along.
fn digits(text: &str) -> Option<u64> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

/// The number of a share in percent.
pub fn share(text: &str) -> Option<i64> {
    text.strip_suffix('%')?.parse().ok()
}

/// A size or a share of all memory; nothing at all would be no limit.
pub fn is_memory(text: &str) -> bool {
    share(text)
        .or_else(|| value::read_size(text).map(|size| i64::try_from(size).unwrap_or(i64::MAX)))
        .is_some_and(|number| number != 0)
}

/// The number of CPUs, or a set of single ones and of ranges that names none twice.
pub fn is_cpus(text: &str) -> bool {
    // As many as the kernel can have: nobody pins to more.
    const CPUS_MAX: u64 = 8192;
    if let Some(number) = digits(text) {
        return (1..=i64::MAX.unsigned_abs()).contains(&number);
    }
    let mut seen = BTreeSet::new();
    text.split(',').all(|chunk| {
        let (first, last) = chunk.split_once('-').unwrap_or((chunk, chunk));
        match (digits(first), digits(last)) {
            (Some(first), Some(last)) if first.max(last) < CPUS_MAX => (first..=last).all(|cpu| seen.insert(cpu)),
            _ => false,
        }
    })
}

/// A share of the CPUs, or milliseconds of so many milliseconds.
pub fn is_allowance(text: &str) -> bool {
    let is_ms = |text: &str| text.strip_suffix("ms").unwrap_or(text).parse::<i64>().is_ok();
    share(text).is_some() || text.split_once('/').is_some_and(|(time, of)| is_ms(time) && is_ms(of))
}

/// Cron's five fields or a word for them; several stand with a comma and a blank between.
pub fn is_cron(text: &str) -> bool {
    const WORDS: [&str; 7] = ["@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@annually", "@yearly"];
    let text = text.to_lowercase();
    text.split(", ").all(|times| WORDS.contains(&times) || is_times(times))
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

fn is_times(text: &str) -> bool {
    let fields: Vec<&str> = text.split(' ').collect();
    let [minute, hour, day, month, weekday] = fields[..] else { return false };
    is_field(minute, 0, 59, &[])
        && is_field(hour, 0, 23, &[])
        && is_field(day, 1, 31, &[])
        && is_field(month, 1, 12, &MONTHS)
        && is_field(weekday, 0, 6, &DAYS)
}

// Names count from the least number on.
fn is_field(field: &str, least: u64, greatest: u64, names: &[&str]) -> bool {
    let number = |text: &str| {
        let named = names.iter().position(|name| *name == text).map(|at| least + at as u64);
        named.or_else(|| digits(text)).filter(|number| (least..=greatest).contains(number))
    };
    field.split(',').all(|part| {
        let (span, step) = part.split_once('/').map_or((part, None), |(span, step)| (span, Some(step)));
        let is_step = step.is_none_or(|step| digits(step).is_some_and(|step| step > 0));
        let is_span = match span.split_once('-') {
            Some((first, last)) => number(first).zip(number(last)).is_some_and(|(first, last)| first <= last),
            None => matches!(span, "*" | "?") || number(span).is_some(),
        };
        is_step && is_span
    })
}

/// Numbers each with a unit, from seconds to years, each unit once.
pub fn is_expiry(text: &str) -> bool {
    let mut seen = BTreeSet::new();
    text.trim().split(' ').all(|part| {
        let Some(unit) = part.chars().last().filter(|unit| "SMHdwmy".contains(*unit)) else { return false };
        let Some(number) = digits(&part[..part.len() - 1]) else { return false };
        // Nothing of a unit may be said again.
        number <= i64::MAX.unsigned_abs() && (number == 0 || seen.insert(unit))
    })
}

/// A number of 32 bits, or two of them that rise.
pub fn is_id_range(text: &str) -> bool {
    let number = |text: &str| digits(text).filter(|number| *number <= u64::from(u32::MAX));
    match text.split_once('-') {
        Some((first, last)) => number(first).zip(number(last)).is_some_and(|(first, last)| first < last),
        None => number(text).is_some(),
    }
}

/// A pool and one of its volumes.
pub fn is_volume(text: &str) -> bool {
    text.split_once('/').is_some_and(|(pool, volume)| !pool.is_empty() && !volume.is_empty() && !volume.contains('/'))
}

/// A program that is known to compress what it reads. Servers look for it in their own path; no other one is run.
pub fn is_compressor(text: &str) -> bool {
    const PROGRAMS: [&str; 12] =
        ["bzip2", "gzip", "lz4", "lzma", "lzop", "pbzip2", "pigz", "pixz", "squashfs", "xz", "zstd", "pzstd"];
    let mut words = text.split_whitespace();
    let program = words.next().unwrap_or_default();
    let is_option = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-=_.,:".contains(&byte));
    text == "none" || PROGRAMS.contains(&program) && words.all(is_option)
}

/// A name that LXD and Incus have for an architecture; those of the kernel, not of Debian.
pub fn is_architecture(text: &str) -> bool {
    const NAMES: [&str; 15] = [
        "i686",
        "x86_64",
        "armv6l",
        "armv7l",
        "armv8l",
        "aarch64",
        "ppc",
        "ppc64",
        "ppc64le",
        "s390x",
        "mips",
        "mips64",
        "riscv32",
        "riscv64",
        "loongarch64",
    ];
    NAMES.contains(&text)
}

/// An address on the PCI bus, with or without its domain.
pub fn is_pci(text: &str) -> bool {
    let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let Some((place, function)) = text.rsplit_once('.') else { return false };
    let steps: Vec<&str> = place.split(':').collect();
    let fits = match steps[..] {
        [domain, bus, device] => is_hex(domain, 4) && is_hex(bus, 2) && is_hex(device, 2),
        [bus, device] => is_hex(bus, 2) && is_hex(device, 2),
        _ => false,
    };
    fits && is_hex(function, 1)
}

/// A mapping in YAML, or nothing at all.
pub fn is_yaml(text: &str) -> bool {
    matches!(
        serde_saphyr::from_str::<serde_json::Value>(text),
        Ok(serde_json::Value::Object(_) | serde_json::Value::Null)
    )
}

/// YAML after the line that says so; cloud-init has other formats, which nobody checks.
pub fn is_cloud_init(text: &str) -> bool {
    match text.strip_prefix("#cloud-config") {
        Some("") => true,
        Some(rest) if rest.starts_with('\n') => is_yaml(rest),
        Some(_) | None => true,
    }
}

/// Lines `KEY = VALUE`, without those keys that would take the container away from its server.
pub fn is_lxc(text: &str) -> bool {
    const BARRED: [&str; 5] = ["lxc.logfile", "lxc.log.file", "lxc.syslog", "lxc.log.syslog", "lxc.ephemeral"];
    text.split('\n').all(|line| {
        let line = line.trim_start_matches([' ', '\t']);
        if line.is_empty() || line.starts_with('#') {
            return true;
        }
        let Some((key, _)) = line.split_once('=') else { return false };
        let key = key.trim_matches([' ', '\t']).to_lowercase();
        let is_address = key.strip_prefix("lxc.net.").is_none_or(|rest| {
            let steps: Vec<&str> = rest.split('.').collect();
            matches!(steps[..], [_, "ipv4" | "ipv6", "address"])
        });
        !BARRED.contains(&key.as_str()) && !key.starts_with("lxc.prlimit.") && is_address
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(fits: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(fits(text), "{text} is good");
        }
        for text in bad {
            assert!(!fits(text), "{text} is bad");
        }
    }

    #[test]
    fn cpus_are_a_number_or_a_set() {
        all(
            is_cpus,
            &["1", "64", "0-3", "0,2", "0-3,7"],
            &["", "0", "banana", "“2”", "-1", "50%", "0-3,3", "1,,2", "0-99999999999"],
        );
    }

    #[test]
    fn time_on_the_cpu_is_a_share_or_time_of_time() {
        all(is_allowance, &["50%", "25ms/100ms", "10/100"], &["abc", "25ms", "50", "1s/2s"]);
    }

    #[test]
    fn schedules_are_those_of_cron() {
        all(
            is_cron,
            &[
                "@daily",
                "@Weekly",
                "0 6 * * *",
                "*/15 * * * mon-fri",
                "5,10 * * * *",
                "0 6 * * *, 30 7 * * *",
                "0 0 1 JAN ?",
            ],
            &[
                "zz",
                "* * *",
                "61 * * * *",
                "0 0 0 * *",
                "* * * * 7",
                "*/0 * * * *",
                "5-1 * * * *",
                "@often",
                "0  6 * * *",
            ],
        );
    }

    #[test]
    fn spans_of_time_name_each_unit_once() {
        all(is_expiry, &["3H", "1d 3H", "0M", " 2w "], &["zz", "1d3H", "1h", "1d 1d", "3", "H"]);
    }

    #[test]
    fn programs_are_those_that_compress() {
        all(
            is_compressor,
            &["gzip", "none", "zstd -19 --long", "squashfs"],
            &["zz", "sh -c reboot", "gzip $(reboot)", "none -1"],
        );
    }

    #[test]
    fn yaml_is_a_mapping_and_lxc_has_lines() {
        all(is_yaml, &["version: 2", "# nothing", "{a: 1}"], &["zz", "a: [b", "- a"]);
        all(
            is_cloud_init,
            &["#cloud-config", "#cloud-config\na: 1", "#!/bin/sh", "x"],
            &["#cloud-config\na: [", "#cloud-config\nzz"],
        );
        all(
            is_lxc,
            &["lxc.cap.drop = sys_time\n# so", "", "lxc.net.0.ipv4.address=10.0.0.1"],
            &["zz", "lxc.log.file=/x", "lxc.net.0.type=none"],
        );
    }

    #[test]
    fn numbers_of_memory_disks_and_wires() {
        all(is_memory, &["4GiB", "50%", "4 bytes"], &["0", "0%", "4 GiB", "x%", ""]);
        all(is_id_range, &["1000", "1000-1999"], &["zz", "2000-1000", "4294967296", "-1"]);
        all(is_volume, &["pool/volume"], &["volume", "/volume", "pool/", "a/b/c"]);
        all(is_pci, &["0000:01:00.0", "01:00.0"], &["1:0.0", "0000:01:00", "zz:00.0"]);
    }
}
