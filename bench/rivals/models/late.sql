/* @galley
tests:
  - range: {column: arr_delay, min: 30}
*/
SELECT *
FROM flown
WHERE arr_delay > 30
