/* @galley
tests:
  - unique_combination: [date, carrier]
  - not_null: flights
*/
SELECT
    date, carrier, count(*) AS flights, avg(arr_delay) AS mean_delay,
    count_if(arr_delay > 15) AS late, sum(distance) AS miles
FROM flown
GROUP BY date, carrier
