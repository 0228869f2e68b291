"""Usage from the log alone: whoever has a copy of the log computes the same tables, to the byte.

entry      one entry of the log -> what it says of usage
tally      what is counted, cell by cell, as entries come
suppress   which cells are too small to stand alone
report     the tables
reading    a log's files, checked while they are read
formats    the tables as JSON, CSV and Parquet
"""
