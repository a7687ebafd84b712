/* @galley
description: How visibility at the airport goes with delay.
tests:
  - unique: visibility
  - allowed: {column: visibility, values: [under 1 mile, 1 to 5 miles, 5 miles and more, not known]}
  - reconcile: {column: flights, to: {table: flights, expression: count(*)}}
*/
SELECT
    CASE
        WHEN visib IS NULL THEN 'not known'
        WHEN visib < 1 THEN 'under 1 mile'
        WHEN visib < 5 THEN '1 to 5 miles'
        ELSE '5 miles and more'
    END AS visibility,
    count(*) AS flights,
    avg(dep_delay) AS mean_delay,
    count(*) FILTER (WHERE cancelled) / count(*) AS cancelled_share
FROM flights
GROUP BY visibility
