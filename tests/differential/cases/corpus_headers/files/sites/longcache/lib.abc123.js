longcache lib.abc123.js
