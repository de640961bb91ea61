h5 a.js
