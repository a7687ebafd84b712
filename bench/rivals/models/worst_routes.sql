/* @galley
description: Late flights against what is usual on their route in that month.
*/
SELECT
    l.carrier, l.origin, l.dest, count(*) AS late, avg(l.arr_delay - r.typical_delay) AS above_usual
FROM late AS l
JOIN route_month AS r ON r.origin = l.origin AND r.dest = l.dest AND r.month = month(l.date)
GROUP BY ALL
