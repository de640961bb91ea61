h5 lib.js
