"""The order of rows, as a function from positions to rows; imports `base` only."""
