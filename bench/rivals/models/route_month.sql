/* @galley
tests:
  - range: {column: typical_delay, min: -120, max: 1800}
*/
SELECT
    origin, dest, month(date) AS month, count(*) AS flights,
    quantile_cont(arr_delay, 0.5) AS typical_delay, quantile_cont(arr_delay, 0.95) AS bad_delay,
    avg(speed) AS speed
FROM flown
GROUP BY ALL
