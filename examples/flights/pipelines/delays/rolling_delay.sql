/* @galley
description: The mean delay of the last seven days, by airport, with the holidays.
tests:
  - unique_combination: [date, origin]
  - reconcile: {expression: count(*), to: {table: daily_delay}}
  - not_null: delay_7_days
*/
SELECT
    date,
    origin,
    holiday,
    mean_delay,
    sum(delay_minutes) OVER week / sum(flights - cancelled) OVER week AS delay_7_days,
    sum(cancelled) OVER week AS cancelled_7_days
FROM daily_delay
LEFT JOIN holidays USING (date)
WINDOW week AS (
    PARTITION BY origin ORDER BY date RANGE BETWEEN INTERVAL 6 DAYS PRECEDING AND CURRENT ROW
)
