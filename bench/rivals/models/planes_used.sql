/* @galley
tests:
  - unique: tailnum
*/
SELECT
    tailnum, count(*) AS flights, sum(air_time) / 60.0 AS hours, count(DISTINCT dest) AS places,
    min(date) AS first_day, max(date) AS last_day
FROM flown
WHERE tailnum IS NOT NULL
GROUP BY tailnum
