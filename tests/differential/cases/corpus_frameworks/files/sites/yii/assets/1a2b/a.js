yii assets/1a2b/a.js
