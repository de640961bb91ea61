shop lib/web/x.js
