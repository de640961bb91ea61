subdir app/public/a.js
