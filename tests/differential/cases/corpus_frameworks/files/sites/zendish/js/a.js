zendish js/a.js
