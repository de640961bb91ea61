h5 lib.abc123.js
