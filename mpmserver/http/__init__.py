"""HTTP as values: heads, framing, conditions, ranges, dates and status lines. Bytes in, values out, no I/O."""
