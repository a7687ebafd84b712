/* @galley
description: The ten worst days of the year, all airports together.
tests:
  - row_count: {min: 1, max: 10}
  - unique: date
  - range: {column: late_share, min: 0, max: 1}
*/
SELECT
    date,
    any_value(holiday) AS holiday,
    sum(flights) AS flights,
    sum(cancelled) AS cancelled,
    sum(late) / sum(flights) AS late_share
FROM daily_delay
LEFT JOIN holidays USING (date)
GROUP BY date
ORDER BY sum(late + cancelled) / sum(flights) DESC, date
LIMIT 10
