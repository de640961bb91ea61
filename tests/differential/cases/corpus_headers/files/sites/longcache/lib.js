longcache lib.js
