secrets dump.sql
