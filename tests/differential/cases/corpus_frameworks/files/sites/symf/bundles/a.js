symf bundles/a.js
