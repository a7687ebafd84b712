/* @galley
description: Flights that were flown, with their speed in miles an hour.
tests:
  - not_null: [flight_id, carrier]
  - unique: flight_id
*/
SELECT
    flight_id, date, carrier, flight, tailnum, origin, dest, dep_delay, arr_delay, air_time,
    distance, hour, distance / (air_time / 60.0) AS speed
FROM flights
WHERE arr_delay IS NOT NULL
