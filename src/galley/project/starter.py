"""The files of a new project: a load, a SELECT, a function, and tests that can fail."""

from __future__ import annotations

import random
from datetime import date, timedelta

_PROJECT = """\
name: {name}
description: Orders of a small shop.

environments:
  production: {{untested: warn}}

variables:
  largest: 10000        # an order above this amount is a mistake
  best: 5               # how many customers are listed
"""

_RAW = """\
kind: load
description: Orders as the shop exports them.
path: data/orders.csv
tests:
  - row_count: {min: 1}
  - columns: [order_id, day, customer, product, quantity, price]
"""

_SQL = """\
/* @galley
description: One row per order, cleaned, with its amount.
tests:
  - unique: order_id
  - not_null: [order_id, day, customer]
  - range: {column: amount, min: 0, severity: warn}
*/
SELECT
    order_id,
    CAST(day AS DATE) AS day,
    trim(customer) AS customer,
    product,
    quantity,
    price,
    quantity * price AS amount
FROM raw_orders
WHERE quantity > 0
  AND quantity * price < $largest
"""

_PYTHON = '''\
from galley import step


@step(tests=[{"unique": "customer"}, {"row_count": {"min": 1}}])
def best_customers(orders, *, best):
    """The customers that bought most."""
    return orders.sql(
        """
        SELECT customer, count(*) AS orders, sum(amount) AS amount
        FROM orders
        GROUP BY customer
        ORDER BY amount DESC, customer
        LIMIT $best
        """,
        best=best,
    )
'''

_TESTS = """\
orders:
  - compare: {column: amount, op: ">=", other: price}

spanning:
  - foreign_key: {table: best_customers, column: customer, to: {table: orders}}
"""

_IGNORE = """\
.galley/
__pycache__/
"""

_README = """\
# {name}

    galley check            # are the definitions right?
    galley plan {name}      # what would run, and why
    galley run {name}       # into your own kitchen: staged, tested, published together
    galley sql "SELECT * FROM best_customers"

`pipelines/{name}/` holds the steps, `tests/` tests by table, `data/` the example's data.
"""


def starter_files(name: str) -> dict[str, str]:
    """Relative paths and texts of a project called ``name``, the same at every call."""
    base = f"pipelines/{name}"
    return {
        "galley.yaml": _PROJECT.format(name=name),
        f"{base}/raw_orders.yaml": _RAW,
        f"{base}/orders.sql": _SQL,
        f"{base}/best_customers.py": _PYTHON,
        "tests/orders.yaml": _TESTS,
        "data/orders.csv": _orders(),
        ".gitignore": _IGNORE,
        "README.md": _README.format(name=name),
    }


def _orders() -> str:
    """Sixty orders, always the same."""
    chance = random.Random(7)  # noqa: S311 -- example data
    customers = ["Ana", "Ben", "Cleo", "Dara", "Emil", "Fay", "Gus"]
    prices = {"bread": 4.5, "cake": 28.0, "coffee": 3.2, "soup": 7.9}
    lines = ["order_id,day,customer,product,quantity,price"]
    for number in range(1, 61):
        product = chance.choice(sorted(prices))
        day = date(2024, 3, 1) + timedelta(days=number // 3)
        quantity = chance.randint(1, 6)
        customer = chance.choice(customers)
        lines.append(f"{number},{day},{customer},{product},{quantity},{prices[product]}")
    return "\n".join(lines) + "\n"
