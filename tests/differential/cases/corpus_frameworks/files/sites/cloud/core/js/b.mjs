cloud core/js/b.mjs
