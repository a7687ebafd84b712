/* @galley
tests:
  - row_count: {min: 1}
*/
SELECT flight_id, date, carrier, origin, dest, time_hour
FROM flights
WHERE dep_time IS NULL
