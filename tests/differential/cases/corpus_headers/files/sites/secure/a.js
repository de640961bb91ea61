secure a.js
