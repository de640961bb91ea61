portal7 misc/a.js
