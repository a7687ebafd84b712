/** What the names of types say. */

const NUMBER = /^(tinyint|smallint|int|integer|bigint|long|float|double|decimal|hugeint|real|u)/i

/** Whether values of a type are numbers, as DuckDB and Iceberg name types. */
export function isNumber(type: string): boolean {
  return NUMBER.test(type)
}
