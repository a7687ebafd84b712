/* @galley
description: One row for each scheduled departure, with its plane, its destination and the weather.
materialize: window
window: {column: date, by: day, start: 2013-01-01, end: 2014-01-01}
tests:
  # Where we would be wrong, nothing is published.
  - unique: flight_id
  - not_null: [flight_id, date, carrier, origin, dest]
  - allowed: {column: origin, values: [EWR, JFK, LGA]}
  - foreign_key: {column: carrier, to: {table: airlines}}
  - expression:
      name: delay_is_possible
      sql: dep_delay BETWEEN -120 AND $longest
  - expression:
      name: clock_agrees
      description: The two times of day (hhmm) say the same as the delay in minutes.
      sql: >
        ((dep_time // 100 * 60 + dep_time % 100)
        - (sched_dep_time // 100 * 60 + sched_dep_time % 100) - dep_delay) % 1440 = 0
  # Where the world is incomplete, we say so and go on.
  - foreign_key: {column: tailnum, to: {table: planes}, severity: warn}
  - foreign_key: {column: dest, to: {table: airports, column: faa}, severity: warn}
  - null_share: {name: cancelled, column: dep_time, max: 0.02, severity: warn}
  - null_share: {name: weather_known, column: visib, max: 0.001, severity: warn}
*/
WITH departures AS (
    SELECT * FROM raw_flights WHERE date >= $start AND date < $end
    UNION ALL BY NAME
    SELECT * FROM incoming WHERE date >= $start AND date < $end
)
SELECT
    departures.date || '-' || carrier || flight || '-' || origin AS flight_id,
    departures.date,
    carrier,
    flight,
    origin,
    dest,
    airports.name AS dest_name,
    tailnum,
    planes.year AS plane_built,
    planes.seats,
    sched_dep_time,
    dep_time,
    dep_delay,
    arr_delay,
    distance,
    dep_time IS NULL AS cancelled,
    coalesce(dep_delay >= $late_after, false) AS late,
    weather.visib,
    weather.wind_speed,
    weather.precip
FROM departures
LEFT JOIN planes USING (tailnum)
LEFT JOIN airports ON airports.faa = dest
LEFT JOIN weather USING (origin, time_hour)
