"""Speed, measured beside other servers: `python -m bench --help`. Figures are ratios; docs/performance.md explains."""
