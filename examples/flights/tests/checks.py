"""Tests as functions: positional parameters are tables, the answer is the rows that are wrong."""


def no_carrier_vanishes(carrier_month):
    """A carrier that flew in a month flies in the next one too."""
    return carrier_month.sql(
        """
        SELECT carrier, max(month) AS last_month, any_value(latest) AS latest
        FROM carrier_month, (SELECT max(month) AS latest FROM carrier_month)
        GROUP BY carrier
        HAVING max(month) < any_value(latest)
        """
    )
