/* @galley
description: Each carrier's months. The table that reports and dashboards read.
tests:
  - unique_combination: [month, carrier]
  - not_null: [month, carrier, name, flights, on_time_share]
  - range: {column: on_time_share, min: 0, max: 1}
  - reconcile: {column: flights, to: {table: flights, expression: count(*)}}
  - reconcile: {column: delay_minutes, to: {table: flights, column: dep_delay}}
*/
SELECT
    CAST(date_trunc('month', date) AS DATE) AS month,
    carrier,
    airlines.name,
    count(*) AS flights,
    count(*) FILTER (WHERE cancelled) AS cancelled,
    count(*) FILTER (WHERE late) AS late,
    sum(dep_delay) AS delay_minutes,
    avg(dep_delay) AS mean_delay,
    count(*) FILTER (WHERE NOT cancelled AND NOT late) / count(*) AS on_time_share
FROM flights
JOIN airlines USING (carrier)
GROUP BY ALL
