/* @galley
tests:
  - row_count: {min: 1}
*/
SELECT
    d.carrier, sum(d.flights) AS flights, sum(d.late) / sum(d.flights) AS late_share,
    max(r.week_delay) AS worst_week, any_value(w.late_routes) AS late_routes
FROM daily_carrier AS d
JOIN rolling AS r USING (date, carrier)
LEFT JOIN (
    SELECT carrier, count(*) AS late_routes FROM worst_routes WHERE late > 100 GROUP BY carrier
) AS w USING (carrier)
GROUP BY d.carrier
