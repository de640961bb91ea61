portal10 core/misc/a.js
