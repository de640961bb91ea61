multiblog wp-includes/b.js
