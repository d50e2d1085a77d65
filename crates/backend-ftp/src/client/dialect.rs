//! Lines of `LIST`, for servers without `MLSD`. No standard says what they look like; these are the two that are in use.

use super::facts::{Facts, Kind};

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Entry(Facts),
    /// `total 12`, or nothing.
    Nothing,
    /// No dialect that we know.
    Unknown,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Reads a line as `ls -l` writes it, or else as DOS does. Times are of an unknown zone and without seconds: they are not read.
pub(crate) fn of_line(line: &str) -> Line {
    let is_total = line.strip_prefix("total ").is_some_and(|rest| rest.trim().bytes().all(|it| it.is_ascii_digit()));
    if line.trim().is_empty() || is_total {
        return Line::Nothing;
    }
    unix(line).or_else(|| dos(line)).map_or(Line::Unknown, Line::Entry)
}

/// A word and what lies behind it.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(' ');
    let end = text.find(' ').unwrap_or(text.len());
    (end != 0).then(|| text.split_at(end))
}

/// `-rw-r--r--    1 ftp      ftp          5 Nov 27 10:00 name`; owner or group may be missing. One space is before the name.
fn unix(line: &str) -> Option<Facts> {
    let (mode, mut rest) = word(line)?;
    let kind = match mode.as_bytes() {
        [b'-', ..] => Kind::File,
        [b'd', ..] => Kind::Folder,
        [b'l' | b'b' | b'c' | b'p' | b's', ..] => Kind::Other,
        _ => return None,
    };
    if mode.len() < 10 {
        return None;
    }
    let mut before = "";
    for _ in 0..6 {
        let (it, behind) = word(rest)?;
        if let Some(name) = date(it, behind) {
            let size = before.parse().ok();
            // A device has no size, but two numbers.
            if kind == Kind::File && size.is_none() {
                return None;
            }
            return entry(kind, size, name.strip_prefix(' ')?);
        }
        (before, rest) = (it, behind);
    }
    None
}

/// What lies behind `Nov 27 10:00`, `Nov 27 2026` or `2026-11-27 10:00`, where that is what stands here.
fn date<'a>(it: &str, behind: &'a str) -> Option<&'a str> {
    if MONTHS.contains(&it.to_ascii_lowercase().as_str()) {
        let (day, behind) = word(behind)?;
        let (time, behind) = word(behind)?;
        let is_day = day.parse::<u8>().is_ok_and(|day| (1..=31).contains(&day));
        return (is_day && is_time_or_year(time)).then_some(behind);
    }
    let is_iso = it.len() == 10
        && it.bytes().enumerate().all(|(at, it)| match at {
            4 | 7 => it == b'-',
            _ => it.is_ascii_digit(),
        });
    let (time, behind) = word(behind)?;
    (is_iso && is_time_or_year(time)).then_some(behind)
}

fn is_time_or_year(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    3 <= digits && text.bytes().all(|it| it.is_ascii_digit() || it == b':')
}

/// `11-27-26  10:00AM       <DIR>          name`, or a size in the place of `<DIR>`.
fn dos(line: &str) -> Option<Facts> {
    let (day, rest) = word(line)?;
    let (time, rest) = word(rest)?;
    let (size, rest) = word(rest)?;
    let is_day =
        day.len() <= 10 && day.matches('-').count() == 2 && day.bytes().all(|it| it.is_ascii_digit() || it == b'-');
    let is_time = time.contains(':') && time.as_bytes().first().is_some_and(u8::is_ascii_digit);
    if !is_day || !is_time {
        return None;
    }
    let name = rest.trim_start_matches(' ');
    match size {
        "<DIR>" => entry(Kind::Folder, None, name),
        size => entry(Kind::File, Some(size.parse().ok()?), name),
    }
}

fn entry(kind: Kind, size: Option<u64>, name: &str) -> Option<Facts> {
    (!name.is_empty()).then(|| Facts { kind, size, modified: None, name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> Option<(Kind, Option<u64>, String)> {
        match of_line(line) {
            Line::Entry(it) => Some((it.kind, it.size, it.name)),
            _ => None,
        }
    }

    #[test]
    fn both_dialects_are_read() {
        let file = |size, name: &str| Some((Kind::File, Some(size), name.to_owned()));
        let cases = [
            ("-rw-r--r--    1 14       50            5 Nov 27 10:00 a b", file(5, "a b")),
            ("-rw-r--r--    1 ftp      ftp           0 Jan 01  2025  leading", file(0, " leading")),
            ("-rw-------+ 1 owner 12345678901 Feb 9 23:59 Nov 27 10:00 x", file(12_345_678_901, "Nov 27 10:00 x")),
            ("-rwxr-xr-x 1 o g 7 2026-11-27 10:00 iso", file(7, "iso")),
            ("11-27-26  10:00AM                 1024 a b.txt", file(1024, "a b.txt")),
            ("2026-11-27  10:00                 3 x", file(3, "x")),
        ];
        for (line, wanted) in cases {
            assert_eq!(check(line), wanted, "{line}");
        }
        let kinds = [
            ("drwxr-xr-x    2 0        0            4096 Nov 27 10:00 d", Kind::Folder),
            ("lrwxrwxrwx 1 o g 4 Nov 27 10:00 l -> /etc", Kind::Other),
            ("crw-rw-rw- 1 root root 1, 3 Nov 27 10:00 null", Kind::Other),
            ("11-27-26  10:00AM       <DIR>          d", Kind::Folder),
        ];
        for (line, kind) in kinds {
            assert_eq!(check(line).map(|it| it.0), Some(kind), "{line}");
        }
    }

    #[test]
    fn what_is_no_entry_is_not_taken_for_one() {
        assert_eq!((of_line("total 12"), of_line("")), (Line::Nothing, Line::Nothing));
        for line in [
            "-rw-r--r--",
            "-rw-r--r-- 1 o g x Nov 27 10:00 a",
            "-rw-r--r-- 1 o g 5 Nov 99 10:00 a",
            "-rw-r--r-- 1 o g 5 Nov 27 10:00",
            "-rw-r--r-- 1 o g 5 Nov 27 10:00 ",
            "ftpd: .: Permission denied",
            "11-27-26  10:00AM  x name",
            "type=file;size=5; a",
        ] {
            assert_eq!(of_line(line), Line::Unknown, "{line}");
        }
    }
}
