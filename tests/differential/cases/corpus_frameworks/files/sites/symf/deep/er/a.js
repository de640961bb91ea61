symf deep/er/a.js
