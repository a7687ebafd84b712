/* @galley
description: The carriers' year, always as carrier_month shows it.
materialize: view
tests:
  - unique: carrier
  - range: {column: on_time_percent, min: 0, max: 100}
*/
SELECT
    carrier,
    name,
    CAST(sum(flights) AS BIGINT) AS flights,
    round(100 * sum(flights - cancelled - late) / sum(flights), 1) AS on_time_percent
FROM carrier_month
GROUP BY carrier, name
