//! When a service wants to be asked again: the header `Retry-After` (RFC 9110, 10.2.3) as advice.

use std::time::{Duration, SystemTime};

use backend_core::RetryAdvice;
use http::HeaderMap;
use jiff::fmt::rfc2822::DateTimeParser;

/// No service closes our gate for longer than this, whatever it says.
const LONGEST: Duration = Duration::from_secs(3600);

/// Seconds, or a date of the form that RFC 9110 prefers; a date that has passed means now. What cannot be read is as if it was not there.
pub(crate) fn advice(headers: &HeaderMap, now: SystemTime) -> Option<RetryAdvice> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.bytes().all(|it| it.is_ascii_digit()) && !text.is_empty() {
        true => text.parse().map_or(LONGEST, Duration::from_secs),
        false => until(text, now)?,
    };
    Some(RetryAdvice::After(wait.min(LONGEST)))
}

fn until(text: &str, now: SystemTime) -> Option<Duration> {
    let date = DateTimeParser::new().parse_timestamp(text).ok()?.as_second();
    let date = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(date).ok()?))?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: Option<u64>) {
        // 1994-11-06 08:49:37 UTC
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let headers = [(http::header::RETRY_AFTER, text.parse().unwrap())].into_iter().collect();
        let wanted = wanted.map(|secs| RetryAdvice::After(Duration::from_secs(secs)));
        assert_eq!(advice(&headers, now), wanted, "{text}");
    }

    #[test]
    fn seconds_and_dates_are_read_and_bounded() {
        check("120", Some(120));
        check(" 0 ", Some(0));
        check("99999999999999999999999", Some(3600));
        check("Sun, 06 Nov 1994 08:49:47 GMT", Some(10));
        check("Sun, 06 Nov 1994 08:00:00 GMT", Some(0));
        check("Sat, 06 Nov 2094 08:49:37 GMT", Some(3600));
        for text in ["", "-1", "1.5", "soon", "Sun, 99 Nov 1994 08:49:47 GMT"] {
            check(text, None);
        }
    }
}
