/* @galley
tests:
  - range: {column: hour, min: 0, max: 24}
*/
SELECT origin, date, hour, count(*) AS flights, avg(dep_delay) AS mean_delay
FROM flown
GROUP BY origin, date, hour
