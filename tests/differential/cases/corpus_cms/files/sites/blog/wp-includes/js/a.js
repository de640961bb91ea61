blog wp-includes/js/a.js
