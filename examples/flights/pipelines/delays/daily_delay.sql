/* @galley
description: How late each airport was on each day, made month by month.
materialize: window
window: {column: date, by: month, start: 2013-01-01, end: 2014-01-01}
tests:
  - unique_combination: [date, origin]
  - expression: cancelled + late <= flights
  - reconcile: {column: flights, to: {table: flights, expression: count(*)}}
  - range: {column: mean_delay, min: -30, max: 240}
*/
SELECT
    date,
    origin,
    count(*) AS flights,
    count(*) FILTER (WHERE cancelled) AS cancelled,
    count(*) FILTER (WHERE late) AS late,
    sum(dep_delay) AS delay_minutes,
    avg(dep_delay) AS mean_delay,
    quantile_cont(dep_delay, 0.9) AS p90_delay
FROM flights
WHERE date >= $start AND date < $end
GROUP BY date, origin
