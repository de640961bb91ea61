wiki extensions/e.js
