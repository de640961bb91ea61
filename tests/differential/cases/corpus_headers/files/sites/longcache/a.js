longcache a.js
