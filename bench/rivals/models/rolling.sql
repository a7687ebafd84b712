/* @galley
tests:
  - not_null: week_delay
*/
SELECT
    date, carrier, flights,
    avg(mean_delay) OVER (
        PARTITION BY carrier ORDER BY date ROWS BETWEEN 6 PRECEDING AND CURRENT ROW
    ) AS week_delay
FROM daily_carrier
